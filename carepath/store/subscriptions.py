"""Subscriptions: how they stand, and the events that they had.

``subscription_numbers`` gives the events their numbers. Until which number the subscriber has everything is
``delivered``. Times are microseconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import TypeAdapter
from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    RowMapping,
    Select,
    Subquery,
    delete,
    func,
    select,
    update,
)

from carepath.store import feed, sealing
from carepath.store.blind import Keys
from carepath.store.rights import Viewer
from carepath.store.statements import LOCK
from carepath.store.tables import (
    events,
    inbox,
    outbox,
    subscription_events,
    subscriptions,
)
from carepath.store.times import micros
from carepath.store.upserts import insert_new
from pathways.events import EventCode
from pathways.subscriptions import (
    Channel,
    ChannelType,
    FilterName,
    Subscription,
    SubscriptionStatus,
)

_TURN: Final = 7_236_482
"""The lock of those who make a Subscription only where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """A Subscription and how it stands. ``numbered``: its newest event; ``delivered``: what its subscriber has.

    ``tries`` failed in a row, the next may come at ``next_try``; ``told`` is when anything was sent the last time.
    ``error`` is a code of http://terminology.hl7.org/CodeSystem/subscription-error.
    """

    id: str
    receiver: str
    status: SubscriptionStatus
    subscription: Subscription
    numbered: int = 0
    delivered: int = 0
    tries: int = 0
    next_try: int | None = None
    told: int | None = None
    error: str | None = None

    @property
    def reader(self) -> str | None:
        """Who sees what it tells, as a ``Viewer`` has it."""
        return None if self.receiver == feed.OPERATOR else self.receiver

    def over(self, now: int) -> bool:
        """Whether its time has come and nobody has turned it off."""
        return self.status is not SubscriptionStatus.OFF and self.ended_by(now)

    def ended_by(self, moment: int) -> bool:
        """Whether its time was over at the moment."""
        ends = self.subscription.ends
        return ends is not None and micros(ends) <= moment


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a Subscription. ``event``, ``thread`` and ``code`` are of a message taken in from someone."""

    number: int
    item: feed.Item
    thread: str | None
    code: EventCode | None
    event: str | None


_BODY: TypeAdapter[Subscription] = TypeAdapter(Subscription)


def begin(conn: Connection, keys: Keys, made: Subscribed) -> None:
    """A new Subscription; its first event is the first that gets its place in the feed from now on."""
    row = {name: getattr(made, name) for name in _STANDING}
    body = _BODY.dump_json(_blinded(keys, made.subscription))
    target = target_of(made.subscription.channel)
    insert_new(conn, subscriptions, [{**row, **FREE, "body": body, "target": target}])


def wait_for_turn(conn: Connection) -> None:
    """Who makes one only where there is none: one at a time, until the transaction ends."""
    if conn.dialect.name == "postgresql":  # SQLite has one writer
        conn.execute(LOCK, {"numbers": [_TURN]})


def change(conn: Connection, keys: Keys, changed: Subscribed) -> None:
    """What its client asks for now: counting goes on, and whoever sends for it stops."""
    body = _BODY.dump_json(_blinded(keys, changed.subscription))
    asked = {name: getattr(changed, name) for name in ("status", "tries", "next_try", "error")}
    mine = update(subscriptions).where(subscriptions.c.id == changed.id)
    target = target_of(changed.subscription.channel)
    (row,) = sealing.rows(conn, subscriptions, [{"id": changed.id, "body": body}])
    conn.execute(mine.values(body=row["body"], target=target, **asked, **FREE))


def remove(conn: Connection, id_: str) -> None:
    """Nothing is counted or sent any more; whose it was stays known."""
    mine = subscription_events.c.subscription == id_
    conn.execute(delete(subscription_events).where(mine))
    gone = update(subscriptions).where(subscriptions.c.id == id_)
    conn.execute(gone.values(status=_REMOVED, next_try=None, **FREE))


def turn_off(conn: Connection, id_: str) -> None:
    """Neither counted nor sent from now on."""
    off = {"status": SubscriptionStatus.OFF, "error": None, "tries": 0, "next_try": None}
    mine = update(subscriptions).where(subscriptions.c.id == id_)
    conn.execute(mine.values(**off, **FREE))


def locked(conn: Connection, id_: str) -> Subscribed | None:
    """The Subscription, whoever's it is, as nobody else can change it until the transaction ends."""
    mine = select(subscriptions).where(subscriptions.c.id == id_, there).with_for_update()
    row = conn.execute(mine).mappings().first()
    return None if row is None else subscribed(row)


def ended(conn: Connection, now: int) -> list[Subscribed]:
    """Those that go on although their time is over."""
    due = subscriptions.c.next_try <= now
    mine = select(subscriptions).where(due, there).order_by(subscriptions.c.id)
    found = conn.execute(mine).mappings()
    return [one for one in map(subscribed, found) if one.over(now)]


def of_everything(conn: Connection) -> list[Subscribed]:
    """Those of the operator's feed that are not off."""
    on = subscriptions.c.status != SubscriptionStatus.OFF.value
    mine = select(subscriptions).where(subscriptions.c.receiver == feed.OPERATOR, there, on)
    return [subscribed(row) for row in conn.execute(mine.order_by(subscriptions.c.id)).mappings()]


_REMOVED = "removed"
there = subscriptions.c.status != _REMOVED
"""Whoever deleted theirs keeps the row alone."""
FREE: Mapping[str, None] = {"holder": None, "leased_until": None}
"""Nobody sends for it."""


_STANDING = (
    "id",
    "receiver",
    "status",
    "numbered",
    "delivered",
    "tries",
    "next_try",
    "told",
    "error",
)


def _blinded(keys: Keys, subscription: Subscription) -> Subscription:
    """Identifiers are compared as hashes, so that no national id stands here."""
    told = tuple(
        replace(one, values=tuple(keys.blind(_whole(value)).hex() for value in one.values))
        if one.name is FilterName.IDENTIFIER
        else one
        for one in subscription.filters
    )
    return replace(subscription, filters=told)


def target_of(channel: Channel) -> str | None:
    """Whom a rest-hook calls, without what may be secret."""
    if channel.type is not ChannelType.REST_HOOK:
        return None
    parts = urlsplit(channel.endpoint or "")
    usual = 80 if parts.scheme == "http" else 443
    return f"{parts.scheme}://{parts.hostname}:{parts.port or usual}"


def _whole(token: str) -> str:
    return token if "|" in token else f"|{token}"


def listed(
    conn: Connection, viewer: Viewer, ids: Collection[str] | None = None
) -> list[Subscribed]:
    """Those of ``ids`` that the viewer may see, all when none are named; by id."""
    wanted = select(subscriptions).where(there).order_by(subscriptions.c.id)
    if not viewer.sees_all:
        wanted = wanted.where(subscriptions.c.receiver == viewer.reader)
    if ids is not None:
        wanted = wanted.where(subscriptions.c.id.in_(ids))
    return [subscribed(row) for row in conn.execute(wanted).mappings()]


def everybodys(conn: Connection) -> list[Subscribed]:
    """All there are, by id: for who tends to deliveries, not for who asks for Subscriptions."""
    rows = conn.execute(select(subscriptions).where(there).order_by(subscriptions.c.id)).mappings()
    return [subscribed(row) for row in rows]


def counted(conn: Connection) -> dict[str, int]:
    """How many there are, by status; 0 where there are none."""
    rows = select(subscriptions.c.status, func.count()).where(there)
    found = conn.execute(rows.group_by(subscriptions.c.status)).all()
    return {**dict.fromkeys(map(str, SubscriptionStatus), 0), **dict(found)}


def subscribed(row: RowMapping) -> Subscribed:
    """A row of ``subscriptions``. Identifiers in its filters are hashes."""
    told = {name: row[name] for name in _STANDING}
    told["status"] = SubscriptionStatus(row["status"])
    return Subscribed(**told, subscription=_subscription(bytes(row["body"])))


@lru_cache(5000)
def _subscription(body: bytes) -> Subscription:
    """Kept, since all of a feed's are looked at whenever it grows."""
    return _BODY.validate_json(body)


# --- events

SIZE: Final = 1_000_000
"""Bytes of content after which no further event is read."""


def events_of(
    conn: Connection,
    one: Subscribed,
    since: int,
    now: int,
    *,
    upto: int | None = None,
    limit: int,
) -> list[Event]:
    """Its events after the number ``since``, up to and with ``upto``; the right to see them is tried at ``now``.

    No more than ``limit`` events, and none after those whose content has ``SIZE`` bytes together.
    """
    rows = places(conn, one.id, since, upto=upto, limit=limit)
    items = feed.items(conn, one.receiver, [row.item for row in rows], now)
    return [made(row.number, items[row.item], row) for row in rows]


def places(
    conn: Connection, id_: str, since: int, *, upto: int | None = None, limit: int
) -> Sequence[Row[Any]]:
    """Where these events are: ``number``, ``item``, and the ``event``, ``thread``, ``code`` and ``bytes`` behind it."""
    page = _page(id_, since, upto, limit)
    wanted = select(page).where(page.c.before < SIZE).order_by(page.c.number)
    return conn.execute(wanted).all()


def _page(id_: str, since: int, upto: int | None, limit: int) -> Subquery:
    """The next events, each with how many bytes come before it."""
    at = subscription_events.c
    first = (
        events_with(at.number)
        .where(at.subscription == id_, at.number > since)
        .order_by(at.number)
        .limit(limit)
    )
    page = (first if upto is None else first.where(at.number <= upto)).subquery()
    sofar = func.sum(page.c.bytes).over(order_by=page.c.number)
    return select(page, (sofar - page.c.bytes).label("before")).subquery()


def events_with(*columns: ColumnElement[Any]) -> Select[Any]:
    """Events with what is behind them: these columns, then ``item``, ``event``, ``thread``, ``code`` and ``bytes``."""
    behind = (outbox.c.event, events.c.thread, events.c.code, feed.BYTES.label("bytes"))
    return (
        select(*columns, subscription_events.c.item, *behind)
        .join(outbox, outbox.c.id == subscription_events.c.item)
        .outerjoin(events, events.c.id == outbox.c.event)
        .outerjoin(inbox, inbox.c.id == outbox.c.event)
    )


def made(number: int, item: feed.Item, row: Row[Any]) -> Event:
    """An event. ``row`` has ``event``, ``thread`` and ``code`` of what is behind the item, if anything."""
    if item.withheld or row.code != item.kind:  # nobody's now, or a message of the broker's
        return Event(number, item, None, None, None)
    return Event(number, item, row.thread, EventCode(row.code), row.event)
