"""Bars on grants as they are kept, and what they are made from (``pathways.bars``)."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, delete, select, tuple_

from carepath.store import codec
from carepath.store.blind import Keys
from carepath.store.rights import professional
from carepath.store.tables import bars, events, grants, patient_links, patients, threads
from carepath.store.times import micros, when
from carepath.store.upserts import Row, insert_new
from pathways.access import Basis
from pathways.bars import Bar, Held
from pathways.events import EventCode, Family
from pathways.pathway import Header, Thread

_ALWAYS = 0


def held(conn: Connection, patient: str) -> list[Held]:
    """Every grant on the patient's entries."""
    query = (
        select(
            grants.c.event,
            grants.c.reader,
            grants.c.basis,
            grants.c.thread,
            events.c.code,
            events.c.message_id,
            threads.c.family,
        )
        .join(events, events.c.id == grants.c.event)
        .join(threads, threads.c.id == grants.c.thread)
        .where(grants.c.patient == patient)
    )
    return [
        Held(
            event=row["event"],
            reader=row["reader"],
            basis=Basis(row["basis"]),
            code=EventCode(row["code"]),
            family=Family(row["family"]),
            thread=row["thread"],
            message_id=row["message_id"],
        )
        for row in conn.execute(query).mappings()
    ]


def threads_of(conn: Connection, patient: str, families: Collection[Family]) -> list[Thread]:
    """The patient's matters of these families, closed ones too."""
    mine = (threads.c.patient == patient) & threads.c.family.in_([f.value for f in families])
    query = select(threads.c.body).where(mine)
    return [codec.thread(body) for body in conn.execute(query).scalars()]


def linked(conn: Connection, patient: str) -> dict[str, Header]:
    """Those who are said to be the same person, by key."""
    link = patient_links.c
    there = conn.execute(select(link.other).where(link.patient == patient)).scalars()
    back = conn.execute(select(link.patient).where(link.other == patient)).scalars()
    others = sorted({*there, *back} - {patient})
    return headers(conn, others) if others else {}


def headers(conn: Connection, keys: Collection[str]) -> dict[str, Header]:
    """Patients' headers, by key."""
    query = select(patients.c.key, patients.c.body).where(patients.c.key.in_(keys))
    return {key: codec.header(body) for key, body in conn.execute(query)}


def keep(
    conn: Connection, keys: Keys, patient: str, found: Iterable[Bar], shut: Iterable[Bar]
) -> set[str]:
    """Let these be the patient's bars; ``shut``: on persons at work, by name. The readers for whom there is another."""
    wanted = {_key(row): row for row in (_row(patient, bar.reader, bar) for bar in found)}
    for bar in shut:
        row = _row(patient, professional(keys, bar.reader), bar)
        wanted[_key(row)] = row
    query = select(bars).where(bars.c.patient == patient)
    known = {_key(row): row for row in map(dict, conn.execute(query).mappings())}
    if wanted == known:
        return set()
    gone = [key for key, row in known.items() if wanted.get(key) != row]
    new = [row for key, row in wanted.items() if known.get(key) != row]
    columns = (bars.c.reader, bars.c.event, bars.c.begins)
    conn.execute(delete(bars).where(bars.c.patient == patient, tuple_(*columns).in_(gone)))
    insert_new(conn, bars, new)
    return {row["reader"] for row in new} | {reader for reader, _, _ in gone}


def _row(patient: str, reader: str, bar: Bar) -> Row:
    return {
        "patient": patient,
        "reader": reader,
        "event": bar.event,
        "begins": micros(bar.begins) if bar.begins else _ALWAYS,
        "ends": micros(bar.ends) if bar.ends else None,
    }


def _key(row: Row) -> tuple[str, str, int]:
    return row["reader"], row["event"], row["begins"]


def of_patient(conn: Connection, patient: str) -> frozenset[Bar]:
    """The patient's bars as they are kept."""
    query = select(bars).where(bars.c.patient == patient)
    return frozenset(
        Bar(row["event"], row["reader"], when(row["begins"] or None), when(row["ends"]))
        for row in conn.execute(query).mappings()
    )
