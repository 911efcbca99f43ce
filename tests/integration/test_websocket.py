"""Notifications over websockets: bound with tokens, in order, numbered by the store, stopped when they should be."""

import json
import socket as sockets
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from lxml import etree
from websockets.exceptions import ConnectionClosed, InvalidStatus

from carepath.api.binding import Token, sealed
from carepath.store.blind import load_keys
from tests.integration.backport import numbers, parameter, subscription
from tests.integration.serving import Server, serving
from tests.integration.socketing import TOKEN, Socket, binding, kind, made, opened, socket, whose
from tests.integration.stories import Matter, Resource, admission, person
from tests.integration.subscriber import until
from tests.integration.subscribing import NURSING, URL, about, ask, counted, put, status
from tests.integration.talk import FHIR, refused, taken
from tests.integration.test_slow_readers import large, memory

NO_TOKEN = "this token is not valid, or no longer: get another"
NOTHING = "nothing of this token can be followed"


@pytest.fixture
def patient() -> Resource:
    """Somebody new."""
    return person()


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Path]]:
    """A server of these tests alone, and the folder with its database and key."""
    folder = tmp_path_factory.mktemp("own")
    with serving(f"sqlite:///{folder}/carepath.db", folder / "log") as running:
        yield running, folder


def happens(client: httpx.Client, patient: Resource, times: int = 1) -> list[Resource]:
    """So many messages about the patient, taken in."""
    sent = [admission(Matter(patient)) for _ in range(times)]
    for message in sent:
        taken(client, message)
    return sent


# --- tokens


def test_a_token_says_for_what_until_when_and_where(client: httpx.Client) -> None:
    """By GET and POST, at the Subscription and for several."""
    ids = sorted(made(client) for _ in range(2))
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "id", "valueId": id_} for id_ in ids],
    }
    answers = [
        (ids[:1], client.get(f"{URL}/{ids[0]}/$get-ws-binding-token")),
        (ids[:1], client.post(f"{URL}/{ids[0]}/$get-ws-binding-token")),
        (ids, client.get(TOKEN, params={"id": ids})),
        (ids, client.post(TOKEN, content=json.dumps(body), headers={"Content-Type": FHIR})),
    ]
    for wanted, answer in answers:
        assert answer.status_code == 200, answer.text
        told = answer.json()
        given = [p["valueString"] for p in told["parameter"] if p["name"] == "subscription"]
        assert sorted(given) == wanted
        assert parameter(told, "expiration").endswith("Z")
        assert parameter(told, "websocket-url").startswith("ws://127.0.0.1:")
        assert not any(id_ in parameter(told, "token") for id_ in ids)


def test_without_ids_a_token_is_for_all_of_the_callers(client: httpx.Client) -> None:
    """Those with a websocket that are not off."""
    mine = {"X-Carepath-Org": "tokens-for-all"}
    refused(client.get(TOKEN, headers=mine), 422)
    ids = [ask(client, subscription(None), **mine).json()["id"] for _ in range(3)]
    put(client, {**subscription(None), "id": ids[2], "status": "off"}, **mine)
    told = binding(client, **mine)
    given = {p["valueString"] for p in told["parameter"] if p["name"] == "subscription"}
    assert given == {*ids[:2]}


def test_no_token_for_what_cannot_be_followed(client: httpx.Client) -> None:
    """Unknown, others', deleted, off, or not a websocket."""
    mine = made(client)
    theirs = ask(client, subscription(None), **NURSING).json()["id"]
    other = {"X-Carepath-Org": "somebody-else"}
    refused(client.get(f"{URL}/unknown/$get-ws-binding-token"), 404)
    refused(client.get(f"{URL}/{theirs}/$get-ws-binding-token", headers=other), 404)
    refused(client.get(TOKEN, params={"id": [mine, "unknown"]}), 404)
    put(client, {**subscription(None), "id": mine, "status": "off"})
    (issue,) = refused(client.get(f"{URL}/{mine}/$get-ws-binding-token"), 422)
    assert "off" in issue["details"]["text"]
    client.delete(f"{URL}/{mine}")
    refused(client.get(f"{URL}/{mine}/$get-ws-binding-token"), 410)


@pytest.mark.parametrize("said", ["made-up", "AAAA", "ø", "x" * 2000])
def test_a_token_of_nobodys_closes_the_socket(client: httpx.Client, said: str) -> None:
    """And says nothing but that it is none."""
    with opened(parameter(binding(client, made(client)), "websocket-url")) as one:
        one.bind(said)
        assert one.end() == (1008, NO_TOKEN)


def test_a_token_ends(own: tuple[Server, Path]) -> None:
    """One that has expired, was changed, is another's, or whose Subscription is off or gone, opens nothing."""
    server, folder = own
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        id_ = made(client)
        told = binding(client, id_)
        url, token = parameter(told, "websocket-url"), parameter(told, "token")
        keys = load_keys(folder / "carepath.key")
        old = sealed(keys, Token((id_,), None, int(time.time() - 1) * 1_000_000))
        another = sealed(keys, Token((id_,), "another", int(time.time() + 60) * 1_000_000))
        changed = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
        for tried in (old, changed):
            assert _tried(url, tried) == (1008, NO_TOKEN)
        assert _tried(url, another) == (1008, NOTHING)
        put(client, {**subscription(None), "id": id_, "status": "off"})
        assert _tried(url, token) == (1008, NOTHING)
        client.delete(f"{URL}/{id_}")
        assert _tried(url, token) == (1008, NOTHING)


def _tried(url: str, token: str) -> tuple[int, str]:
    """How a new socket ends that is bound with the token."""
    with opened(url) as one:
        one.bind(token)
        return one.end()


# --- what comes


def test_a_handshake_then_what_happens(client: httpx.Client, patient: Resource) -> None:
    """In the order of the feed, with numbers from one; ``delivered`` follows, so that nothing comes twice."""
    id_ = made(client, about(patient), content="full-resource")
    told = binding(client, id_)
    with opened(parameter(told, "websocket-url")) as one:
        one.connection.send(f"bind-with-token: {parameter(told, 'token')}")
        first = one.told()
        assert (kind(first), whose(first), numbers(first)) == ("handshake", id_, [])
        assert len(first["entry"]) == 1
        sent = happens(client, patient, 3)
        got = [one.told() for _ in sent]
        assert [numbers(notification) for notification in got] == [[1], [2], [3]]
        shown = [e["resource"] for n in got for e in n["entry"] if "resource" in e]
        headers = [
            bundle["entry"][0]["resource"]["id"]
            for bundle in shown
            if bundle["resourceType"] == "Bundle"
        ]
        assert headers == [message["entry"][0]["resource"]["id"] for message in sent]
    with socket(client, id_) as again:
        happens(client, patient)
        assert again.events(1) == [4]


def test_what_was_missed_comes_first(client: httpx.Client, patient: Resource) -> None:
    """From before the first binding and from between two, no more in one notification than was asked for."""
    id_ = made(client, about(patient), max_count=2)
    happens(client, patient, 5)
    counted(client, id_, 5)
    with socket(client, id_) as one:
        assert [numbers(one.told()) for _ in range(3)] == [[1, 2], [3, 4], [5]]
    happens(client, patient, 30)
    counted(client, id_, 35)
    with socket(client, id_) as one:
        assert one.events(30) == [*range(6, 36)]


def test_several_tokens_on_one_socket_and_again(client: httpx.Client, patient: Resource) -> None:
    """Each binding is answered with handshakes; binding again repeats no event."""
    ids = [made(client, about(patient)) for _ in range(3)]
    with socket(client, *ids[:2]) as one:
        happens(client, patient)
        assert sorted(whose(one.told()) for _ in range(2)) == sorted(ids[:2])
        one.bind(parameter(binding(client, *ids[1:]), "token"))
        assert {kind(one.told()) for _ in range(2)} == {"handshake"}
        missed = one.told()
        assert (whose(missed), numbers(missed)) == (ids[2], [1])
        happens(client, patient)
        got = [one.told() for _ in range(3)]
        assert sorted(map(whose, got)) == sorted(ids)
        assert [numbers(notification) for notification in got] == [[2]] * 3


def test_two_sockets_get_everything(client: httpx.Client, patient: Resource) -> None:
    """Each from its binding on."""
    id_ = made(client, about(patient))
    with socket(client, id_) as first, socket(client, id_) as second:
        happens(client, patient, 3)
        assert first.events(3) == second.events(3) == [1, 2, 3]


def test_xml_for_who_asks_for_it(client: httpx.Client, patient: Resource) -> None:
    """Each notification is a document of its own."""
    wanted = subscription(None, about(patient))
    wanted["channel"]["payload"] = "application/fhir+xml"
    id_ = ask(client, wanted).json()["id"]
    told = binding(client, id_)
    with opened(parameter(told, "websocket-url")) as one:
        one.bind(parameter(told, "token"))
        happens(client, patient)
        for _ in range(2):
            text = one.connection.recv(10)
            assert isinstance(text, str)
            assert etree.fromstring(text.encode()).tag == "{http://hl7.org/fhir}Bundle"


def test_a_heartbeat_when_nothing_happens(client: httpx.Client, patient: Resource) -> None:
    """Within the period that was asked for; it raises no number."""
    quiet = made(client, about(person()))
    id_ = made(client, about(patient), heartbeat_period=1)
    with socket(client, id_, quiet) as one:
        happens(client, patient)
        assert one.events(1) == [1]
        begun = time.monotonic()
        beats = [one.told() for _ in range(2)]
        assert 1.5 < time.monotonic() - begun < 5
    assert [(kind(beat), whose(beat)) for beat in beats] == [("heartbeat", id_)] * 2
    shown = beats[0]["entry"][0]["resource"]
    assert parameter(shown, "status") == "active"
    assert parameter(shown, "events-since-subscription-start") == "1"


# --- the end


def test_off_and_deleted_ones_stop_while_others_go_on(
    client: httpx.Client, patient: Resource
) -> None:
    """Within seconds, on the open socket."""
    off, gone, stays = (made(client, about(patient)) for _ in range(3))
    with socket(client, off, gone, stays) as one:
        put(client, {**subscription(None, about(patient)), "id": off, "status": "off"})
        client.delete(f"{URL}/{gone}")
        happens(client, patient, 2)
        got = [one.told() for _ in range(2)]
        assert [*map(whose, got)] == [stays] * 2
        assert one.quiet(0.5)


def test_whatever_else_is_said_is_not_answered(client: httpx.Client, patient: Resource) -> None:
    """And breaks nothing; a socket that is bound to nothing is closed after a while."""
    id_ = made(client, about(patient))
    with opened(parameter(binding(client, id_), "websocket-url")) as idle:
        with socket(client, id_) as one:
            for said in ("", "ping", "bind-with-token", "bind-with-tokenABC", "{}", b"\x00\xff"):
                one.connection.send(said)
                idle.connection.send(said)
            happens(client, patient)
            assert one.events(1) == [1]
            one.connection.send("x" * 70_000)
            assert one.end()[0] == 1009
        assert idle.end(15) == (1008, "nothing is bound")


@pytest.mark.parametrize("header", ["Host", "Origin"])
def test_who_is_not_near_gets_no_socket(client: httpx.Client, header: str) -> None:
    """403 before the upgrade, with the reason; elsewhere there is none either."""
    url = parameter(binding(client, made(client)), "websocket-url")
    near = urlsplit(url)
    asked = {
        "Host": near.netloc,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        "Sec-WebSocket-Version": "13",
        header: "http://evil.example" if header == "Origin" else "evil.example",
    }
    told = client.get(f"http://{near.netloc}{near.path}", headers=asked)
    (issue,) = refused(told, 403)
    assert issue["expression"] == [f"http.{header.lower()}"]
    with pytest.raises(InvalidStatus) as no, opened(f"{url}/elsewhere"):
        pass
    assert no.value.response.status_code == 403


def test_one_that_never_reads_costs_little_and_holds_up_nobody(own: tuple[Server, Path]) -> None:
    """Its page, and what the system keeps for a connection."""
    messages, stuck, size = 16, 6, 700_000
    server, _ = own
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        ids = [made(client, content="full-resource") for _ in range(stuck + 1)]
        for _ in range(messages):
            taken(client, large())
        counted(client, ids[-1], messages)
        before = memory(server)
        with ExitStack() as readers:
            for id_ in ids[:-1]:
                readers.enter_context(_never_reads(binding(client, id_)))
            with socket(client, ids[-1]) as one:
                assert one.events(messages) == [*range(1, messages + 1)]
            after = memory(server)
        assert after - before < stuck * messages * size / 2


def _never_reads(told: Resource) -> sockets.socket:
    """A socket that was bound by hand and is not read from."""
    url = urlsplit(parameter(told, "websocket-url"))
    one = sockets.socket()
    one.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    one.connect((url.hostname, url.port))
    one.sendall(
        f"GET {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    said = f"bind-with-token {parameter(told, 'token')}".encode()
    one.sendall(struct.pack(">BBH4x", 0x81, 0xFE, len(said)) + said)
    return one


def test_a_server_that_is_killed_loses_no_event(
    fresh_server: Callable[[str], Server], tmp_path: Path, patient: Resource
) -> None:
    """After kill -9 the numbers go on without a gap; what a subscriber has not got, it gets, under its number."""
    url = f"sqlite:///{tmp_path}/carepath.db"
    server = fresh_server(url)
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        id_ = made(client, about(patient))
        with socket(client, id_) as one:
            happens(client, patient, 3)
            got = one.events(3)
            happens(client, patient, 2)
            server.process.kill()
            got += _rest(one)
    server = fresh_server(url)
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        counted(client, id_, 5)
        with socket(client, id_) as one:
            happens(client, patient)
            while 6 not in got:
                got += numbers(one.told())
        assert sorted({*got}) == [1, 2, 3, 4, 5, 6]
        missed = client.get(f"{URL}/{id_}/$events", params={"eventsSinceNumber": "2"}).json()
        assert numbers(missed) == [2, 3, 4, 5, 6]
        assert parameter(status(client, id_), "events-since-subscription-start") == "6"


def _rest(one: Socket) -> Iterator[int]:
    """The numbers that still come."""
    try:
        while True:
            yield from numbers(one.told())
    except ConnectionClosed:
        return


def test_a_server_that_stops_says_so(fresh_server: Callable[[str], Server], tmp_path: Path) -> None:
    """1012: come back soon."""
    server = fresh_server(f"sqlite:///{tmp_path}/carepath.db")
    with (
        httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client,
        socket(client, made(client)) as one,
    ):
        server.process.terminate()
        assert one.end()[0] == 1012
        until(lambda: server.process.poll() is not None)
