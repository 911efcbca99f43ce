"""What figures are made of: the promises of a period, the stays begun in it, and the days patients waited in it."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, exists, or_, select

from carepath.store import codec
from carepath.store.promises import watched
from carepath.store.tables import events, promises, threads
from carepath.store.times import micros
from pathways.events import EventCode
from pathways.messages import Record
from pathways.pathway import Thread
from pathways.payment import Day
from pathways.promises import PromiseKind
from pathways.tallies import Owed, Waited
from pathways.watched import Watched

LONGEST = timedelta(days=366)
"""Nobody is looked for who has been ready for longer."""

Reckon = Callable[[Thread, list[Record]], Iterable[Day]]
"""The days of waiting in a stay that fall into the period."""


@dataclass(frozen=True, slots=True)
class Period:
    """From ``first`` to before ``after``; ``unit``: of one party only (directory key)."""

    first: datetime
    after: datetime
    unit: str | None = None


def owed(conn: Connection, period: Period) -> list[Owed]:
    """What was promised in the period."""
    opened = promises.c.opened
    wanted = select(promises).where(opened >= micros(period.first), opened < micros(period.after))
    if period.unit is not None:
        wanted = wanted.where(promises.c.responsible == period.unit)
    return [_owed(watched(row)) for row in conn.execute(wanted).mappings()]


def _owed(one: Watched) -> Owed:
    return Owed(
        unit=one.responsible,
        kind=one.kind,
        opened=one.opened,
        due=one.due,
        state=one.state,
        proof=one.proof,
        alarms=len(one.course.alarms),
    )


def stays(conn: Connection, period: Period) -> Counter[str]:
    """How many stays that began in the period concern each unit: it told of one, or owed something in it."""
    began = (
        select(events.c.thread)
        .where(events.c.code == EventCode.ADMISSION.value)
        .where(events.c.happened >= micros(period.first), events.c.happened < micros(period.after))
    )
    told = select(events.c.sender, events.c.thread).where(
        events.c.code == EventCode.ADMISSION.value, events.c.thread.in_(began)
    )
    had = select(promises.c.responsible, promises.c.thread).where(promises.c.thread.in_(began))
    if period.unit is not None:
        told = told.where(events.c.sender == period.unit)
        had = had.where(promises.c.responsible == period.unit)
    return Counter(unit for unit, _ in conn.execute(told.union(had)))


def waits(conn: Connection, period: Period, reckon: Reckon) -> list[Waited]:
    """How long patients waited in the period: for who told of their readiness, and for who had to answer."""
    known = _ready(period)
    asked: dict[str, set[str]] = {}
    for thread, unit in conn.execute(_ASKED.where(promises.c.thread.in_(known))):
        asked.setdefault(thread, set()).add(unit)
    found = []
    for thread, records in _told(conn, known):
        days = [*reckon(thread, records)]
        paid = sum(day.owed for day in days)
        told = {r.sender for r in records if r.code is EventCode.DISCHARGE_READY}
        units = told | asked.get(thread.id, set())
        found += [Waited(u, len(days), paid) for u in units if period.unit in (None, u)]
    return found


_ASKED = select(promises.c.thread, promises.c.responsible).where(
    promises.c.kind == PromiseKind.CAPACITY_ANSWER.value
)


def _ready(period: Period) -> Select[str]:
    return select(events.c.thread).where(
        events.c.code == EventCode.DISCHARGE_READY.value,
        events.c.happened >= micros(period.first - LONGEST),
        events.c.happened < micros(period.after),
        _concerns(period.unit),
    )


def _told(conn: Connection, known: Select[str]) -> Iterator[tuple[Thread, list[Record]]]:
    records: dict[str, list[Record]] = {}
    for row in conn.execute(select(events).where(events.c.thread.in_(known))).mappings():
        records.setdefault(row["thread"], []).append(codec.record(row))
    bodies = select(threads.c.body).where(threads.c.id.in_(known))
    for body in conn.execute(bodies).scalars():
        thread = codec.thread(body)
        yield thread, records[thread.id]


def _concerns(unit: str | None) -> ColumnElement[bool]:
    if unit is None:
        return events.c.thread.is_not(None)
    asked = exists().where(
        promises.c.thread == events.c.thread,
        promises.c.kind == PromiseKind.CAPACITY_ANSWER.value,
        promises.c.responsible == unit,
    )
    return or_(events.c.sender == unit, asked)
