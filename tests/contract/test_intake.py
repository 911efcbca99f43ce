"""The intake's loop on both stores: what it commits and in which order, and what it acknowledges when."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

import pytest
from sqlalchemy import update
from sqlalchemy.exc import OperationalError

from carepath.service import Answer, Submission
from carepath.store import positions, tables
from carepath.store.database import DatabaseError
from carepath.store.positions import Origin, Position
from consumers import intake as module
from consumers.intake import MOST_BYTES, MOST_RECORDS, Intake, fitting
from consumers.metrics import Metrics
from consumers.progress import Gap, Log
from consumers.records import Place, Record
from tests.contract import matters
from tests.contract.door import Door, closed_door
from tests.contract.test_streamed import admission, receipts

WARD = Place("carepath.inbound.ward", 0)


class Bench:
    """An intake on a real store; Kafka is made up. ``faults`` are raised, one by one, before anything is done."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.kept: dict[int, bytes] = {}  # what can be read again
        self.batches: list[list[int]] = []
        self.acknowledged: list[int] = []
        self.faults: list[Exception] = []
        self.away: list[Exception] = []  # of Kafka, when it is read again
        self._more = asyncio.Event()
        self.intake = Intake(
            door.service.database,
            self._receive,
            self._reread,
            {WARD.topic: "id"},
            committed=lambda: None,
            metrics=Metrics(),
        )

    async def arrive(self, offset: int, value: bytes | None = b"") -> None:
        """A record comes."""
        await self.intake.arrive(Record(WARD, offset, value), self._ack(offset))

    async def run(self, *, acknowledged: int) -> None:
        """Let the intake work until so many are acknowledged."""
        task = asyncio.create_task(self.intake.run())
        async with asyncio.timeout(30):
            while len(self.acknowledged) < acknowledged:
                self._more.clear()
                await self._more.wait()
            await self.intake.settled()
        task.cancel()

    async def begin(self, first: int, end: int) -> int:
        """The partition is assigned; where the intake begins."""
        return (await self.intake.begin({WARD: Log(first, end)}))[WARD]

    def reached(self, offset: int, topic_id: str) -> None:
        """An earlier worker has taken everything up to this offset in."""
        with self.door.service.database.write() as conn:
            positions.skip(conn, Origin(WARD.topic, topic_id, WARD.partition, offset))

    def position(self) -> tuple[Position | None, int]:
        """How far the ward's partition is, and how many records are missing."""
        with self.door.service.database.read() as conn:
            found = positions.load(conn, [WARD.topic]).get((WARD.topic, WARD.partition))
            return found, positions.missing(conn)

    def _receive(self, batch: Sequence[Submission]) -> list[Answer]:
        if self.faults:
            raise self.faults.pop()
        answers = self.door.service.receive(batch)
        self.batches.append([s.origin.offset for s in batch if s.origin])
        return answers

    async def _reread(self, gap: Gap) -> AsyncIterator[list[Record]]:
        there = [n for n in sorted(self.kept) if gap.start <= n < gap.stop]
        for at in range(0, len(there), 2):
            yield [Record(gap.place, n, self.kept[n]) for n in there[at : at + 2]]
        if self.away:
            raise self.away.pop()

    def _ack(self, offset: int) -> Callable[[], Awaitable[None]]:
        async def acknowledge() -> None:
            assert any(offset in batch for batch in self.batches), "not committed yet"
            self.acknowledged.append(offset)
            self._more.set()

        return acknowledge


@pytest.fixture
def bench(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    """A bench whose intake does not wait long."""
    monkeypatch.setattr(module, "PAUSES", (0.001, 0.002))
    with closed_door(database_url) as door:
        yield Bench(door)


async def test_what_has_come_meanwhile_is_one_batch(bench: Bench) -> None:
    """In its order, each acknowledged after the commit."""
    await bench.begin(0, 0)
    for n in range(5):
        await bench.arrive(n, admission(n))
    await bench.run(acknowledged=5)
    assert bench.batches == [[0, 1, 2, 3, 4]]
    assert bench.acknowledged == [0, 1, 2, 3, 4]
    assert bench.position() == (Position("id", 5), 0)
    assert len(receipts(bench.door)) == 5


async def test_a_batch_is_neither_too_long_nor_too_big(bench: Bench) -> None:
    """What does not fit comes in the next one; the intake does not take more than it can hold."""
    await bench.begin(0, 0)
    big = b" " * (MOST_BYTES // 2 + 1)
    for n in range(3):
        await bench.arrive(n, big)
    for n in range(3, MOST_RECORDS):
        await bench.arrive(n)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(bench.arrive(MOST_RECORDS), 0.01)
    await bench.run(acknowledged=MOST_RECORDS)
    assert bench.batches[0] == [0, 1]
    assert [len(batch) for batch in bench.batches[1:]] == [5, 10, 20, 40, 80, 43]
    assert [n for batch in bench.batches for n in batch] == [*range(MOST_RECORDS)]


@pytest.mark.parametrize(
    ("size", "most", "seconds", "then"),
    [(25, 25, 0.1, 50), (24, 25, 0.1, 25), (150, 150, 0.1, 200), (40, 200, 3, 20), (1, 1, 99, 1)],
)
def test_batches_grow_while_they_are_quick(size: int, most: int, seconds: float, then: int) -> None:
    """And shrink when one takes long, as with a patient who has thousands of reports."""
    assert fitting(size, most, seconds) == then


async def test_a_database_that_is_away_is_waited_for(bench: Bench) -> None:
    """Nothing is acknowledged and nothing left out, however often it fails; nor by a fault of ours."""
    await bench.begin(0, 0)
    away = OperationalError("", None, Exception())
    bench.faults = [DatabaseError("", None, Exception()), away, away, ValueError("ours"), away]
    await bench.arrive(0, admission(0))
    await bench.run(acknowledged=1)
    assert (bench.batches, bench.faults) == ([[0]], [])
    assert len(receipts(bench.door)) == 1


async def test_a_gap_is_read_again_before_what_comes_after_it(bench: Bench) -> None:
    """Some records at a time; and again from its beginning when Kafka goes away in the middle."""
    await bench.begin(0, 0)
    bench.kept = {n: admission(n) for n in range(1, 5)}
    bench.away = [ConnectionError()]
    await bench.arrive(0, admission(0))
    await bench.arrive(5, admission(5))
    await bench.run(acknowledged=2)
    assert bench.batches == [[0], [1, 2], [3, 4], [1, 2], [3, 4], [5]]
    assert bench.acknowledged == [0, 5]
    assert {about for about, _ in receipts(bench.door)} == {matters.message_id(n) for n in range(6)}
    assert bench.position() == (Position("id", 6), 0)


async def test_what_the_database_has_forgotten_is_read_again(bench: Bench) -> None:
    """As a copy has that it failed over to: what the worker remembers does not count."""
    await bench.begin(0, 0)
    for n in range(5):
        await bench.arrive(n, admission(n))
    await bench.run(acknowledged=5)
    with bench.door.service.database.write() as conn:
        conn.execute(update(tables.positions).values(next=2))
    bench.kept = {n: admission(n) for n in (2, 4)}
    await bench.arrive(5, admission(5))
    await bench.run(acknowledged=6)
    assert bench.batches == [[0, 1, 2, 3, 4], [2], [4], [5]]
    assert bench.position() == (Position("id", 6), 1)


async def test_what_is_nowhere_to_be_had_is_an_alarm_and_passed_over(bench: Bench) -> None:
    """Once: the position is behind it."""
    await bench.begin(0, 0)
    bench.kept = {2: admission(2)}
    await bench.arrive(4, admission(4))
    await bench.run(acknowledged=1)
    assert bench.batches == [[2], [4]]
    assert bench.position() == (Position("id", 5), 3)
    assert await bench.begin(0, 5) == 5
    assert bench.position() == (Position("id", 5), 3)


async def test_what_expired_before_it_was_read_is_an_alarm(bench: Bench) -> None:
    """Also when nothing comes any more."""
    bench.reached(6, "id")
    assert await bench.begin(10, 10) == 10
    assert bench.position() == (Position("id", 10), 3)


async def test_a_topic_made_anew_begins_at_its_beginning(bench: Bench) -> None:
    """Its records stand where those of the old topic stood."""
    bench.reached(6, "old")
    assert await bench.begin(0, 20) == 0
    await bench.arrive(0, admission(0))
    await bench.run(acknowledged=1)
    assert bench.position() == (Position("id", 1), 0)


async def test_a_record_that_cannot_be_acknowledged_stops_nothing(bench: Bench) -> None:
    """It is committed; if it comes again, it is known."""
    await bench.begin(0, 0)

    tried = asyncio.Event()

    async def fail() -> None:
        tried.set()
        raise RuntimeError

    await bench.intake.arrive(Record(WARD, 0, admission(0)), fail)
    task = asyncio.create_task(bench.intake.run())
    await tried.wait()
    await bench.intake.settled()
    task.cancel()
    await bench.arrive(1, admission(1))
    await bench.run(acknowledged=1)
    assert bench.batches == [[0], [1]]


async def test_poison_and_tombstones_hold_up_nothing(bench: Bench) -> None:
    """They are parked; their neighbours go on."""
    await bench.begin(0, 0)
    for n, value in enumerate((admission(0), None, b"\xff\x00", b"", admission(1))):
        await bench.arrive(n, value)
    await bench.run(acknowledged=5)
    assert sorted(code for _, code in receipts(bench.door)) == [*["fatal-error"] * 3, "ok", "ok"]
