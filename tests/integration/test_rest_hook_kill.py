"""kill -9 while notifications flow: none is lost, none gets another number, whatever the server was doing."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from carepath.store.tables import subscriptions
from tests.contract.stored import opened
from tests.integration.backport import subscription
from tests.integration.hooking import count
from tests.integration.serving import Server
from tests.integration.stories import Resource
from tests.integration.subscriber import Subscriber, until
from tests.integration.talk import FHIR, events
from tests.integration.traffic import Address, Load
from tests.servers import free_port

Start = Callable[[str], Server]

KILLS = 6
CLIENTS = 2
FAILPOINTS = ("mid_webhook", "after_webhook_before_mark")
ASKED: Sequence[dict[str, Any]] = (
    {"max_count": 1},
    {"max_count": 5, "content": "full-resource"},
    {},
)
"""What the Subscriptions are; all of everything."""


@pytest.fixture
def start(fresh_server: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start servers that are one installation: the same key, and one address whatever port they get."""
    monkeypatch.setenv("CAREPATH_KEY_FILE", str(tmp_path / "installation.key"))
    monkeypatch.setenv("CAREPATH_BASE_URL", "http://carepath.test")
    monkeypatch.setenv("CAREPATH_ALLOW_LOOPBACK_HOOKS", "yes")
    return fresh_server


@pytest.fixture
def subscribers() -> Iterator[list[Subscriber]]:
    """One for each Subscription, all up."""
    made = [Subscriber(free_port()) for _ in ASKED]
    with ExitStack() as up:
        for one in made:
            up.enter_context(one.up())
        yield made


@pytest.mark.timeout(300)
def test_kill_9_loses_no_notification(
    start: Start,
    database_url: str,
    subscribers: list[Subscriber],
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Six times: at any moment, in the middle of a POST, and between an answer and the note of it."""
    chance, address = random.Random(seed), Address()
    server = start(database_url)
    ids = [subscribe(server, *one) for one in zip(subscribers, ASKED, strict=True)]
    until(lambda: all(one.got for one in subscribers))
    with Load(address, seed).running(CLIENTS):
        for kill in range(KILLS):
            if kill % 3 == 0:
                address.up(server.url)
                wait_for_more(subscribers)
                time.sleep(chance.uniform(0, 0.4))
                server.process.kill()
                server.process.wait(20)
                address.down()
            else:
                place = f"{FAILPOINTS[kill % 3 - 1]}:{chance.randint(2, 12)}"
                with monkeypatch.context() as environment:
                    environment.setenv("CAREPATH_FAILPOINT", place)
                    die_by_itself(start, database_url, address)
            give_back(database_url)
            if kill % 3 == 2 or kill + 1 == KILLS:
                server = start(database_url)
        address.up(server.url)
    assert_all_came(server, dict(zip(ids, subscribers, strict=True)))


def die_by_itself(start: Start, url: str, address: Address) -> None:
    """A server that dies at its failpoint, for which there may be enough to send before it is ready."""
    with suppress(RuntimeError):  # it was never ready
        server = start(url)
        address.up(server.url)
        server.process.wait(20)
        address.down()


def wait_for_more(subscribers: list[Subscriber]) -> None:
    """Until anything comes."""
    before = sum(len(one.got) for one in subscribers)
    until(lambda: sum(len(one.got) for one in subscribers) > before)


def subscribe(server: Server, subscriber: Subscriber, asked: dict[str, Any]) -> str:
    """The id of a new Subscription."""
    wanted = subscription(subscriber.url, **asked)
    url = f"{server.fhir}/Subscription"
    made = httpx.post(url, json=wanted, headers={"Content-Type": FHIR}, trust_env=False)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def give_back(url: str) -> None:
    """As if the leases of the server that died had run out."""
    with opened(url) as database, database.write() as connection:
        connection.execute(update(subscriptions).values(leased_until=0))


def assert_all_came(server: Server, subscribers: dict[str, Subscriber]) -> None:
    """Each subscriber was told of everything in the feed, in its order, under numbers without a gap."""
    with httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        for id_, subscriber in subscribers.items():
            until(lambda: {*subscriber.taken()} == {*range(1, count(client, id_) + 1)}, 60)  # noqa: B023
            number = count(client, id_)
            feed = events(server.url, number, params={"since": 0})
            assert number > KILLS, "there was hardly any load"
            told = first_told(subscriber)
            assert [*told] == [*range(1, number + 1)]
            assert [*told.values()] == [event["id"] for _, _, event in feed]


def first_told(subscriber: Subscriber) -> dict[int, str]:
    """What each number stands for, in the order in which numbers first came; the same each time."""
    found: dict[int, str] = {}
    for got in subscriber.events():
        numbers = got.numbers
        assert numbers == [*range(numbers[0], numbers[0] + len(numbers))]
        for number, message in zip(numbers, messages(got.notification), strict=True):
            assert found.setdefault(number, message) == message
    return found


def messages(notification: Resource) -> list[str]:
    """The ids of the messages that its events are about."""
    told = notification["entry"][0]["resource"]["parameter"]
    return [
        next(
            part["valueReference"]["reference"].rpartition("/Bundle/")[2]
            for part in event["part"]
            if "/Bundle/" in part.get("valueReference", {}).get("reference", "")
        )
        for event in told
        if event["name"] == "notification-event"
    ]
