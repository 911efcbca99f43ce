"""What connected subscribers are told when they look together: each its own events, in order, without gaps."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson
import pytest

from carepath.delivery.news import Asked, Bound, News, news
from carepath.store import following, subscription_numbers, subscriptions
from carepath.store.database import Database
from carepath.store.resources import Viewer
from pathways.subscriptions import ChannelType, Filter, FilterName, SubscriptionStatus
from tests.contract.stored import BASE, NOW, opened, sent
from tests.contract.test_subscriptions import CHANNEL, number, subscribe
from tests.integration.backport import numbers

SOCKET = replace(CHANNEL, type=ChannelType.WEBSOCKET, endpoint=None)


@pytest.fixture
def store(database_url: str) -> Any:
    """Two Subscriptions with a filter, one for everything, one that is off; a dozen events."""
    with opened(database_url) as database:
        subscribe(database, "all", channel=SOCKET)
        subscribe(database, "few", channel=replace(SOCKET, max_count=2))
        transfers = Filter(FilterName.EVENT, ("transfer",))
        subscribe(database, "transfers", transfers, channel=SOCKET)
        subscribe(database, "off", channel=SOCKET, status=SubscriptionStatus.OFF)
        subscribe(database, "hook")
        for place in range(12):
            kind = "transfer" if place % 3 == 0 else "admission"
            sent(database, "*", f"i{place:02}", kind=kind, body=b'{"id":"x"}')
        number(database)
        yield database


def look(database: Database, *asked: Asked) -> Mapping[Asked, News]:
    """All at the same moment."""
    with database.read() as conn:
        return news(conn, BASE, asked, NOW)


def told(found: News) -> list[tuple[str, list[int], int]]:
    """Of each notification: whose, the numbers of its events, and up to which its subscriber has everything."""
    return [(one.one.id, numbers(orjson.loads(one.body)), one.upto) for one in found.told]


def test_each_is_told_its_own(store: Database) -> None:
    """However far behind they are, one of several or on its own, and the same one twice."""
    asked: list[Asked] = [
        (Bound("all", 11), Bound("transfers", 4)),
        (Bound("all", 0),),
        (Bound("few", 0), Bound("transfers", 1)),
        (Bound("off", 0), Bound("hook", 0), Bound("unknown", 0)),
    ]
    found = look(store, *asked)
    assert [told(found[one]) for one in asked] == [
        [("all", [12], 12)],
        [("all", [*range(1, 13)], 12)],
        [("few", [1, 2], 2), ("transfers", [2, 3, 4], 4)],
        [],
    ]
    assert [found[one].more for one in asked] == [False, False, True, False]
    assert {*found[asked[0]].live} == {"all", "few", "transfers"}


def test_page_by_page_everything_comes_once(store: Database) -> None:
    """Also where the numbers jump, as after a restore."""
    with store.write() as conn:
        subscription_numbers.begin_anew(conn, 1_000_000)
    since, got = 0, list[int]()
    while since < 12:
        asked = (Bound("few", since),)
        found = look(store, asked)[asked]
        ((_, some, since),) = told(found)
        assert found.more
        got += some
    assert got == [*range(1, 13)]


def test_a_heartbeat_only_where_nothing_is_told(store: Database) -> None:
    """It raises nothing."""
    asked = (Bound("all", 12, beat=True), Bound("transfers", 3, beat=True), Bound("few", 12))
    found = look(store, asked)[asked]
    assert told(found) == [("all", [], 12), ("transfers", [4], 4)]
    assert not found.more


def test_what_was_sent_is_only_raised(store: Database) -> None:
    """A slower socket of the same Subscription does not lower it."""
    for upto in (7, 3):
        with store.write() as conn:
            following.delivered(conn, {"all": upto, "unknown": 9}, NOW)
    with store.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW), ["all"])
    assert (one.delivered, one.told) == (7, NOW)
