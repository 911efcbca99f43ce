"""Feeds on both stores: numbers without gaps, rights at delivery, what was handed over."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest
from sqlalchemy import select

from carepath.delivery.relay import Relay
from carepath.store import feed, numbering
from carepath.store.database import Database
from carepath.store.tables import feeds, outbox
from tests.contract.stored import NOW, granted, opened, put, sent, taken_in

RECEIVERS = ("north", "south", "*")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def number(database: Database, limit: int = 1000) -> dict[str, int]:
    """One round of numbering in a transaction of its own."""
    with database.write() as conn:
        return numbering.number(conn, limit)


def read(database: Database, receiver: str, since: int = 0, limit: int = 100) -> list[feed.Item]:
    """A page of a feed."""
    with database.read() as conn:
        return feed.after(conn, receiver, since, NOW, limit=limit)


def numbers(database: Database) -> dict[str, list[int]]:
    """All numbers given, by receiver."""
    with database.read() as conn:
        wanted = select(outbox.c.receiver, outbox.c.number).order_by(outbox.c.number)
        given: dict[str, list[int]] = {}
        for receiver, value in conn.execute(wanted):
            given.setdefault(receiver, []).append(value)
        return given


def test_each_feed_counts_from_one_in_order_of_creation(database: Database) -> None:
    """The oldest row is first, whatever its id; another receiver's feed has numbers of its own."""
    sent(database, "north", "b", created=1)
    sent(database, "north", "a", created=2)
    sent(database, "south", "c", created=3)

    assert number(database) == {"north": 2, "south": 1}
    assert [(item.number, item.id) for item in read(database, "*")] == []
    assert [(item.number, item.id) for item in read(database, "south")] == [(1, "c")]
    with database.read() as conn:
        found = conn.execute(select(outbox.c.number).where(outbox.c.id == "b")).scalar()
        assert (found, feed.last(conn, "north"), feed.pending(conn)) == (1, 2, 0)


def test_numbering_goes_on_where_it_stopped(database: Database) -> None:
    """A round may be cut short by its limit; nothing is left out and nothing numbered twice."""
    for created in range(7):
        sent(database, "north", f"id{created}", created=created)

    rounds = [number(database, limit=3) for _ in range(4)]

    assert rounds == [{"north": 3}, {"north": 6}, {"north": 7}, {}]
    assert numbers(database) == {"north": [1, 2, 3, 4, 5, 6, 7]}


def test_racing_relays_leave_no_gap_and_double_nothing(database: Database) -> None:
    """Four relays number while four writers add: every feed still counts from one, by one."""
    each, writers = 15, 4

    def write(writer: int) -> None:
        for n in range(each):
            for receiver in RECEIVERS:
                sent(database, receiver, f"{writer}-{n}-{receiver}", created=n)

    def relay() -> list[tuple[str, int]]:
        relay_, grown = Relay(database), []
        while not done:
            grown += [*relay_.round().items()]
        return grown

    done: list[bool] = []
    with ThreadPoolExecutor(8) as pool:
        relays = [pool.submit(relay) for _ in range(4)]
        for finished in [pool.submit(write, writer) for writer in range(writers)]:
            finished.result()
        done.append(True)
        told = [*chain.from_iterable(finished.result() for finished in relays)]
    while number(database):
        pass

    expected = [*range(1, each * writers + 1)]
    assert numbers(database) == dict.fromkeys(sorted(RECEIVERS), expected)
    assert len(told) == len(set(told)), "two relays gave out the same number"


def test_a_writers_clock_that_runs_ahead_withholds_nothing(database: Database) -> None:
    """Two machines' clocks are never the same, and a right that is written holds."""
    taken_in(database, "e", b"{}")
    granted(database, "north", "e", since=NOW + 10_000)
    sent(database, "north", "a", event="e", patient="p")
    number(database)
    (seen,) = read(database, "north")
    assert not seen.withheld


def test_right_is_tried_at_delivery(database: Database) -> None:
    """Without a grant that holds now, the number stays and everything else is withheld."""
    taken_in(database, "e1", b'{"resourceType":"Bundle"}')
    for receiver in ("north", "south", "*"):
        sent(database, receiver, f"e1-{receiver}", event="e1", patient="p")
    granted(database, "north", "e1")
    granted(database, "south", "e1", until=NOW)  # has just ended
    number(database)

    (seen,), (withheld,), (operators,) = (read(database, r) for r in ("north", "south", "*"))

    assert (seen.withheld, seen.source, seen.patient) == (False, b'{"resourceType":"Bundle"}', "p")
    assert (withheld.withheld, withheld.source, withheld.patient) == (True, None, None)
    assert (withheld.number, operators.source) == (1, seen.source)


def test_what_the_broker_tells_of_a_patient_needs_a_grant_too(database: Database) -> None:
    """A summary goes only to who may see something of the patient; a receipt goes to anyone."""
    sent(database, "north", "s", body=b"{}", patient="p", kind="handover-summary", event="e")
    sent(database, "north", "r", body=b"{}", patient="p", kind="acknowledgement", event="e")
    number(database)
    assert {item.id: item.withheld for item in read(database, "north")} == {"s": True, "r": False}

    granted(database, "north", "another-event")

    assert [item.body for item in read(database, "north")] == [b"{}", b"{}"]


def test_a_summary_goes_with_the_right_to_what_it_was_made_for(database: Database) -> None:
    """Whoever may no longer see the event by which they joined does not get its handover summary either."""
    sent(database, "north", "s", body=b"{}", patient="p", kind="handover-summary", event="e")
    number(database)
    granted(database, "north", "another-event")
    granted(database, "north", "e", until=NOW)
    assert [item.withheld for item in read(database, "north")] == [True]


def test_pages_follow_the_cursor(database: Database) -> None:
    """Reading on from the last number gives every item once."""
    sent(database, "*", *(f"id{n}" for n in range(5)))
    number(database)

    first = read(database, "*", limit=3)
    second = read(database, "*", since=first[-1].number, limit=3)

    assert [item.number for item in (*first, *second)] == [1, 2, 3, 4, 5]


def test_a_page_has_an_end_in_bytes(database: Database) -> None:
    """One item always, however large; a second only while the first ones are small, as they are stored."""
    mark = 4 + 16 + 12 + 16  # version, key id, nonce and tag
    taken_in(database, "e", b"s" * (70 - mark))
    sent(database, "*", "a", "b", "c", body=b"b" * (60 - mark))
    sent(database, "*", "d", event="e", created=1)
    sent(database, "*", "e", created=2)
    number(database)

    def page(since: int, size: int) -> list[int]:
        with database.read() as conn:
            found = feed.after(conn, "*", since, NOW, limit=9, size=size)
        return [item.number for item in found]

    assert [page(0, size) for size in (1, 60, 61, 180, 181, 250, 251)] == [
        [1],
        [1],
        [1, 2],
        [1, 2, 3],
        [1, 2, 3, 4],
        [1, 2, 3, 4],
        [1, 2, 3, 4, 5],
    ]
    assert page(3, 1) == [4]


def test_handed_over_only_rises(database: Database) -> None:
    """An older report of what was handed over changes nothing."""
    put(database, feeds, {"receiver": "north", "last": 9, "delivered": 0})
    for newest, at in ((4, 100), (2, 200), (7, 300)):
        with database.write() as conn:
            feed.delivered(conn, {"north": newest}, at)

    with database.read() as conn:
        assert feed.lag(conn) == {"north": 2}
        row = conn.execute(select(feeds.c.delivered, feeds.c.delivered_at)).one()
        assert tuple(row) == (7, 300)
