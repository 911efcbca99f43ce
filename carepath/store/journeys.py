"""How far a message has come with each receiver: accepted, delivered, confirmed, read."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from carepath.store.feed import OPERATOR
from carepath.store.tables import deliveries, events, inbox, outbox
from carepath.store.times import instant, when


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One receiver's state; a time is ``None`` as long as it has not happened."""

    receiver: str
    kind: str
    delivered: datetime | None
    withheld: bool
    confirmed: datetime | None
    confirmed_code: str | None
    read: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Journey:
    """A message as it was taken in, and its receivers by key. ``patient``: of whom it tells, where it was placed."""

    message_id: str
    patient: str | None
    event: str
    sender: str
    verdict: str
    received: datetime
    steps: tuple[Step, ...]


def where(conn: Connection, message_id: str, reader: str | None) -> list[Journey]:
    """The messages with that id (senders choose them), as far as ``reader`` may know.

    The sender sees every receiver, a receiver itself; the operator (``None``) sees all.
    """
    wanted = select(inbox).where(inbox.c.message_id == message_id).order_by(inbox.c.received)
    journeys = [_journey(conn, row) for row in conn.execute(wanted).mappings()]
    seen = [_seen(journey, reader) for journey in journeys]
    return [journey for journey in seen if journey is not None]


def _journey(conn: Connection, row: RowMapping) -> Journey:
    handed = (
        select(deliveries.c.at)
        .where(deliveries.c.receiver == outbox.c.receiver, deliveries.c.number >= outbox.c.number)
        .order_by(deliveries.c.number)
        .limit(1)
        .scalar_subquery()
    )
    sent = (
        select(outbox, handed.label("delivered"))
        .where(outbox.c.event == row["id"], outbox.c.receiver != OPERATOR)
        .order_by(outbox.c.receiver, outbox.c.id)
    )
    about = select(events.c.patient).where(events.c.id == row["id"])
    return Journey(
        message_id=row["message_id"],
        patient=conn.execute(about).scalar(),
        event=row["id"],
        sender=row["sender"],
        verdict=row["verdict"],
        received=instant(row["received"]),
        steps=tuple(_step(step) for step in conn.execute(sent).mappings()),
    )


def _step(row: RowMapping) -> Step:
    return Step(
        receiver=row["receiver"],
        kind=row["kind"],
        delivered=when(row["delivered"]),
        withheld=row["withheld"],
        confirmed=when(row["confirmed"]),
        confirmed_code=row["confirmed_code"],
        read=when(row["read"]),
    )


def _seen(journey: Journey, reader: str | None) -> Journey | None:
    if reader is None or reader == journey.sender:
        return journey
    own = tuple(step for step in journey.steps if step.receiver == reader)
    return replace(journey, steps=own) if own else None
