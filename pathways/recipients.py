"""Who must be told. One table says which audiences an event has; each audience is a small function.

A corrected or cancelled message also reaches everyone who was told the message it changes.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from pathways import coordination, plans
from pathways.access import Basis
from pathways.doors import FOLLOWED_UP_BY, door
from pathways.events import EventCode
from pathways.facts import Need, Participant, StayFacts, StayKind, known_as
from pathways.markings import Marking
from pathways.messages import Message, Record
from pathways.parties import CITIZENS, Directory, Function, Party, PartyRef
from pathways.pathway import Header, Thread
from pathways.responsibility import PASSED_ON_TOO_OFTEN
from pathways.states import Meeting


@dataclass(frozen=True, slots=True)
class Recipient:
    """A party (directory key) that is told, and why."""

    party: str
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What the audiences look at. ``before`` is the thread as it was, ``None`` for a new one."""

    message: Message
    sender: str
    asked: str | None
    addressed: tuple[tuple[str, bool], ...]  # (party, for information only)
    before: Thread | None
    header: Header
    directory: Directory
    at: datetime
    zone: tzinfo = UTC  # of what begins or ends with a day
    corrected: tuple[Record, ...] = ()

    def municipal(self, function: Function) -> Party | None:
        """The unit that answers for ``function`` in the municipality that has the duty now."""
        number = self.header.municipality
        if number is None and self.message.patient:
            number = self.message.patient.municipality
        owner = self.directory.municipality(number, self.at) if number else None
        return self.directory.unit(owner, function, self.at) if owner else None

    @property
    def need(self) -> Need | None:
        """What the message, or else the thread, says about the need for municipal services."""
        known = self.before.facts if self.before else None
        for facts in (self.message.facts, known):
            if isinstance(facts, StayFacts) and facts.municipal_need is not None:
                return facts.municipal_need
        return None

    @property
    def stay_kind(self) -> StayKind | None:
        """What sort of stay it is, by the message, or else by the thread: a discharge need not say it again."""
        known = self.before.facts if self.before else None
        told = (known_as(StayFacts, facts).stay_kind for facts in (self.message.facts, known))
        return next(filter(None, told), None)

    def same_house(self, one: str | None, other: str | None) -> bool:
        """Whether two parties are units of the same organisation."""
        return one is not None and other is not None and self.directory.same_house(one, other)


_FUNCTIONS = frozenset(function.value for function in Function)
Audience = Callable[[Setting], Iterable[Recipient]]


def _addressed(s: Setting) -> Iterator[Recipient]:
    """A municipality is reached by function: what is sent to it as a whole goes to the unit that answers."""
    for key, copy in s.addressed:
        reached = door(s.directory, key, s.message.code, s.at, s.stay_kind)
        yield Recipient(reached, Basis.COPY if copy else Basis.ADDRESSED)


def asks(code: EventCode) -> bool:
    """Whether the event wants somebody to act, so that it is lost when nobody hears of it."""
    return _asked in AUDIENCES.get(code, ())


def _asked(s: Setting) -> Iterator[Recipient]:
    if s.asked:
        yield Recipient(s.asked, Basis.ASKED)


def _gp(s: Setting) -> Iterator[Recipient]:
    if gp := s.header.told("gp"):
        yield Recipient(gp, Basis.GP)


def _owner(s: Setting) -> Iterator[Recipient]:
    if s.before and s.before.owner:
        yield Recipient(s.before.owner, Basis.PARTICIPANT)


def _beginner(s: Setting) -> Iterator[Recipient]:
    if s.before and s.before.sender:
        yield Recipient(s.before.sender, Basis.PARTICIPANT)


def _participants(s: Setting) -> Iterator[Recipient]:
    for party in s.before.told if s.before else ():
        yield Recipient(party, Basis.SHARED)


def _responsible_now(s: Setting) -> Iterator[Recipient]:
    for party in s.header.open.values():
        yield Recipient(party, Basis.SHARED)


def _unit(function: Function, basis: Basis = Basis.NEED) -> Audience:
    def audience(s: Setting) -> Iterator[Recipient]:
        if unit := s.municipal(function):
            yield Recipient(unit.key, basis)

    return audience


def _nursing(s: Setting) -> Iterable[Recipient]:
    """Need yes, or services already active; unknown stays on the ward's list, no reaches nobody."""
    services = s.header.person.services
    if s.need is Need.NO or (s.need is not Need.YES and not services):
        return ()
    function = FOLLOWED_UP_BY.get(s.stay_kind, Function.NURSING)
    return tuple(_unit(function, Basis.NEED if s.need is Need.YES else Basis.SERVICE)(s))


def _case_office_with_nursing(s: Setting) -> Iterable[Recipient]:
    """Where nursing has a part, the case office has one, too."""
    return _CASE_OFFICE(s) if _nursing(s) else ()


def _nursing_beyond_the_house(s: Setting) -> Iterable[Recipient]:
    """Moves inside one hospital are for the timeline only."""
    inside = s.before is not None and s.same_house(s.before.owner, s.asked or s.sender)
    return () if inside else _nursing(s)


def _on_duty(s: Setting) -> Iterable[Recipient]:
    return _unit(Function.ON_DUTY)(s) if s.need is Need.YES else ()


def _services(s: Setting) -> Iterator[Recipient]:
    for name in s.header.person.services or ():
        if name in _FUNCTIONS and (unit := s.municipal(Function(name))):
            yield Recipient(unit.key, Basis.SERVICE)


def _municipalities(s: Setting) -> Iterator[Recipient]:
    """Both the municipality that had the duty and the one that gets it."""
    facts = s.message.facts
    new = (getattr(facts, "home_municipality", None), getattr(facts, "stay_municipality", None))
    for number in (s.header.municipality, *new):
        if number and (owner := s.directory.municipality(number, s.at)):
            unit = s.directory.unit(owner, Function.CASE_OFFICE, s.at)
            yield Recipient(unit.key, Basis.NEED)


def _taking_part(s: Setting) -> Iterator[Recipient]:
    """Those who take part in the plan, not those who did."""
    yield from _people(s, _names(s, "participants") or ())


def _plan(s: Setting) -> Iterator[Recipient]:
    """Whose the plan is that it belongs to, and who takes part in it."""
    for _, plan in plans.of(s.header.plans, _names(s, "plan")):
        if plan.owner:
            yield Recipient(plan.owner, Basis.PARTICIPANT)
        yield from _people(s, plan.participants)


def _people(s: Setting, people: Iterable[Participant]) -> Iterator[Recipient]:
    """While their consent holds."""
    for one in people:
        party = one.party and s.directory.find(one.party.known_by, s.at)
        if party and plans.takes_part(one, s.at, s.zone):
            yield Recipient(party.key, Basis.PLAN)


def _names(s: Setting, fact: str) -> Any:
    """What the message says, or else the thread."""
    known = s.before.facts if s.before else None
    known = known.facts if isinstance(known, Meeting) else known
    return getattr(s.message.facts, fact, None) or getattr(known, fact, None)


def _named(*facts: str, basis: Basis = Basis.PARTICIPANT) -> Audience:
    """Organisations that have a part in the matter itself."""

    def audience(s: Setting) -> Iterator[Recipient]:
        for fact in facts:
            told = _names(s, fact) or ()
            for ref in (told,) if isinstance(told, PartyRef) else told:
                if party := s.directory.find(ref.known_by, s.at):
                    yield Recipient(door(s.directory, party.key, s.message.code, s.at), basis)

    return audience


def _coordinators(s: Setting) -> Iterator[Recipient]:
    for party in coordination.parties(s.header.team):
        yield Recipient(party, Basis.PARTICIPANT)


def _reporters(s: Setting) -> Iterator[Recipient]:
    """Whoever reported a need, or asked for a change, hears what came of it."""
    for need in s.header.team.needs:
        yield Recipient(need.reporter, Basis.PARTICIPANT)


# A patient has one such thread for life: whoever was told once is no part of it today.
_IN_CARE = (_coordinators, _responsible_now, _services)
_HANDS = _named("party", "substitute_party", basis=Basis.ASKED)
_CARE_TEAM = (_HANDS, _reporters, *_IN_CARE, _owner)
_PLANNED = (_coordinators, _owner, _taking_part)
_MEASURE = (
    _asked,
    *(_named("owner", "refers"), _owner, _beginner, _coordinators, _plan),
    _named("follows_up", basis=Basis.COPY),
)


def _ke_in_the_end(s: Setting) -> Iterable[Recipient]:
    """What is passed on too often becomes the coordinating unit's."""
    passed = s.before.passed if s.before else ()
    return _unit(Function.KE)(s) if len(passed) + 1 >= PASSED_ON_TOO_OFTEN else ()


def _pledged(s: Setting) -> Iterator[Recipient]:
    """Both sides of what an answer or a call may settle, where that is no question."""
    if s.message.matter is None or s.before is None:
        return
    for promise in s.before.promises:
        unit = s.municipal(promise.duty.function) if promise.duty.function else None
        sides = (promise.duty.party, unit.key if unit else None, promise.other)
        for party in sides if promise.is_open else ():
            if party:
                yield Recipient(party, Basis.PARTICIPANT)


_CASE_OFFICE = _unit(Function.CASE_OFFICE)
_C = EventCode

AUDIENCES: Mapping[EventCode, tuple[Audience, ...]] = {
    _C.ADMISSION: (_nursing,),
    _C.EARLY_NOTICE: (_CASE_OFFICE,),
    _C.ADMISSION_REPORT: (_owner,),
    _C.MEDICATION_LIST: (_owner,),
    _C.SERVICE_OVERVIEW: (_responsible_now,),
    _C.TRANSFER: (_asked, _owner, _nursing_beyond_the_house),
    _C.LEAVE_START: (_owner, _nursing),
    _C.LEAVE_END: (_owner, _nursing),
    _C.DISCHARGE_READY: (_CASE_OFFICE,),
    _C.DISCHARGE_READY_WITHDRAWN: (_CASE_OFFICE, _participants),
    _C.CAPACITY_ANSWER: (_owner,),
    _C.OFFER_READY: (_owner,),
    _C.DEPARTURE_PLANNED: (_nursing,),
    _C.RECEIVED_HOME: (_owner,),
    _C.DISCHARGE: (_nursing, _case_office_with_nursing, _participants),
    _C.DISCHARGE_REPORT: (_nursing,),
    _C.DOCTOR_REPORT: (_gp, _nursing),
    _C.TRANSFER_REPORT: (_asked,),
    _C.DEATH: (_gp, _services, _participants),
    _C.EMERGENCY_CONTACT: (_gp, _on_duty),
    _C.HOSPITAL_CHOICE: (_asked, _gp, _participants),
    _C.HOSPITAL_CHOICE_CONFIRMED: (_beginner, _participants),
    _C.REDIRECT_PROPOSED: (_asked, _beginner, _participants),
    _C.REFERRAL: (_asked, _gp, _participants),
    _C.REFERRAL_RECEIVED: (_beginner, _owner, _gp),
    _C.REFERRAL_ACCEPTED: (_beginner, _owner, _gp),
    _C.REFERRAL_REJECTED: (_beginner, _owner, _gp),
    _C.REFERRAL_FORWARDED: (_asked, _beginner, _owner, _gp),
    _C.REFERRAL_SCHEDULED: (_beginner, _owner, _gp),
    _C.REFERRAL_COMPLETED: (_beginner, _owner, _gp),
    _C.REFERRAL_WITHDRAWN: (_beginner, _owner, _gp),
    _C.INQUIRY: (_asked, _owner),
    _C.INQUIRY_FORWARDED: (_asked, _beginner, _ke_in_the_end),
    _C.REPLY: (_beginner, _owner, _pledged),
    _C.SETTLED_BY_PHONE: (_beginner, _owner, _pledged),
    _C.CARER_UNAVAILABLE: (_asked, _unit(Function.ON_DUTY)),
    _C.FIRST_CONTACT_BOOKED: (_participants,),
    _C.COURSE_STARTED: (_participants,),
    _C.COURSE_ENDED: (_participants,),
    _C.APPLICATION: (_asked, _owner),
    _C.INTERIM_ANSWER: (_beginner, _participants),
    _C.DECISION: (_beginner, _participants),
    _C.COMPLAINT: (_asked, _owner),
    _C.COMPLAINT_FORWARDED: (_asked, _beginner, _participants),
    _C.SERVICE_ENDING: (_beginner, _participants, _responsible_now),
    _C.RELATIVE_REGISTERED: (_responsible_now,),
    _C.PERSON_SHEET: (_responsible_now,),
    _C.MUNICIPALITY_CHANGED: (_municipalities, _responsible_now),
    _C.IDENTITY_LINKED: (_responsible_now,),
    _C.IDENTITY_UNLINKED: (_responsible_now,),
    _C.COORDINATION_NEED: (_asked,),
    _C.COORDINATOR_APPOINTED: _CARE_TEAM,
    _C.COORDINATOR_ABSENT: _CARE_TEAM,
    _C.COORDINATOR_HANDOVER_OFFERED: (_HANDS, _owner),
    _C.COORDINATOR_HANDOVER_ACCEPTED: _CARE_TEAM,
    _C.COORDINATOR_CHANGE_REQUESTED: (_asked,),
    _C.CONSENT_GIVEN: _IN_CARE,
    _C.CONSENT_WITHDRAWN: _IN_CARE,
    _C.OBJECTION_REGISTERED: _IN_CARE,
    _C.OBJECTION_WITHDRAWN: _IN_CARE,
    _C.PLAN_CREATED: _PLANNED,
    _C.PLAN_UPDATED: _PLANNED,
    _C.PLAN_MEETING: (_named("summoned", basis=Basis.ASKED), _owner, _coordinators, _plan),
    _C.MEASURE_PROPOSED: _MEASURE,
    _C.MEASURE_PROMISED: _MEASURE,
    _C.MEASURE_STARTED: _MEASURE,
    _C.MEASURE_DELAYED: _MEASURE,
    _C.MEASURE_DONE: _MEASURE,
    _C.MEASURE_DROPPED: _MEASURE,
    _C.MEASURE_EVALUATED: _MEASURE,
    _C.FOLLOW_UP: (_asked, _named("owner"), _owner, _participants),
}


UNASKED: Mapping[EventCode, Function] = {
    _C.INQUIRY: Function.KE,
    _C.CARER_UNAVAILABLE: Function.ON_DUTY,
    _C.APPLICATION: Function.CASE_OFFICE,
}
"""What is taken in though it is sent to nobody, and the unit in the patient's municipality that gets it."""

NAMES_RELATIVES = frozenset((_C.COORDINATOR_ABSENT,))
"""Events whose entry names the relatives whom the patient lets know: they have no account to be told by."""

ENDS_AT_KE = frozenset((*UNASKED, _C.INQUIRY_FORWARDED, _C.COMPLAINT))
"""Events that the coordinating unit has where nobody else does."""


def recipients(setting: Setting) -> tuple[Recipient, ...]:
    """Everyone who must be told, the sender left out; the first reason found is the one kept."""
    found: dict[str, Recipient] = {}
    limited = bool(setting.addressed) and Marking.LIMITED in setting.message.markings
    others = (_asked,) if limited else AUDIENCES.get(setting.message.code, ())
    audiences = (_addressed, *others)
    for audience in audiences:
        for recipient in audience(setting):
            found.setdefault(recipient.party, recipient)
    for party in () if limited else _told_before(setting.corrected):
        found.setdefault(party, Recipient(party, Basis.PARTICIPANT))
    for nobody in (setting.sender, CITIZENS):  # people look for themselves, by their sight
        found.pop(nobody, None)
    return tuple(found.values())


def _told_before(corrected: Collection[Record]) -> Iterator[str]:
    for record in corrected:
        yield from record.receivers
