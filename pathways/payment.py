"""Days that a municipality pays for a patient who is ready for discharge, from what was told of the stay.

Forskrift om kommunal betaling for utskrivningsklare pasienter § 13: from and with the day the patient was declared
ready, if the municipality had early notice within 24 hours (§ 8) and was told of the readiness (§ 10), for as long as
it cannot receive the patient or has not answered (§ 11). The day on which that ends is not counted. Who falls ill
again or is admitted anew is not ready from that day on; earlier days stay owed.

A notice counts from when it was written, an answer too, a call from the call: neither side can say it for a day that
had passed. Days are local days of the calendar's zone, and follow from the records alone, whatever order they came in.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from pathways.calendars import Calendar
from pathways.corrections import Standing, standing
from pathways.deadlines import LIMITS
from pathways.events import EventCode
from pathways.facts import InquiryFacts, StayFacts, known_as
from pathways.messages import Record
from pathways.promises import Promise, PromiseKind

RATES: Mapping[int, int] = {
    2012: 4000,
    2014: 4255,
    2015: 4387,
    2016: 4505,
    2017: 4622,
    2018: 4747,
    2019: 4885,
    2020: 5036,
    2021: 5167,
    2022: 5306,
    2023: 5508,
    2024: 5745,
}
"""NOK for a day of the year, as the ministry's circulars have it; a year without a row has no known rate."""

IN_FORCE = date(2012, 1, 1)
"""No day before this is paid for (samhandlingsreformen)."""

TOPIC = "payment-days"
"""An inquiry about this is a dispute."""


class Why(StrEnum):
    """Why a day of waiting is owed, or is not."""

    NOT_ANSWERED = "not-answered"
    CANNOT_RECEIVE = "cannot-receive"
    NOT_TOLD = "not-told"  # the municipality was told of the readiness on a later day
    NO_EARLY_NOTICE = "no-early-notice"
    LATE_EARLY_NOTICE = "late-early-notice"
    ADMISSION_UNKNOWN = "admission-unknown"  # nobody can say whether the early notice came in time


OWED = frozenset((Why.NOT_ANSWERED, Why.CANNOT_RECEIVE))


@dataclass(frozen=True, slots=True)
class Day:
    """A day of waiting. ``evidence``: ids of the records it follows from, in the order of events."""

    day: date
    why: Why
    evidence: tuple[str, ...]

    @property
    def owed(self) -> bool:
        """Whether the municipality pays for it."""
        return self.why in OWED


@dataclass(frozen=True, slots=True)
class Bill:
    """What the owed days come to. ``unknown``: the years without a rate, whose days are not in ``amount`` (NOK)."""

    days: int
    amount: int
    unknown: tuple[int, ...]


def bill(days: Iterable[Day], rates: Mapping[int, int] = RATES) -> Bill:
    """What is owed for these days."""
    owed = [day.day.year for day in days if day.owed]
    unknown = tuple(sorted({year for year in owed if year not in rates}))
    return Bill(len(owed), sum(rates.get(year, 0) for year in owed), unknown)


def payment_days(
    records: Collection[Record],
    promises: Iterable[Promise],
    calendar: Calendar,
    today: date,
    *,
    same_day: bool = False,
) -> list[Day]:
    """The days a patient waited before ``today``, owed or not, in order; records and promises are those of the stay.

    ``same_day``: a readiness that is withdrawn on its own day counts as a day. The law does not say.
    """
    outcome = standing(records)
    told = _first_told(records, outcome)
    codes = _meanings(outcome.records, promises)
    found: dict[date, Day] = {}
    for wait in _waits(sorted(outcome.records, key=lambda r: r.order), codes):
        for day in _Reckoning(wait, told, codes, calendar).days(today, same_day=same_day):
            if day.day not in found or day.owed:
                found[day.day] = day
    return [found[day] for day in sorted(found)]


# --- what happened


@dataclass(slots=True)
class _Presence:
    """From an admission to the discharge."""

    admitted: Record | None = None
    begins: datetime | None = None
    notice: Record | None = None


@dataclass(slots=True)
class _Wait:
    """From a readiness to its end, with everything the municipality said of it."""

    presence: _Presence
    ready: Record
    answers: list[Record] = field(default_factory=list)
    ended: Record | None = None


_C = EventCode
_LEFT = (_C.DISCHARGE, _C.DEATH)
_NOT_READY = (_C.ADMISSION, _C.DISCHARGE_READY_WITHDRAWN)
_ANSWERS = (_C.CAPACITY_ANSWER, _C.OFFER_READY)


def _waits(records: Iterable[Record], codes: Mapping[str, EventCode]) -> Iterator[_Wait]:
    """Every readiness among the records, which are in the order of events."""
    presence, wait = _Presence(), None
    answers: list[Record] = []
    for record in records:
        code = codes[record.id]
        if code in (*_LEFT, *_NOT_READY):
            if wait:
                wait.ended = record
                yield wait
            wait, answers = None, []
        if code in _LEFT:
            presence = _Presence()
        _note(presence, record, code)
        if code is _C.DISCHARGE_READY and wait is None:
            wait = _Wait(presence, record, answers)
        if code in _ANSWERS:
            answers.append(record)
    if wait:
        yield wait


def _note(presence: _Presence, record: Record, code: EventCode) -> None:
    if code is _C.ADMISSION and presence.admitted is None:
        presence.admitted, presence.begins = record, record.happened.at
    if isinstance(record.facts, StayFacts) and record.facts.begins and presence.begins is None:
        presence.begins = record.facts.begins.at
    if code is _C.EARLY_NOTICE and presence.notice is None:
        presence.notice = record


_BY_PHONE: Mapping[str, EventCode] = {
    PromiseKind.EARLY_NOTICE: _C.EARLY_NOTICE,
    PromiseKind.OFFER_READY: _C.OFFER_READY,
}


def _meanings(records: Iterable[Record], promises: Iterable[Promise]) -> Mapping[str, EventCode]:
    """What each record comes to: a promise that was kept by phone, and is named, is kept."""
    kinds = {promise.id: promise.kind for promise in promises}
    codes = {}
    for record in records:
        codes[record.id] = record.code
        if record.code is _C.SETTLED_BY_PHONE and isinstance(record.facts, InquiryFacts):
            kind = kinds.get(record.facts.promise or "") or record.facts.topic or ""
            codes[record.id] = _BY_PHONE.get(kind, record.code)
    return codes


def _first_told(records: Iterable[Record], outcome: Standing) -> Mapping[str, datetime]:
    """Since when a record's message has been told: that of the first of its versions."""
    told: dict[str, datetime] = {}
    for record in records:
        stands = outcome.replaced_by.get(record.id, record.id)
        told[stands] = min(told.get(stands, _written(record)), _written(record))
    return told


def _written(record: Record) -> datetime:
    """Of a call, the call."""
    return record.happened.at if record.code is _C.SETTLED_BY_PHONE else record.written


# --- what it comes to


@dataclass(frozen=True, slots=True)
class _Reckoning:
    wait: _Wait
    told: Mapping[str, datetime]
    codes: Mapping[str, EventCode]
    calendar: Calendar

    def days(self, today: date, *, same_day: bool) -> Iterator[Day]:
        """Every day from the readiness on, before its end and before ``today``, on which it could not be ended."""
        day = self._first()
        last = min(self._end(same_day=same_day), today)
        while day < last:
            answer = self._answer(day)
            if answer is None or not self._can_receive(answer, day):
                yield Day(day, self._why(day, answer), self._evidence(answer))
            day += timedelta(days=1)

    def _first(self) -> date:
        return max(IN_FORCE, self.calendar.local_day(self.wait.ready.happened.at))

    def _end(self, *, same_day: bool) -> date:
        ended = self.wait.ended
        if ended is None:
            return date.max
        end = self.calendar.local_day(ended.happened.at)
        counts = same_day and ended.code in _NOT_READY and end == self._first()
        return end + timedelta(days=1) if counts else end

    def _answer(self, day: date) -> Record | None:
        """The newest word of the municipality on that day."""
        said = [r for r in self.wait.answers if self.calendar.local_day(_proof(r)) <= day]
        return max(said, key=lambda r: (_proof(r), r.order), default=None)

    def _can_receive(self, answer: Record, day: date) -> bool:
        facts = known_as(StayFacts, answer.facts)
        from_then = facts.receive_from
        if from_then is not None and facts.can_receive is not False:
            return self.calendar.local_day(from_then.at) <= day
        return self.codes[answer.id] is _C.OFFER_READY or facts.can_receive is True

    def _why(self, day: date, answer: Record | None) -> Why:
        presence = self.wait.presence
        if day < self.calendar.local_day(self._since_told(self.wait.ready)):
            return Why.NOT_TOLD
        if presence.notice is None:
            return Why.NO_EARLY_NOTICE
        if presence.begins is None:
            return Why.ADMISSION_UNKNOWN
        limit = LIMITS[PromiseKind.EARLY_NOTICE]
        if self._since_told(presence.notice) > self.calendar.due(presence.begins, limit):
            return Why.LATE_EARLY_NOTICE
        return Why.CANNOT_RECEIVE if answer else Why.NOT_ANSWERED

    def _since_told(self, record: Record) -> datetime:
        return max(record.happened.at, self.told[record.id])

    def _evidence(self, answer: Record | None) -> tuple[str, ...]:
        presence = self.wait.presence
        from_ = (presence.admitted, presence.notice, self.wait.ready, answer)
        return tuple(r.id for r in sorted((r for r in from_ if r), key=lambda r: r.order))


def _proof(record: Record) -> datetime:
    return max(record.happened.at, _written(record))
