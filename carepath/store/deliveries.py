"""How far delivery has come: what each receiver has been handed, and what Kafka has of it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select

from carepath.store.tables import feeds, outbox, streams
from carepath.store.times import instant, micros


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
    over: str = "kafka"  # or the receiver's own network: edi, mllp
    fault: str | None = None  # why the last try failed there, in codes
    unconfirmed: int = 0  # that went there, of which its receiver has said nothing
    refused: int = 0


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
    return [Handed(**{**row, "delivered_at": _time(row["delivered_at"])}) for row in rows]


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


def listed(conn: Connection) -> list[Delivery]:
    """All receivers that have a topic, by key."""
    unpublished = (outbox.c.receiver == streams.c.party) & (outbox.c.number > streams.c.published)
    waiting = select(func.count()).where(unpublished).scalar_subquery()
    oldest = select(func.min(outbox.c.created)).where(unpublished).scalar_subquery()
    wanted = (
        select(
            streams,
            func.coalesce(feeds.c.last, 0).label("last"),
            waiting.label("waiting"),
            oldest.label("waiting_since"),
        )
        .outerjoin(feeds, feeds.c.receiver == streams.c.party)
        .order_by(streams.c.party)
    )
    return [_delivery(row) for row in conn.execute(wanted).mappings()]


def first_since(conn: Connection, party: str, at: datetime) -> int | None:
    """The first number of a feed that was put there at that time or later."""
    mine = (outbox.c.receiver == party) & (outbox.c.created >= micros(at))
    return conn.execute(select(func.min(outbox.c.number)).where(mine)).scalar()


def between(conn: Connection, party: str, first: int, last: int) -> int:
    """How many updates a feed has from one number to another."""
    mine = (outbox.c.receiver == party) & outbox.c.number.between(first, last)
    return conn.execute(select(func.count()).where(mine)).scalar_one()


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        party=row["party"],
        last=row["last"],
        published=row["published"],
        published_at=_time(row["published_at"]),
        waiting=row["waiting"],
        waiting_since=_time(row["waiting_since"]),
        replay_upto=row["replay_upto"],
        paused=row["paused"],
    )


def _time(at: int | None) -> datetime | None:
    return None if at is None else instant(at)
