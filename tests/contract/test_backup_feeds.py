"""After a restore: what came since is read again, and no receiver misses or doubles anything."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import select

from carepath.delivery.content import bundle, cloud_event, event_code
from carepath.service import Service, ServiceOptions
from carepath.store import feed, streams
from carepath.store.database import Database
from carepath.store.positions import load
from carepath.store.tables import outbox
from carepath.store.times import micros
from schemas.topics import inbound
from tests.contract.keeping import (
    Clock,
    Make,
    Told,
    filled,
    restore_into,
    sender,
    tell,
    write,
)
from tests.integration import stories

BASE = "http://127.0.0.1:8000/fhir"
RECEIVERS = (stories.NURSING.number, stories.CASE_OFFICE.number, stories.HOSPITAL.number, "*")


@dataclass
class Receiver:
    """Follows a feed by its last number and knows by its id what it has had, as the profile asks."""

    key: str
    cursor: int = 0
    had: set[str] = field(default_factory=set)
    numbers: list[int] = field(default_factory=list)
    notices: list[int] = field(default_factory=list)

    def read(self, database: Database, clock: Clock, most: int = 10_000) -> None:
        """The next pages, up to ``most`` items."""
        with database.read() as conn:
            page = feed.after(conn, self.key, self.cursor, micros(clock()), limit=most, size=10**9)
        for item in page:
            if item.kind == feed.RESTORED:
                self.notices.append(item.number)
            self.had.add(item.id)
            self.numbers.append(item.number)
            self.cursor = item.number


def ids(database: Database, receiver: str) -> set[str]:
    """All that a receiver was ever to be told, as the store knows it."""
    mine = (outbox.c.receiver == receiver) & (outbox.c.kind != feed.RESTORED)
    with database.read() as conn:
        return {*conn.execute(select(outbox.c.id).where(mine)).scalars()}


def next_offset(database: Database, message: Told) -> int:
    """Where its sender's stream is to be read on."""
    topic = inbound(sender(message))
    with database.read() as conn:
        found = load(conn, [topic]).get((topic, 0))
    return found.next if found else 0


def read_again(service: Service, log: list[Told]) -> int:
    """What the worker does with a gap: everything from each stream's position on, one stream after the other."""
    streams: dict[str, list[Told]] = {}
    for told in log:
        streams.setdefault(sender(told), []).append(told)
    missing = [
        told
        for stream in streams.values()
        for told in stream[next_offset(service.database, stream[0]) :]
    ]
    tell(service, missing)
    return len(missing)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("had", [0, 3, 10_000])
def test_a_receiver_goes_on_across_a_restore(
    make: Make, tmp_path: Path, kind: str, had: int
) -> None:
    """However much it had read of what the backup does not know: its cursor passes nothing by."""
    clock = Clock()
    database = make(kind)
    service = filled(database, clock, people=0)
    log = [told for _ in range(2) for told in stories.hospital_stay()]
    tell(service, log[:15])
    file = write(database, tmp_path, clock())
    receivers = [Receiver(key) for key in RECEIVERS]
    for receiver in receivers:
        receiver.read(database, clock)
    tell(service, log[15:])
    for receiver in receivers:
        receiver.read(database, clock, had)
    expected = {key: ids(database, key) for key in RECEIVERS}

    for _again in range(2):  # the second time what the first restored broker told is lost, too
        restore_into(database, file, clock(), replace=True)
        after = Service(database, ServiceOptions(now=clock))
        assert read_again(after, log) == len(log) - 15
        for receiver in receivers:
            receiver.read(database, clock)
            assert expected[receiver.key] <= receiver.had
            assert receiver.numbers == sorted({*receiver.numbers})
        assert {key: ids(database, key) for key in RECEIVERS} == expected
    assert all(len(receiver.notices) == 2 for receiver in receivers)


def test_the_notice_says_only_that(make: Make, tmp_path: Path) -> None:
    """A CloudEvent of its own type without data, the first after the jump, for whoever holds no grant, too."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)
    restored_at = clock()
    restore_into(database, write(database, tmp_path, restored_at), restored_at, replace=True)
    with database.read() as conn:
        since = feed.last(conn, stories.NURSING.number) - 1
        (item,) = feed.after(conn, stories.NURSING.number, since, micros(clock()), limit=10)
        lag = feed.lag(conn)

    assert (event_code(item), item.number) == ("restored", micros(restored_at))
    assert bundle(item, BASE) is None
    assert b'"type":"example.carepath.restored.v1"' in cloud_event(item, BASE)
    assert lag[stories.NURSING.number] == len(ids(database, stories.NURSING.number)) + 1


def test_who_joins_after_the_backup_goes_on_too(make: Make, tmp_path: Path) -> None:
    """A feed the backup does not know may have been read: it begins with the notice, beyond any number."""
    clock = Clock()
    database = make("sqlite")
    service = filled(database, clock, people=0)
    file = write(database, tmp_path, clock())
    log = stories.hospital_stay()
    tell(service, log)
    receiver = Receiver(stories.NURSING.number)
    receiver.read(database, clock)
    restore_into(database, file, clock(), replace=True)
    tell(Service(database, ServiceOptions(now=clock)), log)
    receiver.read(database, clock)

    assert len(receiver.notices) == 1
    assert ids(database, receiver.key) <= receiver.had
    assert receiver.numbers == sorted({*receiver.numbers})


def test_what_kafka_may_have_had_is_sent_as_a_repeat(make: Make, tmp_path: Path) -> None:
    """Old numbers that are published again are marked; a relay's lease of then is no lease now."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)
    with database.write() as conn:
        newest = feed.last(conn, stories.HOSPITAL.number)
        conn.exec_driver_sql("UPDATE streams SET holder = 'gone', leased_until = 99, published = 3")
    restore_into(database, write(database, tmp_path, clock()), clock(), replace=True)

    with database.read() as conn:
        (stream,) = streams.listed(conn)
        (held,) = conn.exec_driver_sql("SELECT count(*) FROM streams WHERE holder IS NOT NULL")
    assert (stream.published, stream.replay_upto, held) == (3, newest, (0,))


def test_lag_is_right_when_nothing_was_restored(make: Make) -> None:
    """What was not handed over, by receiver."""
    clock = Clock()
    database = make("sqlite")
    filled(database, clock, people=1)
    every = ids(database, stories.NURSING.number)
    with database.write() as conn:
        feed.delivered(conn, {stories.NURSING.number: 4}, micros(clock()))
    with database.read() as conn:
        assert feed.lag(conn)[stories.NURSING.number] == len(every) - 4
