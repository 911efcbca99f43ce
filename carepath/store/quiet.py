"""Who is quiet: read from matters that run, and from when anybody last told something of the person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, exists, func, or_, select

from carepath.store import codec, matters, queries
from carepath.store.rights import Conditions, Viewer, in_part, of_entry, of_thread
from carepath.store.tables import events, patient_links, patients, threads
from carepath.store.times import instant, micros
from pathways.pathway import Thread
from pathways.quiet import CONTACTS, RUNNING, is_running

_CODES = tuple(code.value for code in CONTACTS)


@dataclass(frozen=True, slots=True)
class Quiet:
    """One person. ``last``: the newest contact that the viewer knows of; ``matters`` are those they may see."""

    patient: str
    last: datetime | None
    matters: tuple[Thread, ...]


def quiet(conn: Connection, viewer: Viewer, before: datetime, now: datetime) -> list[Quiet]:
    """Everybody with whom nobody has been in contact since ``before``, those of the longest silence first.

    As far as the viewer knows: of matters and contacts that they were not told of nothing can be read from it.
    """
    silent = _silent(viewer, micros(before)).correlate(None)
    running: dict[str, list[Thread]] = {}
    for thread in matters.some(conn, viewer, silent).values():
        if is_running(thread, now):
            running.setdefault(thread.patient, []).append(thread)
    gone = _spoken_elsewhere(conn, viewer, running, micros(before)) | _dead(conn, running)
    known = _last(conn, {*running} - gone, viewer)
    found = [
        Quiet(patient, known.get(patient), tuple(sorted(of, key=lambda t: t.id)))
        for patient, of in running.items()
        if patient not in gone
    ]
    return sorted(found, key=lambda one: (one.last or instant(0), one.patient))


def _silent(viewer: Viewer, before: int) -> Select[str]:
    """The ids of matters that may run, of people of whom nobody told anything since then."""
    told = exists().where(events.c.patient == threads.c.patient, *_contact(viewer, before))
    part = threads.c.family.in_(RUNNING) & in_part(viewer, threads.c.patient, threads.c.id)
    runs = or_(
        *(
            (threads.c.family == family.value) & threads.c.status.in_([s.value for s in statuses])
            for family, statuses in RUNNING.items()
        )
    )
    seen = of_thread(viewer, threads.c.patient, threads.c.id)
    return select(threads.c.id).where(runs | part, ~told, *seen).order_by(threads.c.id)


def _contact(viewer: Viewer, since: int) -> Conditions:
    at = events.c
    told = of_entry(viewer, at.patient, at.thread, at.id)
    return at.code.in_(_CODES), at.happened >= since, *told


def _spoken_elsewhere(
    conn: Connection, viewer: Viewer, keys: Iterable[str], before: int
) -> set[str]:
    """Those of whom something was told under another of their keys."""
    known = [*keys]
    links = patient_links.c
    linked = select(links.patient, links.other).where(
        or_(links.patient.in_(known), links.other.in_(known))
    )
    several = {key for row in conn.execute(linked) for key in row} & {*known}
    told = select(events.c.id).where(*_contact(viewer, before))
    return {
        key
        for key in several
        if conn.execute(
            told.where(events.c.patient.in_(queries.closure(conn, (key,)))).limit(1)
        ).first()
    }


def _dead(conn: Connection, keys: Iterable[str]) -> set[str]:
    bodies = select(patients.c.key, patients.c.body).where(patients.c.key.in_([*keys]))
    return {key for key, body in conn.execute(bodies) if codec.header(body).deceased}


def _last(conn: Connection, keys: Iterable[str], viewer: Viewer) -> dict[str, datetime]:
    wanted = select(events.c.patient, func.max(events.c.happened)).where(
        events.c.patient.in_([*keys]),
        events.c.code.in_(_CODES),
        *of_entry(viewer, events.c.patient, events.c.thread, events.c.id),
    )
    rows = conn.execute(wanted.group_by(events.c.patient))
    return {patient: instant(last) for patient, last in rows}
