"""Writing to Kafka: records in, how far they are acknowledged out.

The producer is not idempotent: with the broker gone an idempotent one hangs, also when it is stopped (aiokafka
#1101, #1017). Every wait has an end, and after any fault but the broker's own answer about a topic the producer is
thrown away: it is stopped in the background, while what follows goes by a new one.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    RequestTimedOutError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder

from carepath.delivery.kafka_records import Record, partition_of
from schemas.broker import Broker

log = structlog.get_logger()

PATIENCE: Final = 10.0
"""Seconds until what was written is acknowledged; after that it counts as not written."""
_ANSWER: Final = 5.0  # seconds the broker has for one request
_STOPPING: Final = 10.0  # seconds a producer that was thrown away may take
_PAUSES: Final = (0.1, 0.2, 0.5, 1.0, 2.0)  # seconds between attempts to reach the broker
_BATCH: Final = 900_000
"""Bytes of a batch: fits a topic as Kafka makes it. A larger record has one of its own."""


class Away(Exception):
    """Kafka does not answer."""


@dataclass(frozen=True, slots=True)
class Written:
    """Everything up to the number ``upto`` is acknowledged. ``fault`` is why not more, if it failed."""

    upto: int
    fault: BaseException | None = None

    @property
    def too_large(self) -> bool:
        """Whether the broker said so."""
        return isinstance(self.fault, MessageSizeTooLargeError | RecordListTooLargeError)

    @property
    def by_topic(self) -> bool:
        """Whether it is this topic's trouble alone."""
        return _is_answer(self.fault)


class Writer:
    """One producer at a time."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._producer: AIOKafkaProducer | None = None
        self._attempts = 0
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def connected(self) -> bool:
        """Whether there is a producer that nothing is known to be wrong with."""
        return self._producer is not None

    async def connect(self) -> None:
        """Make a producer, after a pause where the last attempt failed. Raises ``Away``."""
        if self._producer is not None:
            return
        if self._attempts:
            await asyncio.sleep(_PAUSES[min(self._attempts, len(_PAUSES)) - 1])
        try:
            self._producer = await self._started()
        except Exception as fault:  # noqa: BLE001 -- whatever it is, it may be mended while we run
            if self._attempts == 0:
                log.warning("kafka is away", fault=type(fault).__name__)
            self._attempts += 1
            raise Away from None
        if self._attempts:
            log.warning("kafka is back", attempts=self._attempts)
        self._attempts = 0

    async def write(self, topic: str, since: int, records: Sequence[Record]) -> Written:
        """Write records in the order of their numbers, all of them after ``since``.

        At most one batch goes to a partition, so none can overtake another; what does not fit is left.
        """
        producer = self._producer
        if producer is None:
            return Written(since, Away())
        try:
            async with asyncio.timeout(PATIENCE):
                partitions = await _partitions(producer, topic)
                batches, last = _batches(producer, records, partitions)
                answers = [_send(producer, topic, batch) for batch in batches]
                found = await asyncio.gather(*answers, return_exceptions=True)
        except (OSError, TimeoutError, KafkaError) as fault:
            self._judge(producer, fault)
            return Written(since, fault)
        written = Written(last)
        for batch, wrong in zip(batches, found, strict=True):
            if wrong is not None:
                self._judge(producer, wrong)
                written = min(written, Written(batch.first - 1, wrong), key=lambda one: one.upto)
        return written

    async def close(self) -> None:
        """Let go of Kafka, within two seconds."""
        if self._producer is not None:
            self._leave(self._producer)
            self._producer = None
        if self._leaving:
            _, late = await asyncio.wait(self._leaving, timeout=2.0)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _started(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            acks="all",
            request_timeout_ms=int(_ANSWER * 1000),
            max_batch_size=_BATCH,
            **self._broker.options(),
        )
        try:
            async with asyncio.timeout(_ANSWER):
                await producer.start()
        except BaseException:
            self._leave(producer)
            raise
        return producer

    def _judge(self, producer: AIOKafkaProducer, fault: BaseException) -> None:
        if self._producer is producer and not _is_answer(fault):
            self._producer = None
            self._leave(producer)

    def _leave(self, producer: AIOKafkaProducer) -> None:
        """What others wait for on it still arrives, if it can."""
        task = asyncio.create_task(_stop(producer))
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)


class _Batch(NamedTuple):
    first: int
    partition: int
    records: BatchBuilder


def _batches(
    producer: AIOKafkaProducer, records: Sequence[Record], partitions: Sequence[int]
) -> tuple[list[_Batch], int]:
    """A batch for each partition that gets something; and the last number that is in one."""
    batches: dict[int, _Batch] = {}
    last = 0
    for record in records:
        partition = partition_of(record, partitions)
        if partition not in batches:
            batches[partition] = _Batch(record.number, partition, producer.create_batch())
        put = batches[partition].records.append(
            key=record.key, value=record.value, headers=record.headers, timestamp=None
        )
        if put is None:  # full: nothing with a higher number may go before this one
            break
        last = record.number
    return [*batches.values()], last


async def _send(producer: AIOKafkaProducer, topic: str, batch: _Batch) -> None:
    await (await producer.send_batch(batch.records, topic, partition=batch.partition))


async def _partitions(producer: AIOKafkaProducer, topic: str) -> list[int]:
    """The topic's partitions. Raises the broker's answer, ``KafkaConnectionError`` when there is none.

    aiokafka's own look-up would go on asking for every topic it knows for five seconds when one is missing.
    """
    client = producer.client
    for _ in range(2):  # the first answer may be to what was asked before
        if (known := client.cluster.partitions_for_topic(topic)) is not None:
            return sorted(known)
        client.add_topic(topic)
        if not await client.force_metadata_update():
            raise KafkaConnectionError
    if (known := client.cluster.partitions_for_topic(topic)) is not None:
        return sorted(known)
    if topic in client.cluster.unauthorized_topics:
        raise TopicAuthorizationFailedError
    raise UnknownTopicOrPartitionError


async def _stop(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(_STOPPING):
            await producer.stop()
    except Exception as fault:  # noqa: BLE001 -- it is thrown away in any case
        log.warning("kafka producer did not stop", fault=type(fault).__name__)
        with suppress(Exception):
            async with asyncio.timeout(1.0):
                await producer.client.close()


def _is_answer(fault: BaseException | None) -> bool:
    """The broker's own answer about a topic; a producer that gets answers works."""
    return isinstance(fault, BrokerResponseError) and not isinstance(fault, RequestTimedOutError)
