"""The pages' data, from the store; what changes is heard from the relay."""

import asyncio
from datetime import datetime

from carepath.delivery.relay import Relay
from carepath.service import typed
from carepath.store import overview, queries
from carepath.store.database import Database
from carepath.store.feed import OPERATOR
from carepath.store.times import instant, now
from carepath.ui.acting import Acting
from carepath.ui.pathway.data import Own
from carepath.ui.seeing import patient_page, seen
from carepath.ui.send.data import Writing
from carepath.ui.values import Data, PatientPage, PatientRow, Visit
from carepath.ui.worklist.data import Worklists

RECENT = 50
"""Patients on the first page."""
WAIT = 4.0
"""The longest that a page waits for news before it looks by itself, in seconds: a right that ends is seen within 5."""


def data(database: Database, relay: Relay, acting: Acting) -> Data:
    """What whoever visits may see and do."""
    source = _Source(database, relay)
    return Data(
        patients=source.patients,
        find=source.find,
        page=source.page,
        received=source.received,
        changed=source.changed,
        send=acting.send,
        break_glass=acting.break_glass,
        own=Own(database),
        writing=Writing(database),
        lists=Worklists(database, acting.change),
    )


class _Source:
    def __init__(self, database: Database, relay: Relay) -> None:
        self._database, self._relay = database, relay

    def patients(self, visit: Visit) -> list[PatientRow]:
        at = instant(now())
        with seen(self._database, visit) as (conn, seeing):
            known = overview.recent(conn, seeing, RECENT)
            owed = overview.owed(conn, seeing, [patient.key for patient in known])
        for patient in known:
            visit.disclosed.tell(patient.key, "Patient", (patient.key,))
        return [_row(patient, owed.get(patient.key, []), at) for patient in known]

    def find(self, visit: Visit, text: str) -> str | None:
        with seen(self._database, visit) as (conn, seeing):
            found = queries.find_patient(conn, self._database.keys, typed.number(text))
            known = found is not None and queries.exists_patient(conn, found, seeing)
            return found if found and known and seeing.may_know(found) else None

    def page(self, visit: Visit, key: str, as_of: datetime | None) -> PatientPage | None:
        with seen(self._database, visit) as (conn, seeing):
            return patient_page(conn, seeing, key, as_of) if seeing.may_know(key) else None

    def received(self, visit: Visit, key: str) -> datetime | None:
        with seen(self._database, visit) as (conn, seeing):
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
