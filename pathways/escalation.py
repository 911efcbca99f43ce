"""Who is told of a promise that is not kept, and when: reminder, due, and one step of escalation after the other.

Few alarms: each party is told once of a promise, in its opening hours. Acute promises are escalated by the minute, at
any hour. What has passed already is for ``watched`` to put together.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, Protocol

from pathways.calendars import Calendar, Limit, Unit
from pathways.deadlines import ACUTE
from pathways.doors import door
from pathways.events import EventCode
from pathways.parties import Directory, OpeningHours
from pathways.promises import PromiseKind


class Step(IntEnum):
    """How far it has gone; each step includes those before it."""

    NONE = 0
    REMINDER = 1  # before it is due: the responsible
    DUE = 2  # the responsible
    UNIT = 3  # the house of the responsible
    OTHER = 4  # the other side, and its house
    COORDINATOR = 5  # the coordinator, and the coordinating unit (KE)

    @property
    def code(self) -> str:
        """On the wire."""
        return self.name.lower()


class Owed(Protocol):
    """What is owed: instants in UTC, parties as directory keys."""

    @property
    def kind(self) -> PromiseKind:
        """What is promised."""

    @property
    def opened(self) -> datetime:
        """Since when."""

    @property
    def due(self) -> datetime:
        """Until when."""

    @property
    def responsible(self) -> str:
        """By whom."""

    @property
    def other(self) -> str | None:
        """To whom."""


@dataclass(frozen=True, slots=True)
class Rung:
    """At ``at`` these parties are told."""

    step: Step
    at: datetime
    parties: tuple[str, ...]


SHORTEST: Final = timedelta(hours=12)
"""Nobody is reminded of what is due sooner."""
_AHEAD: Final = timedelta(days=1)
_APART: Final = Limit(24, Unit.HOURS)
"""Then, when they are at work again: a working day."""
_ACUTE_APART: Final = Limit(10, Unit.MINUTES)


@dataclass(frozen=True, slots=True)
class Escalation:
    """What the steps are found with."""

    calendar: Calendar
    directory: Directory

    def rungs(self, owed: Owed, top: Collection[str] = ()) -> Iterator[Rung]:
        """The steps in their order. ``top``: the coordinator and KE; without one, that step tells nobody."""
        acute = owed.kind in ACUTE
        if not acute and (reminded := self._reminded(owed)):
            yield Rung(Step.REMINDER, reminded, (owed.responsible,))
        at = owed.due
        for step, parties in self._ladder(owed, tuple(top)):
            at = at if acute else self._at_work(at, parties)
            yield Rung(step, at, parties)
            at = self.calendar.due(at, _ACUTE_APART if acute else _APART)

    def _reminded(self, owed: Owed) -> datetime | None:
        """A quarter of the time before it is due, a day at most."""
        whole = owed.due - owed.opened
        if whole < SHORTEST:
            return None
        at = self._at_work(owed.due - min(whole / 4, _AHEAD), (owed.responsible,))
        return at if at < owed.due else None

    def _ladder(self, owed: Owed, top: tuple[str, ...]) -> Iterator[tuple[Step, tuple[str, ...]]]:
        yield Step.DUE, (owed.responsible,)
        if house := self._house(owed.responsible, owed.due):
            yield Step.UNIT, house
        if owed.other:
            yield Step.OTHER, (owed.other, *self._house(owed.other, owed.due))
        yield Step.COORDINATOR, top

    def _house(self, key: str, at: datetime) -> tuple[str, ...]:
        """Who answers for the organisation that a unit is part of, unless it is the unit itself."""
        party = self.directory.parties.get(key)
        if party is None or party.parent is None:
            return ()
        house = door(self.directory, party.parent, EventCode.DEADLINE_MISSED, at)
        return () if house == key else (house,)

    def _at_work(self, at: datetime, parties: tuple[str, ...]) -> datetime:
        return self.calendar.opens(at, self._hours(parties[0]) if parties else ())

    def _hours(self, key: str) -> tuple[OpeningHours, ...]:
        party = self.directory.parties.get(key)
        return party.opening_hours if party else ()
