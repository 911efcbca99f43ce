"""What deliveries have in common: they take turns beside all else, and leave nothing in the air when they end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from carepath.delivery.relay import ANY, Relay


class Turns:
    """When a delivery looks for work: at once, when a feed has grown or it is told to, and every ``poll`` seconds."""

    def __init__(self, relay: Relay, poll: float) -> None:
        self._relay, self.poll = relay, poll
        self._news = asyncio.Event()
        self.over = False

    @asynccontextmanager
    async def running(self, run: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        """``run`` while inside; it ends once its turns are ``over``, and is waited for."""
        with self._relay.streams.listening(ANY, self._news):
            self._news.set()
            task = asyncio.create_task(run())
            try:
                yield
            finally:
                self.over = True
                self._news.set()
                await task

    def tell(self) -> None:
        """There may be more to do. For the event loop alone."""
        self._news.set()

    def begin(self) -> None:
        """A turn begins: what is told of from here on is for the next one."""
        self._news.clear()

    async def next(self) -> None:
        """Returns when the next turn is due."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), self.poll)


def back_off(tries: int, longest: float) -> float:
    """Seconds to wait after so many tries that failed: twice as many each time."""
    return min(2.0 ** min(tries, 12), longest)


async def land(flying: Collection[asyncio.Task[None]], within: float) -> None:
    """Wait so many seconds for what is on its way, and give up the rest."""
    if flying:
        _, late = await asyncio.wait(flying, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
