"""Rule 1: every status and every change of status is in this file.

``TRANSITIONS[family][status][code]`` is the status that follows; what has no row changes nothing. A fold runs
over events in the order they *happened*, so a terminal state is never undone by a late earlier report; only a
later admission opens a finished stay again.
"""

from collections.abc import Mapping
from enum import StrEnum

from pathways.events import RULES, EventCode, Family
from pathways.facts import Outcome


class Status(StrEnum):
    """What a thread can be. Referrals use FHIR's Task codes, stays its Encounter codes where it has them."""

    NONE = "none"  # before the first event; never stored
    UNKNOWN = "unknown"  # only documents or answers are known, the matter itself is not
    IN_PROGRESS = "in-progress"
    READY = "ready"
    ON_LEAVE = "on-leave"
    FINISHED = "finished"
    DECEASED = "deceased"
    REQUESTED = "requested"
    RECEIVED = "received"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    OPEN = "open"
    ANSWERED = "answered"
    SETTLED = "settled"
    ACTIVE = "active"
    PROPOSED = "proposed"
    PROMISED = "promised"
    DELAYED = "delayed"
    EVALUATED = "evaluated"
    GRANTED = "granted"
    REFUSED = "refused"
    CONTESTED = "contested"
    ENDING = "ending"
    ENDED = "ended"
    ENTERED_IN_ERROR = "entered-in-error"  # every event of it was cancelled


CLOSED = frozenset(
    {
        Status.FINISHED,
        Status.DECEASED,
        Status.REJECTED,
        Status.COMPLETED,
        Status.CANCELLED,
        Status.ANSWERED,
        Status.SETTLED,
        Status.EVALUATED,
        Status.REFUSED,
        Status.ENDED,
        Status.ENTERED_IN_ERROR,
    }
)
"""Nobody is expected to do anything more."""

C, S = EventCode, Status
Row = dict[EventCode, Status]

_PRESENT: Row = {
    C.ADMISSION: S.IN_PROGRESS,
    C.DISCHARGE_READY: S.READY,
    C.LEAVE_START: S.ON_LEAVE,
    C.DISCHARGE: S.FINISHED,
    C.DEATH: S.DECEASED,
}
_BEGINS_STAY: Row = {
    code: S.UNKNOWN for code, rule in RULES.items() if rule.family is Family.STAY
} | {
    C.TRANSFER: S.IN_PROGRESS,
    C.EARLY_NOTICE: S.IN_PROGRESS,
    C.LEAVE_END: S.IN_PROGRESS,
    C.DISCHARGE_READY_WITHDRAWN: S.IN_PROGRESS,
    C.DEPARTURE_PLANNED: S.IN_PROGRESS,
    **_PRESENT,
}
_REFERRED: Row = {
    C.REFERRAL_RECEIVED: S.RECEIVED,
    C.REFERRAL_ACCEPTED: S.ACCEPTED,
    C.REFERRAL_REJECTED: S.REJECTED,
    C.REFERRAL_FORWARDED: S.REQUESTED,
    C.REFERRAL_SCHEDULED: S.IN_PROGRESS,
    C.REFERRAL_COMPLETED: S.COMPLETED,
    C.REFERRAL_WITHDRAWN: S.CANCELLED,
}
_TAKEN: Row = {code: after for code, after in _REFERRED.items() if code is not C.REFERRAL_RECEIVED}
_CHOSEN: Row = {
    C.HOSPITAL_CHOICE: S.REQUESTED,
    C.HOSPITAL_CHOICE_CONFIRMED: S.ACCEPTED,
    C.REDIRECT_PROPOSED: S.REQUESTED,
}
_ASKED: Row = {
    C.INQUIRY: S.OPEN,
    C.INQUIRY_FORWARDED: S.OPEN,
    C.CARER_UNAVAILABLE: S.OPEN,
    C.REPLY: S.ANSWERED,
    C.SETTLED_BY_PHONE: S.SETTLED,
}
_SAID: Row = {code: after for code, after in _ASKED.items() if code is not C.INQUIRY_FORWARDED}
_MEASURED: Row = {
    C.MEASURE_PROMISED: S.PROMISED,
    C.MEASURE_STARTED: S.IN_PROGRESS,
    C.MEASURE_DELAYED: S.DELAYED,
    C.MEASURE_DONE: S.COMPLETED,
    C.MEASURE_DROPPED: S.CANCELLED,
}
_DECIDED: Row = {
    C.INTERIM_ANSWER: S.RECEIVED,
    C.DECISION: S.GRANTED,  # refused where it says so: ``after`` looks at the outcome
    C.COMPLAINT: S.CONTESTED,
    C.SERVICE_ENDING: S.ENDING,
}
_COURSE: Row = {
    C.FIRST_CONTACT_BOOKED: S.REQUESTED,
    C.COURSE_STARTED: S.IN_PROGRESS,
    C.COURSE_ENDED: S.FINISHED,
}


def _always(family: Family, status: Status) -> Mapping[Status, Row]:
    return {S.NONE: {code: status for code, rule in RULES.items() if rule.family is family}}


TRANSITIONS: Mapping[Family, Mapping[Status, Row]] = {
    Family.STAY: {
        S.NONE: _BEGINS_STAY,
        S.UNKNOWN: {code: s for code, s in _BEGINS_STAY.items() if s is not S.UNKNOWN},
        S.IN_PROGRESS: _PRESENT,
        S.READY: _PRESENT | {C.DISCHARGE_READY_WITHDRAWN: S.IN_PROGRESS},
        S.ON_LEAVE: _PRESENT | {C.LEAVE_END: S.IN_PROGRESS},
        S.FINISHED: {C.ADMISSION: S.IN_PROGRESS, C.DEATH: S.DECEASED},
    },
    Family.EMERGENCY: {S.NONE: {C.EMERGENCY_CONTACT: S.FINISHED}},
    Family.REFERRAL: {
        S.NONE: _REFERRED | {C.REFERRAL: S.REQUESTED},
        S.REQUESTED: _REFERRED,
        S.RECEIVED: _TAKEN,
        S.ACCEPTED: _TAKEN,
        S.IN_PROGRESS: _TAKEN,
        S.REJECTED: {C.REFERRAL: S.REQUESTED, C.REFERRAL_FORWARDED: S.REQUESTED},
    },
    Family.CHOICE: {
        S.NONE: _CHOSEN,
        S.REQUESTED: _CHOSEN,
        S.ACCEPTED: {C.HOSPITAL_CHOICE: S.REQUESTED},
    },
    Family.INQUIRY: {S.NONE: _ASKED, S.OPEN: _ASKED, S.ANSWERED: _SAID, S.SETTLED: _SAID},
    Family.PERSON: _always(Family.PERSON, S.ACTIVE),
    Family.COORDINATION: _always(Family.COORDINATION, S.ACTIVE),
    Family.CONSENT: _always(Family.CONSENT, S.ACTIVE),
    Family.PLAN: _always(Family.PLAN, S.ACTIVE),
    Family.MEETING: _always(Family.MEETING, S.OPEN),
    Family.FOLLOW_UP: _always(Family.FOLLOW_UP, S.ACTIVE),
    Family.DEADLINE: _always(Family.DEADLINE, S.OPEN),
    Family.COURSE: {
        S.NONE: _COURSE,
        S.REQUESTED: _COURSE,
        S.IN_PROGRESS: {C.COURSE_ENDED: S.FINISHED},
        S.FINISHED: {C.FIRST_CONTACT_BOOKED: S.REQUESTED, C.COURSE_STARTED: S.IN_PROGRESS},
    },
    Family.MEASURE: {
        S.NONE: _MEASURED | {C.MEASURE_PROPOSED: S.PROPOSED, C.MEASURE_EVALUATED: S.EVALUATED},
        S.PROPOSED: _MEASURED,
        S.PROMISED: _MEASURED,
        S.IN_PROGRESS: _MEASURED,
        S.DELAYED: _MEASURED,
        S.COMPLETED: {C.MEASURE_PROMISED: S.PROMISED, C.MEASURE_EVALUATED: S.EVALUATED},
        S.EVALUATED: {C.MEASURE_PROMISED: S.PROMISED},
        S.CANCELLED: {C.MEASURE_PROMISED: S.PROMISED},
    },
    Family.APPLICATION: {
        S.NONE: _DECIDED | {C.APPLICATION: S.REQUESTED},
        S.REQUESTED: _DECIDED,
        S.RECEIVED: _DECIDED,
        S.GRANTED: _DECIDED,
        S.REFUSED: _DECIDED,
        S.CONTESTED: _DECIDED,
        S.ENDING: _DECIDED,
    },
    Family.BROKER: {},
}

LASTING: Mapping[Family, tuple[Status, Status]] = {
    Family.MEETING: (S.OPEN, S.ANSWERED),
    Family.FOLLOW_UP: (S.ACTIVE, S.ENDED),
}
"""What is open as long as somebody owes something in it, and what it is afterwards."""


def lasting(family: Family, status: Status, *, owed: bool) -> Status:
    """The status of a matter in which something is still owed, or no more."""
    going_on, over = LASTING.get(family, (status, status))
    if status not in (going_on, over):
        return status
    return going_on if owed else over


_ASKS: Row = {C.EARLY_NOTICE: S.REQUESTED, C.DEPARTURE_PLANNED: S.REQUESTED}
_ANSWERED: Row = {
    C.DISCHARGE_READY: S.REQUESTED,
    C.DISCHARGE_READY_WITHDRAWN: S.CANCELLED,
    C.OFFER_READY: S.READY,
    C.RECEIVED_HOME: S.COMPLETED,
}
_WAITS: Row = _ANSWERED | {C.DISCHARGE: S.CANCELLED, C.DEATH: S.CANCELLED}
_AGREED: Row = _ANSWERED | {C.DISCHARGE: S.COMPLETED, C.DEATH: S.CANCELLED}

TASK: Mapping[Status, Row] = {
    S.NONE: _ASKS | _ANSWERED,
    S.REQUESTED: _WAITS,
    S.RECEIVED: _WAITS,
    S.ACCEPTED: _AGREED,
    S.READY: _AGREED,
    S.REJECTED: _WAITS,
    S.CANCELLED: _ASKS | _ANSWERED,
    S.COMPLETED: {C.DISCHARGE_READY: S.REQUESTED},
}
"""What a stay asks of the municipality (can it receive, and when) and what became of it, in FHIR's Task codes."""


def task_after(status: Status, code: EventCode, *, can_receive: bool | None) -> Status:
    """The status of a stay's Task after ``code``; an answer says whether the municipality can receive."""
    if code is not C.CAPACITY_ANSWER:
        return TASK[status].get(code, status)
    return {True: S.ACCEPTED, False: S.REJECTED, None: S.RECEIVED}[can_receive]


def after(
    family: Family, status: Status, code: EventCode, *, outcome: Outcome | None = None
) -> Status:
    """The status that follows ``status`` when ``code`` happens; a decision says what its ``outcome`` is.

    What is only spoken of (a call, an answer) is unknown until somebody tells of it.
    """
    before = Status.NONE if status is Status.ENTERED_IN_ERROR else status
    if code is EventCode.DECISION and outcome is Outcome.REFUSED:
        return Status.REFUSED
    rows = TRANSITIONS[family]
    known = Status.NONE if before is Status.UNKNOWN and before not in rows else before
    following = rows.get(known, {}).get(code, before)
    return Status.UNKNOWN if following is Status.NONE else following
