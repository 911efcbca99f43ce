"""Subscriptions come, change and go: the row that events are counted by and the resource that shows it, together."""

import secrets
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson

from carepath.store import hooks, subscription_resources, subscriptions
from carepath.store.blind import Keys
from carepath.store.database import Connection
from carepath.store.resources import Stored
from carepath.store.subscriptions import Subscribed
from carepath.store.times import micros
from fhir_mappings.indexing import indexed
from fhir_mappings.subscription import Asked, standing
from pathways.subscriptions import ChannelType, SubscriptionStatus

JSON = dict[str, Any]


def create(
    conn: Connection, keys: Keys, receiver: str, resource: JSON, asked: Asked, now: datetime
) -> Stored:
    """A new Subscription of the receiver's feed, with an id of its own."""
    id_ = secrets.token_hex(16)
    made = _asked(Subscribed(id=id_, receiver=receiver, **_of(asked)), now)
    subscriptions.begin(conn, keys, made)
    shown = standing({**resource, "id": id_}, made.status, None)
    return _keep(conn, keys, shown, now)


def change(
    conn: Connection, keys: Keys, found: Subscribed, resource: JSON, asked: Asked, now: datetime
) -> Stored:
    """What its client asks for instead; its numbers, its backlog and whose feed it is stay. ``found`` is locked."""
    changed = _asked(replace(found, **_of(asked)), now)
    subscriptions.change(conn, keys, changed)
    shown = standing({**resource, "id": found.id}, changed.status, None)
    return _keep(conn, keys, shown, now)


def remove(conn: Connection, id_: str, now: datetime) -> None:
    """Nothing more is counted or sent; a second time changes nothing."""
    if subscriptions.locked(conn, id_) is not None:
        subscriptions.remove(conn, id_)
        subscription_resources.delete(conn, id_, now)


def show(
    conn: Connection,
    keys: Keys,
    id_: str,
    status: SubscriptionStatus,
    error: str | None,
    now: datetime,
) -> None:
    """Let the resource say how it stands, ``error`` in words; the row says it already, and is locked."""
    shown = subscription_resources.current(conn, id_)
    if shown is not None and not shown.deleted:
        _keep(conn, keys, standing(orjson.loads(shown.body), status, error), now)


def ask_anew(conn: Connection, keys: Keys, found: Subscribed, now: datetime) -> None:
    """As if its client had asked for it once more, just as it is. ``found`` is locked."""
    stands = _asked(replace(found, status=SubscriptionStatus.REQUESTED), now)
    hooks.put(conn, stands)
    show(conn, keys, found.id, stands.status, None, now)


def end(conn: Connection, keys: Keys, now: datetime) -> None:
    """Those whose time is over are off."""
    for one in subscriptions.ended(conn, micros(now)):
        found = subscriptions.locked(conn, one.id)
        if found is not None and found.over(micros(now)):
            subscriptions.turn_off(conn, one.id)
            show(conn, keys, one.id, SubscriptionStatus.OFF, None, now)


def end_open_mode(conn: Connection, keys: Keys, now: datetime) -> list[str]:
    """Who signs in stands for somebody: nobody for all, as in open mode. What was subscribed to all is off; its ids."""
    ended = []
    for one in subscriptions.of_everything(conn):
        if subscriptions.locked(conn, one.id) is not None:
            subscriptions.turn_off(conn, one.id)
            show(conn, keys, one.id, SubscriptionStatus.OFF, _SIGNED_IN, now)
            ended.append(one.id)
    return ended


_SIGNED_IN: Final = (
    "made in open mode, for the feeds of all: subscribe as the organisation that you sign in for"
)


def _of(asked: Asked) -> dict[str, Any]:
    return {"subscription": asked.subscription, "status": asked.status}


def _asked(one: Subscribed, now: datetime) -> Subscribed:
    """As it begins anew: a websocket needs no handshake to be active, an endpoint is called at once."""
    ends = one.subscription.ends
    fresh = replace(one, tries=0, error=None, next_try=None if ends is None else micros(ends))
    if one.status is not SubscriptionStatus.REQUESTED:
        return replace(fresh, next_try=None)
    if one.subscription.channel.type is ChannelType.WEBSOCKET:
        return replace(fresh, status=SubscriptionStatus.ACTIVE)
    return replace(fresh, next_try=None)  # its handshake goes at once


def _keep(conn: Connection, keys: Keys, resource: JSON, now: datetime) -> Stored:
    return subscription_resources.keep(conn, keys, resource, indexed(resource, ""), now)
