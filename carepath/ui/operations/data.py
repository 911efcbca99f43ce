"""What the pages of deliveries and operations show, from the store; and what is done there.

Whoever visits sees and changes what is within their reach (``service.changes.reach``), and nobody here reads what a
message says but in open mode: the matrix has these roles see masked.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from carepath.delivery.relay import Relay
from carepath.service import Service, changes
from carepath.service import deliveries as tended
from carepath.service import parked as shelf
from carepath.service.answers import Answer
from carepath.service.changes import Change
from carepath.service.deliveries import Way
from carepath.store import (
    answers,
    deliveries,
    figures,
    hooks,
    parked,
    parties,
    subscriptions,
    times,
    transports,
)
from carepath.store.database import Connection, Database
from carepath.store.deliveries import Delivery, Gap, Handed
from carepath.store.figures import Figures, Waiting
from carepath.store.parked import Parked, State
from carepath.store.subscriptions import Subscribed
from carepath.store.transports import Refused
from carepath.ui.values import Visit
from fhir_mappings import masking
from pathways.access import PERSON, Extent, Operation, extent
from pathways.parties import Party

MOST: Final = 200
"""Parked messages on a page."""
WHOLE: Final = Extent.ALL
"""Who may see this much is shown what a message says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A Subscription and whom it calls, as scheme, host and port; ``None``: its subscriber connects."""

    one: Subscribed
    target: str | None
    paused: bool

    @property
    def next_try(self) -> datetime | None:
        """When it is looked at again, should nothing come before."""
        return _instant(self.one.next_try)

    @property
    def told(self) -> datetime | None:
        """When anything was sent the last time."""
        return _instant(self.one.told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriber:
    """Whoever is told, by each of the ways. ``age``: seconds that the first of what ``waits`` in its feed is there.

    ``sent``: over Kafka, and over a network of its own.
    """

    key: str
    party: Party | None
    feed: Handed | None
    waits: int
    age: float
    sent: Sequence[Delivery]
    hooks: Sequence[Hook]
    owed: answers.Standing | None

    @property
    def next_try(self) -> datetime | None:
        """When its endpoint is sent the next answer."""
        return _instant(self.owed.next_try) if self.owed else None


@dataclass(frozen=True, slots=True)
class Standing:
    """A subscriber, where its numbers jump, and what its own network's receiver did not take."""

    one: Subscriber
    gaps: Sequence[Gap]
    refused: Sequence[Refused]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """``figures``: of the whole broker, for those whose reach it is. ``parked``: open ones within reach."""

    subscribers: Sequence[Subscriber]
    parked: int
    figures: Figures | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedPage:
    """A parked message. ``structure``: its elements without values; ``None``: it cannot be read.

    ``source``: the message itself, where it was asked for and may be seen. ``sender``: what they are called.
    """

    one: Parked
    sender: str | None
    structure: Sequence[str] | None
    may_read: bool
    source: str | None


@dataclass(frozen=True, slots=True)
class Operations:
    """All of it runs in a worker thread. ``base_url`` is FHIR's; ``service`` is these pages' own."""

    database: Database
    relay: Relay
    service: Service
    base_url: str
    _turn: Lock = field(default_factory=Lock, init=False)

    def overview(self, visit: Visit) -> Overview:
        """Who is told what, and how it goes."""
        with self._reaching(visit) as (conn, whose):
            known = figures.figures(conn, times.now()) if whose is None else None
            found = _subscribers(conn, known or figures.waiting(conn, times.now(), whose), whose)
            return Overview(subscribers=[*found], parked=parked.waiting(conn, whose), figures=known)

    def subscriber(self, visit: Visit, key: str) -> Standing | None:
        """One of them, in full."""
        with self._reaching(visit) as (conn, whose):
            if whose is not None and key not in whose:
                return None
            waits = figures.waiting(conn, times.now(), {key})
            found = next(_subscribers(conn, waits, frozenset({key})), None)
            if found is None:
                return None
            return Standing(found, deliveries.gaps(conn, key), transports.refused(conn, key))

    def parked(self, visit: Visit, *, everything: bool) -> list[tuple[Parked, str | None]]:
        """Those that wait, oldest first, or all, ``MOST`` of them; and what their senders are called."""
        with self._reaching(visit) as (conn, whose):
            names = _names(conn)
            found = parked.listed(conn, None if everything else State.OPEN, whose, MOST)
        return [(one, names.get(one.sender or "", one.sender)) for one in found]

    def parked_one(self, visit: Visit, id_: str, *, whole: bool) -> ParkedPage | None:
        """One of them; ``whole``: with what it says, which is noted as shown, if they may see that."""
        with self._reaching(visit) as (conn, whose):
            found, source = _parked(conn, id_, whose), parked.source(conn, id_)
            names = _names(conn)
        if found is None or source is None:
            return None
        may_read = extent(visit.actor.role, Operation.REPLAY) is WHOLE
        if whole and may_read:
            visit.disclosed.tell(found.patient, "Binary", (id_,))
        return ParkedPage(
            one=found,
            sender=names.get(found.sender or "", found.sender),
            structure=masking.structure(source, found.received, self.base_url),
            may_read=may_read,
            source=source.decode("utf-8", "replace") if whole and may_read else None,
        )

    def organisations(self, visit: Visit) -> list[Party]:
        """Those within reach, by name."""
        with self._reaching(visit) as (conn, whose):
            found = parties.directory(conn).parties.values()
        own = [one for one in found if whose is None or one.key in whose]
        return sorted(own, key=lambda one: one.name)

    # --- what is done; whoever asks has looked up what it is done to

    def pause(self, change: Change, way: Way, *, paused: bool) -> None:
        """Send nothing more there, or go on."""
        tended.pause(self.database, change, way, paused=paused)
        self.relay.streams.tell(())

    def replay(self, change: Change, way: Way, start: tended.Start) -> tended.NotGiven | None:
        """Send again what was given; why not, where there is nothing."""
        first = tended.first(self.database, way, start)
        if isinstance(first, tended.NotGiven):
            return first
        tended.replay(self.database, change, way, first)
        self.relay.streams.tell(())
        return None

    def ask_anew(self, change: Change, hook: tended.Hook) -> None:
        """Call it again, after an error."""
        tended.ask_anew(self.database, change, hook)
        self.relay.streams.tell(())

    def retry(self, change: Change, id_: str) -> Answer | None:
        """Take a parked message in again; ``None``: it was settled, or this form was sent before."""
        with self._turn:
            answer = shelf.retry(self.service, change, id_)
        self.relay.wake()
        return answer

    def drop(self, change: Change, id_: str, reason: str) -> None:
        """Give it up."""
        shelf.drop(self.database, change, id_, reason)

    @contextmanager
    def _reaching(self, visit: Visit) -> Iterator[tuple[Connection, frozenset[str] | None]]:
        with self.database.read() as conn:
            yield conn, changes.reach(conn, visit.actor)


def _subscribers(
    conn: Connection, known: Waiting, whose: frozenset[str] | None
) -> Iterator[Subscriber]:
    """By key. People who follow themselves are not listed: whoever works here has no use for who they are."""
    named = parties.directory(conn).parties
    feeds = {one.receiver: one for one in deliveries.handed(conn)}
    sent: dict[str, list[Delivery]] = {}
    for delivery in (*known.streams, *known.networks):
        sent.setdefault(delivery.party, []).append(delivery)
    owed = {one.party: one for one in answers.standing(conn)}
    subscribed = _hooks(conn)
    for key in sorted({*feeds, *sent, *owed, *subscribed}):
        if key.startswith(PERSON) or (whose is not None and key not in whose):
            continue
        yield Subscriber(
            key=key,
            party=named.get(key),
            feed=feeds.get(key),
            waits=known.undelivered.get(key, 0),
            age=known.undelivered_age.get(key, 0),
            sent=sent.get(key, ()),
            hooks=subscribed.get(key, ()),
            owed=owed.get(key),
        )


def _hooks(conn: Connection) -> Mapping[str, list[Hook]]:
    paused = hooks.paused(conn)
    found: dict[str, list[Hook]] = {}
    for one in subscriptions.everybodys(conn):
        target = subscriptions.target_of(one.subscription.channel)
        hook = Hook(one=one, target=target, paused=one.id in paused)
        found.setdefault(one.receiver, []).append(hook)
    return found


def _parked(conn: Connection, id_: str, whose: frozenset[str] | None) -> Parked | None:
    found = parked.show(conn, id_)
    within = found is not None and (whose is None or found.sender in whose)
    return found if within else None


def _names(conn: Connection) -> Mapping[str, str]:
    return {key: one.name for key, one in parties.directory(conn).parties.items()}


def _instant(at: int | None) -> datetime | None:
    return None if at is None else times.instant(at)
