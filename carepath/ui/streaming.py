"""Live updates of a page: server-sent events that say *that* it changed, never what."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from carepath.ui.door import still_stands
from carepath.ui.rendering import HEADERS

Changed = Callable[[], Coroutine[Any, Any, bool]]


def updates(
    request: Request, changed: Changed, version: Callable[[], str | None]
) -> EventSourceResponse:
    """The page's version at once, then each new one; until they are signed out, or it is not theirs any more.

    ``version`` runs in a worker thread; ``None``: it is not theirs. ``changed`` waits until something may be new.
    """
    return EventSourceResponse(_versions(request, changed, version), headers=HEADERS)


async def _versions(
    request: Request, changed: Changed, version: Callable[[], str | None]
) -> AsyncIterator[dict[str, str]]:
    sent = None
    while True:
        waiting = asyncio.create_task(changed())
        try:
            await asyncio.sleep(0)  # it listens before we look, so nothing is missed in between
            newest = await run_in_threadpool(version)
            if newest is None or not await still_stands(request):
                return
            if newest != sent:
                yield {"data": newest}
            sent = newest
            await waiting
        finally:
            waiting.cancel()
