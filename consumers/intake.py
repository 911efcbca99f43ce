"""Takes records in: gathers what has come, a transaction for each batch, and acknowledges it afterwards.

Nothing that is wrong with a record, and no fault of the database or of Kafka, leaves this loop: Faust would
acknowledge the record and go on to the next.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import structlog

from carepath.service.answers import Submission
from carepath.store import positions
from carepath.store.database import Database
from carepath.store.failpoints import reached
from carepath.store.positions import Origin, Position, Skipped
from consumers.metrics import Metrics
from consumers.progress import Gap, Log, Progress, beginning, runs
from consumers.records import Ack, Place, Record, submission

log = structlog.get_logger()

FIRST_RECORDS: Final = 5
MOST_RECORDS: Final = 200
"""Of a batch: it begins small, grows while commits are quick, and shrinks when they take long."""
MOST_BYTES: Final = 2 * 1024 * 1024
LONG_SECONDS: Final = 2.0
"""A batch that takes longer was too long: we must be able to stop, and to show that we get on."""
GATHER_SECONDS: Final = 0.003
"""How long a record that comes alone waits for others."""
PAUSES: Final = (0.1, 5.0)
"""The first and the longest pause, in seconds, between two tries."""

Result = TypeVar("Result")
Reread = Callable[[Gap], AsyncIterator[list[Record]]]
Receive = Callable[[Sequence[Submission]], object]


def fitting(size: int, most: int, seconds: float) -> int:
    """How many records the next batch may have, after one of ``size`` out of ``most`` took so long."""
    if seconds > LONG_SECONDS:
        return max(1, size // 2)
    return min(most * 2, MOST_RECORDS) if size == most else most


@dataclass(frozen=True, slots=True)
class _Arrived:
    record: Record
    ack: Ack


class Intake:
    """``ids`` are the UUIDs of the topics that are read. All database work is done on one thread, one at a time."""

    def __init__(
        self,
        database: Database,
        receive: Receive,
        reread: Reread,
        ids: Mapping[str, str],
        *,
        committed: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        """``committed`` is called after each commit, from another thread."""
        self.progress, self.metrics = Progress(), metrics
        self._database, self._receive, self._reread = database, receive, reread
        self._ids, self._committed = ids, committed
        self._arrived: asyncio.Queue[_Arrived] = asyncio.Queue(MOST_RECORDS)
        self._thread = ThreadPoolExecutor(1, "intake")
        self._idle = asyncio.Event()
        self._idle.set()
        self._most = FIRST_RECORDS

    async def arrive(self, record: Record, ack: Ack) -> None:
        """A record has come; waits while too many others have."""
        await self._arrived.put(_Arrived(record, ack))

    async def begin(self, logs: Mapping[Place, Log]) -> dict[Place, int]:
        """Where to begin in the partitions that were assigned; what has expired before it was read is an alarm."""
        starts = await self._patiently(lambda: self._beginnings(logs))
        self.progress.next.update(starts)
        return starts

    async def run(self) -> None:
        """Take in what arrives, until cancelled."""
        while True:
            self._idle.set()
            first = await self._arrived.get()
            self._idle.clear()
            batch = await self._gather(first)
            begun = time.monotonic()
            try:
                await self.take(batch)
            except Exception:
                log.exception("not acknowledged")  # committed or not: it comes again
            self._most = fitting(len(batch), self._most, time.monotonic() - begun)

    async def settled(self) -> None:
        """Wait until nothing is being taken in."""
        await self._idle.wait()

    async def take(self, batch: Sequence[_Arrived]) -> None:
        """Commit a batch, with what is missing in between read again first; then acknowledge it."""
        reached("after_fetch")
        for step in self.progress.steps([arrived.record for arrived in batch]):
            if isinstance(step, Gap):
                await self._patiently(partial(self._repair, step))
            else:
                await self._commit(step)
        reached("after_commit_before_ack")
        for arrived in batch:
            await arrived.ack()
        reached("after_ack_before_offset")

    async def give_up(self, gap: Gap) -> None:
        """These offsets are nowhere to be had: an alarm, and on."""
        place, missing = gap.place, gap.stop - gap.start
        origin = Origin(place.topic, self._ids[place.topic], place.partition, gap.stop - 1)
        await self._on_thread(self._write_off, origin, missing)
        self.progress.reached(place, gap.stop)
        told = {"first": gap.start, "next": gap.stop, "missing": missing}
        log.error("records missing", topic=place.topic, partition=place.partition, **told)

    async def _gather(self, first: _Arrived) -> list[_Arrived]:
        """What has arrived while the last batch was committed, or comes within a moment."""
        if self._arrived.empty():
            await asyncio.sleep(GATHER_SECONDS)
        batch, size = [first], len(first.record.value or b"")
        while len(batch) < self._most and size < MOST_BYTES and not self._arrived.empty():
            batch.append(self._arrived.get_nowait())
            size += len(batch[-1].record.value or b"")
        return batch

    async def _beginnings(self, logs: Mapping[Place, Log]) -> dict[Place, int]:
        stored = await self._on_thread(self._stored, {place.topic for place in logs})
        starts = {}
        for place, there in logs.items():
            start = beginning(stored.get(place), self._ids[place.topic], there)
            if start < there.first:
                await self.give_up(Gap(place, start, there.first))
            starts[place] = max(start, there.first)
        return starts

    async def _repair(self, gap: Gap) -> None:
        log.warning("reads again", topic=gap.place.topic, first=gap.start, next=gap.stop)
        at = gap.start
        async for records in self._reread(gap):
            for run in runs(records):
                await self._pass_over(Gap(gap.place, at, run[0].offset))
                await self._commit(run)
                at = run[-1].offset + 1
        await self._pass_over(Gap(gap.place, at, gap.stop))

    async def _pass_over(self, gap: Gap) -> None:
        if gap.start < gap.stop:
            await self.give_up(gap)

    async def _commit(self, records: Sequence[Record]) -> None:
        if records:
            batch = [submission(record, self._ids[record.place.topic]) for record in records]
            begun = time.monotonic()
            await self._patiently(lambda: self._received(batch))
            self.metrics.taken(len(records), time.monotonic() - begun)
            self.progress.done(records)
            self._committed()

    async def _received(self, batch: Sequence[Submission]) -> None:
        """Take a batch in. What the database lacks before it is read again first; then it is tried again."""
        try:
            await self._on_thread(self._receive, batch)
        except Skipped as skipped:
            place = Place(skipped.topic, skipped.partition)
            await self._repair(Gap(place, skipped.start, skipped.stop))
            raise

    async def _patiently(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """Try until it is done: no fault here is the record's."""
        pause, longest = PAUSES
        while True:
            try:
                return await attempt()
            except Exception as fault:  # noqa: BLE001 -- see above; what the text says could be personal
                self.metrics.retries.inc()
                log.warning("not taken in yet", fault=type(fault).__name__, again_in_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, longest)

    async def _on_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _stored(self, topics: Collection[str]) -> dict[Place, Position]:
        with self._database.read() as conn:
            return {Place(*key): at for key, at in positions.load(conn, topics).items()}

    def _write_off(self, origin: Origin, missing: int) -> None:
        with self._database.write() as conn:
            positions.skip(conn, origin)
            positions.missed(conn, missing)
