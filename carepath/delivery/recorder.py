"""Writes the access log before anything leaves: who waits for the same moment shares a transaction.

While one batch is being committed the next one gathers, so a thousand readers cost a handful of commits. A reader's
line is not written in the snapshot it reads in, for SQLite would make readers wait for its one writer; but nothing is
answered or sent until its lines are committed (ADR 18).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from carepath.delivery.together import Together
from carepath.store import audit
from carepath.store.database import Database
from carepath.store.disclosures import Shown
from carepath.store.times import instant, now
from pathways.access import PERSON, Role
from pathways.access_log import PURPOSES, Act, Line, Who

_Lines: TypeAlias = tuple["_Kept", ...]


class Recorder:
    """Keeps lines. ``write`` returns when they are committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: Together[_Lines, None] = Together(self._write_all)

    async def write(self, lines: Iterable[Line]) -> None:
        """Keep these. Raises the database's fault when that cannot be: then nothing may leave."""
        kept = tuple(map(_Kept, lines))
        if kept:
            await self._together.ask(kept)

    def written(self, lines: Sequence[Line]) -> None:
        """The same for who is on a thread of their own."""
        if lines:
            self._write(lines)

    def _write_all(self, asked: Sequence[_Lines]) -> Mapping[_Lines, None]:
        self._write([kept.line for one in asked for kept in one])
        return dict.fromkeys(asked)

    def _write(self, lines: Sequence[Line]) -> None:
        if audit.needs_basis(lines):
            with self._database.read() as conn:
                lines = audit.with_basis(conn, lines, now())
        with self._database.write() as conn:
            audit.write(conn, self._database.keys, lines)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """A line as itself: two that say the same are two."""

    line: Line


def delivered(
    receiver: str | None, how: str, disclosed: Mapping[str, Shown], request: str
) -> list[Line]:
    """A line for each patient of whom something is sent. ``receiver``: a directory key, ``None`` for the operator.

    ``how``: by which channel; ``request`` tells which delivery it was: a Subscription, a topic, a stream.
    """
    at = now()
    who = _receiver(receiver)
    return [
        Line(
            id=audit.line_id(at),
            at=instant(at),
            act=Act.DELIVERY,
            who=who,
            patient=patient,
            interaction=how,
            shown=shown,
            request=request,
            outcome="sent",
        )
        for patient, shown in disclosed.items()
    ]


def _receiver(key: str | None) -> Who:
    """A receiver by its key: the operator, an organisation's system, or a person who has a feed of their own."""
    if key is None:
        return Who(role=Role.OPERATOR, purpose=PURPOSES[Role.OPERATOR])
    if key.startswith(PERSON):
        return Who(role=Role.PATIENT, person=key, purpose=PURPOSES[Role.PATIENT])
    return Who(role=Role.SYSTEM, party=key, purpose=PURPOSES[Role.SYSTEM])
