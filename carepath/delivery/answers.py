"""Answers given later: response messages to ``$process-message?async=true``, POSTed to registered endpoints.

What is owed is in the store before the sender hears that its message was taken in, and stays there until the
endpoint has taken it: neither its absence nor ours loses an answer. Each endpoint gets one at a time, in order;
while it fails it is left alone longer and longer. Should we die between its 2xx and our note of it, it gets the
same bytes with the same ids once more. https://hl7.org/fhir/R4/messaging.html#async
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import structlog

from carepath.delivery.turns import back_off
from carepath.store import answers
from carepath.store.answers import Owed
from carepath.store.database import Database
from carepath.store.times import micros

log = structlog.get_logger()

PATIENCE: Final = 10.0
"""Seconds an endpoint has to take an answer."""
LONGEST_PAUSE: Final = 3600.0
_LEASE: Final = 60.0  # seconds; more than PATIENCE, so that a live sender never loses its turn
_AT_ONCE: Final = 20  # endpoints
_ANOTHER_TIME: Final = frozenset({408, 425, 429})
_HEADERS: Final = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}


class Answers:
    """Takes over what is owed and sends it. ``poll`` is the longest time in seconds that a due answer waits."""

    def __init__(self, database: Database, *, poll: float = 1.0) -> None:
        self._database, self._poll = database, poll
        self._news = asyncio.Event()
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def owe(self, owed: Owed) -> None:
        """Returns when it is written down."""
        await asyncio.to_thread(self._owe, owed)
        self._news.set()

    def _owe(self, owed: Owed) -> None:
        with self._database.write() as conn:
            answers.owe(conn, owed, _in(0))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while inside. What is being sent on leaving is finished, within ``PATIENCE``."""
        async with httpx.AsyncClient(trust_env=False, headers=_HEADERS) as client:
            task = asyncio.create_task(self._run(client))
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                await asyncio.gather(*self._busy.values())

    async def _run(self, client: httpx.AsyncClient) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), self._poll)
            self._news.clear()
            try:
                claimed = await asyncio.to_thread(self._claim)
            except Exception:
                log.exception("answers cannot be read")
                continue
            for owed in claimed:
                self._busy[owed.url] = asyncio.create_task(self._deliver(client, owed))

    def _claim(self) -> list[Owed]:
        busy = [*self._busy]
        free = _AT_ONCE - len(busy)
        with self._database.read() as conn:
            idle = free <= 0 or not answers.waiting(conn, _in(0), besides=busy)
        if idle:
            return []
        with self._database.write() as conn:
            return answers.due(conn, _in(0), lease=_in(_LEASE), besides=busy, limit=free)

    async def _deliver(self, client: httpx.AsyncClient, owed: Owed) -> None:
        try:
            status = await _post(client, owed)
            await asyncio.to_thread(self._note, owed, status)
        except Exception:  # its lease ends, and it is tried again
            log.exception("answer not noted", answer=owed.id)
        finally:
            del self._busy[owed.url]
            self._news.set()

    def _note(self, owed: Owed, status: int | None) -> None:
        with self._database.write() as conn:
            if status is not None and _is_final(status):
                answers.settled(conn, owed.id, status, _in(0))
            else:
                answers.failed(conn, owed, status, _in(back_off(owed.tries, LONGEST_PAUSE)))


async def _post(client: httpx.AsyncClient, owed: Owed) -> int | None:
    """The endpoint's status; ``None`` when it gave none in time. Its body is not read, nor a redirect followed."""
    try:
        async with (
            asyncio.timeout(PATIENCE),
            client.stream("POST", owed.url, content=owed.body) as answer,
        ):
            return answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as fault:
        log.warning("answer not sent", answer=owed.id, party=owed.party, fault=type(fault).__name__)
        return None


def _is_final(status: int) -> bool:
    """Taken, or not to be sent again unchanged (4xx)."""
    taken, wrong = 200 <= status < 300, 400 <= status < 500
    return taken or (wrong and status not in _ANOTHER_TIME)


def _in(seconds: float) -> int:
    """So many seconds from now, in microseconds since 1970."""
    return micros(datetime.now(UTC) + timedelta(seconds=seconds))
