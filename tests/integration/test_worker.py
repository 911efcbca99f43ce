"""A real worker between a real Kafka and a real database: everything comes through once, whatever happens to it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from aiokafka import AIOKafkaProducer
from kafka import TopicPartition
from kafka.errors import KafkaError, NoError
from kafka.structs import OffsetAndMetadata
from psycopg import sql

from schemas.topics import INTAKE_GROUP, inbound
from tests import kafka
from tests.contract import matters
from tests.contract.test_streamed import admission
from tests.integration.intake import GP, PARTITIONS, ROOT, Site, site, until
from tests.integration.kafka_topics import organisation
from tests.kafka import Node
from tests.servers import PATIENCE


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A broker for these tests alone: all workers of a broker are in one group."""
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as node:
        yield node


@pytest.fixture
def here(node: Node, postgresql_url: str, tmp_path: Path) -> Iterator[Site]:
    """A site without organisations but the GP."""
    with site(node.settings(), postgresql_url, tmp_path) as made:
        made.clear_group()
        yield made


@pytest.fixture
def org(here: Site) -> str:
    """An organisation with a topic."""
    return newcomer(here)


def newcomer(here: Site) -> str:
    """Another one."""
    org = organisation()
    here.enter(org)
    here.make(org)
    return org


def told(org: str, *numbers: int) -> list[bytes]:
    """Messages from the organisation."""
    return [admission(number, org) for number in numbers]


def ids(*numbers: int) -> list[str]:
    """Their ids."""
    return [matters.message_id(number) for number in numbers]


def test_records_come_to_the_timeline_and_receipts_to_the_senders_feed(
    here: Site, org: str
) -> None:
    """In order; no port is opened; it says whether it is well, and stops when it is told to."""
    with here.working() as worker:
        here.send(org, *told(org, *range(20)))
        until(lambda: here.told(GP, "admission") == ids(*range(20)), worker.log.read_text)
        until(lambda: len(here.told(org, "acknowledgement")) == 20)
        assert sorted(here.taken()) == ids(*range(20))
        assert worker.ports() == []
        assert here.healthy() == 0
        assert worker.stop() < 5
        assert worker.ends() == 0
        assert here.healthy() == 1


def test_poison_is_parked_with_its_reason_and_the_partition_goes_on(here: Site) -> None:
    """A tombstone, nothing, other bytes, another's message, one that is too big; a header that is none."""
    org, other = organisation(), newcomer(here)
    here.enter(org)
    here.make(org, **{"max.message.bytes": "20000000"})
    poison = [None, b"", b"\xff\x00", b"{", *told(other, 7), b"[" * 100_000, b" " * 6_000_000]
    with here.working() as worker:
        here.send(org, *told(org, 0), *poison, *told(org, 1), *told(org, 0))
        here.send(org, *told(org, 2), headers=[("content-type", b"a/b\x00\xff")])
        until(lambda: len(here.taken()) == 3, worker.log.read_text)
    assert sorted(here.taken()) == ids(0, 1, 2)
    by_size = sorted(here.aside(), key=lambda parked: len(parked[1] or b""))
    assert [source for _, source in by_size] == sorted((p or b"" for p in poison), key=len)
    reasons = [reason for reason, _ in by_size]
    assert reasons == [*["malformed"] * 4, "forbidden", "malformed", "too-large"]
    assert here.told(GP, "admission") == ids(0, 1, 2)


def test_a_new_organisation_is_read_as_soon_as_its_topic_is_there(here: Site) -> None:
    """The first one, and others while the worker runs; nothing is lost meanwhile. Not in the directory: not read."""
    stranger = organisation()
    here.make(stranger)
    here.send(stranger, b"nobody reads this")
    with here.working() as worker:
        until(lambda: here.healthy() == 0)  # it waits, and is well
        first = newcomer(here)
        here.send(first, *told(first, 0))
        until(lambda: here.taken() == ids(0), worker.log.read_text)
        other = newcomer(here)
        here.send(other, *told(other, 1))
        until(lambda: sorted(here.taken()) == ids(0, 1), worker.log.read_text)
        assert worker.process.poll() is None
    assert here.aside() == []
    assert [here.active(org) for org in (first, other, stranger)] == [True, True, False]


def test_told_to_stop_while_it_begins_anew_it_stops(here: Site, org: str) -> None:
    """The signal is not lost between the process and the one that takes its place."""
    with here.working() as worker:
        here.send(org, *told(org, 0))
        until(lambda: here.taken() == ids(0), worker.log.read_text)
        newcomer(here)
        latest = time.monotonic() + PATIENCE
        while '"worker ends"' not in worker.log.read_text():
            assert time.monotonic() < latest
            time.sleep(0.01)
        assert worker.stop() < 5
        assert worker.ends() in (0, -signal.SIGTERM)


def test_it_logs_in_to_a_broker_that_asks_who_it_is(tmp_path: Path, postgresql_url: str) -> None:
    """By name and password, over TLS."""
    with kafka.broker(tmp_path / "kafka", secured=True) as node:
        broker = node.settings(protocol="SASL_SSL")
        with site(broker, postgresql_url, tmp_path) as here:
            here.environment = {
                "CAREPATH_KAFKA_SECURITY_PROTOCOL": broker.protocol,
                "CAREPATH_KAFKA_SASL_MECHANISM": broker.mechanism,
                "CAREPATH_KAFKA_USERNAME": str(broker.username),
                "CAREPATH_KAFKA_PASSWORD": str(broker.password),
                "CAREPATH_KAFKA_CA_FILE": str(broker.ca_file),
            }
            org = newcomer(here)
            with here.working() as worker:
                here.send(org, *told(org, 0))
                until(lambda: here.taken() == ids(0), worker.log.read_text)
                assert str(broker.password) not in worker.log.read_text()


@pytest.mark.parametrize(
    "place",
    [
        "after_fetch",
        "after_parse",
        "before_commit",
        "after_commit_before_ack",
        "after_ack_before_offset",
    ],
)
def test_killed_anywhere_it_loses_and_doubles_nothing(here: Site, org: str, place: str) -> None:
    """The next worker of that name takes over at once."""
    here.send(org, *told(org, 0, 1, 2), b"poison")
    with here.working(CAREPATH_FAILPOINT=place) as worker:
        assert worker.ends() == 137
    here.send(org, *told(org, 3, 1))
    with here.working() as worker:
        until(lambda: len(here.taken()) == 4, worker.log.read_text)
        until(lambda: here.told(GP, "admission") == ids(0, 1, 2, 3))
        until(lambda: len(here.aside()) == 1)
    assert here.missing() == 0


def test_it_stops_in_time_when_the_database_hangs(here: Site, org: str) -> None:
    """Then what was in hand comes again. The lock is one that every message needs."""
    with here.working() as worker:
        worker.says("worker started")
        with here.database.write() as conn:
            conn.exec_driver_sql("LOCK TABLE inbox")
            here.send(org, *told(org, 0))
            until(lambda: conn.exec_driver_sql(_WAITING).scalar())
            assert worker.stop() < 5
    assert here.taken() == []
    with here.working():
        until(lambda: here.taken() == ids(0))


def test_it_ends_with_an_error_when_there_is_work_and_nothing_goes_on(here: Site, org: str) -> None:
    """So that it is started again."""
    with here.working(CAREPATH_WORKER_STALL_SECONDS="2") as worker:
        worker.says("worker started")
        with here.database.write() as conn:
            conn.exec_driver_sql("LOCK TABLE inbox")
            here.send(org, *told(org, 0))
            assert worker.ends() == 1
    worker.says("stalled")


_WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'"


def test_offsets_that_were_set_ahead_by_hand_lose_nothing(here: Site, org: str) -> None:
    """Also when nothing comes afterwards."""
    with here.working() as worker:
        here.send(org, *told(org, 0))
        until(here.taken)
        worker.stop()
    here.send(org, *told(org, *range(1, 30)))
    here.clear_group()
    with here.admin() as admin:
        ahead = {TopicPartition(inbound(org), n): OffsetAndMetadata(30, "", -1) for n in (0, 1)}
        until(lambda: set_offsets(admin, ahead))
    with here.working() as worker:
        until(lambda: here.told(GP, "admission") == ids(*range(30)), worker.log.read_text)
    assert here.missing() == 0


def set_offsets(admin: Any, offsets: Any) -> bool:
    """Set the group's offsets; false while Kafka still counts a worker in."""
    try:
        answers = admin.alter_group_offsets(INTAKE_GROUP, offsets)
    except KafkaError:
        return False
    return all(answer is NoError for answer in answers.values())


@pytest.mark.parametrize("running", [True, False])
def test_a_topic_made_anew_is_read_from_its_beginning(here: Site, org: str, running: bool) -> None:
    """Though the positions of the old one are ahead of it."""
    with here.working() as worker:
        here.send(org, *told(org, *range(10)))
        until(lambda: len(here.taken()) == 10)
        if not running:
            worker.stop()
        here.remove(org)
        here.make(org)
        here.send(org, *told(org, 10, 3, 11))
        if running:
            until(lambda: len(here.taken()) == 12, worker.log.read_text)
    if not running:
        with here.working() as worker:
            until(lambda: len(here.taken()) == 12, worker.log.read_text)
    assert sorted(here.taken()) == ids(*range(12))


def test_what_expired_unread_is_an_alarm(here: Site, org: str) -> None:
    """And the rest is taken in."""
    with here.working() as worker:
        here.send(org, *told(org, 0))
        until(here.taken)
        worker.stop()
    here.send(org, *told(org, 1, 2, 3))
    with here.admin() as admin:
        admin.delete_records({TopicPartition(inbound(org), 0): 3})
    with here.working() as worker:
        until(lambda: len(here.taken()) == 2, worker.log.read_text)
        worker.says("records missing")
    assert sorted(here.taken()) == ids(0, 3)
    assert here.missing() == 2


async def test_offsets_that_no_record_has_hold_up_nothing(here: Site, org: str) -> None:
    """A transaction's end takes an offset: an alarm, since nobody can tell it from a loss; and on."""
    with here.working(CAREPATH_WORKER_STALL_SECONDS="4") as worker:
        options = here.broker.options()
        async with AIOKafkaProducer(**options, transactional_id=org) as producer:
            for number in range(2):
                async with producer.transaction():
                    (value,) = told(org, number)
                    await producer.send(inbound(org), value, partition=0)
        await asyncio.to_thread(until, lambda: here.missing() == 2, worker.log.read_text)
        assert worker.process.poll() is None
    assert sorted(here.taken()) == ids(0, 1)


def test_two_workers_share_the_work_and_one_that_stood_still_does_no_harm(
    here: Site, org: str
) -> None:
    """Longer than Kafka waits for it; and what it had in hand is done by the other."""
    with here.working("w1") as one, here.working("w2") as two:
        for worker in (one, two):
            worker.says("worker started")
        until(lambda: len({*here.owners(org).values()}) == 2)
        assert sorted(Counter(here.owners(org).values()).values()) == [2, 2]
        one.process.send_signal(signal.SIGSTOP)
        for number in range(40):
            here.send(org, *told(org, number), partition=number % PARTITIONS)
        until(lambda: len(here.taken()) == 40, two.log.read_text)
        one.process.send_signal(signal.SIGCONT)
        for number in range(40, 60):
            here.send(org, *told(org, number), partition=number % PARTITIONS)
        until(lambda: len(here.taken()) == 60, two.log.read_text)
        until(lambda: len({*here.owners(org).values()}) == 2)
        assert [worker.stop() < 5 for worker in (one, two)] == [True, True]
    assert sorted(here.taken()) == ids(*range(60))
    assert sorted(here.told(GP, "admission")) == ids(*range(60))


def test_a_broker_that_is_away_is_waited_for(node: Node, here: Site, org: str) -> None:
    """At the start, and in the middle; the log says it, but not too often."""
    here.send(org, *told(org, 0))
    node.stop()
    with here.working() as worker:
        worker.says("cannot start yet", times=2)
        node.start()
        until(lambda: len(here.taken()) == 1, worker.log.read_text)
        node.kill()
        worker.says("cannot look", times=2)
        node.start()
        here.send(org, *told(org, 1))
        until(lambda: len(here.taken()) == 2, worker.log.read_text)
        assert worker.process.poll() is None
        assert len(worker.log.read_text().splitlines()) < 100


def test_a_database_that_is_away_is_waited_for(here: Site, org: str) -> None:
    """Also before the worker has seen it once; it ends when it is told to all the same."""
    here.send(org, *told(org, 0))
    with connections_refused(here.database_url):
        with here.working("w2") as other:
            other.says("cannot start yet")
            other.process.send_signal(signal.SIGTERM)
            assert other.ends() == 0
        with here.working() as worker:
            worker.says("cannot start yet", times=2)
            assert worker.process.poll() is None
            allow_connections(here.database_url, allowed=True)
            until(lambda: here.taken() == ids(0), worker.log.read_text)


@contextmanager
def connections_refused(url: str) -> Iterator[None]:
    """Whoever wants to connect to the database is turned away; who is connected is not."""
    allow_connections(url, allowed=False)
    try:
        yield
    finally:
        allow_connections(url, allowed=True)


def allow_connections(url: str, *, allowed: bool) -> None:
    """Whether the database lets anybody in."""
    parts = urlsplit(url)
    with psycopg.connect(parts._replace(path="/postgres").geturl(), autocommit=True) as conn:
        name = sql.Identifier(parts.path.removeprefix("/"))
        conn.execute(
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}").format(name, sql.Literal(allowed))
        )


def test_without_kafka_it_says_what_to_set(sqlite_url: str, tmp_path: Path) -> None:
    """And ends."""
    command = [sys.executable, "-m", "carepath", "worker", "--database-url", sqlite_url]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CAREPATH_KAFKA")}
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 1
    assert "CAREPATH_KAFKA" in done.stderr
    assert "Traceback" not in done.stderr
