"""A subscriber that is away for a week gets everything on its return, in order. The week is in the database."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.hooking import (
    admissions,
    admit,
    again,
    becomes,
    count,
    read,
    subscribed,
    upto,
)
from tests.integration.serving import Server
from tests.integration.subscriber import Subscriber, until
from tests.servers import free_port

SECOND = 1_000_000
DAY = 24 * 3600 * SECOND
LONG = [5, 300, 1800, 7200, 18_000, 36_000, 36_000]
"""Seconds; https://docs.svix.com/retries ."""
TRIES = "SELECT tries FROM subscriptions"
LEFT = "SELECT next_try / 1e6 - strftime('%s', 'now') FROM subscriptions"


def sql(database: Path, statement: str, **values: int) -> list[Any]:
    """What is found."""
    with closing(sqlite3.connect(database, timeout=20)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def a_day_later(database: Path) -> None:
    """Everything that stands in the store is a day older."""
    for statement in (
        "UPDATE outbox SET created = created - :day",
        "UPDATE inbox SET received = received - :day",
        "UPDATE resource_versions SET updated = updated - :day",
        "UPDATE resources SET updated = updated - :day",
        "UPDATE subscriptions SET told = told - :day, next_try = next_try - :day",
    ):
        sql(database, statement, day=DAY)


def test_a_week_in_error(hook_server: Server, hook_client: httpx.Client) -> None:
    """Counting goes on all week; after the client has asked, the backlog comes in order, then what is new."""
    database = hook_server.log.parent / "carepath.db"
    subscriber = Subscriber(free_port())
    with subscribed(hook_client, admissions(subscriber.url, max_count=7)) as id_:
        with subscriber.up():
            becomes(hook_client, id_, "active")
        for _day in range(7):
            admit(hook_client, 6)
            becomes(hook_client, id_, "error")
            a_day_later(database)
        assert count(hook_client, id_) == 42
        with subscriber.up():
            again(hook_client, id_)
            admit(hook_client)
            until(lambda: len(subscriber.taken()) == 43)
    assert subscriber.taken() == upto(43)
    times = [
        next(part["valueInstant"] for part in event["part"] if part["name"] == "timestamp")
        for got in subscriber.events()
        for event in got.notification["entry"][0]["resource"]["parameter"]
        if event["name"] == "notification-event"
    ]
    assert times == sorted(times)
    assert len({time[:10] for time in times}) >= 8


def test_a_long_schedule_waits_for_it(
    fresh_server: Callable[[str], Server], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays active for 28 hours, with pauses as the schedule says; nobody has to ask."""
    monkeypatch.setenv("CAREPATH_ALLOW_LOOPBACK_HOOKS", "yes")
    monkeypatch.setenv("CAREPATH_HOOK_SCHEDULE", "long")
    server, database = fresh_server(sqlite_url), Path(sqlite_url.removeprefix("sqlite:///"))
    subscriber = Subscriber(free_port())
    with (
        httpx.Client(base_url=server.url, timeout=20, trust_env=False) as client,
        subscribed(client, admissions(subscriber.url)) as id_,
    ):
        with subscriber.up():
            becomes(client, id_, "active")
        for number, pause in enumerate(LONG, start=1):
            admit(client)
            until(lambda: sql(database, TRIES) == [(number,)])  # noqa: B023 -- asked at once
            ((left,),) = sql(database, LEFT)
            assert pause - 15 < left <= pause + 1
            sql(database, "UPDATE subscriptions SET next_try = 0")
        until(lambda: sql(database, TRIES) == [(len(LONG) + 1,)])
        becomes(client, id_, "error")

        again(client, id_)
        becomes(client, id_, "error")  # a handshake is tried once, whatever the schedule
        with subscriber.up():
            again(client, id_)
            until(lambda: len(subscriber.taken()) == len(LONG))
        assert subscriber.taken() == upto(len(LONG))
        assert read(client, id_)["status"] == "active"
