"""Subscriptions in the store: which events they get, and that their numbers have no gaps."""

from typing import Any

import pytest

from carepath.store import feed, numbering, subscriptions
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Subscribed
from pathways.subscriptions import (
    Channel,
    ChannelType,
    Content,
    Filter,
    FilterName,
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.contract.stored import KEYS, NOW, opened, sent

CHANNEL = Channel(
    type=ChannelType.REST_HOOK,
    endpoint="https://ke.example/hook",
    headers=(),
    media_type="application/fhir+json",
    content=Content.ID_ONLY,
    heartbeat=None,
    timeout=None,
    max_count=None,
)


@pytest.fixture
def store(database_url: str) -> Any:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def subscribe(database: Database, id_: str, *filters: Filter, **more: Any) -> None:
    """A Subscription of the operator's feed, unless another is named."""
    topic = more.pop("topic", Topic.PATHWAY_UPDATE)
    wanted = Subscription(topic=topic, filters=filters, channel=CHANNEL, ends=None)
    standing = {"receiver": feed.OPERATOR, "status": SubscriptionStatus.ACTIVE} | more
    with database.write() as conn:
        made = Subscribed(id=id_, subscription=wanted, **standing)
        subscriptions.begin(conn, KEYS, made)


def number(database: Database) -> None:
    """What the relay does."""
    with database.write() as conn:
        while numbering.number(conn, 2):
            pass


def events(database: Database, id_: str) -> list[tuple[int, str]]:
    """Number and outbox id of each event."""
    with database.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW), [id_])
        found = subscriptions.events_of(conn, one, 0, NOW, limit=100)
    assert one.numbered == len(found)
    return [(event.number, event.item.id) for event in found]


def test_events_are_numbered_from_one_without_gaps(store: Database) -> None:
    """From its creation on, whatever the size of the batches that the feed is numbered in."""
    sent(store, feed.OPERATOR, "before")
    number(store)
    subscribe(store, "s")
    sent(store, feed.OPERATOR, "a", "b", "c", "d", "e")
    sent(store, "other", "x")
    number(store)
    sent(store, feed.OPERATOR, "f")
    number(store)
    assert events(store, "s") == [*enumerate("abcdef", start=1)]


def test_only_what_is_wanted_counts(store: Database) -> None:
    """By topic and by every filter together."""
    event = Filter(FilterName.EVENT, ("transfer", "referral"))
    subscribe(store, "all", event)
    subscribe(store, "stays", event, topic=Topic.STAY)
    subscribe(store, "nobody", Filter(FilterName.PATIENT, ("p1",)))
    subscribe(store, "off", status=SubscriptionStatus.OFF)
    for id_, kind in (("a", "admission"), ("b", "transfer"), ("c", "referral"), ("d", "restored")):
        sent(store, feed.OPERATOR, id_, kind=kind, patient="p2")
    number(store)
    assert events(store, "all") == [(1, "b"), (2, "c")]
    assert events(store, "stays") == [(1, "b")]
    assert events(store, "nobody") == events(store, "off") == []
