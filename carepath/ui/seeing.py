"""The store as whoever visits may see it, and what it has of one patient."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from carepath.service.terms import NORWAY
from carepath.service.viewers import viewer
from carepath.store import agreements, overview, parties, promises, queries
from carepath.store.database import Connection, Database
from carepath.store.handover import located
from carepath.store.rights import Viewer
from carepath.store.times import instant, micros, now
from carepath.ui.values import PatientPage, Visit
from pathways.deadlines import Terms
from pathways.pathway import Header, Thread, header_with


@contextmanager
def seen(database: Database, visit: Visit) -> Iterator[tuple[Connection, Viewer]]:
    """The store as whoever visits may see it."""
    with database.read() as conn:
        seeing = viewer(conn, database.keys, visit.actor, now(), visit.disclosed)
    with database.seen_by(seeing) as conn:
        yield conn, seeing


def patient_page(
    conn: Connection, seeing: Viewer, key: str, as_of: datetime | None = None
) -> PatientPage | None:
    """What they may see of a patient; ``None``: there is none, or nothing of them is theirs to see."""
    known = overview.patient(conn, key)
    if known is None or not queries.exists_patient(conn, key, seeing):
        return None
    linked = queries.closure(conn, (key,))
    until = seeing.now if as_of is None else micros(as_of)
    directory = parties.directory(conn)
    threads = overview.matters(conn, seeing, linked, as_of)
    header = _header(known.header, threads, seeing, key, as_of)
    agreed = [kept.agreement for kept in agreements.listed(conn)]
    terms = Terms(NORWAY, directory, agreed)
    return PatientPage(
        header=header,
        at=instant(until),
        received=overview.newest(conn, seeing, linked) or known.received,
        known=overview.moments(conn, seeing, linked),
        threads=threads,
        entries=queries.timeline(conn, linked, seeing, as_of=until),
        commitments=[c for thread in threads for c in terms.commitments(thread, header)],
        parties=directory.parties,
        takers={
            one.id: one.course.taken
            for found in promises.of_threads(conn, [t.id for t in threads]).values()
            for one in found
            if one.course.taken
        },
    )


def _header(
    whole: Header, threads: Iterable[Thread], seeing: Viewer, key: str, as_of: datetime | None
) -> Header:
    header = whole if as_of is None and seeing.sees_all else _of(whole, threads)
    if as_of is None and seeing.may_know_relatives(key):
        header = _with_relatives(header, whole)
    if not seeing.may_know(key):
        header = replace(header, demographics={}, contacts={})
    return located(header, seeing, key)


def _of(header: Header, threads: Iterable[Thread]) -> Header:
    """As these matters make it; who the person is, and whom to call, is as it is known now."""
    known = Header(demographics=header.demographics, contacts=header.contacts)
    for thread in threads:
        known = header_with(known, thread)
    return known


def _with_relatives(header: Header, whole: Header) -> Header:
    """The relatives follow the patient to everybody who may see who that is."""
    return replace(header, person=replace(header.person, relatives=whole.person.relatives))
