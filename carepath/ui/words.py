"""What the pages put into words: moments, spans and names in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache

from babel.dates import format_date, format_timedelta

from carepath import texts
from carepath.texts import ZONE
from pathways.axis import Every, Stride
from pathways.moments import Moment
from pathways.parties import Party
from pathways.timeline import Entry

_LOCALES = {"nb": "nb_NO", "en": "en_GB"}
_DAYS = {"nb": "EEEE d. MMMM y", "en": "EEEE d MMMM y"}
_SHORT = {"nb": "EEE d. MMM", "en": "EEE d MMM"}
_DATES = {"nb": "d. MMMM y", "en": "d MMMM y"}
_AXIS = {
    Every.DAYS: {"nb": "d.", "en": "d"},
    Every.WEEKS: {"nb": "d. MMM", "en": "d MMM"},
    Every.MONTHS: {"nb": "MMM", "en": "MMM"},
    Every.YEARS: {"nb": "y", "en": "y"},
}
_COARSE = {
    Every.DAYS: {"nb": "EEEE d. MMMM", "en": "EEEE d MMMM"},
    Every.MONTHS: {"nb": "MMMM y", "en": "MMMM y"},
    Every.YEARS: {"nb": "y", "en": "y"},
}
_SHORTER = {
    Every.DAYS: {"nb": "EEE d.", "en": "EEE d"},
    Every.MONTHS: {"nb": "MMM", "en": "MMM"},
    Every.YEARS: {"nb": "y", "en": "y"},
}


@dataclass(frozen=True, slots=True)
class Words:
    """In one language; ``parties`` is the directory by key."""

    language: str
    parties: Mapping[str, Party]

    def text(self, key: str, **params: str | Moment) -> str:
        """A text of the catalogues."""
        return texts.render(key, params, self.language)

    def moment(self, value: Moment | datetime) -> str:
        """Date and time, or the date alone where no more is known."""
        known = value if isinstance(value, Moment) else Moment(value)
        return texts.moment(known, self.language)

    def entry(self, entry: Entry) -> str:
        """The sentence that tells of an entry."""
        return texts.render(entry.text_key, entry.params, self.language)

    def brief(self, entry: Entry) -> str:
        """What happened, in a word or two."""
        return _brief(entry.text_key, entry.activity, self.language)

    def name(self, key: str) -> str:
        """A party's name."""
        party = self.parties.get(key)
        return party.name if party else key

    def clock(self, at: datetime) -> str:
        """Local hours and minutes."""
        return f"{at.astimezone(ZONE):%H:%M}"

    def day(self, day: date) -> str:
        """A day as a heading."""
        return self._date(day, _DAYS)

    def due(self, at: datetime) -> str:
        """A day as one says it, and the time where it is not the end of the day."""
        local = at.astimezone(ZONE)
        ends_day = (local + timedelta(seconds=1)).date() != local.date()
        return self.day(local.date()) + (
            "" if ends_day else self.text("own.at", clock=self.clock(at))
        )

    def month(self, day: date) -> str:
        """A month as a heading."""
        return self._date(day, _COARSE[Every.MONTHS])

    def dated(self, day: date) -> str:
        """A day within a sentence."""
        return dated(day, self.language)

    def short(self, at: datetime) -> str:
        """Day and time, as short as can be; without time where it is the end of a day."""
        local = at.astimezone(ZONE)
        ends_day = (local + timedelta(seconds=1)).date() != local.date()
        return self.short_day(at) if ends_day else f"{self.short_day(at)} {local:%H:%M}"

    def short_day(self, at: datetime) -> str:
        """The day of an instant, as short as can be."""
        return self._date(at.astimezone(ZONE).date(), _SHORT)

    def lasting(self, span: timedelta) -> str:
        """How long something is, in its largest unit."""
        return format_timedelta(span, threshold=1.5, locale=_LOCALES[self.language])

    def tick(self, at: datetime, step: Stride, apart: float) -> str:
        """What is written at a tick; weekdays where there is room for them."""
        if step.every is Every.MINUTES:
            return self.clock(at)
        day = at.astimezone(ZONE).date()
        if step.every is Every.DAYS and apart >= _ROOM_FOR_WEEKDAYS:
            return self._date(day, _SHORTER[Every.DAYS])
        return self._date(day, _AXIS[step.every])

    def coarse(self, at: datetime, step: Stride) -> tuple[str, str]:
        """What the ticks after ``at`` are read against, and a shorter way to say it."""
        day = at.astimezone(ZONE).date()
        return self._date(day, _COARSE[step.every]), self._date(day, _SHORTER[step.every])

    def _date(self, day: date, pattern: Mapping[str, str]) -> str:
        return format_date(day, pattern[self.language], locale=_LOCALES[self.language])


@cache
def _brief(key: str, activity: str, language: str) -> str:
    """A sentence without what stands in it, up to its first stop; corrections within their frame."""
    frame = f".{activity}" if activity in texts.FRAMES else ""
    said = texts.render(key.removesuffix(frame), {}, language).split(":")[0].split(".")[0].strip()
    return texts.render(f"frame{frame}", {"text": said}, language) if frame else said


_ROOM_FOR_WEEKDAYS = 44.0


def dated(day: date, language: str) -> str:
    """A day within a sentence."""
    return format_date(day, _DATES[language], locale=_LOCALES[language])


def written(at: datetime) -> str:
    """An instant in an address, to the microsecond: so much apart things become known."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
