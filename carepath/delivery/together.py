"""What many ask at the same moment is read once.

Whoever follows a feed looks when it has grown, so a thousand of them ask within a millisecond. While one batch is
being read the next one gathers: what is asked after something was committed never gets an answer from before it.
"""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import structlog

from carepath.store.database import DatabaseError

log = structlog.get_logger()

Asked = TypeVar("Asked", bound=Hashable)
Answer = TypeVar("Answer")


class Together(Generic[Asked, Answer]):
    """Answers each question once in a batch, however many ask it; batches are read on a thread, one after the other."""

    def __init__(
        self, read: Callable[[Sequence[Asked]], Mapping[Asked, Answer]], *, most: int = 1000
    ) -> None:
        """``read`` answers all questions it is given; ``most`` are in one batch."""
        self._read, self._most = read, most
        self._waiting: dict[Asked, list[asyncio.Future[Answer]]] = {}
        self._work: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer as of now. Raises what reading it raised."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(asked, []).append(answer)
        if self._work is None:
            self._work = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            batch = {asked: self._waiting.pop(asked) for asked in [*self._waiting][: self._most]}
            try:
                answers = await asyncio.to_thread(self._answers, [*batch])
            except Exception as fault:  # noqa: BLE001 -- whoever waits must hear of it, whatever it is
                answers = dict.fromkeys(batch, fault)
            for asked, waiting in batch.items():
                _tell(waiting, answers[asked])
        self._work = None

    def _answers(self, batch: Sequence[Asked]) -> dict[Asked, Answer | Exception]:
        """What cannot be read is a fault of that question alone, unless the store is away."""
        try:
            return dict(self._read(batch))
        except DatabaseError as fault:
            log.error("store failed", asked=len(batch), fault=type(fault).__name__)  # noqa: TRY400 -- no values
            raise
        except Exception as fault:  # noqa: BLE001 -- told to those who asked
            if len(batch) == 1:
                return {batch[0]: fault}
        half = len(batch) // 2
        return self._answers(batch[:half]) | self._answers(batch[half:])


def _tell(waiting: Sequence[asyncio.Future[Answer]], answer: Answer | Exception) -> None:
    for future in waiting:
        if future.done():  # who asked has gone
            continue
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
