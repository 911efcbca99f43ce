"""The gathering window: who waits together is handled together, and everyone gets their own answer."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from carepath.delivery.gather import Full, Gather
from carepath.service import Answer, Submission, Verdict


def answer(submission: Submission) -> Answer:
    """An answer that says what was asked."""
    return Answer(verdict=Verdict.ACCEPTED, status=200, body=submission.source)


def numbered(numbers: Sequence[int]) -> list[Submission]:
    """Submissions that can be told apart."""
    return [Submission(b"%d" % number) for number in numbers]


async def test_everyone_gets_their_own_answer_from_few_batches() -> None:
    """Fifty at once share transactions; one that comes alone does not wait for others."""
    sizes: list[int] = []
    told: list[int] = []

    def handle(batch: Sequence[Submission]) -> list[Answer]:
        sizes.append(len(batch))
        return [answer(submission) for submission in batch]

    gather = Gather(handle, lambda: told.append(len(sizes)), window=0.01)
    async with gather.running():
        alone = await gather.submit(Submission(b"alone"))
        answers = await asyncio.gather(*map(gather.submit, numbered(range(50))))

    assert alone.body == b"alone"
    assert [given.body for given in answers] == [b"%d" % n for n in range(50)]
    assert sizes[0] == 1
    assert sum(sizes) == 51
    assert len(sizes) <= 4
    assert told == [*range(1, len(sizes) + 1)]


async def test_batches_have_a_limit() -> None:
    """However many wait, a transaction takes ``most``."""
    sizes: list[int] = []

    def handle(batch: Sequence[Submission]) -> list[Answer]:
        sizes.append(len(batch))
        return [answer(submission) for submission in batch]

    gather = Gather(handle, lambda: None, most=10)
    async with gather.running():
        await asyncio.gather(*map(gather.submit, numbered(range(35))))

    assert sum(sizes) == 35
    assert max(sizes) == 10


async def test_a_fault_is_told_to_all_and_the_next_batch_works() -> None:
    """Nobody waits for ever; the worker lives on."""
    faulty = True

    def handle(batch: Sequence[Submission]) -> list[Answer]:
        if faulty:
            raise OSError("disk full")
        return [answer(submission) for submission in batch]

    gather = Gather(handle, lambda: None)
    async with gather.running():
        results = await asyncio.gather(
            *map(gather.submit, numbered([1, 2])), return_exceptions=True
        )
        faulty = False
        after = await gather.submit(Submission(b"3"))

    assert [type(result) for result in results] == [OSError, OSError]
    assert after.body == b"3"


async def test_too_many_are_turned_away() -> None:
    """The queue is bounded; who is in it is answered all the same, whoever else has gone."""
    release = threading.Event()

    def handle(batch: Sequence[Submission]) -> list[Answer]:
        release.wait(10)
        return [answer(submission) for submission in batch]

    gather = Gather(handle, lambda: None, window=0, capacity=2)
    async with gather.running():
        first = asyncio.create_task(gather.submit(Submission(b"first")))
        await asyncio.sleep(0.05)  # it is being handled now
        waiting, gone = (asyncio.create_task(gather.submit(s)) for s in numbered([1, 2]))
        await asyncio.sleep(0)
        with pytest.raises(Full):
            await gather.submit(Submission(b"too many"))
        gone.cancel()
        release.set()
        answers = await asyncio.gather(first, waiting)

    assert [given.body for given in answers] == [b"first", b"1"]
