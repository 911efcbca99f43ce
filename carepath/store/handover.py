"""What somebody who joins must know of a patient, read for the handover summary."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from carepath.store import codec
from carepath.store.blind import Keys
from carepath.store.matters import matters
from carepath.store.rights import Viewer, of_entry
from carepath.store.tables import events, patient_identifiers, patients
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
    conn: Connection,
    keys: Keys,
    linked: tuple[str, ...],
    patient: str,
    codes: Collection[str],
    viewer: Viewer,
) -> Known:
    """The patient under all their keys, as ``viewer`` may see them; ``codes`` are the events that are reports."""
    header = select(patients.c.body).where(patients.c.key == patient)
    at = events.c
    written = at.patient.in_(linked) & at.code.in_(codes)
    read = of_entry(viewer, at.patient, at.thread, at.id)
    newest = select(events).where(written, *read).order_by(events.c.happened.desc()).limit(REPORTS)
    return Known(
        identifiers=_identifiers(conn, keys, linked),
        header=located(codec.header(conn.execute(header).scalar_one()), viewer, patient),
        threads=[one for one in matters(conn, viewer, linked) if one.is_open],
        reports=[codec.record(row) for row in conn.execute(newest).mappings()],
    )


def located(header: Header, viewer: Viewer, patient: str) -> Header:
    """Without where the patient lives, for who may not know it."""
    if viewer.may_locate(patient):
        return header
    home = {"municipality", "district"}
    told = {name: one for name, one in header.demographics.items() if name not in home}
    nowhere = replace(header.person, home_municipality=None, stay_municipality=None)
    return replace(header, demographics=told, person=nowhere)


def _identifiers(conn: Connection, keys: Keys, linked: tuple[str, ...]) -> list[Identifier]:
    known = patient_identifiers.c
    wanted = select(known.blind, known.cipher).where(known.patient.in_(linked))
    sealed = conn.execute(wanted.order_by(known.blind)).all()
    told = [keys.unseal(bytes(cipher), bytes(blind)) for blind, cipher in sealed]
    return [Identifier(*text.split("|", 1)) for text in told]
