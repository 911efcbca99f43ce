"""Who may send which event: the column *sent by* of the event table (docs/profile.md), deny by default.

It is about kinds of senders. Whether the rules take this very message is ``decide``'s, and whom a citizen may speak
of is told by their ``sight``.
"""

from collections.abc import Mapping
from typing import Final

from pathways.access import CITIZENS, Operation, Role, may
from pathways.events import RULES, Activity, EventCode
from pathways.facts import MeetingFacts, MeetingKind
from pathways.messages import Message
from pathways.parties import Kind

C = EventCode

_HOSPITAL: Final = frozenset((Kind.HOSPITAL, Kind.OTHER))
_MUNICIPALITY: Final = frozenset((Kind.MUNICIPALITY, Kind.HOME, Kind.OTHER))
"""A private home acts for a municipality, as delegated."""
_HOUSES: Final = _HOSPITAL | _MUNICIPALITY
"""Where somebody stays: KAD, short stays and nursing homes are the municipality's."""
_DOCTORS: Final = frozenset((Kind.GP, Kind.LEGEVAKT, Kind.OTHER))
_HEALTH: Final = _HOUSES | _DOCTORS
"""What ``Kind.OTHER`` is: a health service that we have no word for. Who is no health service has a kind."""
_TAKING_PART: Final = _HEALTH | {Kind.SCHOOL, Kind.NAV}

SENT_BY: Final[Mapping[EventCode, frozenset[Kind]]] = {
    C.ADMISSION: _HOUSES,
    C.EARLY_NOTICE: _HOSPITAL,
    C.ADMISSION_REPORT: _HEALTH,
    C.SERVICE_OVERVIEW: _HEALTH,
    C.MEDICATION_LIST: _HEALTH,
    C.TRANSFER: _HOUSES,
    C.LEAVE_START: _HOUSES,
    C.LEAVE_END: _HOUSES,
    C.DISCHARGE_READY: _HOSPITAL,
    C.DISCHARGE_READY_WITHDRAWN: _HOSPITAL,
    C.CAPACITY_ANSWER: _MUNICIPALITY,
    C.OFFER_READY: _MUNICIPALITY,
    C.DEPARTURE_PLANNED: _HOUSES,
    C.RECEIVED_HOME: _HOUSES,
    C.DISCHARGE: _HOUSES,
    C.DISCHARGE_REPORT: _HOUSES,
    C.DOCTOR_REPORT: _HOUSES | _DOCTORS,
    C.TRANSFER_REPORT: _HOUSES,
    C.DEATH: _HOUSES | _DOCTORS,
    C.EMERGENCY_CONTACT: frozenset((Kind.LEGEVAKT, Kind.OTHER)),
    C.HOSPITAL_CHOICE: _DOCTORS,
    C.HOSPITAL_CHOICE_CONFIRMED: _HOUSES,
    C.REDIRECT_PROPOSED: _HOUSES,
    C.REFERRAL: _HEALTH,
    C.REFERRAL_RECEIVED: _HEALTH,
    C.REFERRAL_ACCEPTED: _HEALTH,
    C.REFERRAL_REJECTED: _HEALTH,
    C.REFERRAL_FORWARDED: _HEALTH,
    C.REFERRAL_SCHEDULED: _HEALTH,
    C.REFERRAL_COMPLETED: _HEALTH,
    C.REFERRAL_WITHDRAWN: _HEALTH,
    C.INQUIRY: _HEALTH,
    C.INQUIRY_FORWARDED: _HEALTH,
    C.REPLY: _HEALTH,
    C.SETTLED_BY_PHONE: _HEALTH,
    C.RELATIVE_REGISTERED: _HEALTH,
    C.PERSON_SHEET: _HEALTH,
    C.MUNICIPALITY_CHANGED: _HEALTH,
    C.IDENTITY_LINKED: _HEALTH,
    C.IDENTITY_UNLINKED: _HEALTH,
    C.FIRST_CONTACT_BOOKED: _HOUSES,
    C.COURSE_STARTED: _HOUSES,
    C.COURSE_ENDED: _HOUSES,
    C.COORDINATION_NEED: _HEALTH,
    C.COORDINATOR_APPOINTED: _HOUSES,
    C.COORDINATOR_ABSENT: _HOUSES,
    C.COORDINATOR_HANDOVER_OFFERED: _HOUSES,
    C.COORDINATOR_HANDOVER_ACCEPTED: _HOUSES,
    C.COORDINATOR_CHANGE_REQUESTED: _HEALTH,
    C.PLAN_CREATED: _HOUSES,
    C.PLAN_UPDATED: _HOUSES,
    C.PLAN_MEETING: _HEALTH,
    C.MEASURE_PROPOSED: _TAKING_PART,
    C.MEASURE_PROMISED: _TAKING_PART,
    C.MEASURE_STARTED: _TAKING_PART,
    C.MEASURE_DELAYED: _TAKING_PART,
    C.MEASURE_DONE: _TAKING_PART,
    C.MEASURE_DROPPED: _TAKING_PART,
    C.MEASURE_EVALUATED: _TAKING_PART,
    C.FOLLOW_UP: _HEALTH,
    C.CARER_UNAVAILABLE: _HEALTH,
    C.APPLICATION: _HEALTH,
    C.INTERIM_ANSWER: _MUNICIPALITY,
    C.DECISION: _MUNICIPALITY,
    C.COMPLAINT: _HEALTH,
    C.COMPLAINT_FORWARDED: _MUNICIPALITY,
    C.SERVICE_ENDING: _MUNICIPALITY,
    C.CONSENT_GIVEN: _HEALTH,
    C.CONSENT_WITHDRAWN: _HEALTH,
    C.OBJECTION_REGISTERED: _HEALTH,
    C.OBJECTION_WITHDRAWN: _HEALTH,
    C.ACKNOWLEDGEMENT: _TAKING_PART,
}
"""The kinds of organisations that send an event. What the broker itself makes, nobody sends."""

_ENTITLED: Final = frozenset((Role.PATIENT, Role.GUARDIAN))
_FAMILY: Final = _ENTITLED | {Role.RELATIVE}

CITIZENS_SEND: Final[Mapping[EventCode, frozenset[Role]]] = {
    C.INQUIRY: _FAMILY | {Role.CHILD},
    C.CARER_UNAVAILABLE: _FAMILY,
    C.PERSON_SHEET: _FAMILY,
    C.APPLICATION: _FAMILY,
    C.COMPLAINT: _FAMILY,
    C.MEASURE_PROPOSED: _FAMILY,
    C.MEASURE_EVALUATED: _ENTITLED,
    C.RELATIVE_REGISTERED: _ENTITLED,
    C.FOLLOW_UP: _ENTITLED,
    C.COORDINATOR_CHANGE_REQUESTED: _ENTITLED,
    C.PLAN_MEETING: _ENTITLED,
    C.CONSENT_GIVEN: _ENTITLED,
    C.CONSENT_WITHDRAWN: _ENTITLED,
    C.OBJECTION_REGISTERED: _ENTITLED,
    C.OBJECTION_WITHDRAWN: _ENTITLED,
}
"""What people send themselves. A relative's inquiry is always taken in; for the rest their sight has to reach there."""

ALWAYS: Final = frozenset((C.INQUIRY,))
"""What a citizen may send of anybody: who asks is told nothing by that (pasient- og brukerrettighetsloven § 3-3)."""

_ANSWERS: Final = frozenset((C.PLAN_MEETING,))
"""What those who are no health service may answer, though not begin: a summons."""
_BEGUN: Final = frozenset((Activity.NEW, Activity.REPLY))
_CORRECTED: Final = _BEGUN | {Activity.REVISE, Activity.CANCEL}


def may_send(role: Role, kind: Kind, message: Message) -> bool:
    """Whether somebody in this role, who acts for an organisation of this ``kind``, may send such a message."""
    if role in CITIZENS:
        sent = role in CITIZENS_SEND.get(message.code, ())
        return may(role, Operation.SEND) and sent and _is_theirs(message)
    return may_tell(role, kind, message.code, message.activity)


def may_tell(role: Role, kind: Kind, code: EventCode, activity: Activity) -> bool:
    """Whether somebody at work, in this role at an organisation of this ``kind``, may send such an event."""
    if role is Role.OPEN:
        return not RULES[code].ours
    if not may(role, Operation.SEND) or role in CITIZENS:
        return False
    if role is Role.NON_HEALTH and kind not in _LAY:
        return False
    if code in _ANSWERS and activity is Activity.REPLY and kind in _LAY:
        return True
    return kind in SENT_BY.get(code, ())


def events_of(role: Role, kind: Kind) -> list[EventCode]:
    """What somebody at work in this role tells for an organisation of this ``kind``, in the table's order."""
    return [code for code in SENT_BY if may_tell(role, kind, code, Activity.NEW)]


_LAY: Final = frozenset((Kind.SCHOOL, Kind.NAV))


def _is_theirs(message: Message) -> bool:
    """A person forwards nothing, and summons nobody but to begin a plan anew."""
    if message.activity not in _CORRECTED:
        return False
    if not isinstance(message.facts, MeetingFacts) or message.activity is Activity.REPLY:
        return True
    return message.facts.meeting is MeetingKind.RESTART
