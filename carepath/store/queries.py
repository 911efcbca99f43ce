"""Reading what is known of patients: who is meant by an identifier, and the records of the timeline.

Times are microseconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Select,
    bindparam,
    case,
    literal,
    or_,
    select,
    union_all,
)

from carepath.store.blind import Keys
from carepath.store.codec import record
from carepath.store.rights import Viewer, entries_seen, may_read, of_patient
from carepath.store.tables import (
    events,
    inbox,
    patient_identifiers,
    patient_links,
    patients,
)
from pathways.messages import Record
from pathways.parties import Identifier
from pathways.timeline import Entry, bare, entries


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
    """Whether there is such a patient, and ``viewer`` may know it, by any of their keys."""
    seen = closure(conn, (patient,), viewer)
    there = conn.execute(select(patients.c.key).where(patients.c.key == patient)).first()
    found = bool(seen) and there is not None
    if found:
        viewer.disclosed.tell(patient, "Patient", (patient,))
    return found


def closure(
    conn: Connection, keys: Iterable[str] | Select[str], viewer: Viewer | None = None
) -> tuple[str, ...]:
    """The patients and all that are linked to them, in whichever direction, as far as ``viewer`` may know of them.

    One query for all, however many are found: how long it takes must not tell somebody that a patient is here.
    """
    seeds = keys if isinstance(keys, Select) else _given([*keys])
    if seeds is None:
        return ()
    known = seeds.cte("linked", recursive=True)
    key, link = known.c[0], patient_links.c
    touching = or_(link.patient == key, link.other == key)
    far = case((link.patient == key, link.other), else_=link.patient)
    whole = known.union(select(far).select_from(known.join(patient_links, touching)))
    seen = of_patient(viewer, whole.c[0]) if viewer else ()
    return tuple(sorted(conn.execute(select(whole.c[0]).where(*seen)).scalars()))


def _given(keys: Sequence[str]) -> Select[str] | None:
    """The keys as rows."""
    rows = [select(literal(key).label("key")) for key in keys]
    return select(union_all(*rows).subquery().c.key) if rows else None


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
    made = _seen(conn, entries(threads), linked, viewer)
    for entry in made:
        viewer.disclosed.tell(entry.patient, "Provenance", (entry.id,))
    return made


def _seen(
    conn: Connection, made: list[Entry], linked: tuple[str, ...], viewer: Viewer
) -> list[Entry]:
    seen = entries_seen(conn, viewer, linked)
    read = seen if viewer.sights is None else entries_seen(conn, viewer, linked, whole=True)
    if seen is None or read is None:
        return made
    return [one if one.id in read else bare(one) for one in made if one.id in seen]


def source(conn: Connection, event: str, viewer: Viewer) -> Source | None:
    """The sender's own bytes, for the sender and for those who may read the entry."""
    wanted = (
        select(inbox.c.media_type, inbox.c.source, events.c.patient)
        .outerjoin(events, events.c.id == inbox.c.id)
        .where(inbox.c.id == event)
    )
    if not viewer.sees_all:
        wanted = wanted.where(or_(inbox.c.sender == viewer.reader, may_read(viewer, event)))
    row = conn.execute(wanted).first()
    if row is None:
        return None
    viewer.disclosed.tell(row.patient, "Binary", (event,))
    return Source(row.media_type, bytes(row.source))


def pseudonym_versions(conn: Connection, keys: Iterable[str]) -> dict[str, int]:
    """Which version of the pseudonym each of these patients has outside."""
    return dict(conn.execute(_PSEUDONYM_VERSIONS, {"keys": [*keys]}).all())


_PSEUDONYM_VERSIONS = select(patients.c.key, patients.c.pseudonym_version).where(
    patients.c.key.in_(bindparam("keys", expanding=True))
)
