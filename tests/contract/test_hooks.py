"""Who serves a Subscription, on both stores: taken on by one at a time, kept until done, given up to its client."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from carepath.store import feed, hooks, numbering, subscriptions
from carepath.store.database import Database
from carepath.store.hooks import Due, Figure, Room
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Subscribed
from pathways.subscriptions import (
    ChannelType,
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.contract.stored import KEYS, opened, sent
from tests.subscriptions import channel

NOW, LEASE = 1_000, 500
ACTIVE, REQUESTED = SubscriptionStatus.ACTIVE, SubscriptionStatus.REQUESTED
ERROR, OFF = SubscriptionStatus.ERROR, SubscriptionStatus.OFF
KE = "https://ke.example:443"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def subscription(type_: ChannelType, endpoint: str) -> Subscription:
    """Everything that comes."""
    called = channel(endpoint if type_ is ChannelType.REST_HOOK else None)
    return Subscription(topic=Topic.PATHWAY_UPDATE, filters=(), channel=called, ends=None)


def subscribe(database: Database, *ids: str, **more: Any) -> None:
    """Subscriptions of the operator's feed; rest-hooks of KE, active, one event behind, unless told otherwise."""
    type_ = more.pop("type", ChannelType.REST_HOOK)
    wanted = subscription(type_, more.pop("endpoint", "https://KE.example/hook?token=1"))
    standing: dict[str, Any] = {"receiver": feed.OPERATOR, "status": ACTIVE, "numbered": 1} | more
    with database.write() as conn:
        for id_ in ids:
            made = Subscribed(id=id_, subscription=wanted, **standing)
            subscriptions.begin(conn, KEYS, made)


def room(**more: Any) -> Room:
    """Room for everybody who is proven."""
    usual = {"proven": True, "limit": 100, "each": 100, "calls": {}, "slow": (), "besides": ()}
    return Room(**{**usual, **more})


def due(database: Database, now: int = NOW, **more: Any) -> list[str]:
    """Who is to be looked at, in turn."""
    with database.read() as conn:
        return [one.id for one in hooks.due(conn, room(**more), now)]


def anybody(database: Database, now: int = NOW) -> list[str]:
    """Proven or not."""
    return sorted(due(database, now) + due(database, now, proven=False))


def claimed(database: Database, *ids: str, holder: str = "me", now: int = NOW) -> list[str]:
    """Those that the holder got."""
    with database.write() as conn:
        taken = hooks.claim(conn, ids, holder, now=now, until=now + LEASE)
    return sorted(one.id for one in taken)


def found(database: Database, id_: str = "s") -> Subscribed:
    """How it stands."""
    with database.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW), [id_])
    return one


def settle(database: Database, holder: str = "me", **stands: Any) -> bool:
    """Note how it stands."""
    with database.write() as conn:
        return hooks.settle(conn, holder, replace(found(database), **stands))


@pytest.mark.parametrize(
    ("standing", "is_due"),
    [
        ({}, True),
        ({"delivered": 1}, False),
        ({"delivered": 1, "next_try": NOW}, True),
        ({"delivered": 1, "next_try": NOW + 1}, False),
        ({"tries": 1, "next_try": NOW + 1}, False),
        ({"tries": 1, "next_try": NOW}, True),
        ({"status": REQUESTED, "numbered": 0}, True),
        ({"status": ERROR, "tries": 3}, False),
        ({"status": ERROR, "tries": 3, "next_try": NOW}, True),
        ({"status": OFF, "next_try": NOW}, False),
        ({"type": ChannelType.WEBSOCKET}, False),
        ({"type": ChannelType.WEBSOCKET, "next_try": NOW}, True),
    ],
)
def test_who_is_looked_at(database: Database, standing: Mapping[str, Any], *, is_due: bool) -> None:
    """Rest-hooks with something to send, and everybody whose time has come; who is off, never."""
    subscribe(database, "s", **standing)
    assert bool(anybody(database)) is is_due
    assert claimed(database, "s") == (["s"] if is_due else [])


def test_one_at_a_time(database: Database) -> None:
    """Nobody else gets it while the lease lasts, and anybody when its holder has died."""
    subscribe(database, "s")
    assert claimed(database, "s") == ["s"]
    assert claimed(database, "s", holder="other", now=NOW + LEASE) == []
    with database.write() as conn:
        hooks.renew(conn, ["s"], "other", NOW + 9 * LEASE)  # it is not his
        hooks.renew(conn, ["s"], "me", NOW + 2 * LEASE)
    assert claimed(database, "s", holder="other", now=NOW + 2 * LEASE) == []
    assert claimed(database, "s", holder="other", now=NOW + 2 * LEASE + 1) == ["s"]
    assert not settle(database, delivered=1)
    assert settle(database, "other", delivered=1, told=NOW)
    assert (found(database).delivered, found(database).told) == (1, NOW)
    assert anybody(database) == []


def test_who_leaves_gives_back_what_is_his(database: Database) -> None:
    """At once, and nothing of others."""
    subscribe(database, "a", "b")
    claimed(database, "a")
    claimed(database, "b", holder="other")
    with database.write() as conn:
        hooks.release(conn, "me")
    assert anybody(database) == ["a"]


def test_the_clients_change_wins(database: Database) -> None:
    """What was on its way is no longer judged; it is due at once, with its numbers."""
    subscribe(database, "s", numbered=4, delivered=2)
    claimed(database, "s")
    asked = replace(found(database), status=REQUESTED, tries=0, next_try=None, error=None)
    with database.write() as conn:
        subscriptions.change(conn, KEYS, asked)
    assert not settle(database, status=ERROR, delivered=4)
    assert found(database) == asked
    assert anybody(database) == ["s"]


def test_what_was_removed_is_nobodys(database: Database) -> None:
    """Neither judged nor looked at."""
    subscribe(database, "s")
    claimed(database, "s")
    one = found(database)
    with database.write() as conn:
        subscriptions.remove(conn, "s")
        assert not hooks.settle(conn, "me", one)
    assert anybody(database) == []


def test_counting_goes_on_while_it_is_served(database: Database) -> None:
    """The relay gives numbers, the holder says what was taken: neither undoes the other's."""
    subscribe(database, "s", numbered=0)
    sent(database, feed.OPERATOR, "a")
    with database.write() as conn:
        numbering.number(conn)
    with database.write() as conn:
        (one,) = hooks.claim(conn, ["s"], "me", now=NOW, until=NOW + LEASE)
    sent(database, feed.OPERATOR, "b")
    with database.write() as conn:
        numbering.number(conn)
    with database.write() as conn:
        assert hooks.settle(conn, "me", replace(one, delivered=1))
    assert (found(database).numbered, found(database).delivered) == (2, 1)
    assert anybody(database) == ["s"]


def test_those_with_trouble_wait_apart(database: Database) -> None:
    """Failing, slow, and not heard from yet: they never stand before who answers."""
    subscribe(database, "good", "slow")
    subscribe(database, "failing", tries=1, next_try=NOW)
    subscribe(database, "new", status=REQUESTED)
    assert due(database, slow=("slow",)) == ["good"]
    assert due(database, slow=("slow",), proven=False) == ["failing", "new", "slow"]


def test_whose_turn_it_is(database: Database) -> None:
    """Who was told longest ago, besides those in the air; no host more than its share."""
    subscribe(database, "a", told=3)
    subscribe(database, "b", "c", told=2)
    subscribe(database, "d", told=1)
    subscribe(database, "e", told=9, endpoint="https://other.example:8443/x")
    assert due(database) == ["d", "b", "c", "a", "e"]
    assert due(database, limit=2, besides=("d",)) == ["b", "c"]
    assert due(database, each=2) == ["d", "b", "e"]
    assert due(database, each=2, calls={KE: 2}) == ["e"]
    with database.read() as conn:
        told = hooks.due(conn, room(calls={KE: 100}), NOW)
    assert told == [Due("e", "https://other.example:8443", proven=True)]


def test_racing_servers_share_the_work(database: Database) -> None:
    """Four at once: everything is taken on, nothing twice."""
    ids = [f"s{n:02}" for n in range(24)]
    subscribe(database, *ids)

    def serve(server: int) -> list[str]:
        taken = []
        for _ in range(6):
            taken += claimed(database, *due(database, limit=6), holder=str(server))
        return taken

    with ThreadPoolExecutor(4) as pool:
        handed = [id_ for taken in pool.map(serve, range(4)) for id_ in taken]
    assert len({*handed}) == len(handed)
    assert sorted([*handed, *due(database)]) == ids


def test_what_an_operator_sees(database: Database) -> None:
    """By receiver: who is in error, and what the others have not taken, since when."""
    subscribe(database, "fine", numbered=0)
    subscribe(database, "failed", status=ERROR, numbered=0)
    subscribe(database, "socket", type=ChannelType.WEBSOCKET, numbered=0)
    subscribe(database, "ke", receiver="ke", numbered=0)
    for created, id_ in enumerate("abc", start=7):
        sent(database, feed.OPERATOR, id_, created=created)
    with database.write() as conn:
        numbering.number(conn)
    claimed(database, "fine")
    with database.write() as conn:
        hooks.settle(conn, "me", replace(found(database, "fine"), delivered=1))
    with database.read() as conn:
        assert hooks.figures(conn) == [Figure("*", 1, 2, 8), Figure("ke", 0, 0, None)]
