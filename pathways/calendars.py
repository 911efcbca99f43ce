"""Working days, opening hours and limits, in the local time of the zone: what a due time is counted with.

Holidays are passed in; the calendar itself has no clock. All results are instants in UTC.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum

from pathways.parties import OpeningHours

OFFICE_HOURS = tuple(OpeningHours(day, "08:00", "15:30") for day in range(5))
"""What counts where a party has told no opening hours."""


class Unit(StrEnum):
    """What a limit is counted in."""

    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"  # calendar days: at the same local time
    WORKING_DAYS = "working-days"  # to the end of the last of them
    SAME_DAY = "same-day"  # to the end of the local day; the amount is not used


@dataclass(frozen=True, slots=True)
class Limit:
    """How long something may take. ``source``: the law it comes from; such a limit is fixed."""

    amount: int
    unit: Unit
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of one country."""

    zone: tzinfo
    is_holiday: Callable[[date], bool]

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday, unless it is a public holiday."""
        return day.weekday() < 5 and not self.is_holiday(day)

    def end_of_day(self, day: date) -> datetime:
        """The instant at which the local day ends."""
        return self._local(day + timedelta(days=1), time.min)

    def due(self, at: datetime, limit: Limit) -> datetime:
        """When something that began at ``at`` has to be done."""
        match limit.unit:
            case Unit.MINUTES:
                return at + timedelta(minutes=limit.amount)
            case Unit.HOURS:
                return at + timedelta(hours=limit.amount)
            case Unit.DAYS:
                return self._after_days(at, limit.amount)
            case Unit.WORKING_DAYS:
                return self._after_working_days(at, limit.amount)
            case Unit.SAME_DAY:
                return self.end_of_day(at.astimezone(self.zone).date())

    def opens(self, at: datetime, hours: Collection[OpeningHours] = OFFICE_HOURS) -> datetime:
        """``at`` itself where somebody is at work then, else when they next are."""
        day = at.astimezone(self.zone).date()
        for _ in range(_FURTHEST):
            for opens, closes in self._open_on(day, hours or OFFICE_HOURS):
                if at < closes:
                    return max(at, opens)
            day += timedelta(days=1)
        return at  # opening hours that never come keep nobody waiting

    def _open_on(
        self, day: date, hours: Collection[OpeningHours]
    ) -> list[tuple[datetime, datetime]]:
        if self.is_holiday(day):
            return []
        spans = (
            (self._local(day, time.fromisoformat(h.opens)), self._closing(day, h.closes))
            for h in hours
            if h.weekday == day.weekday()
        )
        return sorted(spans)

    def _closing(self, day: date, closes: str) -> datetime:
        midnight = closes in ("24:00", "00:00")
        return self.end_of_day(day) if midnight else self._local(day, time.fromisoformat(closes))

    def _local(self, day: date, at: time) -> datetime:
        return datetime.combine(day, at, self.zone).astimezone(UTC)

    def _after_working_days(self, at: datetime, days: int) -> datetime:
        day = at.astimezone(self.zone).date()
        while days > 0:
            day += timedelta(days=1)
            days -= self.is_working_day(day)
        return self.end_of_day(day)

    def _after_days(self, at: datetime, days: int) -> datetime:
        local = at.astimezone(self.zone)
        return self._local(local.date() + timedelta(days=days), local.time())


_FURTHEST = 30
"""Days: nobody is closed longer."""
