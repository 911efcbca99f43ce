"""What an administrator and the operator do about deliveries: pause, go on, and give again what was given.

Of updates to Kafka and to receivers' own networks, and of what Subscriptions send to rest-hooks. Each change locks its
row first, so of two that were asked for with the same form one is done.
"""

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from types import ModuleType
from typing import Final

from carepath.service import changes, subscriptions
from carepath.service.changes import Change, line
from carepath.store import audit, deliveries, hooks, streams, transports
from carepath.store import subscriptions as rows
from carepath.store.database import Connection, Database
from carepath.store.deliveries import Delivery
from carepath.store.subscriptions import Subscribed
from carepath.store.times import instant, micros, now
from pathways.subscriptions import ChannelType, SubscriptionStatus

Start = int | datetime
"""From where on something is given again: a number, or a time (aware)."""


class NotGiven(StrEnum):
    """Why nothing can be given again from there on."""

    BEYOND = "beyond"  # there is no such number yet
    NOT_YET = "not-yet"  # everything from there on is still to be given for the first time


KAFKA: Final = "kafka"
"""What ``Delivery.over`` says of topics; else it names the receiver's own network."""


def listed(database: Database) -> list[Delivery]:
    """Every receiver that has a topic or a network of its own, and how far it has come there."""
    with database.read() as conn:
        found = [*deliveries.listed(conn), *transports.listed(conn)]
    return sorted(found, key=lambda one: one.party)


def refused(database: Database, party: str) -> list[transports.Refused]:
    """What a receiver's own system did not take."""
    with database.read() as conn:
        return transports.refused(conn, party)


def pause(database: Database, change: Change, delivery: Delivery, *, paused: bool) -> None:
    """Send nothing more there for now, or go on."""
    party, rows = delivery.party, _rows(delivery)
    with database.write() as conn:
        if not rows.lock(conn, party) or changes.is_done(conn, change):
            return
        rows.pause(conn, party, paused=paused)
        told = line(change, "pause" if paused else "resume", _named(delivery))
        audit.write(conn, database.keys, [told])


def first(database: Database, delivery: Delivery, start: Start) -> int | NotGiven:
    """The number from which on updates can be sent again."""
    if isinstance(start, datetime):
        with database.read() as conn:
            number = deliveries.first_since(conn, delivery.party, start)
    else:
        number = start
    return _given(number, delivery.published, delivery.last)


def count(database: Database, delivery: Delivery, number: int) -> int:
    """How many updates it was given from this number on."""
    with database.read() as conn:
        return deliveries.between(conn, delivery.party, number, delivery.published)


def replay(database: Database, change: Change, delivery: Delivery, number: int) -> None:
    """Send again from this number on."""
    party, rows = delivery.party, _rows(delivery)
    with database.write() as conn:
        if not rows.lock(conn, party) or changes.is_done(conn, change):
            return
        rows.replay(conn, party, number - 1)
        told = line(change, "replay", f"{_named(delivery)} from {number}")
        audit.write(conn, database.keys, [told])


def _rows(delivery: Delivery) -> ModuleType:
    """Both keep the same of a cursor."""
    return streams if delivery.over == KAFKA else transports


def _named(delivery: Delivery) -> str:
    return f"{delivery.party} over {delivery.over}"


def _given(number: int | None, given: int, last: int) -> int | NotGiven:
    if number is not None and number > last:
        return NotGiven.BEYOND
    return NotGiven.NOT_YET if number is None or number > given else number


# --- Subscriptions that call a rest-hook


def pause_hook(database: Database, change: Change, id_: str, *, paused: bool) -> None:
    """Send nothing for it until further notice, or go on; its events are counted all the while."""
    work = hooks.pause if paused else hooks.resume
    _change_hook(database, change, id_, "pause" if paused else "resume", lambda c, _: work(c, id_))


def ask_anew(database: Database, change: Change, id_: str) -> None:
    """What its client does with a PUT after an error: a handshake, then everything that its endpoint has not taken."""

    def ask(conn: Connection, found: Subscribed) -> None:
        if found.status is SubscriptionStatus.ERROR:
            subscriptions.ask_anew(conn, database.keys, found, instant(now()))

    _change_hook(database, change, id_, "ask-anew", ask)


def first_of_hook(database: Database, found: Subscribed, start: Start) -> int | NotGiven:
    """The number of the first event that can be sent again."""
    if isinstance(start, datetime):
        with database.read() as conn:
            number = hooks.first_since(conn, found.id, micros(start))
    else:
        number = start
    return _given(number, found.delivered, found.numbered)


def replay_hook(database: Database, change: Change, id_: str, number: int) -> None:
    """Send its events again from this number on."""
    _change_hook(
        database,
        change,
        id_,
        "replay",
        lambda conn, _: hooks.replay(conn, id_, number - 1),
        f" from {number}",
    )


def is_hook(found: Subscribed) -> bool:
    """Whether we call its subscriber; the others connect themselves, and ask for what they missed."""
    return found.subscription.channel.type is ChannelType.REST_HOOK


_Work = Callable[[Connection, Subscribed], None]
_LIVE: Final = frozenset(SubscriptionStatus) - {SubscriptionStatus.OFF}


def _change_hook(
    database: Database, change: Change, id_: str, what: str, work: _Work, more: str = ""
) -> None:
    with database.write() as conn:
        found = rows.locked(conn, id_)
        if found is None or found.status not in _LIVE or not is_hook(found):
            return
        if not changes.is_done(conn, change):
            work(conn, found)
            audit.write(conn, database.keys, [line(change, what, f"Subscription/{id_}{more}")])
