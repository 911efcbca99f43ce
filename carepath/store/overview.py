"""What the pages show: patients with recent activity, one patient's header and matters."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from carepath.store import codec
from carepath.store.tables import events, patients, threads
from carepath.store.times import instant, micros
from pathways.messages import Record
from pathways.pathway import Header, Thread, fold


@dataclass(frozen=True, slots=True)
class Known:
    """A patient: the key, what is known as a whole, when the newest event came (UTC)."""

    key: str
    header: Header
    received: datetime


def recent(conn: Connection, limit: int) -> list[Known]:
    """The patients something was told of last, newest first."""
    told_of = select(patients).where(patients.c.received > 0)  # not only parked messages
    query = told_of.order_by(patients.c.received.desc()).limit(limit)
    return [_known(row) for row in conn.execute(query).mappings()]


def patient(conn: Connection, key: str) -> Known | None:
    """One patient."""
    row = conn.execute(select(patients).where(patients.c.key == key)).mappings().first()
    return None if row is None else _known(row)


def matters(conn: Connection, linked: Collection[str], as_of: datetime | None) -> list[Thread]:
    """The patients' threads as they stand, or as they stood at a moment; the newest first."""
    query = select(threads.c.body).where(threads.c.patient.in_(linked))
    known = [codec.thread(body) for (body,) in conn.execute(query)]
    if as_of is not None:
        records = _records(conn, linked, as_of)
        known = [fold(thread, records[thread.id]) for thread in known if thread.id in records]
    return sorted(known, key=lambda t: (t.last is not None, t.last, t.id), reverse=True)


def _records(conn: Connection, linked: Collection[str], as_of: datetime) -> dict[str, list[Record]]:
    query = select(events).where(events.c.patient.in_(linked), events.c.received <= micros(as_of))
    found: dict[str, list[Record]] = {}
    for row in conn.execute(query).mappings():
        found.setdefault(row["thread"], []).append(codec.record(row))
    return found


def _known(row: RowMapping) -> Known:
    return Known(row["key"], codec.header(row["body"]), instant(row["received"]))
