"""Whom rest-hooks may call: URLs as they are written, addresses as they are found."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

import httpcore
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carepath.delivery.calls import Answer, Call, Fault, calling
from carepath.delivery.targets import (
    Forbidden,
    Guarded,
    Reach,
    Unresolved,
    is_public,
    problem,
)

PUBLIC = [
    "https://ke.example/hook",
    "https://ke.example:8443/hook?token=abc",
    "https://bücher.example/hook",
    "https://8.8.8.8/",
    "https://[2606:4700::1111]:444/",
    "https://[::ffff:8.8.8.8]/",
    "https://1and1.example/",
]
REFUSED = [
    "",
    "hook",
    "//ke.example/hook",
    "http://ke.example/hook",
    "ftp://ke.example/",
    "file:///etc/passwd",
    "https:ke.example",
    "https:///hook",
    "https://ke.example:99999/",
    "https://ke.example:0/",
    "https://ke.example:port/",
    "https://user@ke.example/",
    "https://user:password@ke.example/",
    "https://ke.example\\@127.0.0.1/",
    "https://ke.example/a b",
    "https://ke.example/\r\nX: y",
    "https://ke.example/" + "a" * 2048,
    "https://ke.example./",
    "https://ke..example/",
    "https://hook/",
    "https://localhost/",
    "https://a.localhost/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://0/",
    "https://127。0。0。1/",
    "https://１２７.0.0.1/",  # noqa: RUF001
    "https://①②⑦.0.0.1/",
    "https://%31%32%37.0.0.1/",
    "https://127.0.0.1.1/",
    "https://10.0.0.1/",
    "https://169.254.169.254/latest/meta-data",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:a00:1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
]


STRICT = Reach()


@pytest.mark.parametrize("url", PUBLIC)
def test_public_endpoints_may_be_called(url: str) -> None:
    """By name or by address, whatever the port."""
    assert problem(url, reach=STRICT) is None


@pytest.mark.parametrize("url", REFUSED)
def test_others_are_refused_in_words(url: str) -> None:
    """However the address is spelt; and nothing of the URL is in the words."""
    told = problem(url, reach=STRICT)
    assert told is not None
    assert "127" not in told


def test_loopback_is_for_tests() -> None:
    """The setting lets this machine in, with and without TLS, and nobody else."""
    for here in ("127.0.0.1:1", "localhost:1", "[::1]:1", "127.9.9.9"):
        assert problem(f"http://{here}/", reach=Reach(loopback=True)) is None
        assert problem(f"https://{here}/", reach=Reach(loopback=True)) is None
    for other in ("http://10.0.0.1/", "http://ke.example/", "https://127.1/", "https://10.0.0.1/"):
        assert problem(other, reach=Reach(loopback=True)) is not None


def test_networks_of_the_operators_own_may_be_called() -> None:
    """By address or by any name in full, over https; not what else is private."""
    own = Reach(private=(ip_network("10.20.0.0/16"), ip_network("fd12::/16")))
    for url in ("https://10.20.3.4/", "https://[fd12::1]/", "https://ehr.hospital.internal/"):
        assert problem(url, reach=own) is None
    for url in ("http://10.20.3.4/", "https://10.21.3.4/", "https://ehr/", "https://localhost/"):
        assert problem(url, reach=own) is not None


@given(st.ip_addresses())
@example(IPv4Address("169.254.169.254"))
@example(IPv4Address("100.100.100.200"))
@example(IPv6Address("fd00:ec2::254"))
@example(IPv6Address("::ffff:127.0.0.1"))
def test_no_network_lets_in_this_machine_or_a_clouds_secrets(address: Any) -> None:
    """However wide it is written."""
    every = Reach(private=(ip_network("0.0.0.0/0"), ip_network("::/0")))
    inner = getattr(address, "ipv4_mapped", None) or address
    never = inner.is_loopback or inner.is_link_local or inner.is_multicast or inner.is_unspecified
    clouds = {"100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"}
    if (never or str(inner) in clouds) and not is_public(address):
        assert not every.holds(address)


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.100.100.200", "127.0.0.1", "169.254.169.254"),  # noqa: S104
        *("168.63.129.16", "172.16.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1"),
        *("198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "::8.8.8.8", "100::1", "2001:db8::1", "3fff::1", "5f00::1", "ff02::1"),
        *("fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"),
        *("64:ff9b:1::a00:1", "2002:7f00:1::", "2002:808:808::1", "2001:0:808:808::1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    """Ours, a network's own, reserved, of a cloud, or leading to any of these."""
    assert not is_public(ip_address(address))


@given(st.ip_addresses(v=4))
@example(IPv4Address("127.0.0.1"))
def test_an_address_within_another_is_judged_by_itself(inner: Any) -> None:
    """IPv4 in IPv6, as the network would translate it."""
    for prefix in ("::ffff:0:0", "64:ff9b::"):
        outer = IPv6Address(int(IPv6Address(prefix)) | int(inner))
        assert is_public(outer) is is_public(inner)


@given(st.ip_addresses(v=6))
def test_only_what_is_given_out_is_public(address: Any) -> None:
    """https://www.iana.org/assignments/ipv6-address-space ."""
    translated = address.ipv4_mapped is not None or str(address).startswith("64:ff9b:")
    assert not is_public(address) or translated or str(address)[0] in "23"


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    """Whatever is written, it is refused or can be called, and never an error."""
    for url in (text, f"https://{text}", f"https://ke.example/{text}", f"https://[{text}]/"):
        told = problem(url, reach=STRICT)
        assert told is None or told


def connect(host: str, *, reach: Reach = STRICT, port: int = 1) -> None:
    """What httpcore does for a connection."""

    async def go() -> None:
        guarded = Guarded(reach=reach)
        try:
            stream = await guarded.connect_tcp(host, port, timeout=2)
            await stream.aclose()
        finally:
            guarded.close()

    asyncio.run(go())


def resolved(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """The resolver's answer for any name; the names it was asked for."""
    asked: list[str] = []

    def answer(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(0, 0, 0, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    return asked


def test_one_address_that_is_not_public_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that stands for both is nobody's by accident."""
    resolved(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(Forbidden):
        connect("ke.example")


def test_a_name_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was looked at is what is called: no second answer can lead elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        asked = resolved(monkeypatch, "127.0.0.1")
        connect("ke.example", reach=Reach(loopback=True), port=port)
    assert asked == ["ke.example"]


def test_the_next_address_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the first does not answer."""
    with socket.create_server(("127.0.0.2", 0)) as listening:
        resolved(monkeypatch, "127.0.0.1", "127.0.0.2")
        connect("ke.example", reach=Reach(loopback=True), port=listening.getsockname()[1])


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """No address, no name, no answer."""
    with pytest.raises(Unresolved):
        connect(f"{'a' * 64}.example")
    with pytest.raises(httpcore.ConnectError):
        connect("127.0.0.1", reach=Reach(loopback=True))
    resolved(monkeypatch)
    with pytest.raises(Unresolved):
        connect("ke.example")


def post(url: str, *, reach: Reach = STRICT) -> Answer:
    """A call."""

    async def go() -> Answer:
        async with calling(reach=reach) as caller:
            return await caller.post(Call(url, ("A: b",), "application/fhir+json", b"{}", 5))

    return asyncio.run(go())


def test_a_call_judges_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Subscription of another time or another setting calls nobody it may not."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        port = listening.getsockname()[1]
        assert post(f"http://127.0.0.1:{port}/") == Answer(None, Fault.NO_RESPONSE)
        resolved(monkeypatch, "127.0.0.1")
        assert post(f"https://ke.example:{port}/") == Answer(None, Fault.NO_RESPONSE)
        plain = f"http://ke.example:{port}/"
        assert post(plain, reach=Reach(loopback=True)) == Answer(None, Fault.NO_RESPONSE)
        with pytest.raises(TimeoutError):
            listening.accept()


def answered(answer: bytes) -> Answer:
    """A call to a server that says this, whatever it is asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def go() -> Answer:
        server = await asyncio.start_server(talk, "127.0.0.1")
        port = server.sockets[0].getsockname()[1]
        async with server, calling(reach=Reach(loopback=True)) as caller:
            return await caller.post(Call(f"http://127.0.0.1:{port}/", (), "a/b", b"{}", 5))

    return asyncio.run(go())


@pytest.mark.parametrize(
    ("asked", "pause"),
    [
        ("3", 3),
        ("-3", 0),
        ("3.5", 0),
        ("soon", 0),
        ("9" * 400, 999_999_999),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
    ],
)
def test_retry_after(asked: str, pause: float) -> None:
    """Seconds, or a moment; what cannot be read says nothing."""
    head = f"HTTP/1.1 503 Busy\r\nRetry-After: {asked}\r\nContent-Length: 0\r\n\r\n"
    assert answered(head.encode()) == Answer(503, Fault.ERROR_RESPONSE, pause)


def test_what_is_no_answer() -> None:
    """Something else than HTTP, heads without end, nothing."""
    for said in (b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000):
        assert answered(said) == Answer(None, Fault.NO_RESPONSE)


def test_a_long_answer_is_not_read() -> None:
    """Its head is enough; what is cut off does not matter."""
    head = b"HTTP/1.1 201 Created\r\nContent-Length: 1000000000\r\n\r\n"
    assert answered(head + b"x" * 1_000_000) == Answer(201)
    assert answered(head) == Answer(201)
