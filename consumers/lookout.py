"""What there is to read, as Kafka and the database say: asked on a thread of its own."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from carepath.service.directory import Parties
from carepath.store import positions, streams
from carepath.store.database import Database
from carepath.store.positions import Position
from consumers.records import Place
from consumers.topics import Found, Scout, chosen, wanted
from schemas import topics

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Outlook:
    """The inbound topics there are, and those to read now."""

    found: Mapping[str, Found]
    chosen: frozenset[str]


class Lookout:
    """``pause``: seconds between two times that new topics are taken up."""

    def __init__(self, database: Database, scout: Scout, *, open_mode: bool, pause: float) -> None:
        self._database, self._scout = database, scout
        self._parties = None if open_mode else Parties(database, open_mode=False)
        self._pause = timedelta(seconds=pause)
        self._thread = ThreadPoolExecutor(1, "lookout")

    async def look(self) -> Outlook:
        """Look round. Raises what Kafka's client or the database raises when it does not answer."""
        return await self._on_thread(self._look)

    async def activate(self, chosen: Collection[str]) -> None:
        """Write down that these topics are read from now on; other workers follow."""
        await self._on_thread(self._activate, chosen)

    async def positions(self, topics: Collection[str]) -> dict[Place, Position]:
        """How far these topics have been taken in, by whichever worker."""
        return await self._on_thread(self._positions, topics)

    async def leave(self, member: str) -> None:
        """Take a member out of the group. Raises what Kafka's client raises."""
        await self._on_thread(self._scout.leave, member)

    def close(self) -> None:
        """Let the connection to Kafka go."""
        self._thread.submit(self._scout.close)
        self._thread.shutdown(wait=False)

    async def _on_thread(self, work: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)

    def _look(self) -> Outlook:
        found = self._scout.look()
        with self._database.read() as conn:
            active = {
                topics.inbound(stream.party): stream.active_from
                for stream in streams.listed(conn)
                if stream.active_from is not None
            }
            if self._parties is not None:
                self._parties.refresh(conn)
        known = None if self._parties is None else self._parties.current.parties
        now = datetime.now(UTC)
        return Outlook(found, frozenset(chosen(wanted(found, known), active, now, self._pause)))

    def _activate(self, chosen: Collection[str]) -> None:
        parties = [key for topic in chosen if (key := topics.organisation(topic))]
        with self._database.write() as conn:
            streams.enter(conn, parties)
            streams.activated(conn, parties, datetime.now(UTC))

    def _positions(self, of: Collection[str]) -> dict[Place, Position]:
        with self._database.read() as conn:
            return {Place(*key): at for key, at in positions.load(conn, of).items()}
