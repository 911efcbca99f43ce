"""How far delivery has come: what each receiver has been handed, and what Kafka and receivers' own networks have of it.

And what an operator does about that: whichever carries a feed, its cursor is paused and set back in the same way.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Table,
    case,
    delete,
    func,
    literal,
    null,
    select,
    update,
)

from carepath.store.delivery_tables import UNCONFIRMED
from carepath.store.tables import feeds, outbox, sent_on, streams, transports
from carepath.store.times import micros, when
from carepath.store.transports import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """``waiting`` updates are numbered but not published, the oldest of them since ``waiting_since`` (UTC).

    ``last`` is the newest number of the feed. What is at or below ``replay_upto`` is published again by request.
    """

    party: str
    last: int
    published: int
    published_at: datetime | None
    waiting: int
    waiting_since: datetime | None
    replay_upto: int
    paused: bool
    over: str  # KAFKA, or the receiver's own network: edi, mllp
    fault: str | None  # why the last try failed there, in codes
    unconfirmed: int  # that went there, of which its receiver has said nothing
    refused: int


KAFKA: Final = "kafka"
"""What ``Delivery.over`` says of topics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursors:
    """A table of cursors: up to which number, and when it got there.

    ``over`` and ``fault`` as in ``Delivery``; ``at_once``: what lets it go on without waiting.
    """

    table: Table
    upto: ColumnElement[int]
    upto_at: ColumnElement[int]
    over: ColumnElement[str]
    fault: ColumnElement[Any]
    at_once: Mapping[str, None] = field(default_factory=dict)


TOPICS: Final = Cursors(
    table=streams,
    upto=streams.c.published,
    upto_at=streams.c.published_at,
    over=literal(KAFKA),
    fault=null(),
)
NETWORKS: Final = Cursors(
    table=transports,
    upto=transports.c.sent,
    upto_at=transports.c.sent_at,
    over=transports.c.carrier,
    fault=transports.c.fault,
    at_once={"next_try": None},
)


def cursors(over: str) -> Cursors:
    """Where that stands which goes over Kafka, or over a network."""
    return TOPICS if over == KAFKA else NETWORKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """A feed. Of its numbers up to ``last`` its receiver has been handed those up to ``delivered``.

    ``confirmed``: up to where it said so itself, if it reads a mailbox.
    """

    receiver: str
    last: int
    delivered: int
    delivered_at: datetime | None
    confirmed: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers that a feed does not have, the first and the last of them."""

    first: int
    last: int


def handed(conn: Connection) -> list[Handed]:
    """All feeds, by receiver."""
    rows = conn.execute(select(feeds).order_by(feeds.c.receiver)).mappings()
    return [Handed(**{**row, "delivered_at": when(row["delivered_at"])}) for row in rows]


def gaps(conn: Connection, receiver: str) -> list[Gap]:
    """Where the numbers of a feed jump, as they do once a store was restored; none in any other."""
    number = outbox.c.number
    before = func.coalesce(func.lag(number).over(order_by=number), 0).label("before")
    mine = (outbox.c.receiver == receiver) & number.is_not(None)
    steps = select(number.label("number"), before).where(mine).subquery()
    jumps = select(steps.c.before + 1, steps.c.number - 1).where(
        steps.c.number > steps.c.before + 1
    )
    return [Gap(first, last) for first, last in conn.execute(jumps.order_by(steps.c.number))]


def listed(
    conn: Connection, of: Cursors, receivers: Collection[str] | None = None
) -> list[Delivery]:
    """Of these receivers, or of all, those that are reached so, by key."""
    party = of.table.c.party
    unsent = (outbox.c.receiver == party) & (outbox.c.number > of.upto)
    columns: dict[str, ColumnElement[Any]] = {
        "party": party,
        "over": of.over,
        "last": func.coalesce(feeds.c.last, 0),
        "published": of.upto,
        "published_at": of.upto_at,
        "waiting": select(func.count()).where(unsent).scalar_subquery(),
        "waiting_since": select(func.min(outbox.c.created)).where(unsent).scalar_subquery(),
        "replay_upto": of.table.c.replay_upto,
        "paused": of.table.c.paused,
        "fault": of.fault,
        "unconfirmed": _count(of, State.SENT),
        "refused": _count(of, State.REFUSED),
    }
    wanted = select(*(column.label(name) for name, column in columns.items()))
    with_last = wanted.outerjoin_from(of.table, feeds, feeds.c.receiver == party).order_by(party)
    if receivers is not None:
        with_last = with_last.where(party.in_(receivers))
    return [_delivery(row) for row in conn.execute(with_last).mappings()]


def _count(of: Cursors, state: State) -> ColumnElement[int]:
    """Of what went there; Kafka takes what it is given, and nobody answers."""
    if of is TOPICS:
        return literal(0)
    mine = (sent_on.c.party == of.table.c.party) & (sent_on.c.number <= of.upto)
    return select(func.count()).where(UNCONFIRMED, sent_on.c.state == state, mine).scalar_subquery()


# --- what an operator does


def lock(conn: Connection, of: Cursors, party: str) -> bool:
    """Nobody else changes it until the transaction ends; false: it is not reached so."""
    mine = select(of.table.c.party).where(of.table.c.party == party).with_for_update()
    return conn.execute(mine).first() is not None


def pause(conn: Connection, of: Cursors, party: str, *, paused: bool) -> None:
    """Send nothing more there for now, or go on, at once; what is on its way arrives."""
    mine = update(of.table).where(of.table.c.party == party)
    conn.execute(mine.values(paused=paused, **({} if paused else of.at_once)))


def replay(conn: Connection, of: Cursors, party: str, since: int) -> None:
    """Send what follows ``since`` again, with the ids it had, marked as such up to where the cursor was."""
    before = of.table.c.replay_upto
    upto = case((before > of.upto, before), else_=of.upto)
    behind = update(of.table).where(of.table.c.party == party, of.upto > since)
    conn.execute(behind.values({of.upto: since, before: upto, **of.at_once}))
    if of is NETWORKS:
        conn.execute(delete(sent_on).where(sent_on.c.party == party, sent_on.c.number > since))


def first_since(conn: Connection, party: str, at: datetime) -> int | None:
    """The first number of a feed that was put there at that time or later."""
    mine = (outbox.c.receiver == party) & (outbox.c.created >= micros(at))
    return conn.execute(select(func.min(outbox.c.number)).where(mine)).scalar()


def between(conn: Connection, party: str, first: int, last: int) -> int:
    """How many updates a feed has from one number to another."""
    mine = (outbox.c.receiver == party) & outbox.c.number.between(first, last)
    return conn.execute(select(func.count()).where(mine)).scalar_one()


def _delivery(row: RowMapping) -> Delivery:
    times = {name: when(row[name]) for name in ("published_at", "waiting_since")}
    return Delivery(**{**row, **times})
