"""Updates in the order of their numbers, each once, and remembered when your code is done with them.

At least once: what your code was at when the process died comes again. ``Update.sequence`` and ``Update.id``
tell you so.
"""

import logging
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import httpx

from carepath_client.broker import Security
from carepath_client.cursors import Cursor, Unkept
from carepath_client.errors import Unavailable
from carepath_client.feeds import Arrived, Feed, Missing
from carepath_client.http import Server
from carepath_client.http_feed import HttpFeed, HttpMissing
from carepath_client.kafka_feed import KafkaFeed
from carepath_client.order import OnGap, Order
from carepath_client.updates import Update

log = logging.getLogger("carepath_client")

_ENOUGH: Final = 1000  # held while one is missing; then those partitions wait that are ahead
_FETCH_PAUSE: Final = 5.0  # seconds


class Subscriber:
    """An iterator of ``Update``. Used by one thread; ``close`` may come from any.

    What a turn of the loop was about counts as done when the loop goes on, and when the ``with`` block is left
    without an exception.
    """

    def __init__(
        self,
        feed: Feed,
        missing: Missing | None = None,
        *,
        on_gap: OnGap | None = None,
        gap_after: float = 0.0,
        own: ExitStack | None = None,
    ) -> None:
        """``own``: what is to be closed with it."""
        self._feed, self._missing, self._order = feed, missing, Order(on_gap)
        self._gap_after, self._own = gap_after, own or ExitStack()
        self._at_hand: Arrived | None = None
        self._done: int | None = None  # not before it is known where to begin
        self._thread: int | None = None
        self._stopped = threading.Event()
        self._closed = False

    @classmethod
    def http(  # noqa: PLR0913 -- given by name
        cls,
        url: str,
        *,
        organisation: str | None = None,
        cursor: Cursor | None = None,
        since: int = 0,
        on_gap: OnGap | None = None,
        patience: float = 60.0,
        client: httpx.Client | None = None,
        auth: httpx.Auth | None = None,
    ) -> Self:
        """Over HTTP. ``cursor`` remembers; ``since`` is where to begin when nothing is remembered yet.

        Raises ``Unavailable`` when nobody answers for ``patience`` seconds at the beginning; later it waits for
        ever. ``client`` is yours, with your TLS, proxies and tokens, and yours to close; ``auth`` signs in without one.
        """
        own = ExitStack()
        feed = HttpFeed(
            Server(url, organisation),
            client or own.enter_context(httpx.Client(auth=auth)),
            cursor or Unkept(),
            since=since,
            patience=patience,
        )
        return cls(feed, on_gap=on_gap, own=own)

    @classmethod
    def kafka(  # noqa: PLR0913 -- given by name
        cls,
        bootstrap: str,
        *,
        organisation: str,
        security: Security | None = None,
        url: str | None = None,
        since: int = 0,
        on_gap: OnGap | None = None,
        gap_after: float = 10.0,
        patience: float = 60.0,
        client: httpx.Client | None = None,
        auth: httpx.Auth | None = None,
    ) -> Self:
        """Over Kafka, as a member of the group ``carepath.<organisation>``, of which one at a time reads.

        A number that has not come ``gap_after`` seconds after a later one is fetched from ``url``, if given.
        Otherwise as ``http``.
        """
        feed = KafkaFeed(
            bootstrap, organisation, security or Security(), since=since, patience=patience
        )
        own, missing = ExitStack(), None
        if url is not None:
            asks = client or own.enter_context(httpx.Client(auth=auth))
            missing = HttpMissing(Server(url, organisation), asks)
        return cls(feed, missing, on_gap=on_gap, gap_after=gap_after, own=own)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Update:
        self._thread = threading.get_ident()
        self._settle()
        while not self._stopped.is_set():
            if self._feed.is_due():
                self._receive()
            if (arrived := self._order.next()) is not None:
                self._at_hand = arrived
                if (update := self._whole(arrived.update)) is not None:
                    return update
                break
            self._save(now=True)
            self._receive()
            self._mend()
        self._finish()
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _fault: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if kind is None and self._thread == threading.get_ident():
            self._settle()
        self.close()

    def close(self) -> None:
        """End the loop. From another thread: when the turn at hand is done."""
        self._stopped.set()
        if self._thread in (None, threading.get_ident()):
            self._finish()
        else:
            self._feed.interrupt()

    # --- one turn

    def _settle(self) -> None:
        """The code that had the last update has returned."""
        if self._at_hand is None:
            return
        self._feed.finish(self._at_hand)
        self._at_hand, self._done = None, self._order.line.passed
        self._save(now=False)

    def _save(self, *, now: bool) -> None:
        if self._done is not None:
            self._feed.save(self._done, now=now)

    def _receive(self) -> None:
        begun = time.monotonic()
        batch = self._feed.receive(self._order.line.passed, full=len(self._order.line) >= _ENOUGH)
        if batch.restart is not None:
            self._order.restart(batch.restart)
            self._done = self._order.line.passed
        for arrived in batch.arrived:
            if not self._order.take(arrived):
                self._feed.finish(arrived)
        self._order.line.waited(time.monotonic() - begun)

    def _whole(self, update: Update) -> Update | None:
        """With the message that was too large for Kafka; ``None`` when it is told to end before it has it."""
        if update.reference is None or self._missing is None:
            return update
        number = update.sequence
        while not self._stopped.is_set():
            try:
                found, _ = self._missing.fetch(number - 1, number)
                return replace(update, body=found[0].body, reference=None) if found else update
            except Unavailable as fault:
                log.warning("%s", fault)
                self._stopped.wait(_FETCH_PAUSE)
        self._at_hand = None
        return None

    def _finish(self) -> None:
        if not self._closed:
            self._closed = True
            self._save(now=True)
            self._feed.close()
            self._own.close()

    # --- what did not come

    def _mend(self) -> None:
        """Fetch what is missing; give up what cannot be fetched."""
        hole = self._order.line.hole(self._gap_after)
        if hole is not None and self._fetch(hole[0] - 1, hole[1]):
            self._order.give_up(hole[1])

    def _fetch(self, after: int, upto: int) -> bool:
        """Whether everything that can be had is here."""
        if self._missing is None:
            return True
        log.info("updates %d to %d did not come and are fetched", after + 1, upto)
        try:
            found, whole = self._missing.fetch(after, upto)
        except Unavailable as fault:
            log.warning("%s", fault)
            self._stopped.wait(_FETCH_PAUSE)
            return False
        self._order.fill(found)
        return whole
