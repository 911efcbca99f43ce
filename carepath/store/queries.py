"""Reading what is known of patients: who is meant by an identifier, and the records of the timeline.

Times are microseconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, exists, or_, select

from carepath.store.blind import Keys
from carepath.store.codec import record
from carepath.store.resources import Viewer, granted
from carepath.store.tables import (
    events,
    grants,
    inbox,
    patient_identifiers,
    patient_links,
    patients,
)
from pathways.messages import Record
from pathways.parties import Identifier
from pathways.timeline import Entry, entries


@dataclass(frozen=True, slots=True)
class Source:
    """A message as its sender wrote it."""

    media_type: str
    content: bytes


def find_patient(conn: Connection, keys: Keys, identifier: Identifier) -> str | None:
    """The patient who bears the identifier; without a system, the one patient who has the value."""
    if identifier.system:
        named = patient_identifiers.c.blind == keys.blind(f"{identifier.system}|{identifier.value}")
    else:
        named = patient_identifiers.c.blind_value == keys.blind(f"|{identifier.value}")
    found = conn.execute(select(patient_identifiers.c.patient).where(named).distinct()).scalars()
    bearers = found.all()
    return bearers[0] if len(bearers) == 1 else None


def exists_patient(conn: Connection, patient: str, viewer: Viewer) -> bool:
    """Whether there is such a patient, and ``viewer`` may know it."""
    wanted = select(patients.c.key).where(patients.c.key == patient)
    if viewer.reader is not None:
        linked = closure(conn, (patient,))
        wanted = wanted.where(
            exists().where(granted(viewer.reader, viewer.now), grants.c.patient.in_(linked))
        )
    return conn.execute(wanted).first() is not None


def closure(conn: Connection, keys: Iterable[str]) -> tuple[str, ...]:
    """The patients and all that are linked to them, in whichever direction."""
    known: set[str] = set()
    found = set(keys)
    while found:
        known |= found
        touching = or_(patient_links.c.patient.in_(found), patient_links.c.other.in_(found))
        links = conn.execute(select(patient_links.c.patient, patient_links.c.other).where(touching))
        found = {key for link in links for key in link} - known
    return tuple(sorted(known))


def timeline(
    conn: Connection, linked: tuple[str, ...], viewer: Viewer, *, as_of: int
) -> list[Entry]:
    """What was known of the patients at ``as_of``, as far as ``viewer`` may see it.

    An entry's marks take every record into account: whoever sees a message also sees that it was cancelled.
    """
    wanted = select(events).where(events.c.patient.in_(linked), events.c.received <= as_of)
    threads: dict[str, list[Record]] = {}
    for row in conn.execute(wanted).mappings():
        threads.setdefault(row["thread"], []).append(record(row))
    made = entries(threads)
    if viewer.reader is None:
        return made
    held = select(grants.c.event).where(
        granted(viewer.reader, viewer.now), grants.c.patient.in_(linked)
    )
    seen = {*conn.execute(held).scalars()}
    return [entry for entry in made if entry.id in seen]


def source(conn: Connection, event: str, viewer: Viewer) -> Source | None:
    """The sender's own bytes, for the sender and for those who hold a grant."""
    wanted = select(inbox.c.media_type, inbox.c.source).where(inbox.c.id == event)
    if viewer.reader is not None:
        entitled = exists().where(granted(viewer.reader, viewer.now), grants.c.event == event)
        wanted = wanted.where(or_(inbox.c.sender == viewer.reader, entitled))
    row = conn.execute(wanted).first()
    return None if row is None else Source(row.media_type, bytes(row.source))


def pseudonym_versions(conn: Connection, keys: Iterable[str]) -> dict[str, int]:
    """Which version of the pseudonym each of these patients has outside."""
    return dict(conn.execute(_PSEUDONYM_VERSIONS, {"keys": [*keys]}).all())


_PSEUDONYM_VERSIONS = select(patients.c.key, patients.c.pseudonym_version).where(
    patients.c.key.in_(bindparam("keys", expanding=True))
)
