"""Subscriptions: each has numbers of its own for what it wants of its receiver's feed.

``assign`` gives them in the transaction that numbers the feed (``numbering``), so they are as lasting and as free of
gaps as the feed's own, whoever sends them and however often. Until which number the subscriber has everything is
``delivered``. Times are microseconds.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, RowMapping, bindparam, delete, select, update

from carepath.store import codec, feed
from carepath.store.blind import Keys
from carepath.store.queries import closure
from carepath.store.resources import Viewer
from carepath.store.tables import (
    events,
    outbox,
    patient_identifiers,
    patients,
    subscription_events,
    subscriptions,
)
from carepath.store.upserts import insert_new
from pathways.events import EventCode
from pathways.subscriptions import FilterName, Subscription, SubscriptionStatus, Update, wants


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


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a Subscription. ``thread`` and ``code`` are of the message, where it was taken in from someone."""

    number: int
    item: feed.Item
    thread: str | None
    code: EventCode | None


_BODY: TypeAdapter[Subscription] = TypeAdapter(Subscription)


def begin(conn: Connection, keys: Keys, made: Subscribed) -> None:
    """A new Subscription; its first event is the first that gets its place in the feed from now on."""
    row = {name: getattr(made, name) for name in _STANDING}
    body = _BODY.dump_json(_blinded(keys, made.subscription))
    insert_new(conn, subscriptions, [{**row, **_FREE, "body": body}])


def change(conn: Connection, keys: Keys, changed: Subscribed) -> None:
    """What its client asks for now: counting goes on, and whoever sends for it stops."""
    body = _BODY.dump_json(_blinded(keys, changed.subscription))
    asked = {name: getattr(changed, name) for name in ("status", "tries", "next_try", "error")}
    mine = update(subscriptions).where(subscriptions.c.id == changed.id)
    conn.execute(mine.values(body=body, **asked, **_FREE))


def remove(conn: Connection, id_: str) -> None:
    """Nothing is counted or sent any more."""
    mine = subscription_events.c.subscription == id_
    conn.execute(delete(subscription_events).where(mine))
    conn.execute(delete(subscriptions).where(subscriptions.c.id == id_))


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
_FREE: Mapping[str, None] = {"holder": None, "leased_until": None}


def _blinded(keys: Keys, subscription: Subscription) -> Subscription:
    """Identifiers are compared as hashes, so that no national id stands here."""
    told = tuple(
        replace(one, values=tuple(keys.blind(_whole(value)).hex() for value in one.values))
        if one.name is FilterName.IDENTIFIER
        else one
        for one in subscription.filters
    )
    return replace(subscription, filters=told)


def _whole(token: str) -> str:
    return token if "|" in token else f"|{token}"


def listed(
    conn: Connection, viewer: Viewer, ids: Collection[str] | None = None
) -> list[Subscribed]:
    """Those of ``ids`` that the viewer may see, all when none are named; by id."""
    wanted = select(subscriptions).order_by(subscriptions.c.id)
    if viewer.reader is not None:
        wanted = wanted.where(subscriptions.c.receiver == viewer.reader)
    if ids is not None:
        wanted = wanted.where(subscriptions.c.id.in_(ids))
    return [subscribed(row) for row in conn.execute(wanted).mappings()]


def subscribed(row: RowMapping) -> Subscribed:
    """A row of ``subscriptions``. Identifiers in its filters are hashes."""
    told = {name: row[name] for name in _STANDING}
    told["status"] = SubscriptionStatus(row["status"])
    return Subscribed(**told, subscription=_BODY.validate_json(bytes(row["body"])))


# --- numbers


def assign(conn: Connection, numbered: Sequence[RowMapping]) -> None:
    """Give every Subscription its numbers for what it wants of these rows of the outbox, which just got theirs.

    The caller has the receivers' feeds locked, so nobody else gives numbers to the same Subscriptions.
    """
    found = _counting(conn, {row["receiver"] for row in numbered})
    if not found:
        return
    in_order = sorted(numbered, key=lambda row: (row["receiver"], row["number"]))
    updates = _updates(conn, in_order, found)
    given: list[dict[str, Any]] = []
    for one in found:
        wanted = [
            row["id"]
            for row in in_order
            if row["receiver"] == one.receiver
            and (seen := updates.get(row["id"]))
            and wants(one.subscription, seen)
        ]
        given += [
            {"subscription": one.id, "number": one.numbered + place, "item": item}
            for place, item in enumerate(wanted, start=1)
        ]
    if given:
        insert_new(conn, subscription_events, given)
        newest = {row["subscription"]: row["number"] for row in given}  # in order: the last is it
        conn.execute(_COUNT, [{"_id": id_, "_number": number} for id_, number in newest.items()])


def _counting(conn: Connection, receivers: Collection[str]) -> list[Subscribed]:
    on = subscriptions.c.status != SubscriptionStatus.OFF.value
    wanted = select(subscriptions).where(subscriptions.c.receiver.in_(receivers), on)
    return [subscribed(row) for row in conn.execute(wanted).mappings()]


def _updates(
    conn: Connection, rows: Iterable[RowMapping], found: Iterable[Subscribed]
) -> dict[str, Update]:
    """The rows as filters see them; what is about the feed itself is nothing to subscribe to."""
    asked = {one.name for each in found for one in each.subscription.filters}
    told = [row for row in rows if row["kind"] in _CODES]
    about = {row["patient"] for row in told if row["patient"]} if asked - {FilterName.EVENT} else ()
    persons = {key: _person(conn, key, asked) for key in about}
    senders = _senders(conn, told) if FilterName.ORGANIZATION in asked else {}
    return {
        row["id"]: Update(
            EventCode(row["kind"]),
            {
                **persons.get(row["patient"], _NOBODY),
                FilterName.EVENT: frozenset({row["kind"]}),
                FilterName.ORGANIZATION: frozenset({senders.get(row["event"], "")}),
            },
        )
        for row in told
    }


_CODES = frozenset(EventCode)
_NOBODY: Mapping[FilterName, frozenset[str]] = {
    name: frozenset()
    for name in (FilterName.PATIENT, FilterName.IDENTIFIER, FilterName.MUNICIPALITY)
}


def _person(
    conn: Connection, key: str, asked: Collection[FilterName]
) -> Mapping[FilterName, frozenset[str]]:
    linked = closure(conn, (key,))
    told = {**_NOBODY, FilterName.PATIENT: frozenset(linked)}
    if FilterName.IDENTIFIER in asked:
        of = select(patient_identifiers.c.blind, patient_identifiers.c.blind_value)
        rows = conn.execute(of.where(patient_identifiers.c.patient.in_(linked)))
        told[FilterName.IDENTIFIER] = frozenset(bytes(blind).hex() for row in rows for blind in row)
    if FilterName.MUNICIPALITY in asked:
        body = conn.execute(select(patients.c.body).where(patients.c.key == key)).scalar()
        municipality = codec.header(body).municipality if body else None
        told[FilterName.MUNICIPALITY] = frozenset({municipality} if municipality else ())
    return told


def _senders(conn: Connection, rows: Iterable[RowMapping]) -> dict[str, str]:
    ids = {row["event"] for row in rows if row["event"]}
    wanted = select(events.c.id, events.c.sender).where(events.c.id.in_(ids))
    return dict(conn.execute(wanted).all())


_COUNT = (
    update(subscriptions)
    .where(subscriptions.c.id == bindparam("_id"))
    .values(numbered=bindparam("_number"))
)


# --- events


def events_of(
    conn: Connection, one: Subscribed, since: int, now: int, *, upto: int | None = None, limit: int
) -> list[Event]:
    """Its events after the number ``since``, up to and with ``upto``; the right to see them is tried at ``now``."""
    at = subscription_events.c
    wanted = (
        select(at.number, at.item, events.c.thread, events.c.code)
        .join(outbox, outbox.c.id == at.item)
        .outerjoin(events, events.c.id == outbox.c.event)
        .where(at.subscription == one.id, at.number > since)
        .order_by(at.number)
        .limit(limit)
    )
    if upto is not None:
        wanted = wanted.where(at.number <= upto)
    rows = conn.execute(wanted).all()
    items = feed.items(conn, one.receiver, [row.item for row in rows], now)
    return [_event(row.number, items[row.item], row.thread, row.code) for row in rows]


def _event(number: int, item: feed.Item, thread: str | None, code: str | None) -> Event:
    own = item.body is None and not item.withheld  # else a message of the broker's, or nobody's
    return Event(number, item, thread if own else None, EventCode(code) if own and code else None)
