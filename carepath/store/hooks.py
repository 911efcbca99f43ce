"""Who sends for a Subscription: claims under a lease, and how it stands afterwards.

For as long as its lease lasts nobody else looks at it; when the process that holds it dies, it is due again then.
What its client changed or removed meanwhile is no longer the holder's to judge. Times are microseconds.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, update

from carepath.store import feed
from carepath.store.subscriptions import FREE, Subscribed, subscribed
from carepath.store.tables import outbox, subscription_events, subscriptions
from pathways.subscriptions import SubscriptionStatus

_at = subscriptions.c


@dataclass(frozen=True, slots=True)
class Due:
    """A Subscription to be looked at now.

    ``target``: whom it calls, if it is a rest-hook. ``proven``: it took the last it was sent, and in time.
    """

    id: str
    target: str | None
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """For whom there is room: ``limit`` Subscriptions, proven ones or others.

    No target gets more than ``each`` calls, of which there are ``calls`` already. Those in ``slow`` are not proven,
    those in ``besides`` not looked at.
    """

    proven: bool
    limit: int
    each: int
    calls: Mapping[str, int]
    slow: Collection[str]
    besides: Collection[str]


def due(conn: Connection, room: Room, now: int) -> list[Due]:
    """Who is to be looked at now: who was told longest ago comes first."""
    active = _at.status == SubscriptionStatus.ACTIVE.value
    good = and_(active, _at.tries == 0, _at.id.not_in(room.slow))
    full = [target for target, number in room.calls.items() if number >= room.each]
    open_ = or_(_at.target.is_(None), _at.target.not_in(full))
    waits = and_(_due(now), _at.id.not_in(room.besides), open_, good if room.proven else ~good)
    told = func.coalesce(_at.told, 0)
    turn = func.row_number().over(partition_by=_at.target, order_by=(told, _at.id))
    turns = select(_at.id, _at.target, told.label("told"), turn.label("turn")).where(waits)
    each = turns.subquery()
    wanted = (
        select(each.c.id, each.c.target)
        .where(or_(each.c.turn <= room.each, each.c.target.is_(None)))
        .order_by(each.c.told, each.c.id)
        .limit(room.limit)
    )
    return [Due(id_, target, room.proven) for id_, target in conn.execute(wanted)]


def claim(
    conn: Connection, ids: Collection[str], holder: str, *, now: int, until: int
) -> list[Subscribed]:
    """Those of ``ids`` that are still due and are ``holder``'s now, until then; those another one locks are left."""
    free = (
        select(_at.id)
        .where(_at.id.in_(ids), _due(now))
        .order_by(_at.id)
        .with_for_update(skip_locked=True)
    )
    taken = update(subscriptions).where(_at.id.in_(free))
    held = taken.values(holder=holder, leased_until=until).returning(*subscriptions.columns)
    return [subscribed(row) for row in conn.execute(held).mappings()]


def renew(conn: Connection, ids: Collection[str], holder: str, until: int) -> None:
    """``holder`` is not done with them. One that is locked is left: there is time for the next renewal."""
    if ids:
        mine = select(_at.id).where(_at.id.in_(ids), _at.holder == holder)
        free = mine.order_by(_at.id).with_for_update(skip_locked=True)
        conn.execute(update(subscriptions).where(_at.id.in_(free)).values(leased_until=until))


def held(conn: Connection, holder: str) -> set[str]:
    """What is still ``holder``'s."""
    return {*conn.execute(select(_at.id).where(_at.holder == holder)).scalars()}


def settle(conn: Connection, holder: str, stands: Subscribed) -> bool:
    """How it stands now, and it is free; false, and nothing is written, when it is no longer ``holder``'s."""
    told = {name: getattr(stands, name) for name in _SETTLED}
    mine = update(subscriptions).where(_at.id == stands.id, _at.holder == holder)
    return bool(conn.execute(mine.values(**told, holder=None, leased_until=None)).rowcount)


_SETTLED = ("status", "delivered", "tries", "next_try", "told", "error")


def put(conn: Connection, stands: Subscribed) -> None:
    """How it stands now, whoever sends for it: it is free. The caller has locked it."""
    told = {name: getattr(stands, name) for name in _SETTLED}
    conn.execute(update(subscriptions).where(_at.id == stands.id).values(**told, **FREE))


def release(conn: Connection, holder: str) -> None:
    """``holder`` has ended."""
    mine = update(subscriptions).where(_at.holder == holder)
    conn.execute(mine.values(holder=None, leased_until=None))


# --- what an administrator does


PAUSED: Final = "paused"
"""The holder of those that nobody is to send for: its lease does not end by itself."""
_NEVER: Final = 2**62
_paused: Final = func.coalesce(_at.holder, "") == PAUSED


def pause(conn: Connection, id_: str) -> None:
    """Nothing more is sent, until it is resumed or its client asks anew. Its events are counted."""
    mine = update(subscriptions).where(_at.id == id_)
    conn.execute(mine.values(holder=PAUSED, leased_until=_NEVER))


def resume(conn: Connection, id_: str) -> None:
    """Go on where it was paused."""
    mine = update(subscriptions).where(_at.id == id_, _paused)
    conn.execute(mine.values(**FREE))


def replay(conn: Connection, id_: str, since: int) -> None:
    """Send what follows the number ``since`` again; whoever is sending for it stops."""
    again = update(subscriptions).where(_at.id == id_, _at.delivered > since)
    held = case((_paused, PAUSED), else_=None)
    until = case((_paused, _NEVER), else_=None)
    conn.execute(again.values(delivered=since, holder=held, leased_until=until))


def paused(conn: Connection) -> set[str]:
    """Those that are."""
    return {*conn.execute(select(_at.id).where(_paused)).scalars()}


def first_since(conn: Connection, id_: str, at: int) -> int | None:
    """The first number of an event that came at that time or later."""
    events = subscription_events.c
    mine = (
        select(func.min(events.number))
        .join(outbox, outbox.c.id == events.item)
        .where(events.subscription == id_, outbox.c.created >= at)
    )
    return conn.execute(mine).scalar()


def _due(now: int) -> ColumnElement[bool]:
    """Its time has come, or it is a rest-hook with something to send and no trouble."""
    asked = _at.status == SubscriptionStatus.REQUESTED.value
    more = and_(_at.status == SubscriptionStatus.ACTIVE.value, _at.numbered > _at.delivered)
    at_once = and_(_at.target.is_not(None), _at.tries == 0, or_(asked, more))
    return and_(
        _at.status.in_(_LIVE),
        or_(_at.leased_until.is_(None), _at.leased_until < now),
        or_(_at.next_try <= now, at_once),
    )


_LIVE = (
    SubscriptionStatus.REQUESTED.value,
    SubscriptionStatus.ACTIVE.value,
    SubscriptionStatus.ERROR.value,
)


# --- what an operator watches


@dataclass(frozen=True, slots=True)
class Figure:
    """A receiver's rest-hooks: how many stand in error, and how many events the others have not taken, since when.

    Those that are paused are none of them.
    """

    receiver: str
    in_error: int
    undelivered: int
    oldest: int | None


def figures(conn: Connection) -> list[Figure]:
    """For each receiver that has a rest-hook."""
    untaken = and_(
        subscription_events.c.subscription == _at.id, subscription_events.c.number > _at.delivered
    )
    without_jump = _at.delivered >= feed.floor(conn)
    counted = select(func.count()).where(untaken).scalar_subquery()
    following = (
        select(outbox.c.created)
        .join(subscription_events, subscription_events.c.item == outbox.c.id)
        .where(untaken)
        .order_by(subscription_events.c.number)
        .limit(1)
        .scalar_subquery()
    )
    each = (
        select(
            _at.receiver,
            (_at.status == SubscriptionStatus.ERROR.value).label("error"),
            and_(_at.status == SubscriptionStatus.ACTIVE.value, ~_paused).label("active"),
            case((without_jump, _at.numbered - _at.delivered), else_=counted).label("waiting"),
            following.label("oldest"),
        )
        .where(_at.target.is_not(None), _at.status.in_(_LIVE))
        .subquery()
    )
    wanted = (
        select(
            each.c.receiver,
            func.count().filter(each.c.error),
            func.coalesce(func.sum(each.c.waiting).filter(each.c.active), 0),
            func.min(each.c.oldest).filter(each.c.active),
        )
        .group_by(each.c.receiver)
        .order_by(each.c.receiver)
    )
    return [
        Figure(receiver, failed, int(waiting), oldest)
        for receiver, failed, waiting, oldest in conn.execute(wanted)
    ]
