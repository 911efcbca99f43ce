"""Broken glass: who broke it for which patient, why, until when, and what was found afterwards."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, Select, select

from carepath.store.blind import Keys
from carepath.store.tables import events, glass, grants, markings, patient_identifiers
from carepath.store.times import instant, micros, when
from carepath.store.upserts import Row, replace_rows
from pathways.access import Basis
from pathways.glass import GlassReason, Verdict
from pathways.markings import Marking
from pathways.parties import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """``person`` (``Actor.person``), who works for ``party`` and is called ``name``, broke it for ``patient``.

    ``words``: why, as they said it. ``checked``: when somebody looked at it afterwards, and what they found.
    """

    id: str
    patient: str
    party: str
    person: str
    name: str
    reason: GlassReason
    words: str
    at: datetime
    until: datetime
    checked: datetime | None = None
    checked_by: str | None = None
    verdict: Verdict | None = None
    note: str | None = None


def bearers(conn: Connection, keys: Keys, identifier: Identifier) -> list[str]:
    """The patients whom an identifier leads to."""
    blind = keys.blind(f"{identifier.system}|{identifier.value}")
    borne = patient_identifiers.c
    query = select(borne.patient).where(borne.blind == blind)
    return list(conn.execute(query).scalars())


def open_(conn: Connection, broken: Broken, reader: str, hidden: Collection[str] | None) -> int:
    """Grant ``reader`` every entry there is of the patient, and keep why; how many.

    ``hidden``: the documents, by message id, that stay shut with those that are limited to their receivers; ``None``:
    nothing stays shut.
    """
    replace_rows(conn, glass, [_row(broken)])
    rows = [
        {
            "patient": broken.patient,
            "reader": reader,
            "event": event,
            "thread": thread,
            "basis": Basis.BREAK_GLASS.value,
            "since": micros(broken.at),
            "until": micros(broken.until),
            "pair": None,
        }
        for event, thread in conn.execute(_entries(broken.patient, hidden)).all()
    ]
    replace_rows(conn, grants, rows)
    return len(rows)


def _entries(patient: str, hidden: Collection[str] | None) -> Select[str, str]:
    query = select(events.c.id, events.c.thread).where(events.c.patient == patient)
    if hidden is None:
        return query
    limited = select(markings.c.event).where(
        markings.c.patient == patient, markings.c.marking == Marking.LIMITED.value
    )
    return query.where(events.c.id.not_in(limited), events.c.message_id.not_in(hidden))


def keep(conn: Connection, broken: Broken) -> None:
    """As it stands after it was looked at."""
    replace_rows(conn, glass, [_row(broken)])


def show(conn: Connection, id_: str) -> Broken | None:
    """One of them."""
    row = conn.execute(select(glass).where(glass.c.id == id_)).mappings().first()
    return None if row is None else _broken(dict(row))


def listed(
    conn: Connection, parties: Collection[str] | None = None, *, everything: bool = False
) -> list[Broken]:
    """Those nobody has looked at yet, or ``everything``, the oldest first; of these organisations, ``None``: of all."""
    query = select(glass).order_by(glass.c.at, glass.c.id)
    if parties is not None:
        query = query.where(glass.c.party.in_(parties))
    if not everything:
        query = query.where(glass.c.checked.is_(None))
    return [_broken(dict(row)) for row in conn.execute(query).mappings()]


def of_patient(conn: Connection, patients: Collection[str]) -> list[Broken]:
    """What the patient sees, the newest first."""
    mine = select(glass).where(glass.c.patient.in_(patients)).order_by(glass.c.at.desc())
    return [_broken(dict(row)) for row in conn.execute(mine).mappings()]


def _row(broken: Broken) -> Row:
    told = {"name": broken.name, "words": broken.words, "note": broken.note}
    return {
        "id": broken.id,
        "patient": broken.patient,
        "party": broken.party,
        "person": broken.person,
        "reason": broken.reason.value,
        "at": micros(broken.at),
        "until": micros(broken.until),
        "body": orjson.dumps(told),
        "checked": micros(broken.checked) if broken.checked else None,
        "checked_by": broken.checked_by,
        "verdict": broken.verdict.value if broken.verdict else None,
    }


def _broken(row: dict[str, Any]) -> Broken:
    told = orjson.loads(row["body"])
    return Broken(
        id=row["id"],
        patient=row["patient"],
        party=row["party"],
        person=row["person"],
        name=told["name"],
        reason=GlassReason(row["reason"]),
        words=told["words"],
        at=instant(row["at"]),
        until=instant(row["until"]),
        checked=when(row["checked"]),
        checked_by=row["checked_by"],
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        note=told["note"],
    )
