"""What stands in Kafka, read from the beginning by a plain consumer that nobody else knows of."""

from collections.abc import Collection, Iterator
from contextlib import closing
from typing import Any, Final

import orjson
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from schemas import topics
from schemas.broker import Broker
from tests.chaos.laws import PARKED, Update
from tests.chaos.sender import Place
from tests.chaos.traffic import digest
from tests.chaos.view import Offset, Partition
from tests.integration.stories import message_id

_PATIENCE: Final = 60_000  # milliseconds without a record before a log counts as unreadable
_TYPE: Final = "example.carepath."


def inbound(broker: Broker, topic: str, life: int) -> dict[Place, bytes]:
    """The digest of every record's value."""
    return {
        Place(topic, life, record.partition, record.offset): digest(record.value)
        for record in _records(broker, [topic])
    }


def updates(broker: Broker, receiver: str) -> list[Update]:
    """All that a receiver was sent, each partition in its order."""
    topic = topics.PARKED if receiver == PARKED else topics.updates(receiver)
    return [_update(record) for record in _records(broker, [topic])]


def ends(broker: Broker, names: Collection[str]) -> dict[Partition, Offset]:
    """The offset after the last record of each partition."""
    with closing(_consumer(broker)) as consumer, closing(admin(broker)) as client:
        ids = {topic["name"]: str(topic["topic_id"]) for topic in client.describe_topics([*names])}
        found: dict[Any, int] = consumer.end_offsets(_partitions(consumer, names))
        return {(tp.topic, tp.partition): (ids[tp.topic], end) for tp, end in found.items()}


def admin(broker: Broker) -> Any:
    """A client for what only administrators ask; to be closed."""
    return KafkaAdminClient(**broker.options(), bootstrap_timeout_ms=5_000)


def _records(broker: Broker, names: Collection[str]) -> Iterator[Any]:
    with closing(_consumer(broker)) as consumer:
        partitions = _partitions(consumer, names)
        consumer.assign(partitions)
        consumer.seek_to_beginning(*partitions)
        left = {tp: end for tp, end in consumer.end_offsets(partitions).items() if end}
        while left:
            fetched = consumer.poll(timeout_ms=_PATIENCE)
            assert fetched, f"Kafka gives no more of {left}"
            for tp, records in fetched.items():
                yield from records
                if consumer.position(tp) >= left.get(tp, 0):
                    left.pop(tp, None)


def _consumer(broker: Broker) -> Any:
    return KafkaConsumer(
        **broker.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
        max_poll_records=5_000,
        check_crcs=False,
    )


def _partitions(consumer: Any, names: Collection[str]) -> list[Any]:
    return [
        TopicPartition(name, number)
        for name in names
        for number in sorted(consumer.partitions_for_topic(name) or ())
    ]


def _update(record: Any) -> Update:
    headers = dict(record.headers)
    kind = headers["ce_type"].decode().removeprefix(_TYPE).removesuffix(".v1")
    said: Any = orjson.loads(record.value) if record.value else None
    return Update(
        partition=record.partition,
        key=record.key,
        headers=tuple((name, value) for name, value in record.headers if name != "ce_replay"),
        content=digest(record.value),
        id=headers["ce_id"].decode(),
        number=int(headers["ce_sequence"]),
        kind=kind,
        message=message_id(said) if said and kind not in (PARKED, "acknowledgement") else None,
        about=_about(kind, said) if said else None,
        place=(said["topic"], said["partition"], said["offset"]) if kind == PARKED else None,
    )


def _about(kind: str, said: Any) -> tuple[str, str] | None:
    match kind:
        case "parked":
            return said["id"], said["reason"]
        case "acknowledgement":
            response = said["entry"][0]["resource"]["response"]
            return response["identifier"], response["code"]
        case _:
            return None
