"""What opens, keeps, moves and withdraws promises: one row for each kind.

Every open promise has a duty; who takes a matter over takes over what is promised in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from pathways.events import Activity, EventCode
from pathways.facts import (
    ApplicationFacts,
    CoordinatorFacts,
    CourseFacts,
    FollowUpFacts,
    MeasureFacts,
    Need,
    Outcome,
    ReferralFacts,
    StayFacts,
)
from pathways.messages import Record
from pathways.moments import Moment
from pathways.parties import Function
from pathways.promises import (
    Duty,
    Opening,
    Opens,
    Pledge,
    Promise,
    PromiseKind,
    Promises,
    promised,
    settled,
)

if TYPE_CHECKING:
    from pathways.pathway import Thread


# --- whose it is


def _owner(thread: Thread) -> Duty:
    """Who has the matter now."""
    return Duty(thread.owner or thread.sender)


def _asked(thread: Thread, record: Record, function: Function) -> Duty:
    """Whom the record asks to act, else whoever has the function for the patient."""
    return Duty(record.asked) if record.asked else Duty(function=function)


def _asks(function: Function = Function.CASE_OFFICE) -> Opens:
    def opens(thread: Thread, record: Record) -> Iterator[Opening]:
        yield Opening(_asked(thread, record, function), record.sender)

    return opens


def _passes_on(thread: Thread, record: Record) -> Iterator[Opening]:
    """Somebody else has the matter now."""
    if record.asked:
        yield Opening(Duty(record.asked))


# --- a stay


def _stay(thread: Thread) -> StayFacts:
    return thread.facts if isinstance(thread.facts, StayFacts) else StayFacts()


def _in_need(thread: Thread, record: Record) -> Iterator[Opening]:
    """A patient who is thought to need municipal services, forskrift om utskrivningsklare pasienter § 8."""
    if _stay(thread).municipal_need is Need.YES:
        yield Opening(_owner(thread))


def _report_wanted(thread: Thread, record: Record) -> Iterator[Opening]:
    known = _stay(thread)
    wanted = (
        known.report_wanted if known.report_wanted is not None else known.municipal_need is Need.YES
    )
    if wanted:
        yield Opening(Duty(function=Function.NURSING), thread.owner)


def _municipality(function: Function) -> Opens:
    def opens(thread: Thread, record: Record) -> Iterator[Opening]:
        yield Opening(Duty(function=function), thread.owner or record.sender)

    return opens


def _offer(thread: Thread, record: Record) -> Iterator[Opening]:
    """Whoever cannot receive yet, or can from a later time, says when the offer is ready (§ 11)."""
    said = record.facts if isinstance(record.facts, StayFacts) else StayFacts()
    if said.can_receive is False or said.receive_from is not None:
        yield Opening(Duty(record.sender), thread.owner, said.receive_from)


def _arrives(thread: Thread, record: Record) -> Iterator[Opening]:
    yield Opening(
        Duty(function=Function.NURSING), thread.owner or record.sender, _stay(thread).departs
    )


def _report_of_stay(thread: Thread, record: Record) -> Iterator[Opening]:
    """Owed where the municipality has a part in what comes after."""
    if _stay(thread).municipal_need is Need.YES or thread.task is not None:
        yield Opening(Duty(record.sender))


def _report_of_transfer(thread: Thread, record: Record) -> Iterator[Opening]:
    """The new place is owed a summary by the old one; moves inside one house owe nothing."""
    if record.asked and record.asked != record.sender:
        yield Opening(Duty(record.sender), record.asked)


# --- referrals and choices


_ACUTE = ("stat", "asap")


def _assess(*, acute: bool) -> Opens:
    def opens(thread: Thread, record: Record) -> Iterator[Opening]:
        said = thread.facts.priority if isinstance(thread.facts, ReferralFacts) else None
        if (said in _ACUTE) is acute:
            yield Opening(_asked(thread, record, Function.DOCTOR), thread.sender)

    return opens


def _chosen(thread: Thread, record: Record) -> Iterator[Opening]:
    if record.asked:
        yield Opening(Duty(record.asked), thread.sender)


# --- courses, coordination, meetings


def _contact(thread: Thread, record: Record) -> Iterator[Opening]:
    facts = thread.facts
    booked = facts.contact if isinstance(facts, CourseFacts) else None
    yield Opening(Duty(record.sender), None, booked)


def _handed(thread: Thread, record: Record) -> Iterator[Opening]:
    said = record.facts.name if isinstance(record.facts, CoordinatorFacts) else None
    yield Opening(Duty(record.asked or record.sender, name=said), record.sender)


def _summoned(thread: Thread, record: Record) -> Iterator[Opening]:
    """Everyone who is summoned answers for themselves."""
    if record.activity is Activity.REPLY:
        return
    for party in record.receivers:
        yield Opening(Duty(party), record.sender)


def _own_answer(promise: Promise, record: Record) -> bool:
    return record.activity is Activity.REPLY and promise.duty.party == record.sender


# --- measures and follow-up


def _measure(thread: Thread) -> MeasureFacts:
    return thread.facts if isinstance(thread.facts, MeasureFacts) else MeasureFacts()


def _promised_measure(thread: Thread, record: Record) -> Iterator[Opening]:
    known = _measure(thread)
    duty = Duty(record.asked or record.sender, name=known.owner_name)
    yield Opening(duty, thread.sender, known.due)


def _evaluated(thread: Thread, record: Record) -> Iterator[Opening]:
    known = _measure(thread)
    if known.evaluate_by:
        yield Opening(Duty(record.sender, name=known.owner_name), thread.sender, known.evaluate_by)


def _delayed(thread: Thread, record: Record) -> Iterator[Opening]:
    yield Opening(Duty(), due=_measure(thread).due)


def _next_contact(thread: Thread, record: Record) -> Iterator[Opening]:
    """Each contact promises the next one, until the end that was agreed."""
    known = thread.facts if isinstance(thread.facts, FollowUpFacts) else FollowUpFacts()
    if not known.interval_days or record.activity is Activity.CANCEL:
        return
    due = Moment(record.happened.at + timedelta(days=known.interval_days), day=True)
    if known.until is None or due.at <= known.until.at:
        yield Opening(
            Duty(thread.owner or record.sender, name=known.owner_name), thread.sender, due
        )


def _talked(promise: Promise, record: Record) -> bool:
    return record.activity is Activity.REPLY


# --- applications


def _application(thread: Thread) -> ApplicationFacts:
    return thread.facts if isinstance(thread.facts, ApplicationFacts) else ApplicationFacts()


def _expected(thread: Thread, record: Record) -> Iterator[Opening]:
    yield Opening(Duty(), due=_application(thread).expected)


def _review(thread: Thread, record: Record) -> Iterator[Opening]:
    """What is granted for a time is looked at again before it ends."""
    known = _application(thread)
    if known.valid_to and known.outcome is not Outcome.REFUSED:
        yield Opening(Duty(record.sender), thread.sender, known.valid_to)


# --- the table

C, K = EventCode, PromiseKind
_LEFT = (C.DISCHARGE, C.DEATH)
_APPLIED = _asks()
_ASSESSED = (
    C.REFERRAL_ACCEPTED,
    C.REFERRAL_REJECTED,
    C.REFERRAL_SCHEDULED,
    C.REFERRAL_COMPLETED,
)

PLEDGES: Mapping[PromiseKind, Pledge] = {
    K.EARLY_NOTICE: Pledge(
        opens={C.ADMISSION: _in_need},
        keeps=(C.EARLY_NOTICE, C.DISCHARGE_READY),
        withdraws=_LEFT,
        ahead=True,
        forgets=_LEFT,
    ),
    K.ADMISSION_REPORT: Pledge(
        opens={C.ADMISSION: _report_wanted},
        keeps=(C.ADMISSION_REPORT,),
        withdraws=_LEFT,
        ahead=True,
        forgets=_LEFT,
    ),
    K.CAPACITY_ANSWER: Pledge(
        opens={C.DISCHARGE_READY: _municipality(Function.CASE_OFFICE)},
        keeps=(C.CAPACITY_ANSWER, C.OFFER_READY),
        withdraws=(C.DISCHARGE_READY_WITHDRAWN, *_LEFT),
    ),
    K.OFFER_READY: Pledge(
        opens={C.CAPACITY_ANSWER: _offer},
        keeps=(C.OFFER_READY, C.RECEIVED_HOME),
        withdraws=(C.DISCHARGE_READY_WITHDRAWN, *_LEFT),
    ),
    K.RECEIVED_HOME: Pledge(
        opens={C.DEPARTURE_PLANNED: _arrives},
        keeps=(C.RECEIVED_HOME,),
        withdraws=(C.DEATH,),
    ),
    K.TRANSFER_REPORT: Pledge(
        opens={C.TRANSFER: _report_of_transfer},
        keeps=(C.TRANSFER_REPORT, C.DOCTOR_REPORT),
        withdraws=(C.DEATH,),
        ahead=True,
        forgets=(C.ADMISSION,),
    ),
    K.DISCHARGE_REPORT: Pledge(
        opens={C.DISCHARGE: _report_of_stay},
        keeps=(C.DISCHARGE_REPORT, C.DOCTOR_REPORT),
        withdraws=(C.DEATH,),
        ahead=True,
        forgets=(C.ADMISSION,),
    ),
    K.REFERRAL_ASSESSMENT: Pledge(
        opens={C.REFERRAL: _assess(acute=False)},
        keeps=_ASSESSED,
        moves={C.REFERRAL_FORWARDED: _passes_on},
        withdraws=(C.REFERRAL_WITHDRAWN,),
    ),
    K.ACUTE_ASSESSMENT: Pledge(
        opens={C.REFERRAL: _assess(acute=True)},
        keeps=_ASSESSED,
        moves={C.REFERRAL_FORWARDED: _passes_on},
        withdraws=(C.REFERRAL_WITHDRAWN,),
    ),
    K.CHOICE_CONFIRMATION: Pledge(
        opens={C.HOSPITAL_CHOICE: _chosen},
        keeps=(C.HOSPITAL_CHOICE_CONFIRMED,),
        moves={C.REDIRECT_PROPOSED: _passes_on},
    ),
    K.INQUIRY_ANSWER: Pledge(
        opens={C.INQUIRY: _asks(Function.KE)},
        keeps=(C.REPLY,),
        moves={C.INQUIRY_FORWARDED: _passes_on},
    ),
    K.CARER_ANSWER: Pledge(
        opens={C.CARER_UNAVAILABLE: _asks(Function.ON_DUTY)},
        keeps=(C.REPLY,),
        moves={C.INQUIRY_FORWARDED: _passes_on},
    ),
    K.FIRST_CONTACT: Pledge(
        opens={C.FIRST_CONTACT_BOOKED: _contact},
        keeps=(C.COURSE_STARTED,),
        withdraws=(C.COURSE_ENDED,),
    ),
    K.COORDINATION_ANSWER: Pledge(
        opens={C.COORDINATION_NEED: _asks(Function.KE)},
        keeps=(C.COORDINATOR_APPOINTED,),
    ),
    K.HANDOVER_ANSWER: Pledge(
        opens={C.COORDINATOR_HANDOVER_OFFERED: _handed},
        keeps=(C.COORDINATOR_HANDOVER_ACCEPTED, C.COORDINATOR_APPOINTED),
    ),
    K.CHANGE_ANSWER: Pledge(
        opens={C.COORDINATOR_CHANGE_REQUESTED: _asks(Function.KE)},
        keeps=(C.COORDINATOR_APPOINTED, C.COORDINATOR_HANDOVER_ACCEPTED),
    ),
    K.MEETING_ANSWER: Pledge(
        opens={C.PLAN_MEETING: _summoned}, keeps=(C.PLAN_MEETING,), each=True, keeps_if=_own_answer
    ),
    K.PROPOSAL_ANSWER: Pledge(
        opens={C.MEASURE_PROPOSED: _asks(Function.KE)},
        keeps=(C.MEASURE_PROMISED, C.MEASURE_DROPPED, C.MEASURE_STARTED, C.MEASURE_DONE),
    ),
    K.MEASURE: Pledge(
        opens={C.MEASURE_PROMISED: _promised_measure},
        keeps=(C.MEASURE_DONE,),
        moves={C.MEASURE_DELAYED: _delayed},
        withdraws=(C.MEASURE_DROPPED,),
    ),
    K.EVALUATION: Pledge(opens={C.MEASURE_DONE: _evaluated}, keeps=(C.MEASURE_EVALUATED,)),
    K.FOLLOW_UP: Pledge(opens={C.FOLLOW_UP: _next_contact}, keeps=(C.FOLLOW_UP,), keeps_if=_talked),
    K.INTERIM_ANSWER: Pledge(opens={C.APPLICATION: _APPLIED}, keeps=(C.INTERIM_ANSWER, C.DECISION)),
    K.DECISION: Pledge(
        opens={C.APPLICATION: _APPLIED},
        keeps=(C.DECISION,),
        moves={C.INTERIM_ANSWER: _expected},
    ),
    K.COMPLAINT_FORWARDED: Pledge(
        opens={C.COMPLAINT: _APPLIED}, keeps=(C.COMPLAINT_FORWARDED, C.DECISION)
    ),
    K.REVIEW: Pledge(opens={C.DECISION: _review}, keeps=(C.DECISION, C.SERVICE_ENDING)),
}


def _touched() -> Mapping[EventCode, Mapping[PromiseKind, Pledge]]:
    touched: dict[EventCode, dict[PromiseKind, Pledge]] = {}
    for kind, pledge in PLEDGES.items():
        for code in (
            *pledge.opens,
            *pledge.keeps,
            *pledge.moves,
            *pledge.withdraws,
            *pledge.forgets,
        ):
            touched.setdefault(code, {})[kind] = pledge
    return touched


_TOUCHED = _touched()


def promises_after(before: Promises, thread: Thread, record: Record) -> Promises:
    """A thread's promises after one more record, the newest so far; ``thread`` is as the record left it."""
    if record.code is EventCode.SETTLED_BY_PHONE:
        return settled(before, record)
    return promised(before, _TOUCHED.get(record.code, {}), thread, record)
