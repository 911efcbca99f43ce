"""Agreements to share between houses: who with whom, from when until when. One is ended, never deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, or_, select, update

from carepath.store import lost
from carepath.store.rights import SHARING_ASKED
from carepath.store.tables import grants, meta, sharing
from carepath.store.times import instant, micros, when
from carepath.store.upserts import insert_new, replace_rows
from pathways.messages import stable_id
from pathways.sharing import Sharing


@dataclass(frozen=True, slots=True)
class Kept:
    """An agreement as it is kept; ``note`` says where it is written down."""

    id: str
    agreement: Sharing
    note: str | None = None


def ask(conn: Connection, *, asked: bool) -> None:
    """Whether agreements count from now on: not in open mode."""
    query = select(meta.c.value).where(meta.c.name == SHARING_ASKED)
    if (conn.execute(query).scalar() or 0) != int(asked):
        replace_rows(conn, meta, [{"name": SHARING_ASKED, "value": int(asked)}])


def is_asked(conn: Connection) -> bool:
    """Whether they count."""
    query = select(meta.c.value).where(meta.c.name == SHARING_ASKED)
    return bool(conn.execute(query).scalar())


def partners(conn: Connection, house: str, at: datetime) -> frozenset[str] | None:
    """The houses that share with one at ``at``; ``None`` where nothing has to be agreed."""
    if not is_asked(conn):
        return None
    now = micros(at)
    in_force = sharing.c.since <= now, or_(sharing.c.until.is_(None), sharing.c.until > now)
    mine = or_(sharing.c.one == house, sharing.c.other == house)
    rows = conn.execute(select(sharing.c.one, sharing.c.other).where(mine, *in_force))
    return frozenset(key for row in rows for key in row) - {house}


def listed(conn: Connection) -> list[Kept]:
    """All there are and were, the oldest of each pair first."""
    rows = conn.execute(select(sharing).order_by(sharing.c.pair, sharing.c.since)).mappings()
    return [_kept(dict(row)) for row in rows]


def show(conn: Connection, id_: str) -> Kept | None:
    """One agreement."""
    row = conn.execute(select(sharing).where(sharing.c.id == id_)).mappings().first()
    return None if row is None else _kept(dict(row))


def lock(conn: Connection) -> None:
    """Nobody else changes agreements until this transaction ends."""
    insert_new(conn, meta, [{"name": SHARING_ASKED, "value": 0}])
    conn.execute(select(meta.c.value).where(meta.c.name == SHARING_ASKED).with_for_update())


def add(conn: Connection, agreed: Sharing, note: str | None) -> Kept:
    """Enter an agreement whose pair is in order. Its id follows from what it is about and when it begins."""
    begins = micros(agreed.since)
    id_ = stable_id("sharing", *agreed.parties, str(begins))
    one, other = agreed.parties
    row = {
        "id": id_,
        "pair": agreed.pair,
        "one": one,
        "other": other,
        "controller": agreed.controller,
        "legal_basis": agreed.legal_basis,
        "since": begins,
        "until": agreed.until and micros(agreed.until),
        "note": note,
    }
    conn.execute(insert(sharing).values(row))
    return Kept(id_, agreed, note)


def end(conn: Connection, kept: Kept, until: datetime, now: datetime) -> None:
    """It holds until then; open streams of those it let see more are looked at anew."""
    conn.execute(update(sharing).where(sharing.c.id == kept.id).values(until=micros(until)))
    pair = grants.c.pair == kept.agreement.pair
    readers = conn.execute(select(grants.c.reader).where(pair).distinct()).scalars()
    lost.note(conn, {*readers}, micros(now))


def _kept(row: dict[str, Any]) -> Kept:
    agreed = Sharing(
        parties=(row["one"], row["other"]),
        controller=row["controller"],
        legal_basis=row["legal_basis"],
        since=instant(row["since"]),
        until=when(row["until"]),
    )
    return Kept(row["id"], agreed, row["note"])
