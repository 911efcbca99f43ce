"""Every kind of event there is, and to which kind of thread it belongs.

The event codes are those of ``https://carepath.example/fhir/CodeSystem/pathway-event``. A new one needs a code, a row
in ``RULES``, and, where it says something new, a class of ``facts``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    CoordinatorFacts,
    CourseFacts,
    DeadlineFacts,
    Facts,
    FollowUpFacts,
    InquiryFacts,
    MeasureFacts,
    MeetingFacts,
    PersonFacts,
    PlanFacts,
    ReceiptFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
)
from pathways.states import Consents, Meeting, State, Team


class Family(StrEnum):
    """The kinds of threads; a thread is one matter of one patient."""

    STAY = "stay"
    REFERRAL = "referral"
    CHOICE = "choice"  # a legevakt's choice of hospital
    INQUIRY = "inquiry"
    EMERGENCY = "emergency"
    COURSE = "course"  # of treatment at a DPS, BUP, TSB or in rehabilitation
    COORDINATION = "coordination"  # who coordinates, one thread per patient
    PLAN = "plan"
    MEETING = "meeting"
    MEASURE = "measure"
    FOLLOW_UP = "follow-up"
    APPLICATION = "application"
    CONSENT = "consent"  # consents and objections, one thread per patient
    DEADLINE = "deadline"  # reminders and alarms of one promise
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
    FIRST_CONTACT_BOOKED = "first-contact-booked"
    COURSE_STARTED = "course-started"
    COURSE_ENDED = "course-ended"
    COORDINATION_NEED = "coordination-need"
    COORDINATOR_APPOINTED = "coordinator-appointed"
    COORDINATOR_ABSENT = "coordinator-absent"
    COORDINATOR_HANDOVER_OFFERED = "coordinator-handover-offered"
    COORDINATOR_HANDOVER_ACCEPTED = "coordinator-handover-accepted"
    COORDINATOR_CHANGE_REQUESTED = "coordinator-change-requested"
    PLAN_CREATED = "plan-created"
    PLAN_UPDATED = "plan-updated"
    PLAN_MEETING = "plan-meeting"
    MEASURE_PROPOSED = "measure-proposed"
    MEASURE_PROMISED = "measure-promised"
    MEASURE_STARTED = "measure-started"
    MEASURE_DELAYED = "measure-delayed"
    MEASURE_DONE = "measure-done"
    MEASURE_DROPPED = "measure-dropped"
    MEASURE_EVALUATED = "measure-evaluated"
    FOLLOW_UP = "follow-up"
    CARER_UNAVAILABLE = "carer-unavailable"
    APPLICATION = "application"
    INTERIM_ANSWER = "interim-answer"
    DECISION = "decision"
    COMPLAINT = "complaint"
    COMPLAINT_FORWARDED = "complaint-forwarded"
    SERVICE_ENDING = "service-ending"
    CONSENT_GIVEN = "consent-given"
    CONSENT_WITHDRAWN = "consent-withdrawn"
    OBJECTION_REGISTERED = "objection-registered"
    OBJECTION_WITHDRAWN = "objection-withdrawn"
    REMINDER = "reminder"
    DEADLINE_MISSED = "deadline-missed"
    ACKNOWLEDGEMENT = "acknowledgement"
    MISADDRESSED = "misaddressed"
    GLASS_BROKEN = "glass-broken"  # to the organisation of whoever read without a grant
    HANDOVER_SUMMARY = "handover-summary"  # made by the broker for a newcomer


class Activity(StrEnum):
    """What the message does, said by the Provenance that targets its header."""

    NEW = "new"
    REVISE = "revise"
    CANCEL = "cancel"
    FORWARD = "forward"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of the event table. ``request``: the rules may refuse it; ``report``: it is a document.

    ``begins``: a request that needs no matter to be known. ``ours``: only the broker sends it.
    """

    family: Family
    facts: type[Facts]
    focus: tuple[str, ...]  # FHIR types the header's focus may have, the first the one we write
    request: bool = False
    report: bool = False
    begins: bool = False
    ours: bool = False


_ENCOUNTER = ("Encounter",)
_STAY_TASK = ("Encounter", "Task")
_REPORT = ("Composition", "DocumentReference", "Encounter")
_REFERRAL = ("ServiceRequest", "Task")
_TASK = ("Task",)
_TEAM = ("CareTeam",)
_COURSE = ("EpisodeOfCare", "Appointment")
_COMMUNICATION = ("Communication",)
_MEETING = ("Appointment", "AppointmentResponse")

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
    EventCode.INQUIRY: Rule(Family.INQUIRY, InquiryFacts, _COMMUNICATION),
    EventCode.INQUIRY_FORWARDED: Rule(Family.INQUIRY, InquiryFacts, _COMMUNICATION, request=True),
    EventCode.REPLY: Rule(Family.INQUIRY, InquiryFacts, _COMMUNICATION),
    EventCode.SETTLED_BY_PHONE: Rule(Family.INQUIRY, InquiryFacts, _COMMUNICATION),
    EventCode.SERVICE_OVERVIEW: Rule(Family.PERSON, PersonFacts, ("Composition",)),
    EventCode.RELATIVE_REGISTERED: Rule(Family.PERSON, PersonFacts, ("RelatedPerson",)),
    EventCode.PERSON_SHEET: Rule(Family.PERSON, PersonFacts, ("Composition",)),
    EventCode.MUNICIPALITY_CHANGED: Rule(Family.PERSON, PersonFacts, ("Patient",)),
    EventCode.IDENTITY_LINKED: Rule(Family.PERSON, PersonFacts, ("Patient",)),
    EventCode.IDENTITY_UNLINKED: Rule(Family.PERSON, PersonFacts, ("Patient",)),
    EventCode.FIRST_CONTACT_BOOKED: Rule(Family.COURSE, CourseFacts, ("Appointment",)),
    EventCode.COURSE_STARTED: Rule(Family.COURSE, CourseFacts, _COURSE),
    EventCode.COURSE_ENDED: Rule(Family.COURSE, CourseFacts, _COURSE),
    EventCode.COORDINATION_NEED: Rule(Family.COORDINATION, CoordinatorFacts, _TASK),
    EventCode.COORDINATOR_APPOINTED: Rule(
        Family.COORDINATION, CoordinatorFacts, _TEAM, request=True, begins=True
    ),
    EventCode.COORDINATOR_ABSENT: Rule(Family.COORDINATION, CoordinatorFacts, _TEAM, request=True),
    EventCode.COORDINATOR_HANDOVER_OFFERED: Rule(
        Family.COORDINATION, CoordinatorFacts, _TEAM, request=True
    ),
    EventCode.COORDINATOR_HANDOVER_ACCEPTED: Rule(
        Family.COORDINATION, CoordinatorFacts, _TEAM, request=True
    ),
    EventCode.COORDINATOR_CHANGE_REQUESTED: Rule(
        Family.COORDINATION, CoordinatorFacts, _TEAM, request=True
    ),
    EventCode.PLAN_CREATED: Rule(Family.PLAN, PlanFacts, ("CarePlan",)),
    EventCode.PLAN_UPDATED: Rule(Family.PLAN, PlanFacts, ("CarePlan",)),
    EventCode.PLAN_MEETING: Rule(Family.MEETING, MeetingFacts, _MEETING),
    EventCode.MEASURE_PROPOSED: Rule(Family.MEASURE, MeasureFacts, _TASK),
    EventCode.MEASURE_PROMISED: Rule(
        Family.MEASURE, MeasureFacts, _TASK, request=True, begins=True
    ),
    EventCode.MEASURE_STARTED: Rule(Family.MEASURE, MeasureFacts, _TASK),
    EventCode.MEASURE_DELAYED: Rule(Family.MEASURE, MeasureFacts, _TASK, request=True),
    EventCode.MEASURE_DONE: Rule(Family.MEASURE, MeasureFacts, _TASK),
    EventCode.MEASURE_DROPPED: Rule(Family.MEASURE, MeasureFacts, _TASK, request=True),
    EventCode.MEASURE_EVALUATED: Rule(Family.MEASURE, MeasureFacts, _TASK),
    EventCode.FOLLOW_UP: Rule(Family.FOLLOW_UP, FollowUpFacts, _TASK),
    EventCode.CARER_UNAVAILABLE: Rule(Family.INQUIRY, InquiryFacts, ("Task", "Communication")),
    EventCode.APPLICATION: Rule(Family.APPLICATION, ApplicationFacts, _TASK),
    EventCode.INTERIM_ANSWER: Rule(Family.APPLICATION, ApplicationFacts, _TASK),
    EventCode.DECISION: Rule(Family.APPLICATION, ApplicationFacts, _TASK),
    EventCode.COMPLAINT: Rule(Family.APPLICATION, ApplicationFacts, _TASK),
    EventCode.COMPLAINT_FORWARDED: Rule(Family.APPLICATION, ApplicationFacts, _TASK),
    EventCode.SERVICE_ENDING: Rule(Family.APPLICATION, ApplicationFacts, _TASK),
    EventCode.CONSENT_GIVEN: Rule(
        Family.CONSENT, ConsentFacts, ("Consent",), request=True, begins=True
    ),
    EventCode.CONSENT_WITHDRAWN: Rule(Family.CONSENT, ConsentFacts, ("Consent",)),
    EventCode.OBJECTION_REGISTERED: Rule(Family.CONSENT, ConsentFacts, ("Consent",)),
    EventCode.OBJECTION_WITHDRAWN: Rule(Family.CONSENT, ConsentFacts, ("Consent",)),
    EventCode.REMINDER: Rule(Family.DEADLINE, DeadlineFacts, _TASK, ours=True),
    EventCode.DEADLINE_MISSED: Rule(Family.DEADLINE, DeadlineFacts, _TASK, ours=True),
    EventCode.ACKNOWLEDGEMENT: Rule(Family.BROKER, ReceiptFacts, ("OperationOutcome",)),
    EventCode.MISADDRESSED: Rule(Family.BROKER, ReceiptFacts, ("Task",), ours=True),
    EventCode.GLASS_BROKEN: Rule(Family.BROKER, ReceiptFacts, ("Task",), ours=True),
    EventCode.HANDOVER_SUMMARY: Rule(Family.BROKER, ReportFacts, ("Composition",), ours=True),
}

STATES: Mapping[Family, type[State]] = {
    Family.STAY: StayFacts,
    Family.EMERGENCY: StayFacts,
    Family.REFERRAL: ReferralFacts,
    Family.CHOICE: ReferralFacts,
    Family.INQUIRY: InquiryFacts,
    Family.PERSON: PersonFacts,
    Family.BROKER: ReceiptFacts,
    Family.COURSE: CourseFacts,
    Family.COORDINATION: Team,
    Family.PLAN: PlanFacts,
    Family.MEETING: Meeting,
    Family.MEASURE: MeasureFacts,
    Family.FOLLOW_UP: FollowUpFacts,
    Family.APPLICATION: ApplicationFacts,
    Family.CONSENT: Consents,
    Family.DEADLINE: DeadlineFacts,
}
"""What is known of a thread of this family."""

WHOLE = frozenset((Family.PERSON, Family.COORDINATION, Family.CONSENT))
"""Families of which a patient has one thread: they follow the person, not a case."""
