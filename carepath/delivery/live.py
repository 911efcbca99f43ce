"""Who is connected: event streams and websockets of this process, who read together and are told of on the way.

Each holds one page at a time and asks for the next when that was sent, so a slow one costs no memory and nobody else
waits. What a websocket was sent is written down within seconds; after a crash the same events are sent again, under the
same numbers.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final

import structlog

from carepath.delivery.content import cloud_event, event_code
from carepath.delivery.letters import Letters
from carepath.delivery.news import Asked, News, Told, news
from carepath.delivery.recorder import Recorder, delivered
from carepath.delivery.relay import Relay
from carepath.delivery.standing import Rights
from carepath.delivery.together import Together
from carepath.service.directory import Parties
from carepath.store import feed, following
from carepath.store.database import Connection, Database
from carepath.store.subscriptions import Subscribed
from carepath.store.times import now

log = structlog.get_logger()

_PAGE: Final = 50
_ROUND: Final = 2.0  # seconds between notes of what was sent, and until all look again


@dataclass(frozen=True, slots=True)
class Page:
    """Feed numbers, each with its server-sent event; ``more`` follows at once. ``of``: whom each event tells of."""

    events: Sequence[tuple[int, bytes]]
    more: bool
    of: Sequence[tuple[str, str]] = ()  # patient, id of the event's message


class Live:
    """Reads for them. ``base_url`` is FHIR's."""

    def __init__(self, database: Database, relay: Relay, base_url: str) -> None:
        self._database, self._relay, self._base_url = database, relay, base_url
        self._recorder = Recorder(database)
        self._letters = Letters(Parties(database, open_mode=False), base_url)
        self._pages: Together[tuple[str, int], Page] = Together(self._read_pages)
        self._news: Together[Asked, News] = Together(self._read_news)
        self._sent: dict[str, int] = {}
        self._listening: set[asyncio.Event] = set()
        self.rights = Rights(database)

    @contextmanager
    def listening(
        self, receiver: str, news: asyncio.Event | None = None
    ) -> Iterator[asyncio.Event]:
        """As the relay's, and set every few seconds too: another process may have numbered the feed.

        All look again at the same moment, so that they read together.
        """
        with self._relay.streams.listening(receiver, news) as heard:
            self._listening.add(heard)
            try:
                yield heard
            finally:
                self._listening.discard(heard)

    async def page(self, receiver: str, since: int) -> Page:
        """What follows the number ``since`` in a feed."""
        return await self._pages.ask((receiver, since))

    async def news(self, asked: Asked) -> News:
        """What follows for Subscriptions."""
        return await self._news.ask(asked)

    def begins(self, one: Subscribed) -> int:
        """Up to which event its subscriber has everything."""
        return max(one.delivered, self._sent.get(one.id, 0))

    async def keep(self, told: Iterable[Told]) -> None:
        """These are about to be sent: what they tell of patients is kept. Raises the database's fault."""
        lines = (delivered(one.one.reader, "websocket", one.tells, one.one.id) for one in told)
        await self._recorder.write(chain.from_iterable(lines))

    def sent(self, told: Iterable[Told]) -> None:
        """These were sent."""
        for each in told:
            self._sent[each.one.id] = max(each.upto, self._sent.get(each.one.id, 0))
            if each.handed:
                self._relay.handed(each.one.receiver, each.handed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let them look again, and note what was sent, the last of it on leaving."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await self._note()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_ROUND)
            await self.rights.look()  # before anybody reads on
            for heard in self._listening:
                heard.set()
            await self._note()

    async def _note(self) -> None:
        sent, self._sent = self._sent, {}
        if not sent:
            return
        try:
            await asyncio.to_thread(self._write, sent)
        except Exception:
            log.exception("not noted what was sent")  # it is sent again to who connects again
            for id_, number in sent.items():
                self._sent[id_] = max(number, self._sent.get(id_, 0))

    def _write(self, sent: dict[str, int]) -> None:
        with self._database.write() as conn:
            following.delivered(conn, sent, now())

    def _read_news(self, asked: Sequence[Asked]) -> dict[Asked, News]:
        with self._database.read() as conn:
            return news(conn, self._base_url, asked, now())

    def _read_pages(self, asked: Sequence[tuple[str, int]]) -> dict[tuple[str, int], Page]:
        with self._database.read() as conn:
            self._letters.refresh(conn)
            return {one: self._page(conn, *one) for one in asked}

    def _page(self, conn: Connection, receiver: str, since: int) -> Page:
        items = feed.after(conn, receiver, since, now(), limit=_PAGE)
        more = bool(items) and items[-1].number < feed.last(conn, receiver)
        events = [(item.number, self._event(conn, receiver, item)) for item in items]
        return Page(events, more, [(item.of, item.id) for item in items if item.of])

    def _event(self, conn: Connection, receiver: str, item: feed.Item) -> bytes:
        """One event on the wire; a Bundle written over several lines takes as many ``data`` lines."""
        written = self._letters.written(conn, receiver, item)
        data = b"\ndata: ".join(cloud_event(item, self._base_url, written).splitlines())
        return b"id: %d\nevent: %b\ndata: %b\n\n" % (item.number, event_code(item).encode(), data)
