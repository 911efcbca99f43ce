"""The gathering window: requests that arrive together share a transaction.

While one batch is being committed the next one gathers; where requests come one at a time, none waits.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeAlias

from carepath.service import Answer, Submission

Handle: TypeAlias = Callable[[Sequence[Submission]], list[Answer]]
_Waiting: TypeAlias = tuple[Submission, asyncio.Future[Answer]]


class Full(Exception):
    """Too many wait already; nothing was taken in. Try again in ``after`` seconds."""

    after = 1


class Gather:
    """Takes submissions one by one, has them handled many at a time on one worker thread."""

    def __init__(
        self,
        handle: Handle,
        committed: Callable[[], None],
        *,
        window: float = 0.003,
        most: int = 200,
        capacity: int = 2000,
    ) -> None:
        """``window`` in seconds; ``committed`` is called after every batch, on the worker thread."""
        self._handle, self._committed = handle, committed
        self._window, self._most = window, most
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue(capacity)

    async def submit(self, submission: Submission) -> Answer:
        """The definitive answer, once it is committed. Raises ``Full``."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        try:
            self._queue.put_nowait((submission, answer))
        except asyncio.QueueFull:
            raise Full from None
        return await answer

    async def take(self, submission: Submission) -> Answer:
        """The same for a sender that is let wait, and never turned away."""
        while True:
            try:
                return await self.submit(submission)
            except Full:
                await asyncio.sleep(Full.after)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while inside; what has been submitted is finished before leaving."""
        with ThreadPoolExecutor(1, "gather") as worker:
            task = asyncio.create_task(self._run(worker))
            try:
                yield
            finally:
                await self._queue.join()
                task.cancel()

    async def _run(self, worker: ThreadPoolExecutor) -> None:
        company = 0  # how many shared the batch before
        while True:
            batch = await self._next(company)
            company = len(batch)
            await self._settle(worker, batch)
            for _ in batch:
                self._queue.task_done()

    async def _next(self, company: int) -> list[_Waiting]:
        """All that wait; when others are about, also those who come within the window."""
        batch = [await self._queue.get()]
        if company > 1 or not self._queue.empty():
            await asyncio.sleep(0 if self._queue.qsize() + 1 >= company > 1 else self._window)
        while len(batch) < self._most and not self._queue.empty():
            batch.append(self._queue.get_nowait())
        return batch

    async def _settle(self, worker: ThreadPoolExecutor, batch: list[_Waiting]) -> None:
        submissions = [submission for submission, _ in batch]
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(worker, self._commit, submissions)
        except Exception as fault:  # noqa: BLE001 -- whoever waits must hear of it, whatever it is
            _tell(batch, fault)
        else:
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():  # the client may have gone
                    future.set_result(answer)

    def _commit(self, submissions: Sequence[Submission]) -> list[Answer]:
        answers = self._handle(submissions)
        self._committed()
        return answers


def _tell(batch: Sequence[_Waiting], fault: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(fault)
