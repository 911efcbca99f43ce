"""Messages that receivers are to confirm, found by going through their feeds as time passes.

For each receiver and stage there is a cursor: whatever stands before it was looked at when it was old enough, so what
is awaited costs nothing when it is sent, and who works off a cursor has it locked. Times are microseconds.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    case,
    func,
    or_,
    select,
    update,
)

from carepath.store.awaited import by_subscriptions, untaken
from carepath.store.tables import deliveries, events, feeds, outbox, promises, receipt_cursors
from carepath.store.times import instant, when
from carepath.store.upserts import insert_new
from pathways.messages import stable_id
from pathways.promises import PromiseKind, PromiseState
from pathways.receipts import ASKED_FOR, Awaited, Stage

_at = receipt_cursors.c
_sent = outbox.c


def begin(conn: Connection, wanted: Iterable[tuple[str, Stage]]) -> None:
    """Receipts of these receivers are awaited from now on, where they were not yet."""
    last = dict(conn.execute(select(feeds.c.receiver, feeds.c.last)).all())
    fresh = [
        {"receiver": key, "stage": stage.value, "upto": last.get(key, 0), "next_at": None}
        for key, stage in wanted
    ]
    insert_new(conn, receipt_cursors, fresh)


def due(conn: Connection, now: int) -> list[tuple[str, Stage]]:
    """The cursors that may move by now."""
    wanted = (
        select(_at.receiver, _at.stage)
        .join(feeds, feeds.c.receiver == _at.receiver)
        .where(_at.upto < feeds.c.last, or_(_at.next_at.is_(None), _at.next_at <= now))
        .order_by(_at.next_at, _at.receiver, _at.stage)
    )
    return [(row.receiver, Stage(row.stage)) for row in conn.execute(wanted)]


def lock(conn: Connection, receiver: str, stage: Stage, now: int) -> int | None:
    """Where the cursor stands; it is ours until the transaction ends. ``None``: somebody else is at it, or was."""
    mine = (
        select(_at.upto)
        .where(_at.receiver == receiver, _at.stage == stage.value)
        .where(or_(_at.next_at.is_(None), _at.next_at <= now))
        .with_for_update(skip_locked=True)
    )
    return conn.execute(mine).scalar()


def move(conn: Connection, receiver: str, stage: Stage, upto: int, next_at: int | None) -> None:
    """All up to there was looked at; the next one is old enough at ``next_at``."""
    mine = update(receipt_cursors).where(_at.receiver == receiver, _at.stage == stage.value)
    conn.execute(mine.values(upto=upto, next_at=next_at))


@dataclass(frozen=True, slots=True)
class Place:
    """One of a feed; ``awaited``: the message there, if it is to be confirmed."""

    number: int
    created: int
    awaited: Awaited | None


def sent(conn: Connection, receiver: str, after: int, limit: int) -> list[Place]:
    """The feed's next places."""
    wanted = _wanted().where(_sent.receiver == receiver, _sent.number > after)
    rows = conn.execute(wanted.order_by(_sent.number).limit(limit)).mappings()
    return [
        Place(row["number"], row["created"], _awaited(row) if _asks(row) else None) for row in rows
    ]


def awaited(conn: Connection, owed: Collection[tuple[str, str]]) -> list[Awaited]:
    """What was sent as these events to these receivers, as it stands now: ``(event, receiver)``."""
    told = {event for event, _ in owed}
    rows = conn.execute(_wanted().where(_sent.event.in_(told))).mappings() if told else ()
    return [_awaited(row) for row in rows if (row["event"], row["receiver"]) in owed and _asks(row)]


def heard(conn: Connection, of: Mapping[str, ColumnElement[bool]], now: int) -> None:
    """Receivers have taken or confirmed these places of their feeds: what they owed for them is to be looked at."""
    if not of:
        return
    owing = select(promises.c.responsible).where(_OPEN, promises.c.responsible.in_([*of]))
    for receiver in conn.execute(owing.distinct()).scalars().all():
        matters = (
            select(events.c.thread)
            .join(outbox, _sent.event == events.c.id)
            .where(_sent.receiver == receiver, of[receiver])
        )
        mine = update(promises).where(_OPEN, promises.c.responsible == receiver)
        conn.execute(mine.where(promises.c.thread.in_(matters)).values(next_at=now))


_OPEN: Final = and_(
    promises.c.kind == PromiseKind.RECEIPT.value, promises.c.state == PromiseState.OPEN.value
)


def _wanted() -> Select[Any]:
    handed = select(func.min(deliveries.c.at)).where(
        deliveries.c.receiver == _sent.receiver, deliveries.c.number >= _sent.number
    )
    passed_by = and_(by_subscriptions(_sent.receiver), _sent.id.not_in(untaken()))
    taken = func.coalesce(handed.scalar_subquery(), case((passed_by, _sent.created)))
    return select(
        *(_sent.id, _sent.receiver, _sent.number, _sent.kind, _sent.event, _sent.message_id),
        *(_sent.created, _sent.confirmed, _sent.withheld, taken.label("taken")),
        *(events.c.patient, events.c.thread, events.c.sender),
    ).outerjoin(events, events.c.id == _sent.event)


def _asks(row: RowMapping) -> bool:
    """Whether it is to be confirmed; what is sent again is the same message, and awaited as it was."""
    first = stable_id("outbox", row["event"] or "", row["receiver"], row["kind"])
    known = row["thread"] is not None and row["kind"] in ASKED_FOR
    return known and not row["withheld"] and row["id"] == first


def _awaited(row: RowMapping) -> Awaited:
    return Awaited(
        id=row["id"],
        event=row["event"],
        message_id=row["message_id"],
        patient=row["patient"],
        thread=row["thread"],
        sender=row["sender"],
        receiver=row["receiver"],
        sent=instant(row["created"]),
        taken=when(row["taken"]),
        confirmed=when(row["confirmed"]),
    )
