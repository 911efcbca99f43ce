"""Feeds on Kafka, with a real broker."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from sqlalchemy import select, update

from carepath.store import deliveries, streams, tables
from carepath.store.database import Database
from carepath.store.feed import PARKED
from carepath.store.tables import feeds, grants, patients
from schemas import topics
from schemas.broker import Broker
from schemas.topics import updates
from tests.contract.stored import KEYS, opened, put, sent
from tests.integration.kafka_topics import (
    Reader,
    entered,
    headers,
    in_order,
    make,
    make_parked,
    number_of,
    numbered,
    organisation,
    reading,
    told,
    updates_of,
)
from tests.integration.publishing import BASE, publisher, publishing
from tests.servers import PATIENCE


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


@pytest.fixture
def broker(kafka_server: str) -> Broker:
    """The shared broker."""
    return Broker(bootstrap=(kafka_server,))


@pytest.fixture
def party(broker: Broker) -> str:
    """An organisation with a topic."""
    made = organisation()
    make(broker, updates(made))
    return made


@pytest.fixture
def reader(broker: Broker, party: str) -> Iterator[Reader]:
    """Reads its updates."""
    with reading(broker, updates(party)) as reader:
        yield reader


async def until(reader: Reader, number: int) -> list[Any]:
    """So many records."""
    return await asyncio.to_thread(reader.until, number)


def event(record: Any) -> Any:
    """What CloudEvents' own library makes of it."""
    message = KafkaMessage(dict(record.headers), record.key, record.value)
    return from_binary(message, JSONFormat())


def published(database: Database, party: str) -> int:
    """How far it is said to be."""
    with database.read() as conn:
        found = streams.cursors(conn, [party])
    return found[party].published if found else 0


async def settled(database: Database, party: str, upto: int) -> None:
    """Wait until it is said to be so far, and its feed to be delivered."""
    delivered = select(feeds.c.delivered).where(feeds.c.receiver == party)
    async with asyncio.timeout(PATIENCE):
        while published(database, party) < upto:  # noqa: ASYNC110 -- the database rings no bell
            await asyncio.sleep(0.02)
    with database.read() as conn:
        assert conn.execute(delivered).scalar() == upto


async def test_cloudevents_reads_what_arrives(
    database: Database, broker: Broker, party: str, reader: Reader
) -> None:
    """Every number once, in order; the key is the patient's pseudonym, of the patient's own version."""
    put(
        database,
        patients,
        {"key": f"{party}-p1", "created": 0, "received": 0, "body": b"", "pseudonym_version": 2},
    )
    entered(database, party)
    told(database, party, *"abcdefg")
    async with publishing(database, broker):
        records = await until(reader, 7)
        await settled(database, party, 7)
    assert in_order(records)
    for n, record in enumerate(sorted(records, key=number_of)):
        found, id_ = event(record), f"{party}-{'abcdefg'[n]}"
        assert (found.get_specversion(), found.get_id()) == ("1.0", id_)
        assert (found.get_source(), found.get_type()) == (BASE, "example.carepath.admission.v1")
        assert found.get_time().utcoffset().total_seconds() == 0
        assert found.get_extension("sequence") == str(n + 1)
        assert found.get_data() == {"resourceType": "Bundle", "id": "abcdefg"[n]}
        assert found.get_datacontenttype() == "application/fhir+json"
        patient, version = f"{party}-p{n % 3}", 2 if n % 3 == 1 else 1
        assert found.get_extension("partitionkey") == KEYS.pseudonym(patient, version)
        assert "ce_replay" not in headers(record)


async def test_a_right_that_has_gone_leaves_its_number(
    database: Database, broker: Broker, party: str, reader: Reader
) -> None:
    """No key, no value, no word of what it was."""
    entered(database, party)
    told(database, party, *"abc")
    with database.write() as conn:
        conn.execute(update(grants).where(grants.c.event == f"{party}-b").values(until=1))
    async with publishing(database, broker):
        records = {number_of(record): record for record in await until(reader, 3)}
    assert event(records[2]).get_type() == "example.carepath.withheld.v1"
    assert (records[2].key, records[2].value) == (None, b"")
    assert records[1].value
    assert records[3].value


async def test_what_was_parked_is_told_the_operator(database: Database, broker: Broker) -> None:
    """In a topic of its own, as JSON."""
    make_parked(broker)
    id_ = organisation()
    entered(database)
    sent(database, PARKED, id_, kind=PARKED, body=b'{"id":"%b"}' % id_.encode())
    with reading(broker, topics.PARKED) as reader:
        async with publishing(database, broker):
            await settled(database, PARKED, 1)
        records = {headers(record)["ce_id"]: record for record in reader.rest()}
    assert event(records[id_]).get_data() == {"id": id_}
    assert headers(records[id_])["content-type"] == "application/json"


async def test_a_replay_says_so_and_the_rest_follows(
    database: Database, broker: Broker, party: str, reader: Reader
) -> None:
    """Same ids; what is new meanwhile comes after, without a gap."""
    entered(database, party)
    told(database, party, *"abcd")
    async with publishing(database, broker) as relay:
        await until(reader, 4)
        await settled(database, party, 4)
        told(database, party, *"ef", created=10)
        with database.write() as conn:
            deliveries.replay(conn, deliveries.TOPICS, party, 2)
        relay.wake()
        records = await until(reader, 8)
        await settled(database, party, 6)
    again = [headers(r) for r in records if headers(r).get("ce_replay") == "true"]
    assert sorted(int(one["ce_sequence"]) for one in again) == [3, 4]
    assert {one["ce_id"] for one in again} == {f"{party}-c", f"{party}-d"}
    assert sorted(number_of(record) for record in records) == [1, 2, 3, 3, 4, 4, 5, 6]
    assert in_order(records)


async def test_a_pause_holds_one_organisation_back(
    database: Database, broker: Broker, party: str, reader: Reader
) -> None:
    """Its number is waiting; another organisation gets its own."""
    other = organisation()
    make(broker, updates(other))
    entered(database, party, other)
    with database.write() as conn:
        deliveries.pause(conn, deliveries.TOPICS, party, paused=True)
    told(database, party, *"ab")
    told(database, other, *"ab")
    async with publishing(database, broker):
        await settled(database, other, 2)
        assert reader.rest() == []
        with database.write() as conn:
            deliveries.pause(conn, deliveries.TOPICS, party, paused=False)
        await until(reader, 2)


async def test_a_missing_topic_holds_up_nobody_else(
    database: Database, broker: Broker, party: str, reader: Reader
) -> None:
    """And when it is made, what waited arrives."""
    missing = organisation()
    entered(database, party, missing)
    told(database, missing, *"ab")
    async with publishing(database, broker) as relay:
        for n, id_ in enumerate("abcde", start=1):
            told(database, party, id_, created=n)
            relay.wake()
            async with asyncio.timeout(2):
                await settled(database, party, n)
        make(broker, updates(missing))
        await settled(database, missing, 2)


async def test_too_large_a_message_is_told_by_reference(database: Database, broker: Broker) -> None:
    """It keeps its number, its id and its key; what is around it is whole. Together they were too large as well."""
    party = organisation()
    make(broker, updates(party), **{"max.message.bytes": "1500"})
    entered(database, party)
    told(database, party, *"ab", patients=1)
    told(database, party, "c", patients=1, created=10, padding=2000)
    told(database, party, *"defgh", patients=1, created=20)
    with reading(broker, updates(party)) as reader:
        async with publishing(database, broker):
            records = (await asyncio.to_thread(reader.until_numbers, *range(1, 9)))[:]
            await settled(database, party, 8)
    assert in_order(records)
    large = next(record for record in records if number_of(record) == 3)
    assert (large.value, large.key) == (b"", KEYS.pseudonym(f"{party}-p0", 1).encode())
    wanted = f"http://broker.example/events?org={party}&since=2"
    assert event(large).get_extension("dataref") == wanted
    assert event(large).get_type() == "example.carepath.admission.v1"
    whole = [record for record in records if number_of(record) != 3]
    assert all(record.value and "ce_dataref" not in headers(record) for record in whole)


async def test_publishers_share_the_work_without_doubling(
    database: Database, broker: Broker
) -> None:
    """Two at once, many organisations, messages all the while: every number once, in order."""
    parties = [organisation() for _ in range(5)]
    make(broker, *updates_of(*parties))
    entered(database, *parties)
    with reading(broker, *updates_of(*parties)) as reader:
        async with publishing(database, broker) as one, publishing(database, broker) as other:
            for n in range(40):
                told(database, parties[n % 5], f"x{n}", f"y{n}", created=n * 10)
                (one, other)[n % 2].wake()
                await asyncio.sleep(0.005)
            await until(reader, 80)
            for party in parties:
                await settled(database, party, 16)
        records = reader.rest()
    assert len(records) == 80
    assert in_order(records)


def test_a_killed_publisher_is_relieved(postgresql_url: str, broker: Broker) -> None:
    """It had published and not noted it: that much comes again, nothing is missing."""
    parties = [organisation() for _ in range(3)]
    make(broker, *updates_of(*parties))
    with opened(postgresql_url) as database, reading(broker, *updates_of(*parties)) as reader:
        entered(database, *parties)
        for party in parties:
            told(database, party, *(f"m{n}" for n in range(20)))
        numbered(database)
        place = "after_outbox_publish_before_mark:2"
        with publisher(postgresql_url, broker, place) as dying:
            reader.until(60)
            for n in range(4):
                told(database, parties[0], f"n{n}", created=100 + n)
                numbered(database)
            assert dying.wait(PATIENCE) == 137
        with database.write() as conn:
            held = tables.streams.c.holder.is_not(None)
            assert conn.execute(update(tables.streams).where(held).values(leased_until=0)).rowcount
        with publisher(postgresql_url, broker):
            for party in parties[1:]:
                told(database, party, "last", created=200)
            _until_published(database, {parties[0]: 24, parties[1]: 21, parties[2]: 21})
        records = reader.rest()
    assert in_order(records)
    for party, last in zip(parties, (24, 21, 21), strict=True):
        came = {number_of(record) for record in records if record.topic == updates(party)}
        assert came == {*range(1, last + 1)}


def _until_published(database: Database, upto: dict[str, int]) -> None:
    async def wait() -> None:
        for party, last in upto.items():
            await settled(database, party, last)

    asyncio.run(wait())
