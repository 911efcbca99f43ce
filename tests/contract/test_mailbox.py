"""Mailboxes on both stores: nothing is given after it was confirmed, everything is until then."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from carepath.store import feed, mailbox, numbering
from carepath.store.database import Database
from carepath.store.mailbox import Mailbox
from carepath.store.tables import deliveries, feeds
from pathways.refusals import Reason
from tests.contract.keeping import Clock, Make, filled, restore_into, write
from tests.contract.stored import NOW, opened, sent
from tests.integration import stories

RECEIPT: Any = {"kind": "acknowledgement", "body": b"{}"}
"""What needs no grant to be seen."""


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def number(database: Database) -> None:
    """What the relay does."""
    with database.write() as conn:
        while numbering.number(conn):
            pass


def standing(database: Database, receiver: str = "north") -> Mailbox:
    """How a mailbox stands."""
    with database.read() as conn:
        return mailbox.mailbox(conn, receiver)


def fetch(
    database: Database, receiver: str = "north", *, after: int = 0, limit: int = 50
) -> list[tuple[int, str]]:
    """A page: number and outbox id."""
    with database.read() as conn:
        box = mailbox.mailbox(conn, receiver)
        found = mailbox.page(conn, receiver, box, after, NOW, limit=limit)
    return [(item.number, item.id) for item in found]


def confirm(
    database: Database, upto: int, receiver: str = "north", *, now: int = NOW
) -> Reason | None:
    """Why not, if it was refused."""
    with database.write() as conn:
        refusal = mailbox.confirm(conn, receiver, upto, now)
    return refusal.reason if refusal else None


def test_what_is_confirmed_is_not_given_again_and_all_else_is(database: Database) -> None:
    """The same page as often as it is asked for; after the confirm what follows."""
    sent(database, "north", "a", "b", "c", **RECEIPT)
    number(database)
    assert fetch(database) == fetch(database) == [(1, "a"), (2, "b"), (3, "c")]
    assert standing(database) == Mailbox(confirmed=0, last=3, waiting=3)

    assert confirm(database, 2) is None

    assert fetch(database) == [(3, "c")]
    assert fetch(database, after=1) == [(3, "c")]  # not even to who asks for it
    assert standing(database) == Mailbox(confirmed=2, last=3, waiting=1)


def test_who_was_never_sent_anything_has_an_empty_mailbox(database: Database) -> None:
    """It has nothing to confirm, either."""
    assert (fetch(database), standing(database)) == ([], Mailbox(0, 0, 0))
    assert confirm(database, 0) is confirm(database, 1) is Reason.INVALID


def test_one_can_read_on_before_confirming(database: Database) -> None:
    """Page by page from a number; the cursor stays where it is."""
    sent(database, "north", *"abcde", **RECEIPT)
    number(database)
    first = fetch(database, limit=2)
    second = fetch(database, after=first[-1][0], limit=2)
    assert [*first, *second] == [(1, "a"), (2, "b"), (3, "c"), (4, "d")]
    assert standing(database).confirmed == 0


def test_to_confirm_again_changes_nothing(database: Database) -> None:
    """Not even when it was delivered."""
    sent(database, "north", "a", "b", **RECEIPT)
    number(database)
    assert confirm(database, 1, now=100) is None
    assert confirm(database, 1, now=200) is None
    with database.read() as conn:
        assert conn.execute(select(deliveries)).all() == [("north", 1, 100)]


def test_there_is_no_going_back_and_no_going_beyond(database: Database) -> None:
    """Less than was confirmed, what there is not yet, what another receiver has."""
    sent(database, "north", "a", "b", "c", **RECEIPT)
    sent(database, "south", *"defgh", **RECEIPT)
    number(database)
    assert confirm(database, 2) is None

    assert confirm(database, 1) is Reason.CONFLICT
    assert confirm(database, 4) is Reason.INVALID

    assert standing(database) == Mailbox(confirmed=2, last=3, waiting=1)
    assert standing(database, "south").confirmed == 0


def test_only_what_is_confirmed_is_delivered(database: Database) -> None:
    """To be asked for is no delivery: the answer may be lost on its way. What went by another way stays delivered."""
    sent(database, "north", "a", "b", "c", **RECEIPT)
    number(database)
    fetch(database)
    with database.read() as conn:
        assert feed.lag(conn) == {"north": 3}
    confirm(database, 2)
    with database.read() as conn:
        assert feed.lag(conn) == {"north": 1}
    with database.write() as conn:
        feed.delivered(conn, {"north": 3}, NOW)
    confirm(database, 2)
    with database.read() as conn:
        assert feed.lag(conn) == {"north": 0}
    assert fetch(database) == [(3, "c")]


def test_two_readers_at_once(database: Database) -> None:
    """Both are given the same; whoever confirms first or twice, the furthest counts."""
    sent(database, "north", *(f"id{n:02}" for n in range(40)), **RECEIPT)
    number(database)

    def reader(upto: int) -> Reason | None:
        assert fetch(database, after=39) == [(40, "id39")]
        return confirm(database, upto)

    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(reader, [5, 17, 5, 17, 9, 13, 17]))

    assert {*said} <= {None, Reason.CONFLICT}
    assert said[1] is said[3] is said[6] is None
    assert standing(database) == Mailbox(confirmed=17, last=40, waiting=23)


@dataclass
class Receiver:
    """Works off what it is given, in order, knowing by its id what it has had; it may die at any moment."""

    name: str
    seen: list[str] = field(default_factory=list)
    given: list[tuple[int, str]] = field(default_factory=list)

    def work(self, page: list[tuple[int, str]]) -> None:
        """Do what is there."""
        self.given = page
        assert [number for number, _ in page] == sorted({number for number, _ in page})
        self.seen += [id_ for _, id_ in page if id_ not in self.seen]


STEPS = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 4)),
    st.tuples(st.just("number"), st.just(0)),
    st.tuples(st.just("fetch"), st.integers(1, 3)),
    st.tuples(st.just("read on"), st.integers(1, 3)),
    st.tuples(st.just("confirm"), st.integers(0, 3)),
    st.tuples(st.just("any confirm"), st.integers(0, 12)),
    st.tuples(st.just("restored"), st.just(0)),
)


@given(steps=st.lists(STEPS, max_size=25))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_is_lost_and_the_order_holds(
    database: Database, steps: list[tuple[str, int]]
) -> None:
    """Whatever comes between what: all that was sent is worked off in order, and told to be waiting until then."""
    receiver = Receiver(f"r{next(_FRESH)}")
    expected: list[str] = []
    for step, value in [*steps, ("number", 0)]:
        before = standing(database, receiver.name).confirmed
        _step(database, receiver, expected, step, value)
        box = standing(database, receiver.name)
        assert box.confirmed >= before
        assert len(fetch(database, receiver.name, limit=1000)) == box.waiting
    while page := fetch(database, receiver.name, limit=3):
        receiver.work(page)
        assert confirm(database, page[-1][0], receiver.name) is None
    mine = {*expected}
    assert [id_ for id_ in receiver.seen if id_ in mine] == expected
    assert standing(database, receiver.name).waiting == 0


_FRESH = count()


def _step(
    database: Database, receiver: Receiver, expected: list[str], step: str, value: int
) -> None:
    if step == "send":
        ids = [f"m{next(_FRESH):09}" for _ in range(value)]
        sent(database, receiver.name, *ids, created=next(_FRESH), **RECEIPT)
        expected += ids
    elif step == "number":
        number(database)
    elif step == "restored":
        with database.write() as conn:
            feed.begin_anew(conn, NOW)
    elif step == "fetch":
        receiver.work(fetch(database, receiver.name, limit=value))
    elif step == "read on" and receiver.given:
        after = receiver.given[-1][0]
        receiver.work(fetch(database, receiver.name, after=after, limit=value) or receiver.given)
    elif step == "confirm" and receiver.given:
        upto = receiver.given[min(value, len(receiver.given) - 1)][0]
        assert confirm(database, upto, receiver.name) in {None, Reason.CONFLICT}
    elif step == "any confirm" and value <= len(receiver.seen):
        confirm(database, value, receiver.name)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_mailbox_goes_on_across_a_restore(make: Make, tmp_path: Path, kind: str) -> None:
    """What was confirmed before the backup stays so, what was after it is given again under the id it had."""
    clock, receiver = Clock(), stories.NURSING.number
    database = make(kind)
    filled(database, clock, people=1)
    had = fetch(database, receiver)
    assert confirm(database, had[2][0], receiver) is None
    file = write(database, tmp_path, clock())
    assert confirm(database, had[-1][0], receiver) is None
    assert fetch(database, receiver) == []

    restore_into(database, file, clock(), replace=True)

    *again, (notice, _) = fetch(database, receiver)
    assert again == had[3:]
    assert standing(database, receiver) == Mailbox(had[2][0], notice, len(again) + 1)
    assert confirm(database, had[-1][0] + 1, receiver) is Reason.INVALID  # where numbers jump
    assert confirm(database, notice, receiver) is None
    assert standing(database, receiver) == Mailbox(notice, notice, 0)
    with database.read() as conn:
        delivered = select(feeds.c.delivered).where(feeds.c.receiver == receiver)
        assert conn.execute(delivered).scalar() == notice
