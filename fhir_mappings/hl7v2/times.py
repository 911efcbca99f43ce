"""Time stamps of HL7 v2: ``YYYY[MM[DD[HH[MM[SS[.S[S[S[S]]]]]]]]][+/-ZZZZ]`` (TS and DTM, 2.A).

A stamp without zone is in that of MSH-7, else in the site's. Systems print MSH-7 with the offset of the moment and
all else as their clocks showed it: where the site has the offset of MSH-7, too, the site's zone counts, summer
time included. A time that the clocks showed twice is the first of both.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Final

from fhir_mappings.times import Unreadable
from pathways.moments import Moment, on_day

_STAMP: Final = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,4}))?)?)?)?)?)?([+-]\d{4})?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Clock:
    """How the stamps of one message are read: in ``zone`` unless they name one; a day stands at ``written``."""

    zone: tzinfo
    written: datetime

    def moment(self, stamp: str) -> Moment:
        """When it happened: an instant, or a whole day. Raises ``Unreadable``."""
        found = _parts(stamp)
        if found[4] is not None:
            return Moment(instant(stamp, self.zone))
        try:
            at = on_day(day(stamp), self.written, _zone(found[8]) or self.zone).at
            return Moment(at.astimezone(UTC), day=True)
        except OverflowError:
            raise Unreadable("is not a day that can be reckoned with") from None


def instant(stamp: str, zone: tzinfo) -> datetime:
    """The instant, in UTC; to the hour at least. Raises ``Unreadable``."""
    found = _parts(stamp)
    hour, minute, second, fraction, offset = found.groups()[3:]
    if hour is None:
        raise Unreadable("names no time of day")
    leap = second == "60"
    try:
        on = day(stamp)
        clock = (int(hour), int(minute or 0), 59 if leap else int(second or 0))
        local = datetime(on.year, on.month, on.day, *clock, tzinfo=_zone(offset) or zone)
        return local.astimezone(UTC) + timedelta(
            seconds=leap, microseconds=int((fraction or "0").ljust(6, "0"))
        )
    except (ValueError, OverflowError):
        raise Unreadable("is not a time that exists") from None


def day(stamp: str) -> date:
    """The day. Raises ``Unreadable``, also when none is named."""
    year, month, day_ = _parts(stamp).groups()[:3]
    if day_ is None:
        raise Unreadable("names no day: give YYYYMMDD")
    try:
        return date(int(year), int(month), int(day_))
    except ValueError:
        raise Unreadable("is not a day that exists") from None


def zone_of(stamp: str | None, site: tzinfo) -> tzinfo:
    """The zone of stamps without one, in a message whose MSH-7 is ``stamp``. Raises ``Unreadable``."""
    told = _zone(_parts(stamp)[8]) if stamp else None
    if told is None or stamp is None:
        return site
    try:
        offset = instant(stamp, site).astimezone(site).utcoffset()
    except OverflowError:
        return told
    return site if offset == told.utcoffset(None) else told


def text(at: datetime) -> str:
    """An aware time as a stamp, in UTC and to the second."""
    return at.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")


def _parts(stamp: str) -> re.Match[str]:
    found = _STAMP.fullmatch(stamp)
    if found is None:
        raise Unreadable("is not a time stamp: give YYYYMMDDHHMMSS, with its zone")
    return found


def _zone(offset: str | None) -> timezone | None:
    if offset is None:
        return None
    minutes = int(offset[1:3]) * 60 + int(offset[3:])
    if minutes > 14 * 60 or int(offset[3:]) > 59:
        raise Unreadable("has an offset that no zone has")
    return timezone(timedelta(minutes=minutes if offset[0] == "+" else -minutes))
