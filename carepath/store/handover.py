"""What somebody who joins must know of a patient, read for the handover summary."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, select

from carepath.store import codec
from carepath.store.blind import Keys
from carepath.store.tables import events, patient_identifiers, patients, threads
from pathways.messages import Record
from pathways.parties import Identifier
from pathways.pathway import Header, Thread

REPORTS = 20
"""How many of the newest reports are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A patient's identifiers and header, the open matters, and the newest reports."""

    identifiers: list[Identifier]
    header: Header
    threads: list[Thread]
    reports: list[Record]


def handover(
    conn: Connection, keys: Keys, linked: tuple[str, ...], patient: str, codes: Collection[str]
) -> Known:
    """The patient under all their keys; ``codes`` are the events that are reports."""
    header = select(patients.c.body).where(patients.c.key == patient)
    matters = select(threads.c.body).where(threads.c.patient.in_(linked)).order_by(threads.c.id)
    written = events.c.patient.in_(linked) & events.c.code.in_(codes)
    newest = select(events).where(written).order_by(events.c.happened.desc()).limit(REPORTS)
    found = (codec.thread(body) for body in conn.execute(matters).scalars())
    return Known(
        identifiers=_identifiers(conn, keys, linked),
        header=codec.header(conn.execute(header).scalar_one()),
        threads=[thread for thread in found if thread.is_open],
        reports=[codec.record(row) for row in conn.execute(newest).mappings()],
    )


def _identifiers(conn: Connection, keys: Keys, linked: tuple[str, ...]) -> list[Identifier]:
    known = patient_identifiers.c
    wanted = select(known.blind, known.cipher).where(known.patient.in_(linked))
    sealed = conn.execute(wanted.order_by(known.blind)).all()
    told = [keys.unseal(bytes(cipher), bytes(blind)) for blind, cipher in sealed]
    return [Identifier(*text.split("|", 1)) for text in told]
