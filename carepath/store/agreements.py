"""Agreements on limits: who agreed on what, from when until when. An agreement is ended, never deleted.

``meta.agreements`` counts the changes, so whoever keeps them in memory knows when they are stale.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from carepath.store.tables import agreements, meta
from carepath.store.times import instant, micros, when
from carepath.store.upserts import insert_new
from pathways.calendars import Limit, Unit
from pathways.deadlines import Agreement
from pathways.messages import stable_id
from pathways.promises import PromiseKind

_COUNTER = "agreements"


@dataclass(frozen=True, slots=True)
class Kept:
    """An agreement as it is kept; ``note`` says where it is written down."""

    id: str
    agreement: Agreement
    note: str | None = None


def listed(conn: Connection) -> list[Kept]:
    """All there are and were, the oldest of each kind and pair first."""
    order = (agreements.c.kind, agreements.c.one, agreements.c.other, agreements.c.since)
    rows = conn.execute(select(agreements).order_by(*order)).mappings()
    return [_kept(dict(row)) for row in rows]


def show(conn: Connection, id_: str) -> Kept | None:
    """One agreement."""
    row = conn.execute(select(agreements).where(agreements.c.id == id_)).mappings().first()
    return None if row is None else _kept(dict(row))


def version(conn: Connection) -> int:
    """A number that rises whenever an agreement is made or ended."""
    return conn.execute(select(meta.c.value).where(meta.c.name == _COUNTER)).scalar() or 0


def lock(conn: Connection) -> None:
    """Nobody else changes agreements until this transaction ends; what follows is a change."""
    insert_new(conn, meta, [{"name": _COUNTER, "value": 0}])
    mine = update(meta).where(meta.c.name == _COUNTER)
    conn.execute(mine.values(value=meta.c.value + 1))


def add(conn: Connection, agreement: Agreement, note: str | None) -> Kept:
    """Enter an agreement whose pair is in order. Its id follows from what it is about and when it begins."""
    begins = micros(agreement.since)
    id_ = stable_id("agreement", agreement.kind, *agreement.parties, str(begins))
    one, other = agreement.parties
    row = {
        "id": id_,
        "kind": agreement.kind,
        "one": one,
        "other": other,
        "amount": agreement.limit.amount,
        "unit": agreement.limit.unit,
        "since": begins,
        "until": agreement.until and micros(agreement.until),
        "note": note,
    }
    conn.execute(insert(agreements).values(row))
    return Kept(id_, agreement, note)


def end(conn: Connection, id_: str, until: datetime) -> None:
    """It holds until then."""
    ended = update(agreements).where(agreements.c.id == id_).values(until=micros(until))
    conn.execute(ended)


def _kept(row: dict[str, Any]) -> Kept:
    agreement = Agreement(
        kind=PromiseKind(row["kind"]),
        parties=(row["one"], row["other"]),
        limit=Limit(row["amount"], Unit(row["unit"])),
        since=instant(row["since"]),
        until=when(row["until"]),
    )
    return Kept(row["id"], agreement, row["note"])
