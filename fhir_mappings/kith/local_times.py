"""Local times: what is written without a zone is Europe/Oslo.

An hour that comes twice, in autumn, is the later one unless that would be after the moment by which it must have
been written; an hour that never was, in spring, is no time.
"""

import re
from datetime import UTC, datetime, tzinfo
from typing import Final

from fhir_mappings import times
from fhir_mappings.times import Unreadable
from pathways.moments import Moment

_ZONE: Final = re.compile(r"(?:Z|[+-]\d\d:\d\d)\Z", re.ASCII)


def instant(text: str, zone: tzinfo, not_after: datetime) -> datetime:
    """An xsd:dateTime, in UTC. Raises ``Unreadable``."""
    if _ZONE.search(text):
        return times.instant(text)
    naive = times.instant(f"{text}Z").replace(tzinfo=None)
    try:
        both = {naive.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        real = sorted(one for one in both if one.astimezone(zone).replace(tzinfo=None) == naive)
    except OverflowError:
        raise Unreadable("is not a time that can be reckoned with") from None
    if not real:
        raise Unreadable("is not a time that exists")
    return next((one for one in reversed(real) if one <= not_after), real[0])


def moment(text: str, zone: tzinfo, written: datetime) -> Moment:
    """An xsd:dateTime or xsd:date; a date stands at ``written``, clamped into that day. Raises ``Unreadable``."""
    if "T" in text:
        return Moment(instant(text, zone, written))
    return times.moment(text, written, zone)


def local_text(at: datetime, zone: tzinfo) -> str:
    """An aware datetime as an xsd:dateTime, to the second, with its offset: the doubled hour is told apart."""
    return at.astimezone(zone).isoformat(timespec="seconds")
