"""Whatever is delivered leaves its line before it leaves; a server that dies at its line has told nobody anything."""

import time
from collections.abc import Callable
from contextlib import closing

import httpx
import pytest
from sqlalchemy import select

from carepath.service.audit import verify
from carepath.store import audit, times
from carepath.store.audit import Asked
from carepath.store.audit_tables import access_log
from carepath.store.blind import load_keys
from carepath.store.database import open_database, sqlite_file
from carepath.store.times import instant
from pathways.access_log import Act, Line
from tests.integration import socketing
from tests.integration.hooking import admissions, subscribed
from tests.integration.serving import Server
from tests.integration.stories import Matter, admission, discharge, person
from tests.integration.subscriber import Subscriber
from tests.integration.talk import events, taken

Start = Callable[[str], Server]


@pytest.fixture
def url(tmp_path: object) -> str:
    """A database of its own, whose key lies beside it."""
    return f"sqlite:///{tmp_path}/carepath.db"


def lines(url: str, act: Act | None = None) -> list[Line]:
    """The lines there are, oldest first."""
    file = sqlite_file(url)
    assert file is not None
    keys = load_keys(file.with_suffix(".key"))
    with closing(open_database(url, keys)) as database, database.read() as conn:
        found = audit.listed(conn, database.keys, Asked(), limit=1000)[::-1]
    return [one for one in found if act in (None, one.act)]


def test_an_event_stream_leaves_a_line_for_each_patient(fresh_server: Start, url: str) -> None:
    """Of a page at once, before its first event."""
    running = fresh_server(url)
    one, other = Matter(person()), Matter(person())
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        taken(client, admission(one), discharge(one), admission(other))
    heard = events(running.url, 3, params={"since": "0"})
    assert len(heard) == 3
    found = lines(url, Act.DELIVERY)
    assert {line.interaction for line in found} == {"events"}
    assert {line.who.role.value for line in found} == {"open"}
    by_patient = {line.patient: len(line.shown["Bundle"]) for line in found}
    assert sorted(by_patient.values()) == [1, 2]
    assert {id_ for line in found for id_ in line.shown["Bundle"]} == {
        event["id"] for _, _, event in heard
    }


def test_a_websocket_leaves_a_line_before_it_is_told(fresh_server: Start, url: str) -> None:
    """With the Subscription."""
    running = fresh_server(url)
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        subscription = socketing.made(client)
        with socketing.socket(client, subscription) as socket:
            taken(client, admission(Matter(person())))
            assert socket.events(1) == [1]
    (line,) = lines(url, Act.DELIVERY)
    assert (line.interaction, line.request, line.outcome) == ("websocket", subscription, "sent")
    assert "Bundle" in line.shown


def test_a_rest_hook_leaves_a_line_before_it_is_called(
    fresh_server: Start, url: str, subscriber: Subscriber, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the Subscription."""
    monkeypatch.setenv("CAREPATH_ALLOW_LOOPBACK_HOOKS", "true")
    running = fresh_server(url)
    with (
        httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client,
        subscribed(client, admissions(subscriber.url)) as subscription,
    ):
        taken(client, admission(Matter(person())))
        until = time.monotonic() + 10
        while not (found := lines(url, Act.DELIVERY)) and time.monotonic() < until:
            time.sleep(0.05)
    (line,) = found
    assert (line.interaction, line.request) == ("rest-hook", subscription)


def test_what_is_written_is_sealed_within_seconds(fresh_server: Start, url: str) -> None:
    """By the server itself; the figure says so."""
    running = fresh_server(url)
    with httpx.Client(base_url=running.url, timeout=20, trust_env=False) as client:
        taken(client, admission(Matter(person())))
        for _ in range(20):
            client.get("/fhir/Patient")
        figures = ""
        for _ in range(100):
            figures = client.get("/metrics").text
            if "carepath_audit_unsealed 0.0" in figures:
                break
            time.sleep(0.1)
        assert "carepath_audit_unsealed_seconds 0.0" in figures
    file = sqlite_file(url)
    assert file is not None
    with closing(open_database(url, load_keys(file.with_suffix(".key")))) as database:
        verdict = verify(database, instant(times.now()))
        with database.read() as conn:
            assert conn.execute(select(access_log.c.number)).scalars().all()
    assert (verdict.lines, verdict.unsealed, verdict.faults) == (len(lines(url)), 0, [])
    assert verdict.lines >= 20


def test_a_server_that_dies_at_the_line_has_told_nothing(
    fresh_server: Start, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the line is to be written: the answer never comes, not even its head."""
    monkeypatch.setenv("CAREPATH_FAILPOINT", "before_audit:2")
    dying = fresh_server(url)
    with httpx.Client(base_url=dying.url, timeout=20, trust_env=False) as client:
        taken(client, admission(Matter(person())))  # which looks for the patient
        assert client.get("/fhir/metadata").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            client.get("/fhir/Patient")
    assert dying.process.wait(10) == 137
    assert len(lines(url)) == 1
