"""The client against a real broker of Kafka."""

import gc
import json
import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from carepath_client import Gap, Publisher, Refused, Security, Subscriber, Unavailable
from carepath_client.broker import inbound, updates
from schemas import topics
from schemas.broker import Broker
from tests import kafka
from tests.integration.kafka_topics import PARTITIONS, make, organisation, reading
from tests.integration.test_client_http import admission
from tests.servers import PATIENCE, free_port

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # ``swept`` says why
]


@pytest.fixture(autouse=True)
def swept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """kafka-python leaves the sockets of connections that failed to the garbage collector.

    What it logs of them would keep them alive.
    """
    monkeypatch.setattr(logging.getLogger("kafka"), "disabled", True)
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("kafka.")]:
        monkeypatch.setattr(logging.getLogger(name), "disabled", True)
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
def broker(kafka_server: str) -> Broker:
    """The shared broker."""
    return Broker(bootstrap=(kafka_server,))


@pytest.fixture
def org(broker: Broker) -> str:
    """An organisation with topics."""
    made = organisation()
    make(broker, topics.inbound(made), topics.updates(made))
    return made


def tell(broker: Broker, org: str, numbers: Sequence[int], **headers: str) -> None:
    """The relay's records: the patients' partitions are as their numbers' remainders."""
    options: dict[str, Any] = broker.options()
    with closing(KafkaProducer(**options)) as producer:
        for number in numbers:
            told = {
                "ce_specversion": "1.0",
                "ce_id": f"id-{number}",
                "ce_source": "https://broker.example/fhir",
                "ce_type": "example.carepath.admission.v1",
                "ce_time": datetime.now(UTC).isoformat(),
                "ce_sequence": str(number),
                "content-type": "application/fhir+json",
            }
            producer.send(
                updates(org),
                value=json.dumps({"resourceType": "Bundle", "id": str(number)}).encode(),
                partition=number % PARTITIONS,
                headers=[(name, value.encode()) for name, value in (told | headers).items()],
            )
        producer.flush(PATIENCE)


def following(broker: Broker, org: str, **options: Any) -> Subscriber:
    """A subscriber of the organisation's updates."""
    return Subscriber.kafka(broker.bootstrap[0], organisation=org, **options)


def take(subscriber: Subscriber, number: int) -> list[int]:
    """So many of its updates, all done with."""
    with subscriber as source:
        return [next(source).sequence for _ in range(number)]


def test_topics_are_called_as_the_server_calls_them() -> None:
    """The client knows nothing of the server's code, but its names."""
    assert (inbound("a"), updates("a")) == (topics.inbound("a"), topics.updates("a"))


def test_updates_come_in_order_across_partitions_and_are_remembered(
    broker: Broker, org: str
) -> None:
    """What is done with does not come again, repeats do not come at all."""
    tell(broker, org, range(1, 41))
    assert take(following(broker, org), 25) == list(range(1, 26))
    tell(broker, org, [*range(30, 41), 41])
    assert take(following(broker, org), 16) == list(range(26, 42))


def test_what_an_exception_interrupted_comes_again(broker: Broker, org: str) -> None:
    """It was not done with; those before it were."""
    tell(broker, org, range(1, 6))
    seen: list[int] = []
    with pytest.raises(LookupError), following(broker, org) as source:
        fail_at(3, source, seen)
    assert seen == [1, 2, 3]
    assert take(following(broker, org), 3) == [3, 4, 5]


def fail_at(number: int, source: Subscriber, seen: list[int]) -> None:
    """Code that cannot do with one update."""
    for update in source:
        seen.append(update.sequence)
        if update.sequence == number:
            raise LookupError


def test_a_hole_that_is_filled_in_time_is_none(broker: Broker, org: str) -> None:
    """Partitions are not read at the same pace."""
    tell(broker, org, [1, 2, 4, 5])
    late = threading.Timer(2.0, tell, (broker, org, [3]))
    late.start()
    assert take(following(broker, org, gap_after=30.0), 5) == [1, 2, 3, 4, 5]


def test_a_hole_that_stays_is_told(broker: Broker, org: str) -> None:
    """And what comes after it waits for the answer."""
    tell(broker, org, [1, 2, 4, 5, 8])
    with following(broker, org, gap_after=0.5) as source:
        assert [next(source).sequence for _ in range(2)] == [1, 2]
        with pytest.raises(Gap) as raised:
            next(source)
    assert (raised.value.first, raised.value.last) == (3, 3)
    gaps: list[Gap] = []
    assert take(following(broker, org, gap_after=0.5, on_gap=gaps.append), 3) == [4, 5, 8]
    assert [(gap.first, gap.last) for gap in gaps] == [(3, 3), (6, 7)]


def test_offsets_set_ahead_by_hand_are_noticed(broker: Broker, org: str) -> None:
    """The numbers tell what was passed over."""
    tell(broker, org, range(1, 10))
    assert take(following(broker, org), 3) == [1, 2, 3]
    ahead = {TopicPartition(updates(org), p): OffsetAndMetadata(2, "3", -1) for p in range(3)}
    options: dict[str, Any] = broker.options()
    with closing(KafkaConsumer(**options, group_id=f"carepath.{org}")) as consumer:
        consumer.assign(list(ahead))
        consumer.commit(ahead)
    gaps: list[Gap] = []
    assert take(following(broker, org, gap_after=0.5, on_gap=gaps.append), 3) == [7, 8, 9]
    assert [(gap.first, gap.last) for gap in gaps] == [(4, 6)]


def test_what_was_asked_for_again_comes_again(broker: Broker, org: str) -> None:
    """Marked as such."""
    tell(broker, org, [1, 2, 3])
    assert take(following(broker, org), 3) == [1, 2, 3]
    tell(broker, org, [2, 3], ce_replay="true")
    tell(broker, org, [4])
    with following(broker, org) as source:
        got = [next(source) for _ in range(3)]
    assert sorted((one.sequence, one.replay) for one in got) == [(2, True), (3, True), (4, False)]


def test_what_is_not_ours_is_left_out(broker: Broker, org: str) -> None:
    """A record without our headers does not stand in the way."""
    tell(broker, org, [1], ce_type="somebody.elses.v1")
    tell(broker, org, [1, 2])
    assert take(following(broker, org), 2) == [1, 2]


def test_one_reads_and_another_takes_over(broker: Broker, org: str) -> None:
    """Two of them never share the numbers."""
    tell(broker, org, range(1, 11))
    first, second = following(broker, org), following(broker, org)
    got: list[int] = []
    with first as source:
        assert [next(source).sequence for _ in range(5)] == [1, 2, 3, 4, 5]
        waiting = threading.Thread(target=lambda: got.extend(one.sequence for one in second))
        waiting.start()
        assert [next(source).sequence for _ in range(3)] == [6, 7, 8]
        time.sleep(4)  # the group is formed anew, and the first is to keep all of it
        assert got == []
        tell(broker, org, [11])
        assert [next(source).sequence for _ in range(3)] == [9, 10, 11]
    tell(broker, org, [12, 13])
    wait_for(lambda: len(got) == 2)
    second.close()
    waiting.join(PATIENCE)
    assert not waiting.is_alive()
    assert got == [12, 13]


def wait_for(condition: Callable[[], bool]) -> None:
    """Until it is so."""
    latest = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < latest
        time.sleep(0.05)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.Node]:
    """A broker that a test may end and start again; it asks who one is."""
    with kafka.broker(tmp_path_factory.mktemp("kafka"), secured=True) as node:
        yield node


def security(node: kafka.Node, **changes: Any) -> Security:
    """The administrator's, who may do everything, over TLS."""
    settings = node.settings(protocol="SASL_SSL")
    told: dict[str, Any] = {
        "protocol": settings.protocol,
        "mechanism": settings.mechanism,
        "username": settings.username,
        "password": settings.password,
        "ca_file": settings.ca_file,
    }
    return Security(**told | changes)


def test_both_live_through_a_broker_that_goes_and_comes(node: kafka.Node) -> None:
    """Nothing is lost or doubled; with a password, over TLS."""
    org, address = organisation(), node.settings(protocol="SASL_SSL").bootstrap[0]
    make(node.settings(), topics.inbound(org), topics.updates(org))
    got: list[int] = []
    source = Subscriber.kafka(address, organisation=org, security=security(node))
    reader = threading.Thread(target=lambda: got.extend(one.sequence for one in source))
    with Publisher.kafka(address, organisation=org, security=security(node)) as publisher:
        tell(node.settings(), org, [1, 2, 3])
        reader.start()
        assert publisher.publish(admission()).state == "published"
        wait_for(lambda: got == [1, 2, 3])
        node.kill()
        back = threading.Timer(4.0, node.start)
        back.start()
        assert publisher.publish(admission()).state == "published"
        back.join()
        tell(node.settings(), org, [4, 5])
        wait_for(lambda: got == [1, 2, 3, 4, 5])
    source.close()
    reader.join(PATIENCE)
    with reading(node.settings(), topics.inbound(org)) as records:
        ids = {json.loads(record.value)["id"] for record in records.until(2)}
    assert len(ids) == 2


def test_who_is_not_known_is_told_so_in_time(node: kafka.Node) -> None:
    """kafka-python cannot tell it from a broker that is away."""
    wrong = security(node, password="guessed")
    address = node.settings(protocol="SASL_SSL").bootstrap[0]
    publisher = Publisher.kafka(address, organisation="x", security=wrong, limit=2.0)
    with publisher, pytest.raises(Unavailable, match="lets this user in"):
        publisher.publish(admission())


def test_what_one_may_not_write_is_refused(node: kafka.Node) -> None:
    """At once, in values."""
    org, name = organisation(), organisation()
    node.add_user(name, "secret")
    make(node.settings(), topics.inbound(org), topics.updates(org))
    stranger = security(node, username=name, password="secret")
    address = node.settings(protocol="SASL_SSL").bootstrap[0]
    publisher = Publisher.kafka(address, organisation=org, security=stranger)
    with publisher, pytest.raises(Refused) as raised:
        publisher.publish(admission())
    assert [issue.code for issue in raised.value.issues] == ["forbidden"]
    source = Subscriber.kafka(address, organisation=org, security=stranger)
    with source, pytest.raises(Refused):
        next(source)


def test_nobody_there_is_said_in_time() -> None:
    """By both."""
    address, begun = f"127.0.0.1:{free_port()}", time.monotonic()
    publisher = Publisher.kafka(address, organisation="x", limit=2.0)
    with publisher, pytest.raises(Unavailable):
        publisher.publish(admission())
    source = Subscriber.kafka(address, organisation="x", patience=2.0)
    with source, pytest.raises(Unavailable):
        next(source)
    assert time.monotonic() - begun < 25
