"""Working days, opening hours and limits, in the local time of the zone: what a due time is counted with.

Holidays are passed in; the calendar itself has no clock. All results are instants in UTC, and hours are real
hours: those between two readings of a clock that is changed in between are not.
"""

import calendar
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from pathways.parties import OpeningHours

OFFICE_HOURS = tuple(OpeningHours(day, "08:00", "15:30") for day in range(5))
"""What counts where a party has told no opening hours."""

LATEST = datetime(9999, 11, 30, tzinfo=UTC)
"""When something is due that is never due: senders may name any year, and past the last one nothing is reckoned."""


class Unit(StrEnum):
    """What a limit is counted in. Days and months run to the end of the last local day, however they began."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"  # calendar days
    MONTHS = "months"  # to the day of the same number, else the last of that month
    WORKING_DAYS = "working-days"
    SAME_DAY = "same-day"  # to the end of the local day; the amount is not used


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something may take. ``source``: the law it comes from; such a limit is fixed."""

    amount: int
    unit: Unit
    source: str | None = None


Span = tuple[datetime, datetime]  # from (included), to (excluded), in UTC


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of one country."""

    zone: tzinfo
    is_holiday: Callable[[date], bool]

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday, unless it is a public holiday."""
        return day.weekday() < 5 and not self.is_holiday(day)

    def local_day(self, at: datetime) -> date:
        """The date in the zone."""
        return at.astimezone(self.zone).date()

    def working_days_after(self, day: date, last: date) -> int:
        """How many working days come after ``day``, up to and with ``last``; each day between is looked at."""
        days = range(1, (last - day).days + 1)
        return sum(self.is_working_day(day + timedelta(days=n)) for n in days)

    def end_of_day(self, day: date) -> datetime:
        """The instant at which the local day ends."""
        return self._instant(day + timedelta(days=1), time.min)

    def due(self, at: datetime, limit: Limit) -> datetime:
        """When something that began at ``at`` has to be done: never before ``at``, but ``LATEST`` at most."""
        try:
            return min(self._due(at.astimezone(UTC), limit.amount, limit.unit), LATEST)
        except OverflowError:
            return LATEST

    def _due(self, at: datetime, amount: int, unit: Unit) -> datetime:
        match unit:
            case Unit.MINUTES:
                return at + timedelta(minutes=amount)
            case Unit.HOURS:
                return at + timedelta(hours=amount)
            case Unit.DAYS:
                return self._last(self.local_day(at) + timedelta(days=amount))
            case Unit.MONTHS:
                return self._last(_months_after(self.local_day(at), amount))
            case Unit.WORKING_DAYS:
                return self._last(self._working_days_after(self.local_day(at), amount))
            case Unit.SAME_DAY:
                return self._last(self.local_day(at))

    def _last(self, day: date) -> datetime:
        """Still within the day, as people say it and search for it."""
        return self.end_of_day(day) - timedelta(microseconds=1)

    def days_before(self, at: datetime, days: int) -> datetime:
        """The same local time that many days earlier."""
        local = at.astimezone(self.zone)
        return self._instant(local.date() - timedelta(days=days), local.time())

    def opens(self, at: datetime, hours: Collection[OpeningHours] = OFFICE_HOURS) -> datetime:
        """``at`` itself (in UTC) where somebody is at work then, else when they next are.

        Holidays have the hours of Sundays. Hours that end before they begin go on over midnight.
        """
        at = min(max(at.astimezone(UTC), _EARLIEST), LATEST)
        yesterday = self.local_day(at) - timedelta(days=1)
        for days in range(_FURTHEST):
            for opens, closes in self._open_from(yesterday + timedelta(days=days), hours):
                if at < closes:
                    return max(at, opens)
        return at  # opening hours that never come keep nobody waiting

    def _open_from(self, day: date, hours: Collection[OpeningHours]) -> list[Span]:
        weekday = _SUNDAY if self.is_holiday(day) else day.weekday()
        today = (h for h in hours or OFFICE_HOURS if h.weekday == weekday)
        return sorted(self._spans(day, today))

    def _spans(self, day: date, hours: Iterator[OpeningHours]) -> Iterator[Span]:
        for told in hours:
            last = day + timedelta(days=_clock(told.closes) <= _clock(told.opens))
            opens = self._instant(day, _clock(told.opens))
            closes = self._instant(last, _clock(told.closes))
            if opens < closes:  # not where the clock is put forward over all of it
                yield opens, closes

    def _instant(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def _working_days_after(self, day: date, days: int) -> date:
        """None at all is the first one there is, counted from ``day`` itself."""
        while days > 0 or not self.is_working_day(day):
            day += timedelta(days=1)
            days -= self.is_working_day(day)
        return day


def _months_after(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    if year > date.max.year:
        raise OverflowError("no such year")
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _clock(written: str) -> time:
    """``24:00`` is the next midnight, as ``00:00`` at the end of a span is."""
    return time.min if written == "24:00" else time.fromisoformat(written)


_SUNDAY = 6
_EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
_FURTHEST = 30
"""Days: nobody is closed longer."""
