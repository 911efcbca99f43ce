"""The pages' data, from the store; what changes is heard from the relay."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from carepath.delivery.relay import Relay
from carepath.service.terms import NORWAY
from carepath.service.viewers import viewer
from carepath.store import agreements, overview, parties, promises, queries
from carepath.store.database import Connection, Database
from carepath.store.feed import OPERATOR
from carepath.store.handover import located
from carepath.store.rights import Viewer
from carepath.store.times import instant, micros, now
from carepath.ui.values import Data, PatientPage, PatientRow, Visit
from fhir_mappings.identifiers import canonical
from pathways.deadlines import Terms
from pathways.parties import Identifier
from pathways.pathway import Header, Thread, header_with

RECENT = 50
"""Patients on the first page."""
WAIT = 4.0
"""The longest that a page waits for news before it looks by itself, in seconds: a right that ends is seen within 5."""


def data(database: Database, relay: Relay) -> Data:
    """What whoever visits may see."""
    source = _Source(database, relay)
    return Data(
        patients=source.patients,
        find=source.find,
        page=source.page,
        received=source.received,
        changed=source.changed,
    )


class _Source:
    def __init__(self, database: Database, relay: Relay) -> None:
        self._database, self._relay = database, relay

    @contextmanager
    def _seen(self, visit: Visit) -> Iterator[tuple[Connection, Viewer]]:
        """The store as whoever visits may see it."""
        with self._database.read() as conn:
            seeing = viewer(conn, self._database.keys, visit.actor, now(), visit.disclosed)
        with self._database.seen_by(seeing) as conn:
            yield conn, seeing

    def patients(self, visit: Visit) -> list[PatientRow]:
        at = instant(now())
        with self._seen(visit) as (conn, seeing):
            known = overview.recent(conn, seeing, RECENT)
            owed = overview.owed(conn, seeing, [patient.key for patient in known])
        for patient in known:
            visit.disclosed.tell(patient.key, "Patient", (patient.key,))
        return [_row(patient, owed.get(patient.key, []), at) for patient in known]

    def find(self, visit: Visit, text: str) -> str | None:
        system, _, value = text.rpartition("|")
        identifier = Identifier(canonical(system), value)
        with self._seen(visit) as (conn, seeing):
            found = queries.find_patient(conn, self._database.keys, identifier)
            known = found is not None and queries.exists_patient(conn, found, seeing)
            return found if found and known and seeing.may_know(found) else None

    def page(self, visit: Visit, key: str, as_of: datetime | None) -> PatientPage | None:
        with self._seen(visit) as (conn, seeing):
            known = overview.patient(conn, key)
            seen = queries.exists_patient(conn, key, seeing) and seeing.may_know(key)
            if known is None or not seen:
                return None
            linked = queries.closure(conn, (key,))
            until = seeing.now if as_of is None else micros(as_of)
            directory = parties.directory(conn)
            threads = overview.matters(conn, seeing, linked, as_of)
            whole = as_of is None and seeing.sees_all
            header = known.header if whole else _of(known.header, threads)
            if as_of is None and seeing.may_know_relatives(key):
                header = _with_relatives(header, known.header)
            header = located(header, seeing, key)
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

    def received(self, visit: Visit, key: str) -> datetime | None:
        with self._seen(visit) as (conn, seeing):
            linked = queries.closure(conn, (key,))
            return overview.newest(conn, seeing, linked)

    async def changed(self) -> bool:
        with self._relay.streams.listening(OPERATOR) as news:
            try:
                async with asyncio.timeout(WAIT):
                    await news.wait()
            except TimeoutError:
                return False
            return True


def _row(patient: overview.Known, owed: list[datetime], at: datetime) -> PatientRow:
    return PatientRow(
        id=patient.key,
        header=patient.header,
        received=patient.received,
        owed=len(owed),
        overdue=sum(due < at for due in owed),
        due=min(owed, default=None),
    )


def _of(header: Header, threads: Iterable[Thread]) -> Header:
    """As these matters make it; who the person is, and whom to call, is as it is known now."""
    known = Header(demographics=header.demographics, contacts=header.contacts)
    for thread in threads:
        known = header_with(known, thread)
    return known


def _with_relatives(header: Header, whole: Header) -> Header:
    """The relatives follow the patient to everybody who may see who that is."""
    return replace(header, person=replace(header.person, relatives=whole.person.relatives))
