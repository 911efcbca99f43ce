"""Answers owed to registered endpoints: written down before the sender hears that its message was taken in.

``due`` hands an answer out to one sender at a time: for as long as the lease lasts nobody else gets it, and when
the process dies it is due again afterwards. Times are microseconds.
"""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from carepath.store.tables import answers
from carepath.store.upserts import insert_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A response message and where it goes. ``id`` is its MessageHeader.id, ``tries`` counts those made."""

    id: str
    party: str
    url: str
    body: bytes
    tries: int = 0


def owe(conn: Connection, owed: Owed, now: int) -> None:
    """Note an answer, due now. One that was sent is due again, byte for byte: the sender asked once more."""
    again = update(answers).where(answers.c.id == owed.id, answers.c.done.is_not(None))
    if conn.execute(again.values(done=None, tries=0, next_try=now, url=owed.url)).rowcount:
        return
    fresh = {"tries": 0, "next_try": now, "status": None, "done": None}
    row = {"id": owed.id, "party": owed.party, "url": owed.url, "body": owed.body}
    insert_new(conn, answers, [{**row, **fresh}])


def waiting(conn: Connection, now: int, *, besides: Collection[str]) -> bool:
    """Whether anything is to be sent now to an address that is not among ``besides``."""
    return conn.execute(select(answers.c.id).where(_due(now, besides)).limit(1)).first() is not None


def due(
    conn: Connection, now: int, *, lease: int, besides: Collection[str], limit: int
) -> list[Owed]:
    """What is to be sent now, the longest due first, one for each address that is not among ``besides``.

    It is not due again before ``lease``.
    """
    waits = _due(now, besides)
    turn = func.row_number().over(
        partition_by=answers.c.url, order_by=(answers.c.next_try, answers.c.id)
    )
    turns = select(answers.c.id, turn.label("turn")).where(waits).subquery()
    first = (
        select(answers.c.id)
        .where(answers.c.id.in_(select(turns.c.id).where(turns.c.turn == 1)), waits)
        .order_by(answers.c.next_try, answers.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    claimed = (
        update(answers)
        .where(answers.c.id.in_(first))
        .values(next_try=lease)
        .returning(*(answers.c[name] for name in ("id", "party", "url", "body", "tries")))
    )
    rows = conn.execute(claimed).mappings()
    return [Owed(**{**row, "body": bytes(row["body"])}) for row in rows]


def settled(conn: Connection, id_: str, status: int, now: int) -> None:
    """It was taken, or refused for good: it is not sent again."""
    mine = update(answers).where(answers.c.id == id_)
    conn.execute(mine.values(status=status, done=now, tries=answers.c.tries + 1))


def failed(conn: Connection, owed: Owed, status: int | None, next_try: int) -> None:
    """It was not taken: nothing is sent to that address before ``next_try``."""
    waiting = update(answers).where(answers.c.url == owed.url, answers.c.done.is_(None))
    conn.execute(waiting.where(answers.c.next_try < next_try).values(next_try=next_try))
    mine = update(answers).where(answers.c.id == owed.id)
    conn.execute(mine.values(status=status, next_try=next_try, tries=answers.c.tries + 1))


def unsent(conn: Connection) -> int:
    """How many are owed."""
    rows = select(func.count()).where(answers.c.done.is_(None))
    return conn.execute(rows).scalar_one()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Answers that a party's endpoint has not taken: how many, how often the most tried one was, and what is next.

    ``status``: the HTTP status of the last try; ``None``: nobody answered, or it was not tried.
    """

    party: str
    unsent: int
    tries: int
    next_try: int
    status: int | None


def standing(conn: Connection) -> list[Standing]:
    """For each party that is owed any."""
    rows = (
        select(
            answers.c.party,
            func.count().label("unsent"),
            func.max(answers.c.tries).label("tries"),
            func.min(answers.c.next_try).label("next_try"),
            func.max(answers.c.status).label("status"),
        )
        .where(answers.c.done.is_(None))
        .group_by(answers.c.party)
    )
    return [Standing(**row) for row in conn.execute(rows).mappings()]


def _due(now: int, besides: Collection[str]) -> ColumnElement[bool]:
    free = answers.c.url.not_in(besides)
    return and_(answers.c.done.is_(None), answers.c.next_try <= now, free)
