"""What an event can say: one class of facts for each family.

An event states *facts*; a thread's state holds the newest of each, so one class serves both: a field that is
``None`` says nothing. Moments carry their zone; numbers of days are whole days.
"""

from dataclasses import dataclass, fields, replace
from datetime import date
from enum import StrEnum
from typing import TypeAlias, TypeVar

from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from pathways.plan_facts import PlanFact


class StayKind(StrEnum):
    """What sort of stay an admission begins."""

    HOSPITAL = "hospital"
    EMERGENCY_WARD = "emergency-ward"
    MUNICIPAL_ACUTE = "municipal-acute"  # KAD/ØHD
    SHORT_STAY = "short-stay"
    NURSING_HOME = "nursing-home"
    REHAB = "rehab"
    MENTAL_HEALTH = "mental-health"  # DPS, BUP, TSB
    RESPITE = "respite"


class Need(StrEnum):
    """Whether the patient is thought to need municipal services afterwards."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class StayFacts:
    """What is known of a stay. Times are moments; ``medicines_days`` is a number of days."""

    encounter_class: str | None = None  # v3-ActCode: IMP, EMER, …
    stay_kind: StayKind | None = None
    municipal_need: Need | None = None
    report_wanted: bool | None = None  # the hospital asks for an admission report
    begins: Moment | None = None
    ends: Moment | None = None
    provider: PartyRef | None = None
    ward: str | None = None
    expected_ready: Moment | None = None
    can_receive: bool | None = None
    receive_from: Moment | None = None
    departs: Moment | None = None
    transport: str | None = None
    medicines_days: int | None = None
    equipment: str | None = None
    key: str | None = None  # where the key to the home is
    disposition: str | None = None
    deceased: Moment | None = None
    identifiers: tuple[Identifier, ...] | None = None
    episodes: tuple[Identifier, ...] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFacts:
    """A document: ``text`` is its narrative as plain text, ``title`` what newcomers may see."""

    title: str | None = None
    text: str | None = None
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferralFacts:
    """A referral or a choice of hospital: what is asked, of whom, by whom, and what came of it."""

    title: str | None = None
    priority: str | None = None  # routine | urgent | asap | stat
    reason: str | None = None
    reason_code: str | None = None
    requester: PartyRef | None = None
    performer: PartyRef | None = None  # who is asked now
    proposed: PartyRef | None = None  # who is proposed instead (redirect)
    scheduled: Moment | None = None
    report: str | None = None  # what was found and done, back to who referred
    identifiers: tuple[Identifier, ...] | None = None
    note: str | None = None


class Disclosure(StrEnum):
    """What those who answer a relative may do, pasient- og brukerrettighetsloven § 3-3."""

    RECEIVE_AND_GUIDE = "receive-and-guide"  # in general; nothing about the patient
    MAY_DISCLOSE = "may-disclose"  # with the reason why


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryFacts:
    """A question and what was said about it."""

    topic: str | None = None  # where it settles something: the kind of the promise, else all
    text: str | None = None
    asker: str | None = None  # a person's or relative's name; the sender otherwise
    owner: PartyRef | None = None  # whose it is to answer
    reason: str | None = None  # why it is passed on, or may be disclosed
    disclosure: Disclosure | None = None
    settled_with: str | None = None
    promise: str | None = None  # id of the Task of the one promise it is about
    since: Moment | None = None  # from when the carer is away
    until: Moment | None = None
    fallback: str | None = None  # what was agreed for when the carer is away
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFacts:
    """What follows the patient to every newcomer."""

    sheet: str | None = None
    sheet_title: str | None = None
    relatives: tuple["Relative", ...] | None = None
    home_municipality: str | None = None  # kommunenummer
    stay_municipality: str | None = None
    services: tuple[str, ...] | None = None  # active municipal functions
    overview: str | None = None  # the service overview as plain text
    linked: tuple[Identifier, ...] | None = None
    unlinked: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFacts:
    """An answer to a message: ``response`` is ok, transient-error or fatal-error."""

    about: str | None = None  # MessageHeader.id, or Bundle.id where the dialect quotes that
    response: str | None = None
    read_by_person: bool | None = None
    note: str | None = None


class Role(StrEnum):
    """A coordinator's role; each has one baton per patient."""

    MUNICIPAL = "municipal"  # koordinator, helse- og omsorgstjenesteloven § 7-2
    HOSPITAL = "hospital"  # koordinator, spesialisthelsetjenesteloven § 2-5 a
    CONTACT_DOCTOR = "contact-doctor"  # kontaktlege, spesialisthelsetjenesteloven § 2-5 c
    CHILD = "child"  # barnekoordinator, helse- og omsorgstjenesteloven § 7-2 a
    BATON = "baton-holder"  # stafettholder
    CASE_HANDLER = "case-handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoordinatorFacts:
    """A need for coordination, or who coordinates: ``name`` and ``phone`` of the person, ``party`` where they work."""

    role: Role | None = None
    name: str | None = None
    phone: str | None = None
    party: PartyRef | None = None
    first: bool | None = None  # whom the patient calls first
    since: Moment | None = None
    until: Moment | None = None
    substitute: str | None = None  # who stands in during an absence
    substitute_phone: str | None = None
    substitute_party: PartyRef | None = None
    expecting: bool | None = None  # a need of a family that expects a child
    reason: str | None = None
    identifiers: tuple[Identifier, ...] | None = None


class ConsentKind(StrEnum):
    """What a consent, or an objection, is about."""

    RELATIVES = "relatives"
    PLAN = "plan"
    SCHOOL = "school"
    NAV = "nav"
    HEALTH_PERSONNEL = "health-personnel"  # the rule is need, unless the patient objects


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentFacts:
    """A consent given or an objection registered: about what, for whom, how long."""

    consent: ConsentKind | None = None
    party: PartyRef | None = None  # an organisation it is for
    person: str | None = None  # or a relative, by name as registered
    professional: str | None = None  # or one person at work, whom an objection is about
    document: str | None = None  # the message id of one document an objection is about
    covers: tuple[str, ...] | None = None  # events.Family of the matters; None: all of its kind
    since: Moment | None = None
    until: Moment | None = None
    oral: bool | None = None  # given orally and recorded by staff
    note: str | None = None
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of a plan, in the person's own words where there are any."""

    text: str
    by: date | None = None


@dataclass(frozen=True, slots=True)
class Participant:
    """Who takes part in a plan, with consent from ``since`` to ``until``."""

    name: str
    role: str | None = None
    party: PartyRef | None = None
    since: Moment | None = None
    until: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFacts:
    """An individual plan (helse- og omsorgstjenesteloven § 7-1) or SIP: what it is for and who takes part."""

    title: str | None = None
    coordinator: str | None = None
    goals: tuple[Goal, ...] | None = None
    participants: tuple[Participant, ...] | None = None
    begins: Moment | None = None
    ends: Moment | None = None
    note: str | None = None
    emptied: tuple[PlanFact, ...] | None = None  # what it says no more: told, and known of no plan
    identifiers: tuple[Identifier, ...] | None = None


class MeetingKind(StrEnum):
    """Why those who take part meet."""

    START = "start"
    RESTART = "restart"
    DISCHARGE = "discharge"
    FOLLOW_UP = "follow-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetingFacts:
    """A summons to a meeting about the plan, or an answer to one (``accepts``)."""

    meeting: MeetingKind | None = None
    begins: Moment | None = None
    ends: Moment | None = None
    place: str | None = None
    link: str | None = None  # of the video room
    summoned: tuple[PartyRef, ...] | None = None
    accepts: bool | None = None
    reason: str | None = None
    plan: tuple[Identifier, ...] | None = None
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureFacts:
    """A measure: who refers, who does it, who follows it up, when it is due and how it went."""

    title: str | None = None
    proposer: str | None = None  # a person's or relative's name; the sender otherwise
    refers: PartyRef | None = None
    owner: PartyRef | None = None  # who does it
    owner_name: str | None = None
    follows_up: PartyRef | None = None
    due: Moment | None = None
    evaluate_by: Moment | None = None
    evaluation: str | None = None
    reason: str | None = None  # why delayed, dropped or not promised
    note: str | None = None
    plan: tuple[Identifier, ...] | None = None
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpFacts:
    """Repeating contact: every ``interval_days``, and what was said at the last one."""

    title: str | None = None
    owner: PartyRef | None = None
    owner_name: str | None = None
    interval_days: int | None = None
    talked: Moment | None = None
    note: str | None = None
    until: Moment | None = None
    identifiers: tuple[Identifier, ...] | None = None


class Outcome(StrEnum):
    """What was decided about an application."""

    GRANTED = "granted"
    PARTLY = "partly"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFacts:
    """An application for a service, what was decided, and what becomes of the service."""

    service: str | None = None
    text: str | None = None
    applicant: str | None = None  # a person's or relative's name; the sender otherwise
    owner: PartyRef | None = None  # who decides
    outcome: Outcome | None = None
    reason: str | None = None
    valid_from: Moment | None = None
    valid_to: Moment | None = None
    appeal_by: Moment | None = None
    expected: Moment | None = None  # when an interim answer promises the decision
    ends: Moment | None = None  # of the service
    replaced_by: str | None = None
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CourseFacts:
    """A course of treatment (DPS, BUP, TSB, rehab): its first contact, begin and end."""

    title: str | None = None
    contact: Moment | None = None
    place: str | None = None
    begins: Moment | None = None
    ends: Moment | None = None
    provider: PartyRef | None = None
    note: str | None = None
    identifiers: tuple[Identifier, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineFacts:
    """A reminder or an alarm the broker sends: ``promise`` is the id of its Task."""

    promise: str | None = None
    kind: str | None = None  # pathways.promises.PromiseKind
    step: str | None = None  # pathways.escalation.Step
    due: Moment | None = None
    responsible: PartyRef | None = None
    holder: str | None = None  # the person who has taken it
    note: str | None = None  # why an alarm is withdrawn


class RelativeRole(StrEnum):
    """What a relative is to the patient by law; one may be several things."""

    NEXT_OF_KIN = "next-of-kin"  # nærmeste pårørende, pasient- og brukerrettighetsloven § 1-3 b
    GUARDIAN = "guardian"  # verge, or who has parental responsibility
    ATTORNEY = "attorney"  # holds a fullmakt
    CARER = "carer"
    MINOR_CHILD = "minor-child"  # of the patient: helsepersonelloven § 10 a


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative as registered. ``authority``: what a guardian or who holds a fullmakt may decide, in words."""

    name: str
    relationship: str | None = None
    phone: str | None = None
    roles: tuple[RelativeRole, ...] = ()
    authority: str | None = None
    born: date | None = None
    identifiers: tuple[Identifier, ...] = ()  # without any, nobody who signs in is known as them


Facts: TypeAlias = (
    StayFacts
    | ReportFacts
    | ReferralFacts
    | InquiryFacts
    | PersonFacts
    | ReceiptFacts
    | CoordinatorFacts
    | ConsentFacts
    | PlanFacts
    | MeetingFacts
    | MeasureFacts
    | FollowUpFacts
    | ApplicationFacts
    | CourseFacts
    | DeadlineFacts
)
F = TypeVar("F", bound=Facts)


def newest(known: F, said: F) -> F:
    """``known`` with everything that ``said`` says put over it."""
    told = {f.name: v for f in fields(said) if (v := getattr(said, f.name)) is not None}
    return replace(known, **told) if told else known


K = TypeVar("K")


def known_as(kind: type[K], value: object) -> K:
    """``value`` where it is of the kind, else what says nothing: documents alone may be known of a matter."""
    return value if isinstance(value, kind) else kind()
