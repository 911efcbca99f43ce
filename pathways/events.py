"""Every kind of event there is, what it can say, and to which kind of thread it belongs.

An event states *facts*; a thread's state holds the newest of each. So one class per family serves both:
a field that is ``None`` says nothing. The event codes are those of
``https://carepath.example/fhir/CodeSystem/pathway-event``.

Coordination, plans, applications, consent and deadlines join here: a code, a row in ``RULES``, and, where
they say something new, a class of facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef


class Family(StrEnum):
    """The kinds of threads; a thread is one matter of one patient."""

    STAY = "stay"
    REFERRAL = "referral"
    CHOICE = "choice"  # a legevakt's choice of hospital
    INQUIRY = "inquiry"
    EMERGENCY = "emergency"
    PERSON = "person"  # what follows the patient: sheet, relatives, municipality, identity
    BROKER = "broker"  # about delivery itself: receipts, misaddressed messages


class EventCode(StrEnum):
    """The codes on the wire."""

    ADMISSION = "admission"
    EARLY_NOTICE = "early-notice"
    ADMISSION_REPORT = "admission-report"
    SERVICE_OVERVIEW = "service-overview"
    MEDICATION_LIST = "medication-list"
    TRANSFER = "transfer"
    LEAVE_START = "leave-start"
    LEAVE_END = "leave-end"
    DISCHARGE_READY = "discharge-ready"
    DISCHARGE_READY_WITHDRAWN = "discharge-ready-withdrawn"
    CAPACITY_ANSWER = "capacity-answer"
    OFFER_READY = "offer-ready"
    DEPARTURE_PLANNED = "departure-planned"
    RECEIVED_HOME = "received-home"
    DISCHARGE = "discharge"
    DISCHARGE_REPORT = "discharge-report"
    DOCTOR_REPORT = "doctor-report"
    TRANSFER_REPORT = "transfer-report"
    DEATH = "death"
    EMERGENCY_CONTACT = "emergency-contact"
    HOSPITAL_CHOICE = "hospital-choice"
    HOSPITAL_CHOICE_CONFIRMED = "hospital-choice-confirmed"
    REDIRECT_PROPOSED = "redirect-proposed"
    REFERRAL = "referral"
    REFERRAL_RECEIVED = "referral-received"
    REFERRAL_ACCEPTED = "referral-accepted"
    REFERRAL_REJECTED = "referral-rejected"
    REFERRAL_FORWARDED = "referral-forwarded"
    REFERRAL_SCHEDULED = "referral-scheduled"
    REFERRAL_COMPLETED = "referral-completed"
    REFERRAL_WITHDRAWN = "referral-withdrawn"
    INQUIRY = "inquiry"
    INQUIRY_FORWARDED = "inquiry-forwarded"
    REPLY = "reply"
    SETTLED_BY_PHONE = "settled-by-phone"
    RELATIVE_REGISTERED = "relative-registered"
    PERSON_SHEET = "person-sheet"
    MUNICIPALITY_CHANGED = "municipality-changed"
    IDENTITY_LINKED = "identity-linked"
    IDENTITY_UNLINKED = "identity-unlinked"
    ACKNOWLEDGEMENT = "acknowledgement"
    MISADDRESSED = "misaddressed"
    HANDOVER_SUMMARY = "handover-summary"  # made by the broker for a newcomer


class Activity(StrEnum):
    """What the message does, said by the Provenance that targets its header."""

    NEW = "new"
    REVISE = "revise"
    CANCEL = "cancel"
    FORWARD = "forward"
    REPLY = "reply"


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
    identifiers: tuple[Identifier, ...] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InquiryFacts:
    """A question and what was said about it."""

    topic: str | None = None
    text: str | None = None
    owner: PartyRef | None = None  # whose it is to answer
    settled_with: str | None = None
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


@dataclass(frozen=True, slots=True)
class Relative:
    """A relative as registered."""

    name: str
    relationship: str | None = None
    phone: str | None = None


Facts: TypeAlias = (
    StayFacts | ReportFacts | ReferralFacts | InquiryFacts | PersonFacts | ReceiptFacts
)
F = TypeVar("F", bound=Facts)


def newest(known: F, said: F) -> F:
    """``known`` with everything that ``said`` says put over it."""
    told = {f.name: v for f in fields(said) if (v := getattr(said, f.name)) is not None}
    return replace(known, **told) if told else known


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the event table. ``request``: the rules may refuse it; ``report``: it is a document."""

    family: Family
    facts: type[Facts]
    focus: tuple[str, ...]  # FHIR types the header's focus may have, the first the one we write
    request: bool = False
    report: bool = False


_ENCOUNTER = ("Encounter",)
_STAY_TASK = ("Encounter", "Task")
_REPORT = ("Composition", "DocumentReference", "Encounter")
_REFERRAL = ("ServiceRequest", "Task")

RULES: Mapping[EventCode, Rule] = {
    EventCode.ADMISSION: Rule(Family.STAY, StayFacts, _ENCOUNTER),
    EventCode.EARLY_NOTICE: Rule(Family.STAY, StayFacts, _STAY_TASK),
    EventCode.ADMISSION_REPORT: Rule(Family.STAY, ReportFacts, _REPORT, report=True),
    EventCode.MEDICATION_LIST: Rule(Family.STAY, ReportFacts, _REPORT, report=True),
    EventCode.TRANSFER: Rule(Family.STAY, StayFacts, _ENCOUNTER),
    EventCode.LEAVE_START: Rule(Family.STAY, StayFacts, _ENCOUNTER),
    EventCode.LEAVE_END: Rule(Family.STAY, StayFacts, _ENCOUNTER),
    EventCode.DISCHARGE_READY: Rule(Family.STAY, StayFacts, _STAY_TASK),
    EventCode.DISCHARGE_READY_WITHDRAWN: Rule(Family.STAY, StayFacts, _STAY_TASK),
    EventCode.CAPACITY_ANSWER: Rule(Family.STAY, StayFacts, ("Task", "Encounter")),
    EventCode.OFFER_READY: Rule(Family.STAY, StayFacts, ("Task", "Encounter")),
    EventCode.DEPARTURE_PLANNED: Rule(Family.STAY, StayFacts, _STAY_TASK),
    EventCode.RECEIVED_HOME: Rule(Family.STAY, StayFacts, _STAY_TASK),
    EventCode.DISCHARGE: Rule(Family.STAY, StayFacts, _ENCOUNTER),
    EventCode.DISCHARGE_REPORT: Rule(Family.STAY, ReportFacts, _REPORT, report=True),
    EventCode.DOCTOR_REPORT: Rule(Family.STAY, ReportFacts, _REPORT, report=True),
    EventCode.TRANSFER_REPORT: Rule(Family.STAY, ReportFacts, _REPORT, report=True),
    EventCode.DEATH: Rule(Family.STAY, StayFacts, ("Encounter", "Patient")),
    EventCode.EMERGENCY_CONTACT: Rule(Family.EMERGENCY, StayFacts, _ENCOUNTER),
    EventCode.HOSPITAL_CHOICE: Rule(Family.CHOICE, ReferralFacts, _REFERRAL),
    EventCode.HOSPITAL_CHOICE_CONFIRMED: Rule(
        Family.CHOICE, ReferralFacts, _REFERRAL, request=True
    ),
    EventCode.REDIRECT_PROPOSED: Rule(Family.CHOICE, ReferralFacts, _REFERRAL, request=True),
    EventCode.REFERRAL: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL),
    EventCode.REFERRAL_RECEIVED: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL),
    EventCode.REFERRAL_ACCEPTED: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL, request=True),
    EventCode.REFERRAL_REJECTED: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL, request=True),
    EventCode.REFERRAL_FORWARDED: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL, request=True),
    EventCode.REFERRAL_SCHEDULED: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL),
    EventCode.REFERRAL_COMPLETED: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL),
    EventCode.REFERRAL_WITHDRAWN: Rule(Family.REFERRAL, ReferralFacts, _REFERRAL),
    EventCode.INQUIRY: Rule(Family.INQUIRY, InquiryFacts, ("Communication",)),
    EventCode.INQUIRY_FORWARDED: Rule(
        Family.INQUIRY, InquiryFacts, ("Communication",), request=True
    ),
    EventCode.REPLY: Rule(Family.INQUIRY, InquiryFacts, ("Communication",)),
    EventCode.SETTLED_BY_PHONE: Rule(Family.INQUIRY, InquiryFacts, ("Communication",)),
    EventCode.SERVICE_OVERVIEW: Rule(Family.PERSON, PersonFacts, ("Composition",)),
    EventCode.RELATIVE_REGISTERED: Rule(Family.PERSON, PersonFacts, ("RelatedPerson",)),
    EventCode.PERSON_SHEET: Rule(Family.PERSON, PersonFacts, ("Composition",)),
    EventCode.MUNICIPALITY_CHANGED: Rule(Family.PERSON, PersonFacts, ("Patient",)),
    EventCode.IDENTITY_LINKED: Rule(Family.PERSON, PersonFacts, ("Patient",)),
    EventCode.IDENTITY_UNLINKED: Rule(Family.PERSON, PersonFacts, ("Patient",)),
    EventCode.ACKNOWLEDGEMENT: Rule(Family.BROKER, ReceiptFacts, ("OperationOutcome",)),
    EventCode.MISADDRESSED: Rule(Family.BROKER, ReceiptFacts, ("Task",)),
    EventCode.HANDOVER_SUMMARY: Rule(Family.BROKER, ReportFacts, ("Composition",)),
}
