"""Who is being called, and for whom there is room: the quick and proven, and apart from them all others."""

import asyncio
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from carepath.store.hooks import Due, Room

SLOW: Final = 2.0
"""Seconds after which a call no longer has its place among the quick."""
_QUICK: Final = 64  # calls at once
_CAREFUL: Final = 32  # more, to those that are slow, fail, or have not answered yet
_EACH: Final = 16  # calls to one host


@dataclass(slots=True)
class Flight:
    """A Subscription that is being served since ``begun``; its lease runs since ``renewed`` (monotonic seconds)."""

    due: Due
    task: asyncio.Task[None]
    begun: float
    renewed: float


class Flights:
    """Those in the air. For the event loop alone."""

    def __init__(self) -> None:
        self._flights: dict[str, Flight] = {}
        self._slow: set[str] = set()

    def begin(self, due: Due, task: asyncio.Task[None]) -> None:
        """It is being served."""
        now = time.monotonic()
        self._flights[due.id] = Flight(due, task, now, now)

    def flying(self) -> set[str]:
        """Which Subscriptions."""
        return {*self._flights}

    def drop(self, id_: str) -> None:
        """Whatever is being sent is not wanted any more."""
        self._flights.pop(id_).task.cancel()

    def end(self, id_: str) -> None:
        """It can be taken on again; whether it was slow is remembered."""
        flight = self._flights.pop(id_)
        if time.monotonic() - flight.begun > SLOW:
            self._slow.add(id_)
        else:
            self._slow.discard(id_)

    def tasks(self) -> list[asyncio.Task[None]]:
        """All that serve somebody."""
        return [flight.task for flight in self._flights.values()]

    def rooms(self, landed: Collection[str]) -> list[Room]:
        """Room for the quick, and for the others, once these have landed."""
        now = time.monotonic()
        flying = [one for id_, one in self._flights.items() if id_ not in landed]
        careful = sum(not one.due.proven or now - one.begun > SLOW for one in flying)
        calls = Counter(one.due.target for one in flying if one.due.target)
        limits = {True: _QUICK - (len(flying) - careful), False: _CAREFUL - careful}
        return [
            Room(
                proven=proven,
                limit=limit,
                each=_EACH,
                calls=calls,
                slow={*self._slow},
                besides={one.due.id for one in flying},
            )
            for proven, limit in limits.items()
            if limit > 0
        ]

    def renewable(self, landed: Collection[str], seconds: float) -> list[str]:
        """Those that need their lease for longer: it is ``seconds`` old. From now on it is new."""
        now = time.monotonic()
        old = [
            id_
            for id_, one in self._flights.items()
            if id_ not in landed and now - one.renewed > seconds
        ]
        for id_ in old:
            self._flights[id_].renewed = now
        return old


def chosen(due: Sequence[Due], room: Room) -> list[Due]:
    """Of each host no more than it may have calls."""
    calls, found = Counter(room.calls), []
    for one in due:
        if one.target is None or calls[one.target] < room.each:
            calls[one.target or ""] += 1
            found.append(one)
    return found
