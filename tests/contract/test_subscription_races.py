"""Many at once: senders, relays, and clients that change their minds. Numbers have no gaps, whoever is first."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count, product
from typing import Any

import pytest
from sqlalchemy import select

from carepath.store import feed, numbering, subscriptions
from carepath.store.database import Database, open_database
from carepath.store.tables import outbox, subscription_events
from pathways.subscriptions import SubscriptionStatus, Topic
from tests.contract.stored import KEYS, sent
from tests.contract.test_subscriptions import changed, events, number, subscribe

ROUNDS = 30
CHOICES = (
    (SubscriptionStatus.REQUESTED, Topic.STAY),
    (SubscriptionStatus.OFF, Topic.REFERRAL),
)
RECEIVERS = (feed.OPERATOR, "k")


@pytest.fixture
def store(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with closing(open_database(database_url, KEYS)) as database:
        yield database


def together(*works: Callable[[], None]) -> None:
    """Run them at once; their faults are ours."""
    faults: list[Exception] = []

    def run(work: Callable[[], None]) -> None:
        try:
            for _ in range(ROUNDS):
                work()
        except Exception as fault:  # noqa: BLE001 -- raised below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]


def test_who_makes_one_only_where_there_is_none_is_alone(store: Database) -> None:
    """Looking and making are one step: two at once would both find none."""
    inside: list[str] = []

    def look_and_make() -> None:
        with store.write() as conn:
            subscriptions.wait_for_turn(conn)
            inside.append("I am")
            time.sleep(0.001)
            assert inside == ["I am"]
            inside.clear()

    together(look_and_make, look_and_make)


def test_numbers_have_no_gaps_whoever_is_first(store: Database) -> None:
    """Two relays share the feeds; one Subscription is turned off and on, one changes what it wants."""
    for receiver, id_ in product(RECEIVERS, ("steady", "fickle", "choosy")):
        subscribe(store, f"{id_}-{receiver}", receiver=receiver)
    numbers, turns = count(), count()

    def send() -> None:
        here = next(numbers)
        for receiver in RECEIVERS:
            sent(store, receiver, f"{receiver}{here:04}", created=here)

    def relay() -> None:
        with store.write() as conn:
            numbering.number(conn, 3)

    def turn() -> None:
        turned = next(turns)
        on, topic = CHOICES[turned % 2]
        for receiver in RECEIVERS:
            changed(store, f"fickle-{receiver}", status=on)
            changed(store, f"choosy-{receiver}", subscription={"topic": topic})

    together(send, relay, relay, turn, send)
    number(store)

    for receiver in RECEIVERS:
        check(store, receiver)
    assert_nothing_else(store)


def check(database: Database, receiver: str) -> None:
    """Whoever wanted all has it all; the others have some of it, in its order, under numbers without gaps."""
    every = in_feed(database, receiver)
    assert len(every) == 2 * ROUNDS
    assert events(database, f"steady-{receiver}") == [*enumerate(every, start=1)]
    for id_ in ("fickle", "choosy"):
        had = events(database, f"{id_}-{receiver}")
        assert [number for number, _ in had] == [*range(1, len(had) + 1)]
        items = [item for _, item in had]
        assert [item for item in every if item in items] == items


def in_feed(database: Database, receiver: str) -> list[str]:
    """The ids of the feed, in its order."""
    mine = select(outbox.c.id).where(outbox.c.receiver == receiver).order_by(outbox.c.number)
    with database.read() as conn:
        return [*conn.execute(mine).scalars()]


def assert_nothing_else(database: Database) -> None:
    """Every event is of the feed of its Subscription's receiver."""
    wanted: Any = select(subscription_events.c.subscription, outbox.c.receiver).join(
        outbox, outbox.c.id == subscription_events.c.item
    )
    with database.read() as conn:
        assert all(id_.endswith(f"-{receiver}") for id_, receiver in conn.execute(wanted))
