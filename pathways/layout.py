"""How what is in a picture is laid out: places in units from the left, rows from the top of a lane."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from pathways.axis import Window
from pathways.deadlines import Commitment
from pathways.events import EventCode
from pathways.promises import PromiseState
from pathways.situation import Planned
from pathways.stays import Handover, Part, Phase, holds
from pathways.timeline import Entry

APART: Final = 22.0
"""The least distance between two points; what is nearer is gathered."""
LABEL: Final = 265.0
"""The room that the text of a promise takes."""
TELLS_ASKING: Final = 4.0
"""How wide a day has to be for who asked whom to be told; handing over always is."""
MOST_ROWS: Final = 4
"""Rows of promises in a lane; what has no place in them is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """Part of a stay. ``going_on``: it has no end yet; ``phases``: what it is about, from left to right."""

    lane: int
    row: int
    part: Part
    left: float
    right: float
    going_on: bool
    phases: tuple[tuple[Phase, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One entry, or several that stand too near each other. ``room``: how far it is to the next one in the row."""

    lane: int
    row: int
    x: float
    entries: tuple[Entry, ...]
    room: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """From lane to lane: the patient was handed over, or, where it ``asks``, somebody was asked to take over."""

    entry: str
    sender: int
    receiver: int
    left: float
    reached: float
    asks: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A promise from when it was opened to when it is due, and on to ``ends`` where it is late."""

    lane: int
    row: int
    commitment: Commitment
    opened: float
    due: float
    ends: float
    text: float  # where its text begins

    @property
    def is_late(self) -> bool:
        """Whether it is overdue, or was kept too late."""
        return self.ends > self.due


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """Something that is planned."""

    lane: int
    x: float
    planned: Planned


@dataclass(frozen=True, slots=True)
class Place:
    """Which lane, counted from the top, a party is in."""

    rank: Mapping[str, int]
    key: Callable[[str], str]

    def of(self, party: str) -> int:
        """Of a party that has one. Raises ``KeyError`` for another."""
        return self.rank[self.key(party)]

    def found(self, party: str | None) -> int | None:
        """Of any party."""
        return None if party is None else self.rank.get(self.key(party))


T = TypeVar("T", datetime, float)


def _first_free(rows: list[T], begins: T, ends: T) -> int:
    """The first row where nothing stands any more when this begins; it is taken until ``ends`` then."""
    for row, until in enumerate(rows):
        if until <= begins:
            rows[row] = ends
            return row
    rows.append(ends)
    return len(rows) - 1


# --- stays


def bars(stayed: Iterable[Part], window: Window, at: datetime, place: Place) -> list[Bar]:
    """One below the other where the stays of a lane overlap."""
    taken: dict[int, list[datetime]] = {}
    made = []
    for part in sorted(stayed, key=lambda p: (p.begins, p.ends or at, p.thread)):
        lane, ends = place.of(part.party), part.ends or max(part.begins, at)
        made.append(
            Bar(
                lane=lane,
                row=_first_free(taken.setdefault(lane, []), part.begins, ends),
                part=part,
                left=window.x(part.begins),
                right=window.x(ends),
                going_on=part.ends is None,
                phases=tuple(_phases(part, ends, window)),
            )
        )
    return made


def _phases(part: Part, ends: datetime, window: Window) -> Iterator[tuple[Phase, float, float]]:
    for phase, begins, until in part.phases:
        if window.touches(begins, until or ends):
            yield phase, window.x(begins), window.x(until or ends)


# --- entries


def points(
    within: Iterable[tuple[int, Entry]], drawn: Iterable[Bar], window: Window
) -> list[Point]:
    """Entries in their order, each with its lane, gathered where they would overlap."""
    stays: dict[tuple[int, str], list[Bar]] = {}
    for bar in drawn:
        stays.setdefault((bar.lane, bar.part.thread), []).append(bar)
    rows: dict[tuple[int, int], list[Point]] = {}
    for lane, entry in within:
        x = window.x(entry.happened.at)
        row = _row(stays.get((lane, entry.thread), ()), x)
        known = rows.setdefault((lane, row), [])
        if known and x - known[-1].x < APART:
            known[-1] = replace(known[-1], entries=(*known[-1].entries, entry))
        else:
            known.append(Point(lane=lane, row=row, x=x, entries=(entry,), room=0))
    return [point for _, known in sorted(rows.items()) for point in _spaced(known, window.width)]


def _row(own: Iterable[Bar], x: float) -> int:
    """That of the stay it belongs to, at that time."""
    return next((bar.row for bar in own if bar.left <= x <= bar.right), 0)


def _spaced(known: list[Point], width: float) -> Iterator[Point]:
    for point, following in zip(known, [*(p.x for p in known[1:]), width], strict=True):
        yield replace(point, room=following - point.x)


# --- from lane to lane


def arrows(
    entries: Iterable[Entry], handed: Iterable[Handover], window: Window, place: Place
) -> list[Arrow]:
    """Who handed the patient over to whom, and who was asked; what would lie on top of each other is one."""
    made = [
        _arrow(h.entry, place.found(h.sender), place.found(h.receiver), (h.left, h.reached), window)
        for h in handed
        if window.has(h.reached)
    ]
    tells = window.width * (timedelta(days=1) / window.span) >= TELLS_ASKING
    asking = [
        _arrow(e.id, place.found(e.sender), place.found(e.asked), (e.happened.at,) * 2, window)
        for e in entries
        if tells and e.code in ASKS and holds(e) and window.has(e.happened.at)
    ]
    told = [a for a in made if a] + [replace(a, asks=True) for a in asking if a]
    kept: list[Arrow] = []
    for arrow in sorted(told, key=lambda a: (a.asks, a.sender, a.receiver, a.reached, a.entry)):
        if not (kept and _covers(kept[-1], arrow)):
            kept.append(arrow)
    return kept


ASKS: Final = frozenset(
    (
        EventCode.HOSPITAL_CHOICE,
        EventCode.REDIRECT_PROPOSED,
        EventCode.REFERRAL,
        EventCode.REFERRAL_FORWARDED,
        EventCode.INQUIRY,
        EventCode.INQUIRY_FORWARDED,
        EventCode.CARER_UNAVAILABLE,
        EventCode.COORDINATION_NEED,
        EventCode.COORDINATOR_HANDOVER_OFFERED,
        EventCode.MEASURE_PROPOSED,
        EventCode.APPLICATION,
        EventCode.COMPLAINT_FORWARDED,
    )
)
"""Events that ask somebody to take over or to answer."""


def _arrow(
    entry: str,
    sender: int | None,
    receiver: int | None,
    when: tuple[datetime, datetime],
    window: Window,
) -> Arrow | None:
    if sender is None or receiver is None or sender == receiver:
        return None
    left, reached = when
    return Arrow(
        entry=entry,
        sender=sender,
        receiver=receiver,
        left=window.x(left),
        reached=window.x(reached),
        asks=False,
    )


def _covers(one: Arrow, other: Arrow) -> bool:
    same = (one.asks, one.sender, one.receiver) == (other.asks, other.sender, other.receiver)
    return same and other.reached - one.reached < APART


# --- promises


def kept_late(one: Commitment) -> bool:
    """Whether it was kept, too late."""
    proof = one.promise.proof
    return one.promise.state is PromiseState.KEPT and proof is not None and proof > one.due


def late_until(one: Commitment, at: datetime) -> datetime:
    """Until when it was, or is, late; its due time where it is not."""
    if one.promise.is_open:
        return max(one.due, at)
    return max(one.due, one.promise.proof or one.due)


def owed(
    owing: Iterable[Commitment], window: Window, at: datetime, place: Place
) -> tuple[list[Owed], dict[int, int]]:
    """Those that have a row, what is late before the rest; and how many of a lane have none."""
    lanes: dict[int, list[Owed]] = {}
    for one in owing:
        lane = place.of(one.responsible)
        lanes.setdefault(lane, []).append(_owed(one, window, at, lane))
    packed = {lane: [*_packed(mine, window.width)] for lane, mine in sorted(lanes.items())}
    more = {lane: len(mine) - len(packed[lane]) for lane, mine in lanes.items()}
    return [one for mine in packed.values() for one in mine], more


def _owed(one: Commitment, window: Window, at: datetime, lane: int) -> Owed:
    opened, due = window.x(one.promise.opened.at), window.x(one.due)
    ends = window.x(late_until(one, at))
    return Owed(
        lane=lane,
        row=0,
        commitment=one,
        opened=opened,
        due=due,
        ends=ends,
        text=max(0.0, min(opened, window.width - LABEL)),
    )


def _packed(mine: Iterable[Owed], width: float) -> Iterator[Owed]:
    """Each where nothing else stands, its text included; those that are late choose first."""
    rows: list[list[tuple[float, float]]] = [[] for _ in range(MOST_ROWS)]
    for one in sorted(mine, key=lambda o: (not o.is_late, o.commitment.due, o.commitment.id)):
        span = (min(one.opened, one.text), max(one.ends, one.due, min(one.text + LABEL, width)))
        row = next((r for r, taken in enumerate(rows) if not _meets(span, taken)), None)
        if row is not None:
            rows[row].append(span)
            yield replace(one, row=row)


def _meets(span: tuple[float, float], taken: Iterable[tuple[float, float]]) -> bool:
    return any(span[0] < right and span[1] > left for left, right in taken)
