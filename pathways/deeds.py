"""What can be done about what is owed, as events: by what was promised, how its matter stands, and who owes it.

One table for every page that offers it. What is not possible now, or not theirs to send, is not offered, so that the
rules take what is (``decide``, ``sending``); they decide all the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from pathways.access import Role
from pathways.events import RULES, Activity, EventCode
from pathways.parties import Kind
from pathways.pathway import Thread
from pathways.promises import Promise, PromiseKind
from pathways.sending import may_tell
from pathways.transitions import TRANSITIONS, Status

C, K = EventCode, PromiseKind


class Declined(StrEnum):
    """Why a referral is not taken: codes of ``ReferralFacts.reason_code`` that people choose from."""

    WRONG_PLACE = "wrong-place"
    INFORMATION_MISSING = "information-missing"
    NOT_NEEDED = "not-needed"
    NO_CAPACITY = "no-capacity"
    IN_CARE_ALREADY = "in-care-already"
    PATIENT_DECLINES = "patient-declines"


class About(StrEnum):
    """What the event names."""

    MATTER = "matter"
    PROMISE = "promise"  # one promise of the matter, by its id: ``InquiryFacts.promise``
    OTHER_SIDE = "other-side"  # a new question, to whom it is owed


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """Something that can be done. ``name`` is its own among the deeds of a promise.

    ``says``: what is told whoever does it, as texts by fact. ``needs`` and ``may``: the facts they fill in.
    """

    name: str
    code: EventCode
    says: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    may: tuple[str, ...] = ()
    activity: Activity = Activity.NEW
    about: About = About.MATTER

    @property
    def asks(self) -> tuple[str, ...]:
        """All that can be filled in."""
        return self.needs + self.may


_ACCEPT = Deed(name="accept", code=C.REFERRAL_ACCEPTED, may=("note",))
_REJECT = Deed(name="reject", code=C.REFERRAL_REJECTED, needs=("reason_code",), may=("note",))
_REFER_ON = Deed(
    name="forward", code=C.REFERRAL_FORWARDED, needs=("performer",), may=("reason_code", "note")
)
_ASSESS = (_ACCEPT, _REJECT, _REFER_ON)
_REPLY = Deed(name="reply", code=C.REPLY, needs=("text",), about=About.PROMISE)
_PASS_ON = Deed(name="forward", code=C.INQUIRY_FORWARDED, needs=("owner",), may=("reason",))
_APPOINT = Deed(
    name="appoint", code=C.COORDINATOR_APPOINTED, needs=("role", "name"), may=("phone", "first")
)
_DROP = Deed(name="drop", code=C.MEASURE_DROPPED, needs=("reason",))
_DECIDE = Deed(
    name="decide", code=C.DECISION, needs=("outcome",), may=("reason", "valid_to", "appeal_by")
)
_REPORT = ("title", "text")

DEEDS: Final[Mapping[PromiseKind, tuple[Deed, ...]]] = {
    K.EARLY_NOTICE: (Deed(name="early-notice", code=C.EARLY_NOTICE, may=("expected_ready",)),),
    K.ADMISSION_REPORT: (Deed(name="report", code=C.ADMISSION_REPORT, needs=_REPORT),),
    K.CAPACITY_ANSWER: (
        Deed(
            name="can",
            code=C.CAPACITY_ANSWER,
            says={"can_receive": "yes"},
            may=("receive_from", "note"),
        ),
        Deed(
            name="cannot",
            code=C.CAPACITY_ANSWER,
            says={"can_receive": "no"},
            may=("receive_from", "note"),
        ),
    ),
    K.OFFER_READY: (Deed(name="offer", code=C.OFFER_READY, may=("note",)),),
    K.RECEIVED_HOME: (Deed(name="received", code=C.RECEIVED_HOME, may=("note",)),),
    K.TRANSFER_REPORT: (Deed(name="report", code=C.TRANSFER_REPORT, needs=_REPORT),),
    K.DISCHARGE_REPORT: (Deed(name="report", code=C.DISCHARGE_REPORT, needs=_REPORT),),
    K.REFERRAL_ASSESSMENT: _ASSESS,
    K.ACUTE_ASSESSMENT: _ASSESS,
    K.CHOICE_CONFIRMATION: (
        Deed(name="confirm", code=C.HOSPITAL_CHOICE_CONFIRMED, may=("note",)),
        Deed(name="redirect", code=C.REDIRECT_PROPOSED, needs=("proposed",), may=("reason",)),
    ),
    K.INQUIRY_ANSWER: (_REPLY, _PASS_ON),
    K.CARER_ANSWER: (_REPLY, _PASS_ON),
    K.FIRST_CONTACT: (Deed(name="started", code=C.COURSE_STARTED, may=("note",)),),
    K.COORDINATION_ANSWER: (_APPOINT,),
    K.CHANGE_ANSWER: (_APPOINT,),
    K.HANDOVER_ANSWER: (
        Deed(
            name="take-over",
            code=C.COORDINATOR_HANDOVER_ACCEPTED,
            needs=("role",),
            may=("phone",),
        ),
    ),
    K.MEETING_ANSWER: (
        Deed(
            name="come",
            code=C.PLAN_MEETING,
            says={"accepts": "yes"},
            activity=Activity.REPLY,
        ),
        Deed(
            name="stay-away",
            code=C.PLAN_MEETING,
            says={"accepts": "no"},
            may=("reason",),
            activity=Activity.REPLY,
        ),
    ),
    K.PROPOSAL_ANSWER: (
        Deed(name="promise", code=C.MEASURE_PROMISED, needs=("due",), may=("note",)),
        _DROP,
    ),
    K.MEASURE: (
        Deed(name="done", code=C.MEASURE_DONE, may=("note",)),
        Deed(name="delay", code=C.MEASURE_DELAYED, needs=("due", "reason")),
        _DROP,
    ),
    K.EVALUATION: (Deed(name="evaluate", code=C.MEASURE_EVALUATED, needs=("evaluation",)),),
    K.FOLLOW_UP: (Deed(name="talked", code=C.FOLLOW_UP, may=("note",), activity=Activity.REPLY),),
    K.INTERIM_ANSWER: (
        Deed(name="interim", code=C.INTERIM_ANSWER, needs=("expected",)),
        _DECIDE,
    ),
    K.DECISION: (_DECIDE, Deed(name="interim", code=C.INTERIM_ANSWER, needs=("expected",))),
    K.COMPLAINT_FORWARDED: (
        Deed(name="complaint-forwarded", code=C.COMPLAINT_FORWARDED),
        _DECIDE,
    ),
    K.REVIEW: (
        _DECIDE,
        Deed(name="end-service", code=C.SERVICE_ENDING, needs=("ends",), may=("replaced_by",)),
    ),
    K.RECEIPT: (),  # their system sends it
}
"""What keeps a promise, moves it or says no to it; what is done most comes first."""

_ANSWER = Deed(name="answer", code=C.REPLY, needs=("text",), about=About.PROMISE)
_PHONE = Deed(
    name="phone",
    code=C.SETTLED_BY_PHONE,
    needs=("settled_with",),
    may=("text",),
    about=About.PROMISE,
)
_ASK = Deed(name="ask", code=C.INQUIRY, needs=("text",), about=About.OTHER_SIDE)
ALWAYS: Final = (_ANSWER, _PHONE, _ASK)
"""What can be done about everything: answered in plain words, settled by phone, asked about."""


def offered(promise: Promise, thread: Thread, kind: Kind, role: Role) -> tuple[Deed, ...]:
    """What whoever owes it can do about it; nothing once it is closed. ``kind`` and ``role``: what they are."""
    return tuple(_offered(promise, thread, kind, role)) if promise.is_open else ()


def _offered(promise: Promise, thread: Thread, kind: Kind, role: Role) -> Iterator[Deed]:
    own = DEEDS[promise.kind]
    for deed in (*own, *(one for one in ALWAYS if not (one is _ANSWER and _REPLY in own))):
        needless = deed is _ASK and promise.other is None
        theirs = may_tell(role, kind, deed.code, deed.activity)
        if theirs and not needless and _possible(deed, thread):
            yield _in_role(deed, promise)


def _possible(deed: Deed, thread: Thread) -> bool:
    """A request needs its row in the table of changes; a report is always taken in."""
    if not RULES[deed.code].request or thread.status is Status.ACTIVE:
        return True
    return deed.code in TRANSITIONS[thread.family].get(thread.status, {})


def _in_role(deed: Deed, promise: Promise) -> Deed:
    """A coordinator's role that was asked for is not asked about again."""
    if "role" not in deed.needs or promise.about is None:
        return deed
    needs = tuple(one for one in deed.needs if one != "role")
    return replace(deed, says={**deed.says, "role": promise.about}, needs=needs)


def had_by(thread: Thread) -> frozenset[str]:
    """Who has had the matter, or is asked: it is not passed on to them (directory keys)."""
    passed = {key for one in thread.passed for key in (one.by, one.to)}
    return frozenset({*passed, *filter(None, (thread.owner, thread.asked))})
