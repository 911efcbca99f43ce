"""Reading together: the same question has one answer, never from before it was asked; faults are told who asked."""

import asyncio
from collections.abc import Sequence

import pytest

from carepath.delivery.together import Together


class Counted:
    """Answers a number with its tenfold, and ``13`` with a fault; notes every batch."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    def __call__(self, asked: Sequence[int]) -> dict[int, int]:
        """Read a batch."""
        self.batches.append([*asked])
        if 13 in asked:
            raise ValueError("thirteen")
        return {number: 10 * number for number in asked}


async def test_what_is_asked_at_once_is_read_once() -> None:
    """However many ask it."""
    read = Counted()
    together = Together(read)
    assert await asyncio.gather(*(together.ask(n % 3) for n in range(9))) == [0, 10, 20] * 3
    assert read.batches == [[0, 1, 2]]


async def test_an_answer_is_not_from_before_its_question() -> None:
    """Who asks while a batch is read is in the next one, with the same question too."""
    read = Counted()
    together = Together(read)
    first = asyncio.create_task(together.ask(1))
    while not read.batches:  # noqa: ASYNC110 -- it is read on a thread
        await asyncio.sleep(0)
    assert [await together.ask(1), await first] == [10, 10]
    assert read.batches == [[1], [1]]


async def test_a_fault_is_for_who_asked_for_it() -> None:
    """The others get their answers."""
    together = Together(Counted())
    asked = [together.ask(number) for number in (1, 13, 2, 3)]
    one, fault, two, three = await asyncio.gather(*asked, return_exceptions=True)
    assert (one, two, three) == (10, 20, 30)
    assert isinstance(fault, ValueError)
    with pytest.raises(ValueError, match="thirteen"):
        await together.ask(13)


async def test_no_batch_is_larger_than_it_may_be() -> None:
    """And one who does not wait any longer disturbs nobody."""
    read = Counted()
    together = Together(read, most=2)
    asked = [asyncio.create_task(together.ask(number)) for number in range(5)]
    await asyncio.sleep(0)
    asked[1].cancel()
    got = await asyncio.gather(*asked, return_exceptions=True)
    assert [got[0], *got[2:]] == [0, 20, 30, 40]
    assert read.batches == [[0, 1], [2, 3], [4]]
