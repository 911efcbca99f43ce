"""What deliveries have in common: they take turns beside all else, and leave nothing in the air when they end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from carepath.delivery.relay import ANY, Relay


@asynccontextmanager
async def turns(
    relay: Relay,
    run: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    stop: Callable[[], None],
) -> AsyncIterator[None]:
    """``run`` while inside; its event is set at once, and whenever a feed has grown. ``stop`` tells it to end."""
    with relay.streams.listening(ANY) as news:
        news.set()
        task = asyncio.create_task(run(news))
        try:
            yield
        finally:
            stop()
            news.set()
            await task


async def land(flying: Collection[asyncio.Task[None]], within: float) -> None:
    """Wait so many seconds for what is on its way, and give up the rest."""
    if flying:
        _, late = await asyncio.wait(flying, timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*flying, return_exceptions=True)
