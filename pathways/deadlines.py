"""When a promise is due, and whose it is: what needs a calendar, agreements and the directory.

A limit that the law sets is fixed and names its source; the others are defaults that an agreement between the two
sides, dated and of one kind, may replace.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pathways.calendars import LATEST, Calendar, Limit, Unit
from pathways.moments import Moment
from pathways.parties import Directory, Function
from pathways.pathway import Header, Thread
from pathways.plan_promises import outlived
from pathways.promises import Promise, PromiseKind

K = PromiseKind

LIMITS: Mapping[PromiseKind, Limit] = {
    K.EARLY_NOTICE: Limit(24, Unit.HOURS, "forskrift om utskrivningsklare pasienter § 8"),
    K.ADMISSION_REPORT: Limit(24, Unit.HOURS),
    K.CAPACITY_ANSWER: Limit(1, Unit.WORKING_DAYS),
    K.OFFER_READY: Limit(3, Unit.WORKING_DAYS),
    K.RECEIVED_HOME: Limit(4, Unit.HOURS),
    K.TRANSFER_REPORT: Limit(0, Unit.SAME_DAY),
    K.DISCHARGE_REPORT: Limit(0, Unit.SAME_DAY),
    # To be checked by a lawyer: counted from when the referral was received.
    K.REFERRAL_ASSESSMENT: Limit(10, Unit.WORKING_DAYS, "pasient- og brukerrettighetsloven § 2-2"),
    K.ACUTE_ASSESSMENT: Limit(30, Unit.MINUTES),
    K.CHOICE_CONFIRMATION: Limit(15, Unit.MINUTES),
    K.INQUIRY_ANSWER: Limit(2, Unit.WORKING_DAYS),
    K.CARER_ANSWER: Limit(2, Unit.HOURS),
    K.FIRST_CONTACT: Limit(5, Unit.WORKING_DAYS),
    K.COORDINATION_ANSWER: Limit(5, Unit.WORKING_DAYS),
    K.HANDOVER_ANSWER: Limit(2, Unit.WORKING_DAYS),
    K.CHANGE_ANSWER: Limit(5, Unit.WORKING_DAYS),
    K.MEETING_ANSWER: Limit(3, Unit.WORKING_DAYS),
    K.PROPOSAL_ANSWER: Limit(5, Unit.WORKING_DAYS),
    K.MEASURE: Limit(10, Unit.WORKING_DAYS),
    K.EVALUATION: Limit(10, Unit.WORKING_DAYS),
    K.FOLLOW_UP: Limit(0, Unit.SAME_DAY),
    # An interim answer where no decision can be given within a month.
    K.INTERIM_ANSWER: Limit(1, Unit.MONTHS, "forvaltningsloven § 11 a"),
    K.DECISION: Limit(60, Unit.DAYS),
    K.COMPLAINT_FORWARDED: Limit(10, Unit.WORKING_DAYS),
    K.REVIEW: Limit(0, Unit.SAME_DAY),
    K.RECEIPT: Limit(
        96, Unit.HOURS, "Referansearkitektur for meldings- og dokumentutveksling, e-helse"
    ),
}
"""How long each kind may take where nothing else is agreed."""

ACUTE = frozenset((K.ACUTE_ASSESSMENT, K.CHOICE_CONFIRMATION, K.CARER_ANSWER))
"""What is not put off to opening hours."""

_SAME_DAY = Limit(0, Unit.SAME_DAY)
_FROM_NAMED = frozenset((K.RECEIVED_HOME,))
"""Whose limit runs from the time the events name; else that time is itself the due time."""

_IN_THE_DAY = frozenset((K.FIRST_CONTACT,))
"""What is due on the day of the time that is named; a day that is named is always its end."""

_DAYS_BEFORE: Mapping[PromiseKind, int] = {K.REVIEW: 14}
"""What has to be done some days before the time the events name, where those days are still to come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two organisations (their topmost parents' keys, in order) agreed on a limit for one kind of promise."""

    kind: PromiseKind
    parties: tuple[str, str]
    limit: Limit
    since: datetime
    until: datetime | None = None

    def holds(self, kind: PromiseKind, parties: Collection[str], at: datetime) -> bool:
        """Whether it is about this kind between these two at that time."""
        if self.kind is not kind or {*self.parties} != {*parties}:
            return False
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A promise with its due time (UTC) and the parties it concerns (directory keys).

    ``responsible`` is never empty while it is open.
    """

    id: str
    patient: str
    thread: str
    promise: Promise
    due: datetime
    limit: Limit | None  # None where the events themselves name the time
    responsible: str
    other: str | None


@dataclass(frozen=True, slots=True)
class Terms:
    """What due times and responsibles are found with. ``fallback``: who has what nobody else has."""

    calendar: Calendar
    directory: Directory
    agreements: Collection[Agreement] = ()
    fallback: str = "carepath"

    def commitments(self, thread: Thread, header: Header) -> list[Commitment]:
        """The promises of a thread, those that are closed too; what was kept before it was asked for is none."""
        death = min(header.deceased.values(), key=lambda moment: moment.at, default=None)
        standing = outlived(thread.promises, thread.family, death)
        return [self.commitment(p, thread, header) for p in standing if not p.ahead]

    def commitment(self, promise: Promise, thread: Thread, header: Header) -> Commitment:
        """One promise in a matter of a patient."""
        at = promise.opened.at
        other = promise.other or self._municipal(Function.CASE_OFFICE, header, at)
        responsible = self._responsible(promise, thread, header)
        due, limit = self._due(promise, responsible, other)
        return Commitment(
            id=promise.id,
            patient=thread.patient,
            thread=thread.id,
            promise=promise,
            due=due,
            limit=limit,
            responsible=responsible,
            other=other if other != responsible else None,
        )

    def _responsible(self, promise: Promise, thread: Thread, header: Header) -> str:
        duty = promise.duty
        if duty.party:
            return duty.party
        unit = duty.function and self._municipal(duty.function, header, promise.opened.at)
        return unit or thread.owner or thread.sender or self.fallback

    def _municipal(self, function: Function, header: Header, at: datetime) -> str | None:
        number = header.municipality
        owner = self.directory.municipality(number, at) if number else None
        return self.directory.unit(owner, function, at).key if owner else None

    def _due(
        self, promise: Promise, responsible: str, other: str | None
    ) -> tuple[datetime, Limit | None]:
        """Never before it was opened: what is named too early is due at once."""
        limit = self._limit(promise, responsible, other)
        opened = promise.opened.at.astimezone(UTC)
        if promise.due is None:
            return self.calendar.due(opened, limit), limit
        if promise.kind in _FROM_NAMED:
            return max(opened, self.calendar.due(promise.due.at, limit)), limit
        return max(opened, self._named(promise, promise.due)), None

    def _named(self, promise: Promise, due: Moment) -> datetime:
        named = min(due.at.astimezone(UTC), LATEST)
        days = _DAYS_BEFORE.get(promise.kind, 0)
        if named > promise.opened.at + timedelta(days=days + 1):
            named = self.calendar.days_before(named, days)
        whole = due.day or promise.kind in _IN_THE_DAY
        return self.calendar.due(named, _SAME_DAY) if whole else named

    def _limit(self, promise: Promise, responsible: str, other: str | None) -> Limit:
        usual = LIMITS[promise.kind]
        if usual.source is not None or other is None:
            return usual
        sides = [self.directory.house(key) for key in (responsible, other)]
        agreed = (a for a in self.agreements if a.holds(promise.kind, sides, promise.opened.at))
        return next((a.limit for a in agreed), usual)
