"""What an operator watches, as the store knows it: looked up when somebody asks, in one snapshot."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, case, func, select

from carepath.store import (
    alerts,
    answers,
    audit_chain,
    deliveries,
    feed,
    hooks,
    positions,
    promises,
    subscriptions,
    transports,
)
from carepath.store.awaited import by_subscriptions, untaken_since
from carepath.store.deliveries import Delivery
from carepath.store.hooks import Figure
from carepath.store.tables import feeds, outbox, parked


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What receivers have not been given. Numbers of rows, and ages in seconds, by receiver."""

    undelivered: Mapping[str, int]
    undelivered_age: Mapping[str, float]
    streams: Sequence[Delivery]
    networks: Sequence[Delivery]  # receivers' own


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures(Waiting):
    """Numbers of rows; ages in seconds, 0 where nothing waits."""

    unnumbered: int
    unnumbered_age: float
    unsent: int
    parked: Mapping[str, int]  # by reason
    missing: int
    unconfirmed_age: Mapping[str, float]  # by receiver that has a network of its own
    hooks: Sequence[Figure]
    subscriptions: Mapping[str, int]  # by status
    promises: promises.Figure
    alerts: int  # that should have been sent
    unsealed: int  # lines of the access log
    unsealed_age: float


def waiting(conn: Connection, now: int, receivers: Collection[str] | None = None) -> Waiting:
    """As it is now, of these receivers or of all; ``now`` in microseconds."""
    return Waiting(
        undelivered=feed.lag(conn, receivers),
        undelivered_age=_undelivered_age(conn, now, receivers),
        streams=deliveries.listed(conn, deliveries.TOPICS, receivers),
        networks=deliveries.listed(conn, deliveries.NETWORKS, receivers),
    )


def figures(conn: Connection, now: int) -> Figures:
    """As it is now; ``now`` in microseconds."""
    known = waiting(conn, now)
    oldest = conn.execute(select(func.min(outbox.c.created)).where(outbox.c.number.is_(None)))
    unsealed, since = audit_chain.unsealed(conn)
    return Figures(
        unnumbered=feed.pending(conn),
        unnumbered_age=_age(oldest.scalar(), now),
        undelivered=known.undelivered,
        undelivered_age=known.undelivered_age,
        unsent=answers.unsent(conn),
        parked=_parked(conn),
        missing=positions.missing(conn),
        streams=known.streams,
        networks=known.networks,
        unconfirmed_age={
            party: _age(since, now) for party, since in transports.unconfirmed_since(conn).items()
        },
        hooks=hooks.figures(conn),
        subscriptions=subscriptions.counted(conn),
        promises=promises.figure(conn, now),
        alerts=alerts.unsent(conn, now),
        unsealed=unsealed,
        unsealed_age=_age(since, now),
    )


def _undelivered_age(
    conn: Connection, now: int, receivers: Collection[str] | None
) -> dict[str, float]:
    """How long what a receiver is to be handed next has been there."""
    following = (
        select(outbox.c.created)
        .where(outbox.c.receiver == feeds.c.receiver, outbox.c.number > feeds.c.delivered)
        .order_by(outbox.c.number)
        .limit(1)
        .scalar_subquery()
    )
    told = by_subscriptions(feeds.c.receiver), untaken_since(feeds.c.receiver)
    oldest = case(told, else_=following)
    wanted = select(feeds.c.receiver, oldest)
    if receivers is not None:
        wanted = wanted.where(feeds.c.receiver.in_(receivers))
    return {receiver: _age(created, now) for receiver, created in conn.execute(wanted)}


def _parked(conn: Connection) -> dict[str, int]:
    """Open ones; a reason whose messages were all settled is there with 0, and so are faults of ours."""
    open_ = func.count().filter(parked.c.state == "open")
    found = conn.execute(select(parked.c.reason, open_).group_by(parked.c.reason)).all()
    return {"fault": 0, **dict(found)}


def _age(created: int | None, now: int) -> float:
    return 0 if created is None else max(now - created, 0) / 1_000_000
