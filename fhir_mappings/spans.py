"""How long a FHIR date, dateTime, instant or Period lasts, by its precision.

https://hl7.org/fhir/R4/search.html#date
"""

import re
from calendar import monthrange
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from fhir_mappings.bundle import JSON
from fhir_mappings.options import OSLO

Span: TypeAlias = tuple[datetime, datetime]
"""The first instant, and the first one after it."""

_TIME: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(Z|[+ -]\d\d:\d\d))?)?)?",
    re.ASCII,
)


@lru_cache(maxsize=512)  # a message tells the same few times again and again
def span(text: str) -> Span | None:
    """A date is a day, month or year in Oslo, a time as long as it is exact; ``None`` for what is no time."""
    match = _TIME.fullmatch(text)
    try:
        return None if match is None else _span(match)
    except (ValueError, OverflowError):
        return None


def period(told: JSON) -> tuple[datetime | None, datetime | None]:
    """The first instant of a Period and the first one after it, each ``None`` where it is open."""
    begins, ends = span(told.get("start", "")), span(told.get("end", ""))
    return begins and begins[0], ends and ends[1]


def _span(match: re.Match[str]) -> Span:
    year, month, day, _, _, second, fraction, zone = match.groups()
    if zone is None:
        start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=OSLO)
        if day is not None:
            return start, start + timedelta(days=1)  # wall clock: a day may have 23 or 25 hours
        months = 1 if month is not None else 12
        whole = sum(monthrange(start.year, start.month + n)[1] for n in range(months))
        return start, start + timedelta(days=whole)
    # a plus sign that was not escaped in the URL comes as a space
    stated = f"{match[0][:16]}:{second or '00'}{zone.replace(' ', '+')}"
    instant = datetime.fromisoformat(stated)
    digits = (fraction or ".")[1:7]
    step = timedelta(microseconds=10 ** (6 - len(digits))) if digits else timedelta(seconds=1)
    instant += timedelta(microseconds=int(digits.ljust(6, "0")))
    return instant, instant + (timedelta(minutes=1) if second is None else step)
