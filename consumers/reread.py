"""Reads a stretch of a partition again, with a plain consumer that belongs to no group."""

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import suppress
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from consumers.progress import Gap, Log
from consumers.records import Place, Record, media_type
from schemas.broker import Broker

SECONDS: Final = 10.0
"""Longest wait for the next records."""
_CHUNK: Final = 200


async def read_again(broker: Broker, gap: Gap) -> AsyncIterator[list[Record]]:
    """The records that Kafka still has of the gap, in order, some at a time.

    Raises ``TimeoutError`` or a ``KafkaError`` when Kafka does not answer: then nobody knows what is missing.
    """
    there = TopicPartition(*gap.place)
    consumer = AIOKafkaConsumer(
        **broker.options(),
        client_id="carepath-reread",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_poll_records=_CHUNK,
    )
    try:
        async with asyncio.timeout(SECONDS):
            await consumer.start()
            consumer.assign([there])
            first = (await consumer.beginning_offsets([there]))[there]
            consumer.seek(there, max(gap.start, first))
        while (at := await _position(consumer, there)) < gap.stop:
            records = await _next(consumer, there, at)
            yield [record_of(r) for r in records if r.offset < gap.stop]
    finally:
        await consumer.stop()


async def _position(consumer: AIOKafkaConsumer, there: TopicPartition) -> int:
    async with asyncio.timeout(SECONDS):
        position: int = await consumer.position(there)
        return position


async def _next(
    consumer: AIOKafkaConsumer, there: TopicPartition, at: int
) -> list["ConsumerRecord[bytes, bytes]"]:
    """The next records; none when the log goes on without any here, as after a transaction."""
    async with asyncio.timeout(SECONDS):
        while True:
            fetched = await consumer.getmany(there, timeout_ms=500)
            if fetched or await consumer.position(there) > at:
                return [record for records in fetched.values() for record in records]


class Offsets:
    """Asks Kafka how far partitions go. Connects when it is first asked, and again after a fault."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._consumer: AIOKafkaConsumer | None = None

    async def logs(self, places: Collection[Place]) -> dict[Place, Log]:
        """What there is of these partitions. Raises ``TimeoutError`` or a ``KafkaError``."""
        there = [TopicPartition(*place) for place in places]
        try:
            async with asyncio.timeout(SECONDS):
                consumer = await self._connected()
                first = await consumer.beginning_offsets(there)
                end = await consumer.end_offsets(there)
        except Exception:
            await self.close()
            raise
        return {Place(*tp): Log(first[tp], end[tp]) for tp in there}

    async def close(self) -> None:
        """Let the connection go."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(Exception):
                await asyncio.wait_for(consumer.stop(), 1)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                **self._broker.options(), client_id="carepath-offsets", enable_auto_commit=False
            )
            await self._consumer.start()
        return self._consumer


def record_of(record: "ConsumerRecord[bytes, bytes]") -> Record:
    """A record as aiokafka has it."""
    place = Place(record.topic, record.partition)
    return Record(place, record.offset, record.value, media_type(record.headers, record.value))
