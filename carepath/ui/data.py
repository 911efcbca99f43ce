"""The pages' data, from the store; what changes is heard from the relay."""

import asyncio
from datetime import datetime

from carepath.delivery.relay import Relay
from carepath.store import overview, parties, queries
from carepath.store.database import Database
from carepath.store.feed import OPERATOR
from carepath.store.resources import Viewer
from carepath.store.times import micros, now
from carepath.ui.routes import Data, PatientPage, PatientRow
from fhir_mappings.identifiers import canonical
from pathways.parties import Identifier

RECENT = 50
"""Patients on the first page."""
WAIT = 15.0
"""The longest that a page waits for news before it looks by itself, in seconds."""


def data(database: Database, relay: Relay) -> Data:
    """Open mode: the pages are the operator's and show everything."""
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

    def patients(self) -> list[PatientRow]:
        with self._database.read() as conn:
            known = overview.recent(conn, RECENT)
        return [PatientRow(id=p.key, header=p.header, received=p.received) for p in known]

    def find(self, text: str) -> str | None:
        system, _, value = text.rpartition("|")
        with self._database.read() as conn:
            return queries.find_patient(
                conn, self._database.keys, Identifier(canonical(system), value)
            )

    def page(self, key: str, as_of: datetime | None) -> PatientPage | None:
        viewer = Viewer(None, now())
        with self._database.read() as conn:
            known = overview.patient(conn, key)
            if known is None:
                return None
            linked = queries.closure(conn, (key,))
            until = viewer.now if as_of is None else micros(as_of)
            directory = parties.directory(conn)
            return PatientPage(
                header=known.header,
                received=known.received,
                threads=overview.matters(conn, linked, as_of),
                entries=queries.timeline(conn, linked, viewer, as_of=until),
                names={party.key: party.name for party in directory.parties.values()},
            )

    def received(self, key: str) -> datetime | None:
        with self._database.read() as conn:
            known = overview.patient(conn, key)
        return known.received if known else None

    async def changed(self) -> bool:
        with self._relay.streams.listening(OPERATOR) as news:
            try:
                async with asyncio.timeout(WAIT):
                    await news.wait()
            except TimeoutError:
                return False
            return True
