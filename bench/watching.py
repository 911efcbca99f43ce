"""A month of a region with the watch beside the intake: what a due promise costs, and whether anything drifts.

The clock is the simulation's; figures on the first store only. ``python -m bench.watching 365`` is a year, and ends
with 1 when a figure is worse than its aim: it is the second part of ``make soak``.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from bench import stores
from bench.costs import own
from bench.figures import Figure
from bench.region import arrivals
from carepath.service import Service, ServiceOptions, Submission
from carepath.service.rebuild import rebuild
from carepath.service.watch import Watch
from carepath.store import promises
from carepath.store.database import Database
from carepath.store.times import micros

PART: Final = "Watch"
DAYS: Final = 30
_BEGINS: Final = datetime(2026, 1, 5, tzinfo=UTC)
_SEED: Final = 20261122
_STEP: Final = timedelta(minutes=10)


@dataclass(slots=True)
class _Month:
    """A region's broker, in the simulation's time."""

    database: Database
    now: datetime = _BEGINS
    messages: int = 0
    looked: int = 0
    taking: float = 0.0
    watching: float = 0.0
    weeks: dict[int, tuple[float, int]] = field(default_factory=dict)

    def live(self, days: int) -> None:
        """Take in what comes, ten minutes at a time, and look at what is due."""
        options = ServiceOptions(now=lambda: self.now)
        service, watch = Service(self.database, options), Watch(self.database, options)
        coming = arrivals(_BEGINS, days, _SEED)
        for slot, some in groupby(coming, lambda one: (one.at - _BEGINS) // _STEP):
            self.now = _BEGINS + (slot + 1) * _STEP
            self._take(service, [Submission(one.source) for one in some])
            self._watch(watch)

    def _take(self, service: Service, submissions: list[Submission]) -> None:
        before = own()
        for first in range(0, len(submissions), 100):
            answers = service.handle(submissions[first : first + 100])
            assert all(answer.status in (200, 202) for answer in answers), answers[0].body
        self.taking += own() - before
        self.messages += len(submissions)

    def _watch(self, watch: Watch) -> None:
        before, looked = own(), 0
        while found := watch.round():
            looked += found
        spent = own() - before
        self.watching += spent
        self.looked += looked
        week = (self.now - _BEGINS).days // 7
        cpu, number = self.weeks.get(week, (0.0, 0))
        self.weeks[week] = (cpu + spent, number + looked)


def run() -> Iterator[Figure]:
    """A month on SQLite."""
    yield from _run(DAYS)


def _run(days: int) -> Iterator[Figure]:
    store = stores.STORES[0]
    with stores.fresh(store) as url, stores.opened(url) as database:
        month = _Month(database)
        month.live(days)
        yield from _costs(store, month)
        yield from _outcome(store, month)


def _costs(store: str, month: _Month) -> Iterator[Figure]:
    each = month.taking / month.messages * 1000
    due = month.watching / month.looked * 1000
    weeks = [cpu / number for cpu, number in month.weeks.values() if number > 100] or [due]
    for name, value, unit, aim in (
        ("messages of a region of 400,000", month.messages, "", None),
        ("times a promise was looked at", month.looked, "", None),
        ("intake, CPU per message", each, "ms", None),
        ("the watch, CPU per promise looked at", due, "ms", None),
        ("the watch / the intake, CPU", month.watching / month.taking, "×", None),
        ("the last week / the first, CPU per promise", weeks[-1] / weeks[0], "×", 1.5),
    ):
        yield Figure(part=PART, store=store, name=name, value=value, unit=unit, aim=aim)


def _outcome(store: str, month: _Month) -> Iterator[Figure]:
    with month.database.read() as connection:
        states = Counter(one.state for one in promises.listed(connection, limit=1_000_000))
        left = promises.figure(connection, micros(month.now)).waiting
    drifted = rebuild(month.database, ServiceOptions().base_url, month.now)
    for name, value in (
        ("promises open at the end", states.total()),
        ("due and not looked at, at the end", left),
        ("changed by a rebuild at the end", drifted),
    ):
        aim = None if "open" in name else 0
        yield Figure(part=PART, store=store, name=name, value=value, unit="", aim=aim)


def main(days: int) -> int:
    """Print the figures of so many days; how many are worse than they should be."""
    worse = 0
    with stores.machine_room():
        for one in _run(days):
            missed = one.aim is not None and one.value > one.aim
            worse += missed
            print(
                f"{one.name}: {one.value:.2f} {one.unit}{' (too much)' if missed else ''}",
                flush=True,
            )
    return worse


if __name__ == "__main__":
    sys.exit(min(main(int(sys.argv[1])), 1))
