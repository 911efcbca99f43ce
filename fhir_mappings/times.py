"""FHIR dates and times as text, and what the rules work with.

An instant needs its zone; a date is a whole local day; ``2026`` or ``2026-03`` names no day and cannot say
when something happened (FHIR R4 datatypes, *dateTime*). Fractions beyond microseconds are cut, and a leap
second is the first moment of the next minute, as clocks without leap seconds show it.
"""

import re
from datetime import UTC, date, datetime, timedelta, tzinfo

from pathways.moments import Moment, on_day

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:)(\d\d)(?:\.(\d{1,6})\d*)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_COARSE = re.compile(r"\d{4}(-\d\d)?", re.ASCII)


class Unreadable(ValueError):
    """A text that is not a usable time; says why, never what was written."""


def instant(text: str) -> datetime:
    """A FHIR instant, in UTC. Raises ``Unreadable``."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise Unreadable("is not a time with seconds")
    minute, second, fraction, zone = match.groups()
    if zone is None:
        raise Unreadable("is a time without a zone")
    leap = second == "60"
    try:
        found = datetime.fromisoformat(f"{minute}{'59' if leap else second}{zone}").astimezone(UTC)
        return found + timedelta(seconds=leap, microseconds=int((fraction or "0").ljust(6, "0")))
    except (ValueError, OverflowError):
        raise Unreadable("is not a time that exists") from None


def moment(text: str, written: datetime, zone: tzinfo) -> Moment:
    """A FHIR dateTime; a date stands at ``written``, clamped into that day of ``zone``. Raises ``Unreadable``."""
    if "T" in text:
        return Moment(instant(text))
    try:
        found = on_day(day(text), written, zone)
        return Moment(found.at.astimezone(UTC), day=True)
    except OverflowError:
        raise Unreadable("is not a day that can be reckoned with") from None


def day(text: str) -> date:
    """A FHIR date that names its day. Raises ``Unreadable``."""
    if not _DAY.fullmatch(text):
        coarse = _COARSE.fullmatch(text)
        raise Unreadable("names no day: give YYYY-MM-DD" if coarse else "is not a date")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable("is not a day that exists") from None


def instant_text(at: datetime) -> str:
    """An aware datetime as a FHIR instant in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def moment_text(when: Moment, zone: tzinfo) -> str:
    """A moment as a FHIR dateTime: a day as its local date."""
    return when.at.astimezone(zone).date().isoformat() if when.day else instant_text(when.at)
