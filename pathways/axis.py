"""The time axis of a picture: where an instant stands, where the ticks are, and when people are at work.

Lengths are the picture's own units, from 0 at the left to the window's ``width``. Ticks and shades follow the local
clock, so a day may be 23 or 25 hours long. Nothing here knows what the time is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from pathways.calendars import Calendar

EARLIEST: Final = datetime(2, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(9998, 1, 1, tzinfo=UTC)
"""Senders may name any year; outside these nothing is reckoned in local time."""


@dataclass(frozen=True, slots=True)
class Window:
    """What the picture shows: from ``begins`` to ``ends`` (UTC, both included), ``width`` units wide."""

    begins: datetime
    ends: datetime
    width: float

    def __post_init__(self) -> None:
        if not EARLIEST <= self.begins < self.ends <= LATEST:
            raise ValueError("a window begins before it ends")

    @property
    def span(self) -> timedelta:
        """How long it is."""
        return self.ends - self.begins

    def has(self, at: datetime) -> bool:
        """Whether an instant is in it."""
        return self.begins <= at <= self.ends

    def x(self, at: datetime) -> float:
        """Where an instant stands; what is outside stands at the edge."""
        clamped = min(max(at, self.begins), self.ends)
        return self.width * ((clamped - self.begins) / self.span)

    def touches(self, begins: datetime, ends: datetime) -> bool:
        """Whether any of a span is in it."""
        return begins <= self.ends and ends >= self.begins


def framed(begins: datetime, ends: datetime, width: float, *, least: timedelta) -> Window:
    """A window around a span, with some air at both sides, that is never shorter than ``least``."""
    begins, ends = (min(max(at, EARLIEST), LATEST) for at in (begins, ends))
    span = ends - begins
    before = max(span * _BEFORE, (least - span) / 2)
    after = max(span * _AFTER, (least - span) / 2)
    return Window(begins - min(before, begins - EARLIEST), ends + min(after, LATEST - ends), width)


_BEFORE, _AFTER = 0.02, 0.08
"""What stands beside a mark stands to its right."""


# --- ticks


class Every(StrEnum):
    """What is counted between two ticks."""

    MINUTES = "minutes"
    DAYS = "days"
    WEEKS = "weeks"
    MONTHS = "months"
    YEARS = "years"


@dataclass(frozen=True, slots=True)
class Stride:
    """From tick to tick: so many of something, at least ``hours`` long."""

    number: int
    every: Every
    hours: float


STRIDES: Final = (
    *(Stride(n, Every.MINUTES, n / 60) for n in (10, 30, 60, 120, 180, 360, 720)),
    Stride(1, Every.DAYS, 24),
    Stride(1, Every.WEEKS, 24 * 7),
    *(Stride(n, Every.MONTHS, 24 * 30.4 * n) for n in (1, 3)),
    *(Stride(n, Every.YEARS, 24 * 365.25 * n) for n in (1, 5, 10, 50, 100, 500, 1000)),
)
"""From the finest to the coarsest."""


def stride(window: Window, apart: float) -> Stride:
    """The finest stride whose ticks stand at least ``apart`` units from each other."""
    hours = window.span / timedelta(hours=1)
    fits = (one for one in STRIDES if window.width * one.hours / hours >= apart)
    return next(fits, STRIDES[-1])


def coarser(than: Stride) -> Stride:
    """What the ticks of a stride are read against: hours against days, days against months."""
    match than.every:
        case Every.MINUTES:
            return Stride(1, Every.DAYS, 24)
        case Every.DAYS | Every.WEEKS:
            return Stride(1, Every.MONTHS, 24 * 30.4)
        case Every.MONTHS:
            return Stride(1, Every.YEARS, 24 * 365.25)
        case Every.YEARS:
            return than


def ticks(window: Window, step: Stride, zone: tzinfo) -> list[datetime]:
    """The instants (UTC) in the window at which the local clock or calendar shows a round number, in order."""
    first = window.begins.astimezone(zone).date() - timedelta(days=1)
    last = window.ends.astimezone(zone).date() + timedelta(days=1)
    found = {at for at in _round(first, last, step, zone) if window.has(at)}
    return sorted(found)


def _round(first: date, last: date, step: Stride, zone: tzinfo) -> Iterator[datetime]:
    if step.every is Every.MINUTES:
        for day in _days(first, last):
            yield from _in_day(day, step.number, zone)
        return
    for day in _round_days(first, last, step):
        yield _midnight(day, zone)


def _in_day(day: date, minutes: int, zone: tzinfo) -> Iterator[datetime]:
    """An hour that the clock repeats has two ticks, one that it leaves out has none."""
    for minute in range(0, 24 * 60, minutes):
        for fold in (0, 1):
            local = datetime.combine(day, time(*divmod(minute, 60), fold=fold), zone)
            at = local.astimezone(UTC)
            if at.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
                yield at


def _round_days(first: date, last: date, step: Stride) -> Iterable[date]:
    match step.every:
        case Every.DAYS | Every.MINUTES:
            return _days(first, last)
        case Every.WEEKS:
            monday = first - timedelta(days=first.weekday())
            return (monday + timedelta(days=7 * n) for n in range((last - monday).days // 7 + 1))
        case Every.MONTHS:
            months = range(first.year * 12, last.year * 12 + 12, step.number)
            return (date(month // 12, month % 12 + 1, 1) for month in months)
        case Every.YEARS:
            years = range(first.year - first.year % step.number, last.year + 1, step.number)
            return (date(year, 1, 1) for year in years if year > 0)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)


# --- when people are at work


class Shade(StrEnum):
    """Why part of the picture is darker."""

    CLOSED = "closed"  # offices are not open: weekends, holidays, and, where hours can be told, outside hours
    NIGHT = "night"


@dataclass(frozen=True, slots=True)
class Shaded:
    """From ``left`` to ``right`` of the picture."""

    shade: Shade
    left: float
    right: float


OPENS, CLOSES = time(8), time(15, 30)
EVENING, MORNING = time(22), time(7)
_TELLS_DAYS, _TELLS_HOURS = 4.0, 44.0
"""How wide a day has to be for its weekends, and for its hours, to be told apart."""


def shades(window: Window, calendar: Calendar) -> list[Shaded]:
    """Where offices are closed and where it is night, as far as the scale can show it; neighbours are one."""
    day_width = window.width * (timedelta(days=1) / window.span)
    if day_width < _TELLS_DAYS:
        return []
    first = calendar.local_day(window.begins) - timedelta(days=1)
    last = calendar.local_day(window.ends) + timedelta(days=1)
    closed, nights = [], []
    for day in _days(first, last):
        works = calendar.is_working_day(day)
        if day_width >= _TELLS_HOURS:
            nights += [_span(day, time.min, MORNING, calendar), _span(day, EVENING, None, calendar)]
            closed += _outside_hours(day, calendar) if works else []
        if not works:
            closed.append(_span(day, time.min, None, calendar))
    return [
        *_shaded(window, Shade.CLOSED, closed),
        *_shaded(window, Shade.NIGHT, nights),
    ]


def _outside_hours(day: date, calendar: Calendar) -> list[tuple[datetime, datetime]]:
    return [_span(day, time.min, OPENS, calendar), _span(day, CLOSES, None, calendar)]


def _span(
    day: date, begins: time, ends: time | None, calendar: Calendar
) -> tuple[datetime, datetime]:
    zone = calendar.zone
    until = calendar.end_of_day(day) if ends is None else datetime.combine(day, ends, zone)
    return datetime.combine(day, begins, zone).astimezone(UTC), until.astimezone(UTC)


def _shaded(
    window: Window, shade: Shade, spans: Iterable[tuple[datetime, datetime]]
) -> Iterator[Shaded]:
    joined: list[tuple[datetime, datetime]] = []
    for begins, ends in sorted(spans):
        if joined and begins <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends, joined[-1][1]))
        else:
            joined.append((begins, ends))
    for begins, ends in joined:
        if begins < window.ends and ends > window.begins:
            yield Shaded(shade, window.x(begins), window.x(ends))
