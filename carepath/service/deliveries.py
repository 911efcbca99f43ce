"""What an administrator and the operator do about deliveries: pause, go on, and give again what was given.

Of updates to Kafka and to receivers' own networks (``Feed``), and of what Subscriptions send to rest-hooks (``Hook``).
Each change locks its row first, so of two that were asked for with the same form one is done.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from carepath.service import changes, subscriptions
from carepath.service.changes import Change, line
from carepath.store import audit, deliveries, hooks, transports
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


class Way(Protocol):
    """A way in which a receiver is told, and how it stood when it was looked at."""

    @property
    def name(self) -> str:
        """As the access log calls it."""

    @property
    def given(self) -> int:
        """The newest number that was given."""

    @property
    def last(self) -> int:
        """The newest number there is."""

    def lock(self, conn: Connection) -> bool:
        """Nobody else changes it until the transaction ends; false: it is no longer there."""

    def pause(self, conn: Connection, *, paused: bool) -> None:
        """Send nothing more for now, or go on."""

    def replay(self, conn: Connection, since: int) -> None:
        """Send what follows the number again."""

    def first_since(self, conn: Connection, at: datetime) -> int | None:
        """The number of the first that came at that time or later."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Updates over Kafka, or over the receiver's own network."""

    one: Delivery

    @property
    def name(self) -> str:
        """Whose, and over what."""
        return f"{self.one.party} over {self.one.over}"

    @property
    def given(self) -> int:
        """Of the feed's numbers."""
        return self.one.published

    @property
    def last(self) -> int:
        """Of the feed's numbers."""
        return self.one.last

    def lock(self, conn: Connection) -> bool:
        """False: it is not reached so any more."""
        return deliveries.lock(conn, self._cursors, self.one.party)

    def pause(self, conn: Connection, *, paused: bool) -> None:
        """Its feed grows all the while."""
        deliveries.pause(conn, self._cursors, self.one.party, paused=paused)

    def replay(self, conn: Connection, since: int) -> None:
        """Each with the number and the id it had."""
        deliveries.replay(conn, self._cursors, self.one.party, since)

    def first_since(self, conn: Connection, at: datetime) -> int | None:
        """When it was put into the feed counts."""
        return deliveries.first_since(conn, self.one.party, at)

    @property
    def _cursors(self) -> deliveries.Cursors:
        return deliveries.cursors(self.one.over)


@dataclass(frozen=True, slots=True)
class Hook:
    """Events to the rest-hook of a Subscription."""

    one: Subscribed

    @property
    def name(self) -> str:
        """The Subscription."""
        return f"Subscription/{self.one.id}"

    @property
    def given(self) -> int:
        """Of the Subscription's own numbers."""
        return self.one.delivered

    @property
    def last(self) -> int:
        """Of the Subscription's own numbers."""
        return self.one.numbered

    def lock(self, conn: Connection) -> bool:
        """False: its client has ended it, or is no longer called."""
        found = rows.locked(conn, self.one.id)
        return found is not None and found.status in _LIVE and is_hook(found)

    def pause(self, conn: Connection, *, paused: bool) -> None:
        """Its events are counted all the while."""
        (hooks.pause if paused else hooks.resume)(conn, self.one.id)

    def replay(self, conn: Connection, since: int) -> None:
        """Each with the number it had."""
        hooks.replay(conn, self.one.id, since)

    def first_since(self, conn: Connection, at: datetime) -> int | None:
        """When its update was put into the feed counts."""
        return hooks.first_since(conn, self.one.id, micros(at))


_LIVE: Final = frozenset(SubscriptionStatus) - {SubscriptionStatus.OFF}


def is_hook(found: Subscribed) -> bool:
    """Whether we call its subscriber; the others connect themselves, and ask for what they missed."""
    return found.subscription.channel.type is ChannelType.REST_HOOK


# --- what is seen


def listed(database: Database) -> list[Delivery]:
    """Every receiver that has a topic or a network of its own, and how far it has come there."""
    ways = (deliveries.TOPICS, deliveries.NETWORKS)
    with database.read() as conn:
        found = [one for way in ways for one in deliveries.listed(conn, way)]
    return sorted(found, key=lambda one: one.party)


def refused(database: Database, party: str) -> list[transports.Refused]:
    """What a receiver's own system did not take."""
    with database.read() as conn:
        return transports.refused(conn, party)


def first(database: Database, way: Way, start: Start) -> int | NotGiven:
    """The number from which on it can be given again."""
    number: int | None
    if isinstance(start, datetime):
        with database.read() as conn:
            number = way.first_since(conn, start)
    else:
        number = start
    if number is not None and number > way.last:
        return NotGiven.BEYOND
    return NotGiven.NOT_YET if number is None or number > way.given else number


def count(database: Database, delivery: Delivery, number: int) -> int:
    """How many updates it was given from this number on."""
    with database.read() as conn:
        return deliveries.between(conn, delivery.party, number, delivery.published)


# --- what is done


def pause(database: Database, change: Change, way: Way, *, paused: bool) -> None:
    """Send nothing more there for now, or go on."""
    what = "pause" if paused else "resume"
    _change(database, change, way, what, lambda conn: way.pause(conn, paused=paused))


def replay(database: Database, change: Change, way: Way, number: int) -> None:
    """Send again from this number on."""
    told = f" from {number}"
    _change(database, change, way, "replay", lambda conn: way.replay(conn, number - 1), told)


def ask_anew(database: Database, change: Change, hook: Hook) -> None:
    """What its client does with a PUT after an error: a handshake, then everything that its endpoint has not taken."""

    def ask(conn: Connection) -> None:
        found = rows.locked(conn, hook.one.id)
        if found is not None and found.status is SubscriptionStatus.ERROR:
            subscriptions.ask_anew(conn, database.keys, found, instant(now()))

    _change(database, change, hook, "ask-anew", ask)


def _change(
    database: Database,
    change: Change,
    way: Way,
    what: str,
    work: Callable[[Connection], None],
    more: str = "",
) -> None:
    with database.write() as conn:
        if way.lock(conn) and not changes.is_done(conn, change):
            work(conn)
            audit.write(conn, database.keys, [line(change, what, f"{way.name}{more}")])
