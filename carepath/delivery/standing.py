"""What is open for somebody closes within seconds when their right to it has gone.

Every two seconds all of a process's streams are looked at together: whether what signed them in still holds, and
whether their reader lost the right to anything. While the database does not answer, nothing is read for them either.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeAlias

import structlog

from carepath.store import lost
from carepath.store.database import Connection, Database, DatabaseError
from carepath.store.times import now

log = structlog.get_logger()

Standing: TypeAlias = Callable[[Connection, int], bool]
"""Whether somebody is still signed in as they were, at a moment in microseconds."""


@dataclass(eq=False, slots=True)
class Right:
    """What one stream is open by: ``gone`` is set when it has gone, whatever took it."""

    readers: tuple[str, ...]
    standing: Standing
    since: int
    marks: Mapping[str, int] = field(default_factory=dict)
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Rights:
    """Those of all streams of this process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: set[Right] = set()
        self._tokens: dict[bytes, tuple[Standing, int]] = {}

    @asynccontextmanager
    async def held(
        self, readers: Iterable[str], standing: Standing, gone: asyncio.Event | None = None
    ) -> AsyncIterator[Right]:
        """While a stream is open; what its readers had at the beginning is what counts. Raises the database's fault.

        ``gone``: of several rights that a stream is open by, so that it ends with the first that goes.
        """
        right = Right((*readers,), standing, now(), gone=gone or asyncio.Event())
        self._open.add(right)
        try:
            await asyncio.to_thread(self._begin, right)
            yield right
        finally:
            self._open.discard(right)

    def remember(self, token: str, standing: Standing, until: int) -> None:
        """By what somebody has a token to open a stream with; it lasts until that moment, and in this process."""
        at = now()
        self._tokens = {key: kept for key, kept in self._tokens.items() if at < kept[1]}
        self._tokens[_digest(token)] = standing, until

    def behind(self, token: str) -> Standing | None:
        """By what they have it; ``None`` where another process gave it."""
        kept = self._tokens.get(_digest(token))
        return kept[0] if kept else None

    async def look(self) -> None:
        """End what has gone."""
        looked_at = [*self._open]
        if not looked_at:
            return
        try:
            over = await asyncio.to_thread(self._over, looked_at)
        except DatabaseError as fault:
            log.warning("rights not looked at", fault=type(fault).__name__)
            return
        for right in over:
            right.gone.set()

    def _begin(self, right: Right) -> None:
        with self._database.read() as conn:
            right.marks = lost.marks(conn, right.readers)
            stands = right.standing(conn, right.since)
        if not stands:
            right.gone.set()

    def _over(self, looked_at: list[Right]) -> list[Right]:
        at, readers = now(), {reader for right in looked_at for reader in right.readers}
        with self._database.read() as conn:
            marks = lost.marks(conn, readers)
            ended = lost.ended(conn, readers, min(right.since for right in looked_at), at)
            return [right for right in looked_at if not _stands(conn, right, marks, ended, at)]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _stands(
    conn: Connection, right: Right, marks: Mapping[str, int], ended: set[str], at: int
) -> bool:
    same = all(marks.get(one) == right.marks.get(one) for one in right.readers)
    lasting = not ended & {*right.readers}
    right.since = at
    return same and lasting and right.standing(conn, at)
