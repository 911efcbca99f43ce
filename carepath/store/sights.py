"""What citizens' rights follow from, and the Sights that are made of it when they ask.

A person who signs in is recognised by identifiers alone: as the patient by those that lead to one, as a relative by
those that were registered of them. Nobody is recognised by name.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, delete, select

from carepath.store import codec
from carepath.store.blind import Keys
from carepath.store.tables import (
    markings,
    patient_identifiers,
    patient_links,
    patients,
    relatives_known,
    voices,
)
from carepath.store.upserts import insert_new
from pathways.access import CITIZENS, Actor
from pathways.markings import Marking
from pathways.parties import Identifier
from pathways.pathway import Header
from pathways.sight import Known, Sight, sight

_OSLO: Final = ZoneInfo("Europe/Oslo")
"""Where birthdays begin, and days of consents."""

Marks = dict[str, frozenset[Marking]]


def sights(conn: Connection, keys: Keys, actor: Actor, at: datetime) -> tuple[Sight, ...]:
    """What the citizen may see at ``at``: one for each patient, by key. Of others than citizens nothing."""
    if actor.role not in CITIZENS:
        return ()
    blinds = [keys.blind(one) for one in actor.identifiers]
    borne = patient_identifiers.c
    mine = _linked(conn, _keys(conn, select(borne.patient).where(borne.blind.in_(blinds))))
    known = relatives_known.c
    related = _keys(conn, select(known.patient).where(known.blind.in_(blinds)))
    asked = _keys(conn, select(voices.c.patient).where(voices.c.person == actor.person))
    found = (
        _sight(conn, patient, actor, at, is_self=patient in mine)
        for patient in sorted(mine | related | asked)
    )
    return tuple(one for one in found if one)


def _linked(conn: Connection, mine: set[str]) -> set[str]:
    """With those who are said to be the same person."""
    link = patient_links.c
    there = _keys(conn, select(link.other).where(link.patient.in_(mine)))
    return mine | there | _keys(conn, select(link.patient).where(link.other.in_(mine)))


def _keys(conn: Connection, query: Select[str]) -> set[str]:
    return {*conn.execute(query).scalars()}


def _sight(
    conn: Connection, patient: str, actor: Actor, at: datetime, *, is_self: bool
) -> Sight | None:
    body = conn.execute(select(patients.c.body).where(patients.c.key == patient)).scalar()
    if body is None:
        return None
    known = Known(
        patient=patient,
        header=codec.header(body),
        marks=marks_of(conn, patient),
        sent=voices_of(conn, patient),
        at=at,
        zone=_OSLO,
    )
    return sight(known, _identifiers(actor), actor.person, is_self=is_self)


def _identifiers(actor: Actor) -> Collection[Identifier]:
    split = (one.partition("|") for one in actor.identifiers)
    return {Identifier(system, value) for system, _, value in split}


def marks_of(conn: Connection, patient: str) -> Marks:
    """The markings of the patient's events, by event."""
    found: dict[str, set[Marking]] = {}
    at = markings.c
    for event, mark in conn.execute(select(at.event, at.marking).where(at.patient == patient)):
        found.setdefault(event, set()).add(Marking(mark))
    return {event: frozenset(marks) for event, marks in found.items()}


def keep_marks(conn: Connection, patient: str, events: Collection[str], marks: Marks) -> None:
    """Let these events of a patient bear exactly these markings."""
    at = markings.c
    conn.execute(delete(markings).where(at.patient == patient, at.event.in_(events)))
    rows = [
        {"patient": patient, "event": event, "marking": mark.value}
        for event, found in marks.items()
        for mark in sorted(found)
    ]
    insert_new(conn, markings, rows)


def voices_of(conn: Connection, patient: str) -> dict[str, str]:
    """Which events of a patient were sent by, or answer, which person."""
    query = select(voices.c.event, voices.c.person).where(voices.c.patient == patient)
    return {row.event: row.person for row in conn.execute(query)}


def keep_voices(
    conn: Connection, patient: str, events: Collection[str], said: dict[str, str]
) -> None:
    """Let these events of a patient be exactly these persons'."""
    conn.execute(delete(voices).where(voices.c.patient == patient, voices.c.event.in_(events)))
    rows = [{"event": e, "patient": patient, "person": person} for e, person in said.items()]
    insert_new(conn, voices, rows)


def know_relatives(conn: Connection, keys: Keys, patient: str, header: Header) -> None:
    """Let exactly the relatives that are registered now be recognised when they sign in."""
    conn.execute(delete(relatives_known).where(relatives_known.c.patient == patient))
    blinds = {keys.blind(one) for one in _registered(header)}
    insert_new(
        conn, relatives_known, [{"blind": blind, "patient": patient} for blind in sorted(blinds)]
    )


def relatives_of(conn: Connection, patient: str) -> set[bytes]:
    """By which blind indexes relatives are recognised now."""
    known = select(relatives_known.c.blind).where(relatives_known.c.patient == patient)
    return {bytes(blind) for blind in conn.execute(known).scalars()}


def blinds_of(keys: Keys, header: Header) -> set[bytes]:
    """By which they should be."""
    return {keys.blind(one) for one in _registered(header)}


def _registered(header: Header) -> Iterator[str]:
    relatives: Iterable[Identifier] = (
        one for relative in header.person.relatives or () for one in relative.identifiers
    )
    for one in relatives:
        if one.system:
            yield f"{one.system}|{one.value}"
