"""The rehearsal: yesterday's backup restored, and what came since read again from a real Kafka."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from carepath.service.rebuild import rebuild
from carepath.store.feed import RESTORED
from schemas.topics import updates
from tests import kafka
from tests.contract import matters
from tests.contract.keeping import BASE, restore_into, write
from tests.contract.test_streamed import admission
from tests.integration.intake import GP, PARTITIONS, Site, site
from tests.integration.kafka_topics import (
    Reader,
    headers,
    in_order,
    number_of,
    organisation,
)


def told(org: str, *numbers: int) -> list[bytes]:
    """Messages from the organisation."""
    return [admission(number, org) for number in numbers]


def follower(options: dict[str, Any]) -> Any:
    """Reads all partitions of the GP's updates."""
    consumer = KafkaConsumer(**options, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(updates(GP), number) for number in range(PARTITIONS)])
    return consumer


def work(here: Site, reader: Reader, org: str, *numbers: int, upto: int) -> None:
    """Send, and let a worker take in and publish until the GP's topic has so many records."""
    with here.working() as worker:
        here.send(org, *told(org, *numbers))
        reader.until(upto)
        worker.stop()


def ids(records: list[Any]) -> list[str]:
    """What CloudEvents are there, the broker's own notice left out."""
    found = [headers(record) for record in records]
    return [told["ce_id"] for told in found if f".{RESTORED}." not in told["ce_type"]]


def test_a_restored_broker_reads_again_what_came_since(postgresql_url: str, tmp_path: Path) -> None:
    """Everything is on the timeline again; the receiver gets the same ids, with numbers beyond all it had."""
    org = organisation()
    with (
        kafka.broker(tmp_path / "kafka") as node,
        site(node.settings(), postgresql_url, tmp_path) as here,
        closing(follower(node.settings().options())) as consumer,
    ):
        reader = Reader(consumer)
        here.enter(org)
        here.make(org, GP)
        work(here, reader, org, *range(10), upto=10)
        file = write(here.database, tmp_path, datetime.now(UTC))
        work(here, reader, org, *range(10, 20), upto=20)
        before = [*reader.records]

        restore_into(here.database, file, datetime.now(UTC), replace=True)
        assert len(here.taken()) == 10
        work(here, reader, org, upto=31)

        after = reader.rest()[len(before) :]
        assert sorted(here.taken()) == [matters.message_id(number) for number in range(20)]
        assert here.missing() == 0
        assert rebuild(here.database, BASE, datetime.now(UTC)) == 0

    notice, *again = sorted(after, key=number_of)
    assert headers(notice)["ce_type"] == f"example.carepath.{RESTORED}.v1"
    assert (notice.key, notice.value) == (None, b"")
    assert ids(again) == ids(sorted(before, key=number_of))[10:]
    assert number_of(notice) > max(map(number_of, before))
    assert in_order(reader.records)
