"""The timeline as a picture: lanes, bars, points, arrows and promises, laid out and not yet drawn.

Values in, values out: the same entries give the same picture whatever order they came in. Places are the window's
units from the left (``axis.Window``), and rows from the top of a lane. Every entry in the window is in exactly one
``Point``; those that would overlap are gathered into one. Nothing stands outside its lane or the window.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pathways.axis import Window
from pathways.deadlines import Commitment
from pathways.facts import DeadlineFacts
from pathways.lanes import Lane, Lanes
from pathways.layout import (
    Ahead,
    Arrow,
    Bar,
    Owed,
    Place,
    Point,
    arrows,
    bars,
    kept_late,
    late_until,
    owed,
    points,
)
from pathways.parties import Directory
from pathways.situation import Planned
from pathways.stays import Part, handovers, parts
from pathways.timeline import Entry

FURTHEST: Final = timedelta(days=400)
"""How far ahead the picture reaches for what is to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that is drawn. ``rows``: of each lane's bars and points; ``owing``: of its promises.

    ``more``: how many promises of a lane have no row. ``now``: where the present is, if it is shown.
    """

    window: Window
    lanes: tuple[Lane, ...]
    rows: tuple[int, ...]
    owing: tuple[int, ...]
    more: tuple[int, ...]
    bars: tuple[Bar, ...]
    points: tuple[Point, ...]
    arrows: tuple[Arrow, ...]
    owed: tuple[Owed, ...]
    ahead: tuple[Ahead, ...]
    now: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What there is to show, as of ``at`` (UTC): entries, commitments and plans of one patient."""

    entries: Sequence[Entry]
    commitments: Collection[Commitment]
    planned: Sequence[Planned]
    directory: Directory
    at: datetime

    @property
    def shown(self) -> list[Commitment]:
        """What is owed still, and what was kept too late, in order."""
        told = (c for c in self.commitments if c.promise.is_open or kept_late(c))
        return sorted(told, key=lambda c: (c.promise.opened.at, c.due, c.id))

    def reach(self) -> tuple[datetime, datetime] | None:
        """From the first to the last that there is to see; ``None`` where there is nothing."""
        until = self.at + FURTHEST
        times = [entry.happened.at for entry in self.entries]
        for part in parts(self.entries):
            times += [part.begins, part.ends or max(part.begins, self.at)]
        for one in self.shown:
            times += [min(one.due, until), min(late_until(one, self.at), until)]
        times += [min(one.when.at, until) for one in self.planned]
        return (min(times), max(times)) if times else None

    def parties(self) -> set[str]:
        """Whose lanes there are in the whole picture."""
        return {party for party, _ in self.placed()}

    def placed(self) -> list[tuple[str, Entry]]:
        """The entries in their one order, each with whose lane it is in."""
        whose = {c.id: c.responsible for c in self.commitments}
        order = sorted(self.entries, key=lambda e: (e.happened.at, e.written, e.id))
        return [(_party(entry, whose, self.directory), entry) for entry in order]


def _party(entry: Entry, whose: Mapping[str, str], directory: Directory) -> str:
    """Its sender's; an alarm is in the lane of who is late."""
    facts = entry.facts
    if isinstance(facts, DeadlineFacts):
        if owing := whose.get(facts.promise or ""):
            return owing
        named = facts.responsible
        if named and (found := directory.find(named.known_by, entry.happened.at)):
            return found.key
    return entry.sender


def picture(scene: Scene, window: Window, lanes: Lanes) -> Picture:
    """Lay out what of the scene is in the window."""
    placed = scene.placed()
    within = [(party, e) for party, e in placed if window.has(e.happened.at)]
    stayed = [part for part in parts(scene.entries) if _shows(part, window, scene.at)]
    owing = [
        c
        for c in scene.shown
        if window.touches(c.promise.opened.at, max(c.due, late_until(c, scene.at)))
    ]
    coming = [p for p in scene.planned if window.has(p.when.at)]
    used = {lanes.key(party) for party in _parties(within, stayed, owing, coming)}
    ordered = lanes.order(used, ((e.sender, e.sender_name) for _, e in placed))
    place = Place({lane.key: rank for rank, lane in enumerate(ordered)}, lanes.key)
    drawn = bars(stayed, window, scene.at, place)
    told = points([(place.of(party), e) for party, e in within], drawn, window)
    promises, more = owed(owing, window, scene.at, place)
    return Picture(
        window=window,
        lanes=tuple(ordered),
        rows=tuple(max(_rows((*drawn, *told), lane), 1) for lane in range(len(ordered))),
        owing=tuple(_rows(promises, lane) for lane in range(len(ordered))),
        more=tuple(more.get(lane, 0) for lane in range(len(ordered))),
        bars=tuple(drawn),
        points=tuple(told),
        arrows=tuple(arrows(scene.entries, handovers(scene.entries), window, place)),
        owed=tuple(promises),
        ahead=tuple(
            Ahead(lane=place.of(p.party), x=window.x(p.when.at), planned=p) for p in coming
        ),
        now=window.x(scene.at) if window.has(scene.at) else None,
    )


def _shows(part: Part, window: Window, at: datetime) -> bool:
    return window.touches(part.begins, part.ends or max(part.begins, at))


def _parties(
    within: Iterable[tuple[str, Entry]],
    stayed: Iterable[Part],
    owing: Iterable[Commitment],
    coming: Iterable[Planned],
) -> Iterator[str]:
    yield from (party for party, _ in within)
    yield from (part.party for part in stayed)
    yield from (one.responsible for one in owing)
    yield from (one.party for one in coming)


def _rows(things: Iterable[Bar | Point | Owed], lane: int) -> int:
    return max((thing.row + 1 for thing in things if thing.lane == lane), default=0)
