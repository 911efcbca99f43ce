"""Alerts to people: written with the alarm, sent once. Times are microseconds.

Who sends one has it until its lease ends; should it die after sending and before noting that, it is sent once more.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, select, update

from carepath.store.tables import alerts
from carepath.store.upserts import insert_new

_at = alerts.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Somebody at ``party`` is to hear at ``address`` that there is something to look at."""

    id: str
    party: str
    address: str
    acute: bool
    next_try: int
    tries: int = 0


def owe(conn: Connection, wanted: Iterable[Alert], now: int) -> None:
    """Note what is to be sent; what is noted already is not noted again."""
    rows = [
        {
            "id": one.id,
            "party": one.party,
            "address": one.address,
            "acute": one.acute,
            "created": now,
            "next_try": one.next_try,
            "tries": 0,
            "done": None,
        }
        for one in wanted
    ]
    insert_new(conn, alerts, rows)


def waiting(conn: Connection, now: int) -> bool:
    """Whether anything is to be sent now."""
    due = select(_at.id).where(_at.done.is_(None), _at.next_try <= now).limit(1)
    return conn.execute(due).first() is not None


def claim(conn: Connection, now: int, *, lease: int, limit: int) -> list[Alert]:
    """What is to be sent now, acute ones first; none is due again before ``lease``."""
    is_due = and_(_at.done.is_(None), _at.next_try <= now)
    free = (
        select(_at.id)
        .where(is_due)
        .order_by(_at.acute.desc(), _at.next_try, _at.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = update(alerts).where(_at.id.in_(free)).values(next_try=lease, tries=_at.tries + 1)
    columns = (_at.id, _at.party, _at.address, _at.acute, _at.next_try, _at.tries)
    return [Alert(**row) for row in conn.execute(taken.returning(*columns)).mappings()]


def done(conn: Connection, id_: str, now: int) -> None:
    """It was sent, or is not tried again."""
    conn.execute(update(alerts).where(_at.id == id_).values(done=now))


def failed(conn: Connection, id_: str, next_try: int) -> None:
    """It was not taken: it is tried again then."""
    conn.execute(update(alerts).where(_at.id == id_).values(next_try=next_try))


def unsent(conn: Connection, now: int) -> int:
    """How many should have been sent."""
    due = select(func.count()).where(_at.done.is_(None), _at.next_try <= now)
    return conn.execute(due).scalar_one()
