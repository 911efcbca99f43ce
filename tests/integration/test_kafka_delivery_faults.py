"""Brokers and publishers that stop, die and come back: every number arrives, in order in each partition."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from carepath.store.database import Database
from schemas.broker import Broker
from tests import kafka
from tests.contract.stored import opened
from tests.integration.kafka_topics import (
    entered,
    in_order,
    make,
    number_of,
    numbered,
    organisation,
    reading,
    told,
    updates_of,
)
from tests.integration.publishing import publisher, publishing
from tests.integration.serving import serving
from tests.servers import PATIENCE, free_port


class Load:
    """Messages for some organisations all the while, from a thread of its own."""

    def __init__(self, database: Database, parties: list[str]) -> None:
        self.database, self.parties = database, parties
        self.sent = dict.fromkeys(parties, 0)
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """While inside."""
        self._thread.start()
        try:
            yield
        finally:
            self._enough.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._enough.wait(0.03):
            for party in self.parties:
                self.sent[party] += 1
                n = self.sent[party]
                told(self.database, party, f"m{n:05}", patients=1, created=n)
            numbered(self.database)


def arrived(broker: Broker, load: Load, patience: float = PATIENCE) -> None:
    """All that was sent is there, in order."""
    for party in load.parties:
        with reading(broker, *updates_of(party)) as reader:
            records = reader.until_numbers(*range(1, load.sent[party] + 1), patience=patience)
            assert in_order(records)
            assert {number_of(record) for record in records} == {*range(1, load.sent[party] + 1)}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Node]:
    """A broker of this module's own."""
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as node:
        yield node


async def test_a_broker_that_stands_still_and_one_that_is_killed(
    sqlite_url: str, node: kafka.Node
) -> None:
    """What comes meanwhile arrives within seconds of its return."""
    parties = [organisation() for _ in range(3)]
    make(node.settings(), *updates_of(*parties))
    with opened(sqlite_url) as database:
        entered(database, *parties)
        load = Load(database, parties)
        async with publishing(database, node.settings()):
            with load.flowing():
                await asyncio.sleep(1)
                node.freeze()
                await asyncio.sleep(15)
                node.thaw()
                await asyncio.sleep(4)
                node.kill()
                await asyncio.sleep(2)
                await asyncio.to_thread(node.start)
                await asyncio.sleep(1)
            await asyncio.to_thread(arrived, node.settings(), load, 15.0)


def test_a_publisher_that_stands_still_and_one_that_is_killed(
    postgresql_url: str, kafka_server: str
) -> None:
    """The other takes over; whoever wakes up later does no harm."""
    broker = Broker(bootstrap=(kafka_server,))
    parties = [organisation() for _ in range(3)]
    make(broker, *updates_of(*parties))
    with opened(postgresql_url) as database:
        entered(database, *parties)
        load = Load(database, parties)
        with publisher(postgresql_url, broker) as one, publisher(postgresql_url, broker) as other:
            with load.flowing():
                time.sleep(4)
                one.send_signal(signal.SIGSTOP)
                time.sleep(17)
                one.send_signal(signal.SIGCONT)
                time.sleep(1)
                other.kill()
            arrived(broker, load)


async def test_without_a_broker_it_waits_and_leaves_at_once(sqlite_url: str) -> None:
    """Nothing is claimed that could not be sent, and leaving takes no time."""
    with opened(sqlite_url) as database:
        entered(database, "north")
        told(database, "north", "a")
        async with publishing(database, Broker(bootstrap=(f"127.0.0.1:{free_port()}",))):
            await asyncio.sleep(1)
            began = time.monotonic()
        assert time.monotonic() - began < 1


async def test_leaving_a_broker_that_stands_still_takes_seconds(
    sqlite_url: str, node: kafka.Node
) -> None:
    """Less than the five that a worker has to end."""
    party = organisation()
    make(node.settings(), *updates_of(party))
    with opened(sqlite_url) as database:
        entered(database, party)
        async with publishing(database, node.settings()) as relay:
            await asyncio.sleep(1)
            node.freeze()
            told(database, party, "a")
            relay.wake()
            await asyncio.sleep(1)
            began = time.monotonic()
        took = time.monotonic() - began
        node.thaw()
        assert took < 4


def test_the_server_serves_while_kafka_is_away(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ready, and it ends when it is told to."""
    monkeypatch.setenv("CAREPATH_KAFKA", f"127.0.0.1:{free_port()}")
    with serving(sqlite_url, tmp_path / "log") as server:
        assert httpx.get(f"{server.url}/readyz", trust_env=False).is_success
        time.sleep(1)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    log = (tmp_path / "log").read_text()
    assert log.count("kafka is away") == 1
    assert "Traceback" not in log
