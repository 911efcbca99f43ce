"""A stay with all that was told of it, for what is reckoned from its events."""

from dataclasses import dataclass, replace
from itertools import chain

from sqlalchemy import Connection, select

from carepath.store import codec, queries, resources
from carepath.store.rights import Viewer, entries_seen
from carepath.store.tables import events, patients, threads
from pathways.events import EventCode
from pathways.messages import Record
from pathways.pathway import Thread, fold

_OF_QUESTIONS = (EventCode.INQUIRY, EventCode.INQUIRY_FORWARDED, EventCode.REPLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """``questions``: those about the patient, each with its answers. ``seen``: the records the viewer may see.

    ``municipality``: the kommunenummer of where the patient stays.
    """

    thread: Thread
    records: list[Record]
    questions: list[list[Record]]
    seen: frozenset[str]
    municipality: str | None

    @property
    def as_told(self) -> "Stay":
        """The same of the viewer's records alone."""
        told = [record for record in self.records if record.id in self.seen]
        return replace(self, thread=fold(self.thread, told), records=told)


def stay(conn: Connection, id_: str, viewer: Viewer) -> Stay | None:
    """The stay that an Encounter shows, or ``None`` when there is none that ``viewer`` may see."""
    shown = resources.read(conn, "Encounter", id_, viewer)
    if shown is None:
        return None
    body = conn.execute(select(threads.c.body).where(threads.c.id == shown.id)).scalar()
    if body is None:
        return None
    thread = codec.thread(body)
    linked = queries.closure(conn, (thread.patient,))
    wanted = events.c.patient.in_(linked)
    about = (events.c.thread == thread.id) | events.c.code.in_(_OF_QUESTIONS)
    rows = conn.execute(select(events).where(wanted, about)).mappings()
    told: dict[str, list[Record]] = {thread.id: []}
    for row in rows:
        told.setdefault(row["thread"], []).append(codec.record(row))
    records = told.pop(thread.id)
    return Stay(
        thread=thread,
        records=records,
        questions=[*told.values()],
        seen=_seen(conn, linked, [*records, *chain(*told.values())], viewer),
        municipality=_municipality(conn, thread.patient),
    )


def _seen(
    conn: Connection, linked: tuple[str, ...], found: list[Record], viewer: Viewer
) -> frozenset[str]:
    seen = entries_seen(conn, viewer, linked, whole=True)
    return frozenset(record.id for record in found) if seen is None else seen


def _municipality(conn: Connection, patient: str) -> str | None:
    body = conn.execute(select(patients.c.body).where(patients.c.key == patient)).scalar_one()
    return codec.header(body).municipality
