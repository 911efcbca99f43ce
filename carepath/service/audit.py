"""The access log behind the reading: lines are sealed into a chain, and the chain is checked.

Intake and reading write lines and go on; sealing comes after them, in batches. What is not sealed within seconds is an
alarm (``carepath_audit_unsealed_seconds``).
"""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from carepath.store import audit, times
from carepath.store import audit_chain as chain
from carepath.store.audit_chain import Checkpoint, Head, Sealed
from carepath.store.blind import Keys
from carepath.store.database import Connection, Database
from carepath.store.failpoints import reached
from carepath.store.times import instant, micros
from pathways.access_log import KEPT_YEARS
from pathways.merkle import EMPTY, START, Tree, leaf, linked, tree

LEASE: Final = 10_000_000
"""Microseconds for which a sealer that stands still keeps others from taking over."""
KEPT: Final = timedelta(days=KEPT_YEARS * 365 + 2)


@dataclass(slots=True)
class Sealer:
    """Seals what waits; one at a time does, under a lease, and a second that overtakes it changes nothing."""

    database: Database
    holder: str = field(default_factory=lambda: secrets.token_hex(8))

    def round(self) -> int:
        """Seal some lines; how many. Raises the database's fault when it is away."""
        now = times.now()
        with self.database.read() as conn:
            before, waiting = chain.head(conn), chain.waiting(conn)
        theirs = before.holder not in (None, self.holder) and (before.leased_until or 0) >= now
        if theirs or not waiting:
            return 0
        after, sealed = self._sealed(before, waiting, now)
        with self.database.write() as conn:
            done = chain.advance(conn, self.database.keys, before, after, sealed, now=now)
            reached("seal_before_commit")
        return len(sealed) if done else 0

    def _sealed(
        self, before: Head, waiting: Sequence[Any], now: int
    ) -> tuple[Head, Sequence[Sealed]]:
        last, leaves, sealed = before.hash, list[bytes](), list[Sealed]()
        for number, row in enumerate(waiting, before.size + 1):
            said = audit.said(row._mapping)  # noqa: SLF001 -- named so against clashes
            last = linked(last, said)
            leaves.append(leaf(said))
            sealed.append(Sealed(row.id, number, last))
        grown = before.tree.with_leaves(leaves)
        return Head(
            hash=last,
            tree=grown,
            removed=before.removed,
            holder=self.holder,
            leased_until=now + LEASE,
        ), sealed


# --- checking


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and at which line (its number in the chain; else its id), or at which checkpoint's size."""

    what: str
    number: int | None = None
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """``lines`` were checked, from behind ``removed`` on; ``unsealed`` wait. Without faults all is as it was."""

    lines: int
    removed: int
    unsealed: int
    checkpoints: int
    faults: Sequence[Fault]


MOST_FAULTS: Final = 20
"""Behind a place where the chain is broken, more than these say nothing new."""


def verify(database: Database, now: datetime, outside: Sequence[Checkpoint] = ()) -> Verdict:
    """Read the whole log and reckon everything anew. ``outside``: checkpoints that were kept somewhere else."""
    with database.read() as conn:
        found = _Check(conn, database.keys, now)
        return found.run(outside)


class _Check:
    def __init__(self, conn: Connection, keys: Keys, now: datetime) -> None:
        self._conn, self._keys, self._now = conn, keys, now
        self._public = chain.public_key(keys)
        self._head = chain.head(conn)
        self._kept = chain.checkpoints(conn)
        self._faults: list[Fault] = []
        self._lines = self._unsealed = 0

    def run(self, outside: Sequence[Checkpoint]) -> Verdict:
        last, grown = self._begin()
        marks = self._marks(outside)
        for size, hash_, stands in self._sealed(last, grown):
            for mark, where in marks.pop(size, ()):
                if (mark.hash, mark.root) != (hash_, stands.root):
                    self._fault(f"the log is not what {where} was signed for", size)
        for size, some in sorted(marks.items()):
            for _, where in some:
                self._fault(f"lines are missing that {where} was signed for", size)
        self._wait()
        return Verdict(
            lines=self._lines,
            removed=self._head.removed,
            unsealed=self._unsealed,
            checkpoints=len(self._kept),
            faults=self._faults[:MOST_FAULTS],
        )

    def _fault(self, what: str, number: int | None = None, id_: str | None = None) -> None:
        self._faults.append(Fault(what, number, id_))

    def _begin(self) -> tuple[bytes, Tree]:
        """What the first line that is kept is chained to: the checkpoint up to which lines have gone by age."""
        removed = self._head.removed
        if removed == 0:
            return START, EMPTY
        at = next((one for one in self._kept if one.size == removed), None)
        written = chain.peaks_at(self._conn, removed)
        if at is None or written is None:
            self._fault("there is no checkpoint where the log begins", removed)
            return START, EMPTY
        if instant(at.at) > self._now - KEPT + timedelta(days=1):
            self._fault(f"lines are gone that are younger than {KEPT_YEARS} years", removed)
        try:
            grown = tree(removed, written)
        except ValueError:
            grown = EMPTY
        if grown.root != at.root:
            self._fault("the tree is not what its checkpoint was signed for", removed)
        return at.hash, grown

    def _marks(self, outside: Sequence[Checkpoint]) -> dict[int, list[tuple[Checkpoint, str]]]:
        """Where the log is compared with what was signed; a wrong signature is a fault, and compares nothing."""
        marks: dict[int, list[tuple[Checkpoint, str]]] = {}
        own = {one.size: one for one in self._kept}
        for one, where in [
            *((one, "its checkpoint") for one in self._kept),
            *((one, "the exported checkpoint") for one in outside),
        ]:
            if not chain.is_signed(one, self._public):
                self._fault(f"{where} is not signed with this installation's key", one.size)
            elif one.size > self._head.removed:
                marks.setdefault(one.size, []).append((one, where))
            elif one.size in own and (own[one.size].hash, own[one.size].root) != (
                one.hash,
                one.root,
            ):
                self._fault(f"the log is not what {where} was signed for", one.size)
        return marks

    def _sealed(self, last: bytes, grown: Tree) -> Iterator[tuple[int, bytes, Tree]]:
        """How the log stands behind every line, and at its end how the head should."""
        number = self._head.removed
        for row in chain.lines(self._conn):
            if row.number <= self._head.removed:
                continue  # goes by age
            number = self._line(row, number)
            said = audit.said(row._mapping)  # noqa: SLF001
            last, grown = linked(last, said), grown.with_leaves([leaf(said)])
            if bytes(row.hash or b"") != last:
                self._fault("the line was changed, or one before it", row.number, row.id)
                last = bytes(row.hash or b"")  # so that what follows is judged for itself
            yield number, last, grown
        if (number, last, grown.written()) != (
            self._head.size,
            self._head.hash,
            self._head.tree.written(),
        ):
            self._fault("the chain does not end where its head says", self._head.size)

    def _line(self, row: Any, before: int) -> int:
        """Its number, and whether it is the one that follows."""
        self._lines += 1
        self._tagged(row)
        if row.number <= before:
            self._fault("two lines have this number", row.number, row.id)
        elif row.number > before + 1:
            missing = row.number - before - 1
            self._fault(f"{missing} line(s) are missing before this one", row.number, row.id)
        return int(row.number)

    def _tagged(self, row: Any) -> None:
        if bytes(row.tag) != audit.tag(self._keys, row._mapping):  # noqa: SLF001
            self._fault("the line is not as the broker wrote it", row.number, row.id)

    def _wait(self) -> None:
        for row in chain.unsealed_lines(self._conn):
            self._unsealed += 1
            self._tagged(row)


# --- what is old


def expire(database: Database, before: datetime, *, dry_run: bool) -> int:
    """Let go of sealed lines from before ``before`` up to a checkpoint; how many.

    Never of one that is younger than ``KEPT``: raises ``ValueError``.
    """
    if before > instant(times.now()) - KEPT:
        raise ValueError(f"lines of the access log are kept for {KEPT_YEARS} years at least")
    with database.read() as conn:
        upto = chain.removable(conn, micros(before))
        gone = max(upto - chain.head(conn).removed, 0)
    while not dry_run and upto:
        with database.write() as conn:
            if not chain.remove(conn, upto):
                break
    return gone
