"""What is too much, sent to a running server: refused at once, with the standard's status, and the server works on.

What is just not too much is taken.
"""

import gzip
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from carepath.api import bounds
from carepath.cli import connection
from fhir_mappings.reading import MAX_BYTES, MAX_DEPTH
from tests.integration import stories

JSON: Final = {"Content-Type": "application/fhir+json"}
XML: Final = {"Content-Type": "application/fhir+xml"}
FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
QUICKLY: Final = 10.0  # seconds, on a machine that others use too


@pytest.fixture(autouse=True)
def quick_and_unharmed(client: httpx.Client) -> Iterator[None]:
    """Whatever is sent costs little, and afterwards a message is taken in as before."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < 3 * QUICKLY
    message = stories.admission(stories.Matter())
    assert client.post("/fhir/$process-message", json=message, headers=JSON).status_code == 200


def issue(answer: httpx.Response) -> str:
    """The code of the one issue."""
    (told,) = answer.json()["issue"]
    code: str = told["code"]
    return code


def deep(levels: int) -> bytes:
    """A Bundle so deep."""
    inner = levels - 1
    return b'{"resourceType":"Bundle","entry":' + b"[" * inner + b"]" * inner + b"}"


def deep_xml(levels: int) -> bytes:
    """The same in XML."""
    told = b'<entry xmlns="http://hl7.org/fhir">' * levels + b"</entry>" * levels
    return b'<Bundle xmlns="http://hl7.org/fhir">' + told + b"</Bundle>"


ENTITIES: Final = (
    b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<Bundle xmlns="http://hl7.org/fhir"><id value="&b;"/></Bundle>'
)
FOREIGN: Final = (
    b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    b'<Bundle xmlns="http://hl7.org/fhir"><id value="&a;"/></Bundle>'
)


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/fhir/$process-message", JSON, b"{" + b" " * MAX_BYTES, 413),
        ("/fhir/$process-message", XML, b"<Bundle>" + b" " * MAX_BYTES, 413),
        ("/fhir/Subscription", JSON, b"{" + b" " * 256 * 1024, 413),
        ("/fhir/Patient/_search", FORM, b"name=" + b"a" * 64 * 1024, 413),
        ("/fhir/Patient/_search", FORM, b"name=a&" * (bounds.PARAMETERS + 1), 400),
        ("/", FORM, b"identifier=" + b"1" * 5000, 404),
        ("/fhir/$process-message", JSON, deep(MAX_DEPTH + 1), 400),
        ("/fhir/$process-message", JSON, deep(2_000_000), 400),
        ("/fhir/Subscription", JSON, deep(100_000), 400),
        ("/fhir/$process-message", XML, deep_xml(100_000), 400),
        ("/fhir/$process-message", XML, ENTITIES, 400),
        ("/fhir/$process-message", XML, FOREIGN, 400),
        ("/kith/messages", {"Content-Type": "application/xml"}, ENTITIES, 400),
        ("/kith/messages", {"Content-Type": "application/xml"}, deep_xml(100_000), 400),
        ("/kith/messages", {"Content-Type": "application/xml"}, b"<MsgHead>" * 100_000, 400),
    ],
)
def test_bodies(
    client: httpx.Client, path: str, headers: dict[str, str], body: bytes, status: int
) -> None:
    """Too long, too deep, too many fields, entities of any kind."""
    answer = client.post(path, content=body, headers=headers)
    assert answer.status_code == status, answer.text[:300]
    assert len(answer.content) < 20_000
    assert b"root:" not in answer.content


def test_a_body_of_unknown_length_is_cut_off(client: httpx.Client) -> None:
    """It says no length, and does not end."""

    def endless() -> Iterator[bytes]:
        for _ in range(2 * MAX_BYTES // 65_536):
            yield b" " * 65_536

    try:
        answer = client.post("/fhir/$process-message", content=endless(), headers=JSON)
    except httpx.TransportError:
        return  # the connection was closed while we still wrote: as good as an answer
    assert answer.status_code == 413


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip", "GZIP"])
def test_packed_bodies_are_not_unpacked(client: httpx.Client, encoding: str) -> None:
    """A thousandth of it on the line would be a bomb."""
    bomb = gzip.compress(b" " * MAX_BYTES * 4)
    headers = {**JSON, "Content-Encoding": encoding}
    answer = client.post("/fhir/$process-message", content=bomb, headers=headers)
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "identity"  # RFC 9110 §15.5.16
    plain = {**JSON, "Content-Encoding": "identity"}
    assert client.post("/fhir/$process-message", content=b"{", headers=plain).status_code == 400


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        ("/fhir/Patient?name=" + "a" * bounds.ADDRESS, {}, 414, "too-long"),
        ("/" + "a" * bounds.ADDRESS, {}, 414, "too-long"),
        ("/fhir/Patient?" + "&".join(["x=1"] * (bounds.PARAMETERS + 1)), {}, 400, "too-costly"),
        ("/fhir/Patient", {"X-Long": "a" * bounds.HEADER}, 431, "too-long"),
        ("/fhir/Patient", {f"X-{n}": "a" for n in range(bounds.HEADERS)}, 431, "too-long"),
    ],
)
def test_addresses_and_headers(
    client: httpx.Client, path: str, headers: dict[str, str], status: int, code: str
) -> None:
    """Told without a word of what was sent."""
    answer = client.get(path, headers=headers)
    assert (answer.status_code, issue(answer)) == (status, code)
    assert "aaaa" not in answer.text


def test_what_is_just_not_too_much(client: httpx.Client) -> None:
    """A long search, many parameters that nobody knows, two tokens."""
    long = {"identifier": "x" * 4000}
    assert client.get("/fhir/Patient", params=long).status_code == 200
    many = "&".join(f"unknown{n}=1" for n in range(bounds.PARAMETERS - 1))
    assert client.get(f"/fhir/Patient?{many}").status_code == 200
    tokens = {"Authorization": "DPoP " + "a" * 16_384, "DPoP": "b" * 16_384}
    assert client.get("/fhir/Patient", headers=tokens).status_code == 200


# --- below HTTP


def spoken(url: str, *pieces: bytes, pause: float = 0.0) -> bytes:
    """What a server says to these bytes, until it hangs up or nothing comes for some seconds."""
    where = urlsplit(url)
    said = b""
    with socket.create_connection((where.hostname, where.port), timeout=QUICKLY) as peer:
        try:
            for piece in pieces:
                peer.sendall(piece)
                time.sleep(pause)
            while part := peer.recv(65_536):
                said += part
        except (ConnectionError, TimeoutError):
            pass
    return said


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * connection.MOST,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * (connection.MOST // 5),
        b"GET /" + b"a" * connection.MOST,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a" * connection.MOST,
    ],
)
def test_a_head_without_end(server: str, head: bytes) -> None:
    """One header, many, an address, a header's name: the connection is closed before memory goes."""
    assert spoken(server, head).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX\x00: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX : a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_requests_that_could_be_read_in_two_ways(server: str, request_: bytes) -> None:
    """Smuggling: refused as a whole, and the connection with it."""
    said = spoken(server, request_ + b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1") == 1


def test_websocket_frames(server: str) -> None:
    """Longer than any token: the socket is closed, with the code for it."""
    address = f"ws{server.removeprefix('http')}/fhir/websocket"
    with connect(address, proxy=None) as socket_:
        socket_.send("bind-with-token " + "a" * 70_000)
        with pytest.raises(ConnectionClosed) as ended:
            socket_.recv(timeout=QUICKLY)
    assert ended.value.rcvd is not None
    assert ended.value.rcvd.code == 1009


@pytest.fixture
def impatient(
    monkeypatch: pytest.MonkeyPatch, fresh_server: Callable[[str], Any], tmp_path: Any
) -> str:
    """A server that waits for a second, where others wait for twenty or sixty."""
    hook = tmp_path / "sitecustomize.py"
    hook.write_text(
        "import carepath.api.bounds as bounds, carepath.cli.connection as connection\n"
        "bounds.SECONDS = connection.SECONDS = 1.0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    url: str = fresh_server(f"sqlite:///{tmp_path}/carepath.db").url
    return url


def test_who_dawdles_is_hung_up_on(impatient: str) -> None:
    """Without a word, in the middle of a head, in the middle of a body; who works on is not."""
    head = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"
    assert spoken(impatient) == b""
    assert spoken(impatient, head).startswith(b"HTTP/1.1 408 ")
    drip = [bytes([letter]) for letter in head]
    said = spoken(impatient, *drip, b"\r\n", pause=0.1)  # four seconds for it
    assert said == b"" or said.startswith(b"HTTP/1.1 408 ")
    post = (
        b"POST /fhir/$process-message HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
        b"Content-Type: application/fhir+json\r\n\r\n{"
    )
    answer = spoken(impatient, post)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["issue"][0]["code"] == "timeout"
    body = [b" "] * 99
    assert spoken(impatient, post, *body, pause=0.02).startswith(b"HTTP/1.1 400 ")
