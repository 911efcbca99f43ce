"""Promises under watch: one row each, written with the events they follow from; and who looks at them when.

A watch claims rows under a lease: nobody else looks at them until it ends. What the intake writes meanwhile frees
the row, so that the watch that held it does nothing with what it knew before. Times are microseconds.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, and_, delete, func, or_, select, update

from carepath.store.statements import PATIENTS, PROMISES
from carepath.store.tables import meta, patient_identifiers, promises, resources
from carepath.store.times import instant, micros, when
from carepath.store.unit import Unit
from carepath.store.upserts import Row, replace_rows
from pathways.escalation import Step
from pathways.parties import Identifier
from pathways.promises import PromiseKind, PromiseState
from pathways.watched import Course, Watched

_COURSE = TypeAdapter(Course)
_at = promises.c


def of_threads(conn: Connection, threads: Collection[str]) -> dict[str, list[Watched]]:
    """What is promised in these matters, by matter; what has gone, too."""
    found: dict[str, list[Watched]] = {}
    rows = conn.execute(PROMISES, {"threads": [*threads]}).mappings() if threads else ()
    for row in rows:
        found.setdefault(row["thread"], []).append(watched(row))
    return found


def known(conn: Connection) -> bool:
    """Whether what is promised in every matter stands here: not between an upgrade and ``carepath rebuild``."""
    return conn.execute(select(meta.c.value).where(meta.c.name == _UNKNOWN)).first() is None


def all_known(conn: Connection) -> None:
    """From now on it does, since whoever takes messages in writes it, too."""
    conn.execute(delete(meta).where(meta.c.name == _UNKNOWN))


_UNKNOWN = "promises_unknown"
"""Set by the migration of a database that holds events already."""


def matters_of(conn: Connection, patients: Collection[str]) -> set[str]:
    """The matters of these patients in which something is promised, or was."""
    owed = select(_at.thread).where(_at.patient.in_(patients))
    return {*conn.execute(owed).scalars()} if patients else set()


def show(conn: Connection, id_: str) -> Watched | None:
    """One promise."""
    row = conn.execute(select(promises).where(_at.id == id_)).mappings().first()
    return watched(row) if row else None


def listed(
    conn: Connection, *, party: str | None = None, overdue: bool = False, limit: int = 100
) -> list[Watched]:
    """What is owed, the longest due first: of a party, or of all; ``overdue``: what it was found to be too late for."""
    owed = [_at.state == PromiseState.OPEN.value]
    if party is not None:
        owed.append(_at.responsible == party)
    if overdue:
        owed.append(_at.step >= Step.DUE)
    wanted = select(promises).where(*owed).order_by(_at.due, _at.id).limit(limit)
    return [watched(row) for row in conn.execute(wanted).mappings()]


def keep(conn: Connection, changed: Iterable[Watched]) -> None:
    """Write them as they stand now, and free."""
    replace_rows(conn, promises, [_row(one) for one in changed])


def hide(conn: Connection, ids: Collection[str]) -> None:
    """The Tasks of what no event speaks of any more are gone."""
    if ids:
        mine = update(resources).where(resources.c.type == "Task", resources.c.id.in_(ids))
        conn.execute(mine.values(deleted=True))


def watched(row: RowMapping) -> Watched:
    """A row as a value."""
    return Watched(
        id=row["id"],
        patient=row["patient"],
        thread=row["thread"],
        kind=PromiseKind(row["kind"]),
        responsible=row["responsible"],
        other=row["other"],
        opened=instant(row["opened"]),
        due=instant(row["due"]),
        state=PromiseState(row["state"]),
        proof=when(row["proof"]),
        step=Step(row["step"]),
        next_at=when(row["next_at"]),
        course=_COURSE.validate_json(row["body"]),
    )


def _row(one: Watched) -> Row:
    return {
        "id": one.id,
        "patient": one.patient,
        "thread": one.thread,
        "kind": one.kind.value,
        "responsible": one.responsible,
        "other": one.other,
        "opened": micros(one.opened),
        "due": micros(one.due),
        "state": one.state.value,
        "proof": None if one.proof is None else micros(one.proof),
        "next_at": None if one.next_at is None else micros(one.next_at),
        "step": one.step.value,
        "body": _COURSE.dump_json(one.course, exclude_defaults=True),
        "holder": None,
        "leased_until": None,
    }


# --- the watch


@dataclass(frozen=True, slots=True)
class Claimed:
    """A promise to be looked at, its matter and its patient."""

    id: str
    thread: str
    patient: str


def lock(unit: Unit, claimed: Iterable[Claimed]) -> None:
    """Their patients, before anything of theirs is read: nobody writes meanwhile what is looked at."""
    keys = sorted({one.patient for one in claimed})
    unit.know_patients(unit.connection.execute(PATIENTS, {"keys": keys}))


def tests(unit: Unit, identifiers: Mapping[str, Iterable[Identifier]]) -> set[str]:
    """Those of the patients who live among test messages, by their identifiers."""
    blinds = {unit.keys.blind(f"test|{one.value}") for told in identifiers.values() for one in told}
    known = patient_identifiers.c
    mine = select(known.patient).where(
        known.patient.in_(identifiers), known.blind_value.in_(blinds)
    )
    return {*unit.connection.execute(mine).scalars()}


def next_look(conn: Connection) -> datetime | None:
    """When the next one is to be looked at; ``None`` when nothing is."""
    first = conn.execute(select(func.min(_at.next_at))).scalar_one()
    return when(first)


def waiting(conn: Connection, now: int) -> bool:
    """Whether anything is to be looked at now."""
    return conn.execute(select(_at.id).where(_due(now)).limit(1)).first() is not None


def claim(conn: Connection, holder: str, now: int, *, until: int, limit: int) -> list[Claimed]:
    """What is to be looked at now, the longest due first; it is ``holder``'s until then. What is locked is left."""
    free = (
        select(_at.id)
        .where(_due(now))
        .order_by(_at.next_at, _at.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = update(promises).where(_at.id.in_(free)).values(holder=holder, leased_until=until)
    found = conn.execute(taken.returning(_at.id, _at.thread, _at.patient))
    return [Claimed(*row) for row in found]


def held(conn: Connection, holder: str, ids: Collection[str]) -> list[Watched]:
    """Those that are still ``holder``'s, the longest due first."""
    mine = select(promises).where(_at.id.in_(ids), _at.holder == holder)
    rows = conn.execute(mine.order_by(_at.next_at, _at.id).with_for_update()).mappings()
    return [watched(row) for row in rows]


def _due(now: int) -> Any:
    free = or_(_at.leased_until.is_(None), _at.leased_until < now)
    return and_(_at.next_at <= now, free)


# --- what an operator watches


@dataclass(frozen=True, slots=True)
class Figure:
    """How many promises the watch should have looked at, and since when the oldest."""

    waiting: int
    oldest: int | None


def figure(conn: Connection, now: int) -> Figure:
    """As it is now."""
    due = select(func.count(), func.min(_at.next_at)).where(_at.next_at <= now)
    return Figure(*conn.execute(due).one())
