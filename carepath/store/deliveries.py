"""How far delivery to Kafka has come, for the operator."""

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
