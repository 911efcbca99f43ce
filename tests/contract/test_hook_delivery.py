"""Rest-hooks on both stores, with a subscriber that listens: several servers share the work."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from carepath.delivery.hooks import Hooks, Options
from carepath.delivery.relay import Relay
from carepath.delivery.targets import Reach
from carepath.store import feed, subscriptions
from carepath.store.database import Database
from pathways.subscriptions import SubscriptionStatus
from tests.contract.stored import KEYS, opened, sent
from tests.contract.test_hooks import found, subscribe
from tests.integration.subscriber import Reply, Subscriber
from tests.servers import free_port

REQUESTED = SubscriptionStatus.REQUESTED


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


@pytest.fixture
def subscriber() -> Iterator[Subscriber]:
    """A subscriber that listens."""
    made = Subscriber(free_port())
    with made.up():
        yield made


@asynccontextmanager
async def serving(database: Database) -> AsyncIterator[list[tuple[str, float]]]:
    """A server's part in it; what it told of its calls."""
    calls: list[tuple[str, float]] = []
    relay = Relay(database)

    def seen(outcome: str, seconds: float) -> None:
        calls.append((outcome, seconds))

    options = Options(base_url="https://broker.example/fhir", reach=Reach(loopback=True), seen=seen)
    with relay.running():
        async with Hooks(database, relay, options, poll=0.1).running():
            yield calls


async def until(holds: Callable[[], object]) -> None:
    """Wait for something that must come true."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "it did not come in time"
        await asyncio.sleep(0.02)


def ask(database: Database, subscriber: Subscriber, *ids: str, **more: Any) -> None:
    """Subscriptions, each with a path of its own."""
    for id_ in ids:
        url = f"http://127.0.0.1:{subscriber.port}/{id_}"
        subscribe(database, id_, status=REQUESTED, numbered=0, endpoint=url, **more)


def taken(subscriber: Subscriber) -> dict[str, list[int]]:
    """The numbers that were answered with 2xx, by path, in the order they came."""
    got = [one for one in subscriber.events() if one.status == 200]
    paths = sorted({one.path for one in got})
    return {
        path: [number for one in got if one.path == path for number in one.numbers]
        for path in paths
    }


def test_two_servers_share_the_work(database: Database, subscriber: Subscriber) -> None:
    """Everything once, in order, to everyone; the second goes on where the first has left."""
    ids = [f"s{n}" for n in range(6)]

    async def go() -> None:
        ask(database, subscriber, *ids)
        async with serving(database):
            async with serving(database):
                for n in range(30):
                    sent(database, feed.OPERATOR, f"a{n}", created=n + 1)
                    await asyncio.sleep(0.01)
            sent(database, feed.OPERATOR, "last", created=99)
            every = {f"/{id_}": [*range(1, 32)] for id_ in ids}
            await until(lambda: taken(subscriber) == every)

    asyncio.run(go())
    assert [found(database, id_).delivered for id_ in ids] == [31] * 6
    assert len([got for got in subscriber.got if got.kind == "handshake"]) == 6


def test_an_error_and_its_end(database: Database, subscriber: Subscriber) -> None:
    """Three tries, error; asked anew, a handshake and the same numbers again; its neighbour has had them."""

    async def go() -> list[tuple[str, float]]:
        ask(database, subscriber, "a")
        async with serving(database) as calls:
            await until(lambda: found(database, "a").status is SubscriptionStatus.ACTIVE)
            subscriber.usual = Reply(500)
            sent(database, feed.OPERATOR, "x")
            await until(lambda: found(database, "a").status is SubscriptionStatus.ERROR)
            subscriber.usual = Reply()
            ask(database, subscriber, "b")
            sent(database, feed.OPERATOR, "y")
            await until(lambda: "/b" in taken(subscriber))
            assert "/a" not in taken(subscriber)
            with database.write() as conn:
                again = replace(found(database, "a"), status=REQUESTED, tries=0, error=None)
                subscriptions.change(conn, KEYS, again)
            await until(lambda: taken(subscriber).get("/a") == [1, 2])
        return calls

    outcomes = [outcome for outcome, _ in asyncio.run(go())]
    assert outcomes.count("error-response") == 3
    assert [got.numbers for got in subscriber.events() if got.path == "/a"][:3] == [[1]] * 3
    assert taken(subscriber)["/b"] == [1]
