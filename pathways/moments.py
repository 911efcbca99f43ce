"""Points in time as senders tell them: an instant, or a whole local day."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import TypeAlias

SortKey: TypeAlias = tuple[datetime, datetime, str]
"""The one order of events: (happened; written; event id)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened: ``at`` is a zoned instant; ``day`` says only its local date is known."""

    at: datetime
    day: bool = False

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("a moment needs a zone")


def on_day(day: date, written: datetime, zone: tzinfo) -> Moment:
    """A date without time stands at its written time, clamped into that local day (law of order)."""
    first = datetime.combine(day, time.min, zone)
    last = datetime.combine(day + timedelta(days=1), time.min, zone) - timedelta(microseconds=1)
    return Moment(min(max(written, first), last), day=True)


def first_instant(moment: Moment, zone: tzinfo) -> datetime:
    """When it begins: a day at its first instant in ``zone``."""
    if not moment.day:
        return moment.at
    return datetime.combine(moment.at.astimezone(zone).date(), time.min, zone)


def has_passed(moment: Moment | None, at: datetime, zone: tzinfo) -> bool:
    """Whether ``at`` is after it: after the whole of a day; ``None`` never passes."""
    if moment is None:
        return False
    if not moment.day:
        return moment.at <= at
    return moment.at.astimezone(zone).date() < at.astimezone(zone).date()
