"""Matters as a viewer knows them: as those of their entries make them that the viewer was told of.

Times are aware datetimes.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Select, func, select

from carepath.store import codec
from carepath.store.rights import Viewer, in_part, of_entry, of_thread
from carepath.store.tables import events, threads
from carepath.store.times import micros
from pathways.messages import Record
from pathways.pathway import Thread, fold


def matters(
    conn: Connection, viewer: Viewer, linked: Collection[str], as_of: datetime | None = None
) -> list[Thread]:
    """The patients' threads as they stand, or as they stood at a moment; by id."""
    return _known(conn, viewer, threads.c.patient.in_(linked), as_of)


def some(conn: Connection, viewer: Viewer, ids: Collection[str] | Select[str]) -> dict[str, Thread]:
    """These threads as they stand."""
    return {thread.id: thread for thread in _known(conn, viewer, threads.c.id.in_(ids))}


def _known(
    conn: Connection, viewer: Viewer, which: ColumnElement[bool], as_of: datetime | None = None
) -> list[Thread]:
    at = threads.c
    seen = of_thread(viewer, at.patient, at.id)
    query = select(at.body, in_part(viewer, at.patient, at.id).label("part"))
    found = conn.execute(query.where(which, *seen).order_by(at.id)).all()
    known = [(codec.thread(body), part) for body, part in found]
    cut = {thread.id for thread, part in known if part or as_of is not None}
    told = records(conn, cut, viewer, as_of)
    return [
        fold(thread, told[thread.id]) if thread.id in cut else thread
        for thread, _ in known
        if thread.id not in cut or thread.id in told
    ]


def records(
    conn: Connection, ids: Collection[str], viewer: Viewer, as_of: datetime | None = None
) -> dict[str, list[Record]]:
    """What they may see of the records of these threads, by thread, in the order in which it came."""
    at = events.c
    where: list[ColumnElement[bool]] = [at.thread.in_(ids)]
    if viewer.sights is None:  # citizens see a matter whole or not at all
        where += of_entry(viewer, at.patient, at.thread, at.id)
    if as_of is not None:
        where.append(at.received <= micros(as_of))
    found: dict[str, list[Record]] = {}
    wanted = select(events).where(*where).order_by(at.received, at.id)
    for row in conn.execute(wanted).mappings() if ids else ():
        found.setdefault(row["thread"], []).append(codec.record(row))
    return found


def threads_by_id(conn: Connection, ids: Collection[str]) -> dict[str, Thread]:
    """Whole matters, whoever asks."""
    bodies = conn.execute(select(threads.c.body).where(threads.c.id.in_(ids))).scalars()
    return {thread.id: thread for thread in map(codec.thread, bodies)}


def numbers(conn: Connection, ids: Collection[str]) -> dict[str, int]:
    """How many records each thread has, whoever asks."""
    of = events.c.thread
    counted = select(of, func.count()).where(of.in_(ids)).group_by(of)
    return dict(conn.execute(counted).all())
