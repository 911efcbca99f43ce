"""The client against a real server over HTTP."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from carepath_client import (
    AsyncPublisher,
    AsyncSubscriber,
    AsyncTimeline,
    Author,
    Entry,
    FileCursor,
    Identifier,
    Inquiry,
    NotFound,
    Party,
    Patient,
    Publisher,
    Refused,
    Stay,
    Subscriber,
    Timeline,
    Unavailable,
    Update,
    bundle,
)
from carepath_client.http import Server
from carepath_client.http_feed import HttpMissing
from tests.integration.serving import serving
from tests.integration.stories.people import person
from tests.servers import free_port

WARD = Party(organisation_number="314270010", name="Solvik sykehus, sengepost 2")
NURSING = Party(organisation_number="314274121", name="Fjordby sykepleie")
RECEIVER = "314274121"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of this file's own: it follows whole feeds."""
    folder = tmp_path_factory.mktemp("client")
    with serving(f"sqlite:///{folder}/carepath.db", folder / "log") as running:
        yield running.url


def somebody() -> Patient:
    """A patient nobody else has."""
    return Patient(national_id=person()["identifier"][0]["value"], family="Lund")


def admission(patient: Patient | None = None) -> Stay:
    """Somebody is in."""
    begins = datetime.now(UTC) - timedelta(minutes=5)
    return Stay(
        event="admission",
        sender=WARD,
        patient=patient or somebody(),
        receivers=(NURSING,),
        stay="https://solvik.example/stays|" + begins.isoformat(),
        begins=begins,
    )


def newest(url: str) -> int:
    """The number that the receiver's feed has reached: one more is published, and waited for."""
    mark = admission()
    with Publisher.http(url) as publisher, Subscriber.http(url, organisation=RECEIVER) as updates:
        publisher.publish(mark)
        return next(one.sequence for one in updates if one.message_id == mark.id)


def test_a_message_counts_once_however_often_it_is_published(url: str) -> None:
    """The receipt is the same, for a ready Bundle too; other content under its id is refused in detail."""
    message = admission()
    with Publisher.http(url) as publisher:
        receipt = publisher.publish(message)
        assert (receipt.accepted, receipt.message_id) == (True, message.id)
        assert publisher.publish(message) == receipt
        assert publisher.publish(bundle(message)) == receipt
        assert publisher.publish(json.dumps(bundle(message)).encode()) == receipt
        with pytest.raises(Refused) as raised:
            publisher.publish(message.model_copy(update={"ward": "Another"}))
    (issue,) = raised.value.issues
    assert (raised.value.status, raised.value.message_id) == (409, message.id)
    assert (issue.severity, issue.code) == ("error", "duplicate")
    assert issue.where == "Bundle.entry[0].resource.id"
    assert len(history(url, message)) == 1


def history(url: str, message: Stay) -> tuple[Entry, ...]:
    """What the patient's timeline has."""
    assert message.patient is not None
    with Timeline(url) as timelines:
        return timelines.of(message.patient.known_by[0]).entries


def test_every_fault_is_told_with_its_place(url: str) -> None:
    """What the server refuses comes as values."""
    broken = bundle(admission())
    patient = next(e for e in broken["entry"] if e["resource"]["resourceType"] == "Patient")
    patient["resource"]["identifier"][0]["value"] = "12345678901"
    with Publisher.http(url) as publisher, pytest.raises(Refused) as raised:
        publisher.publish(broken)
    assert raised.value.status == 422
    assert str(raised.value.issues[0].where).endswith("identifier[0].value")
    assert "12345678901" not in str(raised.value)


def test_what_cannot_be_placed_yet_is_kept(url: str) -> None:
    """An answer to a referral that nobody has told of."""
    waiting = Inquiry(
        event="inquiry-forwarded",
        sender=WARD,
        patient=somebody(),
        conversation="https://x.example|1",
    )
    with Publisher.http(url) as publisher:
        receipt = publisher.publish(waiting)
    assert (receipt.state, receipt.accepted) == ("kept", False)
    assert receipt.issues


def test_a_message_without_id_is_not_sent() -> None:
    """It could not be told from its repeats; nor are other bytes."""
    nameless = bundle(admission())
    del nameless["entry"][0]["resource"]["id"], nameless["entry"][0]["fullUrl"]
    with Publisher.http("http://127.0.0.1:9") as publisher:
        for wrong in (nameless, b"ISA*00", b"[]"):
            with pytest.raises(ValueError, match=r"id|JSON|value"):
                publisher.publish(wrong)


def test_publishing_waits_for_a_server_that_comes_back(tmp_path: Path) -> None:
    """And says so when it does not come in time."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    begun = time.monotonic()
    with Publisher.http(address, limit=1.0) as publisher, pytest.raises(Unavailable):
        publisher.publish(admission())
    assert time.monotonic() - begun < 3
    got: list[bool] = []
    with Publisher.http(address) as publisher:
        message = admission()
        waiting = threading.Thread(target=lambda: got.append(publisher.publish(message).accepted))
        waiting.start()
        with serving(f"sqlite:///{tmp_path}/carepath.db", tmp_path / "log", port):
            waiting.join(60)
    assert got == [True]


def test_a_subscriber_goes_on_where_it_was_done(url: str, tmp_path: Path) -> None:
    """What it was at when it died comes again, what it had done with does not."""
    since, cursor = newest(url), FileCursor(tmp_path / "cursor")
    sent = [admission() for _ in range(3)]
    with Publisher.http(url) as publisher:
        for message in sent:
            publisher.publish(message)
    got: list[str | None] = []
    dead = Subscriber.http(url, organisation=RECEIVER, cursor=cursor, since=since)
    with pytest.raises(LookupError), dead:
        die_at(2, dead, got)
    with Subscriber.http(url, organisation=RECEIVER, cursor=cursor) as updates:
        got += [next(updates).message_id for _ in range(2)]
    assert got == [sent[0].id, sent[1].id, sent[1].id, sent[2].id]
    assert cursor.load() == since + 3


def die_at(turn: int, updates: Subscriber, got: list[str | None]) -> None:
    """Fail in this turn of the loop."""
    for update in updates:
        got.append(update.message_id)
        if len(got) == turn:
            raise LookupError


def test_an_update_tells_what_it_is(url: str) -> None:
    """Its sender and patient as values, and the Bundle as it was sent."""
    since, message = newest(url), admission()
    with Publisher.http(url) as publisher:
        publisher.publish(message)
    with Subscriber.http(url, organisation=RECEIVER, since=since) as updates:
        update = next(updates)
    assert message.patient is not None
    assert (update.sequence, update.event, update.sender) == (since + 1, "admission", WARD.name)
    assert update.patient == message.patient.known_by
    assert update.message == bundle(message)
    assert (update.receipt, update.withheld, update.replay) == (None, False, False)
    assert update.resources("Encounter")[0]["status"] == "in-progress"


def test_a_subscriber_lives_through_a_restart_and_ends_when_told(tmp_path: Path) -> None:
    """From another thread, in the midst of waiting."""
    port, database = free_port(), f"sqlite:///{tmp_path}/carepath.db"
    address, got = f"http://127.0.0.1:{port}", list[Update]()
    with Subscriber.http(address, organisation=RECEIVER) as updates:
        reader = threading.Thread(target=lambda: got.extend(updates))
        reader.start()
        for turn in (1, 2):
            with serving(database, tmp_path / "log", port), Publisher.http(address) as publisher:
                publisher.publish(admission())
                wait_for(lambda turn=turn: len(got) == turn)
                time.sleep(0.2 * turn)
                if turn == 2:
                    updates.close()
                    reader.join(5)
                    assert not reader.is_alive()
    assert [one.sequence for one in got] == [1, 2]


def wait_for(condition: object, seconds: float = 60) -> None:
    """Until it is so."""
    assert callable(condition)
    latest = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < latest
        time.sleep(0.05)


def test_nobody_there_ends_a_subscriber_in_time() -> None:
    """A wrong address is not waited for, for ever."""
    with (
        Subscriber.http(f"http://127.0.0.1:{free_port()}", patience=0.5) as updates,
        pytest.raises(Unavailable),
    ):
        next(updates)


def test_what_did_not_come_over_kafka_is_fetched(url: str) -> None:
    """Exactly the numbers asked for."""
    since = newest(url)
    with Publisher.http(url) as publisher:
        for _ in range(4):
            publisher.publish(admission())
    wait_for(lambda: newest(url) >= since + 5)
    with httpx.Client() as client:
        found, whole = HttpMissing(Server(url, RECEIVER), client).fetch(since + 1, since + 3)
    assert ([one.sequence for one in found], whole) == ([since + 2, since + 3], True)


def test_a_timeline_as_values(url: str) -> None:
    """As it is, as it was, and by any name of the patient."""
    begins = datetime.now(UTC) - timedelta(hours=2)
    message = admission().model_copy(
        update={"begins": begins, "author": Author(name="Siri Moe", phone="+4722000000")}
    )
    assert message.patient is not None
    with Publisher.http(url) as publisher, Timeline(url, language="en") as timelines:
        before = datetime.now(UTC)
        publisher.publish(message)
        told = timelines.of(message.patient.known_by[0])
        assert told == timelines.of(str(message.patient.national_id)) == timelines.of(told.patient)
        (entry,) = told.entries
        assert (entry.event, entry.sender, entry.author) == ("admission", WARD.name, "Siri Moe")
        assert (entry.happened, entry.written) == (begins, message.written)
        assert entry.message_id == message.id
        assert "<" not in entry.text
        assert entry.text
        assert [one["resourceType"] for one in told.current] == ["Encounter"]
        assert timelines.of(told.patient, as_of=before - timedelta(minutes=1)).entries == ()
        with pytest.raises(NotFound):
            timelines.of(Identifier(system="urn:x", value="nobody"))
        with pytest.raises(ValueError, match="zone"):
            timelines.of(told.patient, as_of=datetime(2026, 3, 20, 12, 0))  # noqa: DTZ001 -- refused


async def test_the_same_on_an_event_loop(url: str, tmp_path: Path) -> None:
    """Publish, follow, remember, ask."""
    since, cursor = await asyncio.to_thread(newest, url), FileCursor(tmp_path / "cursor")
    message = admission()
    assert message.patient is not None
    async with AsyncPublisher(url) as publisher:
        assert (await publisher.publish(message)).accepted
        with pytest.raises(Refused):
            await publisher.publish(message.model_copy(update={"ward": "Another"}))
    async with AsyncSubscriber(url, organisation=RECEIVER, cursor=cursor, since=since) as updates:
        async for update in updates:
            assert (update.sequence, update.message_id) == (since + 1, message.id)
            break
    assert cursor.load() == since + 1
    async with AsyncTimeline(url) as timelines:
        told = await timelines.of(message.patient.known_by[0])
    assert [entry.message_id for entry in told.entries] == [message.id]
    absent = f"http://127.0.0.1:{free_port()}"
    async with AsyncPublisher(absent, limit=0.5) as publisher:
        with pytest.raises(Unavailable):
            await publisher.publish(message)
