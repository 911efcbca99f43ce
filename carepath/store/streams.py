"""Organisations with topics of their own: since when theirs is read, and how far theirs is written."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, update

from carepath.store.tables import streams
from carepath.store.times import instant, micros
from carepath.store.upserts import insert_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """``published`` is the highest feed number that Kafka has; up to ``replay_upto`` they were asked for again."""

    party: str
    active_from: datetime | None
    published: int
    published_at: datetime | None
    replay_upto: int
    paused: bool


def enter(conn: Connection, parties: Iterable[str]) -> None:
    """Their topics exist now: what is in their feeds is published from the beginning. Those known are let be."""
    fresh = {
        "active_from": None,
        "published": 0,
        "published_at": None,
        "replay_upto": 0,
        "paused": False,
        "holder": None,
        "leased_until": None,
    }
    insert_new(conn, streams, [{"party": party, **fresh} for party in sorted(set(parties))])


def activated(conn: Connection, parties: Iterable[str], at: datetime) -> None:
    """From ``at`` on the intake reads their inbound topics."""
    fresh = streams.c.party.in_([*parties]) & streams.c.active_from.is_(None)
    conn.execute(update(streams).where(fresh).values(active_from=micros(at)))


def listed(conn: Connection) -> list[Stream]:
    """All, by key."""
    rows = conn.execute(select(streams).order_by(streams.c.party)).mappings()
    return [_stream(row) for row in rows]


def _stream(row: RowMapping) -> Stream:
    times = ("active_from", "published_at")
    told = {name: None if row[name] is None else instant(row[name]) for name in times}
    return Stream(
        party=row["party"],
        published=row["published"],
        replay_upto=row["replay_upto"],
        paused=row["paused"],
        **told,
    )
