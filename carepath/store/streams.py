"""Streams: since when an organisation's topic is read, and how far its updates have been published to Kafka.

``published`` is a cursor: Kafka has acknowledged everything up to it. Whoever publishes begins there, so that what
is in a partition is always a beginning of what is to come there, whoever sent it, however late it arrived. A lease
keeps two publishers from doing the same work at once; no more depends on it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, bindparam, func, or_, select, update

from carepath.store.feed import PARKED
from carepath.store.tables import feeds, streams
from carepath.store.times import micros, when
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


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where publishing goes on: after ``published``. ``last`` is the newest number of the feed."""

    published: int
    replay_upto: int
    last: int


@dataclass(frozen=True, slots=True)
class Mark:
    """Kafka has acknowledged what follows ``since`` up to ``upto``; nothing new when they are the same."""

    party: str
    since: int
    upto: int


def enter(conn: Connection, parties: Iterable[str]) -> None:
    """Their topics exist now: what is in their feeds is published from the beginning. Those known are let be.

    The operator's topic of parked messages comes with the first.
    """
    fresh = {
        "active_from": None,
        "published": 0,
        "published_at": None,
        "replay_upto": 0,
        "paused": False,
        "holder": None,
        "leased_until": None,
    }
    insert_new(conn, streams, [{"party": party, **fresh} for party in sorted({PARKED, *parties})])


def activated(conn: Connection, parties: Iterable[str], at: datetime) -> None:
    """From ``at`` on the intake reads their inbound topics."""
    fresh = streams.c.party.in_([*parties]) & streams.c.active_from.is_(None)
    conn.execute(update(streams).where(fresh).values(active_from=micros(at)))


def listed(conn: Connection) -> list[Stream]:
    """Those of organisations, by key."""
    wanted = select(streams).where(streams.c.party != PARKED).order_by(streams.c.party)
    return [_stream(row) for row in conn.execute(wanted).mappings()]


def behind(conn: Connection, holder: str, now: int) -> list[str]:
    """Whose feeds have numbers that Kafka lacks and nobody else works on; who waited longest is first."""
    return list(conn.execute(_BEHIND, {"me": holder, "now": now}).scalars())


def claim(
    conn: Connection, parties: Collection[str], holder: str, *, now: int, until: int
) -> list[str]:
    """Those of ``parties`` that are ``holder``'s to publish until ``until``; those another one locks are left."""
    mine = {"me": holder, "now": now, "parties": parties}
    taken = list(conn.execute(_FREE, mine).scalars())
    held = update(streams).where(streams.c.party.in_(taken))
    conn.execute(held.values(holder=holder, leased_until=until))
    return taken


def cursors(conn: Connection, parties: Collection[str]) -> dict[str, Cursor]:
    """Where each of them stands."""
    rows = conn.execute(_CURSORS, {"parties": parties})
    return {party: Cursor(*place) for party, *place in rows}


def settle(conn: Connection, holder: str, marks: Sequence[Mark], now: int) -> None:
    """Move the cursors and give the claims back.

    A cursor that is another's by now, or that was set back meanwhile, stays where it is.
    """
    by_party = sorted(marks, key=lambda mark: mark.party)
    moved = [
        {"me": holder, "whose": mark.party, "since": mark.since, "upto": mark.upto, "now": now}
        for mark in by_party
        if mark.upto > mark.since
    ]
    if moved:
        conn.execute(_MOVE, moved)
    conn.execute(_RELEASE, {"me": holder, "parties": [mark.party for mark in by_party]})


_free = or_(
    streams.c.holder.is_(None),
    streams.c.holder == bindparam("me"),
    streams.c.leased_until < bindparam("now"),
)
_BEHIND = (
    select(streams.c.party)
    .join(feeds, feeds.c.receiver == streams.c.party)
    .where(streams.c.published < feeds.c.last, ~streams.c.paused, _free)
    .order_by(func.coalesce(streams.c.published_at, 0), streams.c.party)
)
_FREE = (
    select(streams.c.party)
    .where(streams.c.party.in_(bindparam("parties", expanding=True)), ~streams.c.paused, _free)
    .order_by(streams.c.party)
    .with_for_update(skip_locked=True)
)
_CURSORS = (
    select(streams.c.party, streams.c.published, streams.c.replay_upto, feeds.c.last)
    .join(feeds, feeds.c.receiver == streams.c.party)
    .where(streams.c.party.in_(bindparam("parties", expanding=True)))
)
_mine = streams.c.holder == bindparam("me")
_MOVE = (
    update(streams)
    .where(streams.c.party == bindparam("whose"), _mine)
    .where(streams.c.published == bindparam("since"))
    .values(published=bindparam("upto"), published_at=bindparam("now"))
)
_RELEASE = (
    update(streams)
    .where(streams.c.party.in_(bindparam("parties", expanding=True)), _mine)
    .values(holder=None, leased_until=None)
)


def _stream(row: RowMapping) -> Stream:
    times = ("active_from", "published_at")
    told = {name: when(row[name]) for name in times}
    return Stream(
        party=row["party"],
        published=row["published"],
        replay_upto=row["replay_upto"],
        paused=row["paused"],
        **told,
    )
