"""The relay: gives what waits in the outbox its place in the receivers' feeds, and tells who listens.

It runs on a thread of its own, woken by commits and, because others may write to the same database, by the
clock. Several relays can run side by side. A fault is logged and tried again, less and less often.
"""

import asyncio
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import structlog

from carepath.store import feed, numbering
from carepath.store.database import Database
from carepath.store.times import now

log = structlog.get_logger()

LONGEST_PAUSE = 30.0
ANY = ""
"""In the place of a receiver: all of them."""


class Relay:
    """Numbers feeds, notes what was delivered, wakes the streams of this process."""

    def __init__(self, database: Database, *, poll: float = 1.0) -> None:
        """``poll`` is the longest time in seconds that another process's commit goes unseen."""
        self._database, self._poll = database, poll
        self._work = threading.Event()
        self._stopped = False
        self._handed: dict[str, int] = {}
        self._lock = threading.Lock()
        self.streams = Streams()

    def wake(self) -> None:
        """Something was committed. Any thread may call this."""
        self._work.set()

    def handed(self, receiver: str, number: int) -> None:
        """A receiver was handed everything up to ``number``; written down with the next round."""
        with self._lock:
            self._handed[receiver] = max(number, self._handed.get(receiver, 0))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Work while inside, the last round included."""
        thread = threading.Thread(target=self._run, name="relay", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopped = True
            self.wake()
            thread.join()

    def round(self) -> dict[str, int]:
        """Number what waits and note what was handed over; the newest number of every feed that grew."""
        with self._lock:
            handed, self._handed = self._handed, {}
        with self._database.read() as conn:
            idle = not feed.waiting(conn)
        if idle and not handed:
            return {}
        with self._database.write() as conn:
            feed.delivered(conn, handed, now())
            grown = numbering.number(conn)
        if handed:
            self.wake()  # another relay may have left a feed alone because we had it locked
        return grown

    def _run(self) -> None:
        pause = self._poll
        while not self._stopped:
            self._work.wait(pause)
            self._work.clear()
            pause = self._attempt(pause)
        self._attempt(pause)

    def _attempt(self, pause: float) -> float:
        """One go at it; the time to wait before the next."""
        try:
            while grown := self.round():
                self.streams.tell(grown)
        except Exception:
            log.exception("relay failed", again_in_seconds=pause)
            return min(pause * 2, LONGEST_PAUSE)
        return self._poll


class Streams:
    """Who waits for which feed, each on its own event loop."""

    def __init__(self) -> None:
        self._waiting: dict[str, set[_Listener]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def listening(
        self, receiver: str, news: asyncio.Event | None = None
    ) -> Iterator[asyncio.Event]:
        """An event, ``news`` or a new one, that is set when the feed has grown. Clear it before reading, not after.

        ``ANY`` is whatever feed.
        """
        news = news or asyncio.Event()
        listener = (asyncio.get_running_loop(), news)
        with self._lock:
            self._waiting.setdefault(receiver, set()).add(listener)
        try:
            yield news
        finally:
            with self._lock:
                self._waiting[receiver].discard(listener)

    def tell(self, receivers: Iterable[str]) -> None:
        """These feeds have grown. Any thread may call this."""
        with self._lock:
            whose = (*receivers, ANY)
            told: dict[asyncio.AbstractEventLoop, list[asyncio.Event]] = {}
            for loop, news in (each for key in whose for each in self._waiting.get(key, ())):
                told.setdefault(loop, []).append(news)
        for loop, all_ in told.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_set, all_)


def _set(told: Iterable[asyncio.Event]) -> None:
    """All at once: who looks at the same moment reads together."""
    for news in told:
        news.set()


_Listener = tuple[asyncio.AbstractEventLoop, asyncio.Event]
