"""What the pages show, as far as a viewer may see it: patients with recent activity, a patient's header and matters."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select

from carepath.store import codec
from carepath.store import matters as store
from carepath.store.rights import Viewer, of_entry, of_person, of_promise
from carepath.store.tables import events, patients, promises
from carepath.store.times import instant
from pathways.pathway import Header, Thread
from pathways.promises import PromiseState


@dataclass(frozen=True, slots=True)
class Known:
    """A patient: the key, what is known as a whole, when the newest event that may be seen came (UTC)."""

    key: str
    header: Header
    received: datetime


def recent(conn: Connection, viewer: Viewer, limit: int) -> list[Known]:
    """Of the patients something was told of last, those they may see; newest first."""
    row = patients.c
    told_of = select(patients).where(row.received > 0)  # not only parked messages
    query = told_of.where(*of_person(viewer, row.key)).order_by(row.received.desc()).limit(limit)
    found = [_known(row) for row in conn.execute(query).mappings()]
    if viewer.sees_all:
        return found
    seen = _newest(conn, viewer, [one.key for one in found])
    told = [replace(one, received=seen[one.key]) for one in found if one.key in seen]
    return sorted(told, key=lambda one: one.received, reverse=True)


def newest(conn: Connection, viewer: Viewer, linked: Collection[str]) -> datetime | None:
    """When the newest event came that they may see of these patients (UTC)."""
    return max(_newest(conn, viewer, linked).values(), default=None)


def _newest(conn: Connection, viewer: Viewer, keys: Collection[str]) -> dict[str, datetime]:
    row = events.c
    seen = of_entry(viewer, row.patient, row.thread, row.id, whole=False)
    query = select(row.patient, func.max(row.received)).where(row.patient.in_(keys), *seen)
    found = conn.execute(query.group_by(row.patient)).all()
    return {patient: instant(received) for patient, received in found}


def patient(conn: Connection, key: str) -> Known | None:
    """One patient."""
    row = conn.execute(select(patients).where(patients.c.key == key)).mappings().first()
    return None if row is None else _known(row)


def owed(conn: Connection, viewer: Viewer, keys: Collection[str]) -> dict[str, list[datetime]]:
    """When what is open in these patients' matters is due, by patient (UTC)."""
    at = promises.c
    is_open = at.state == PromiseState.OPEN.value
    found: dict[str, list[datetime]] = {}
    seen = of_promise(viewer, at.patient, at.thread, at.id)
    query = select(at.patient, at.due).where(at.patient.in_(keys), is_open, *seen)
    for key, due in conn.execute(query):
        found.setdefault(key, []).append(instant(due))
    return found


def moments(conn: Connection, viewer: Viewer, linked: Collection[str]) -> list[datetime]:
    """Every instant at which something was told of the patients, oldest first (UTC)."""
    row = events.c
    seen = of_entry(viewer, row.patient, row.thread, row.id, whole=False)
    told = select(row.received).where(row.patient.in_(linked), *seen)
    told = told.distinct().order_by(row.received)
    return [instant(received) for received in conn.execute(told).scalars()]


def matters(
    conn: Connection, viewer: Viewer, linked: Collection[str], as_of: datetime | None
) -> list[Thread]:
    """The patients' threads as they stand, or as they stood at a moment; the newest first."""
    known = store.matters(conn, viewer, linked, as_of)
    return sorted(known, key=lambda t: (t.last is not None, t.last, t.id), reverse=True)


def _known(row: RowMapping) -> Known:
    return Known(row["key"], codec.header(row["body"]), instant(row["received"]))
