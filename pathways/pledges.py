"""What opens, keeps, moves and withdraws promises: one row for each kind.

Every open promise has a duty; who takes a matter over takes over what is promised in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from pathways import care_promises, plan_promises
from pathways.events import EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    CourseFacts,
    Need,
    Outcome,
    ReferralFacts,
    StayFacts,
    known_as,
)
from pathways.messages import Record
from pathways.parties import Function
from pathways.promises import (
    Duty,
    Opening,
    Opens,
    Pledge,
    Promise,
    PromiseKind,
    Promises,
    answered,
    asked_of,
    promised,
    settled,
)
from pathways.transitions import Status

if TYPE_CHECKING:
    from pathways.pathway import Thread


# --- whose it is


def _owner(thread: Thread) -> Duty:
    """Who has the matter now."""
    return Duty(thread.owner or thread.sender)


def _asks(function: Function = Function.CASE_OFFICE) -> Opens:
    def opens(thread: Thread, record: Record) -> Iterator[Opening]:
        yield Opening(asked_of(record, function), record.sender)

    return opens


def _passes_on(thread: Thread, record: Record) -> Iterator[Opening]:
    """Somebody else has the matter now."""
    if record.asked:
        yield Opening(Duty(record.asked))


# --- a stay


def _stay(thread: Thread) -> StayFacts:
    return known_as(StayFacts, thread.facts)


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
    said = known_as(StayFacts, record.facts)
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
        said = known_as(ReferralFacts, thread.facts).priority
        if (said in _ACUTE) is acute:
            yield Opening(Duty(record.asked or thread.owner), thread.sender)

    return opens


def _chosen(thread: Thread, record: Record) -> Iterator[Opening]:
    """Who chose has it until somebody is asked."""
    yield Opening(Duty(record.asked or record.sender), thread.sender)


def _asked_of_another(promise: Promise, _: Thread, record: Record) -> bool:
    """A new choice begins a new clock."""
    return record.asked is not None and promise.duty.party != record.asked


def _another_way(*, acute: bool) -> Callable[[Promise, Thread, Record], bool]:
    """Withdrawn, asked of another, or it has become urgent or is so no more."""

    def gone(promise: Promise, thread: Thread, record: Record) -> bool:
        if record.code is EventCode.REFERRAL_WITHDRAWN:
            return True
        opened = _assess(acute=acute)(thread, record)
        return not any(opened) or _asked_of_another(promise, thread, record)

    return gone


# --- questions


def _question(function: Function) -> Opens:
    """What was answered before it came needs no other answer."""

    def opens(thread: Thread, record: Record) -> Iterator[Opening]:
        if thread.status is Status.OPEN:
            yield Opening(asked_of(record, function), record.sender)

    return opens


def _forwarded(thread: Thread, record: Record) -> Iterator[Opening]:
    """Whose it is now: the coordinating unit's, when it was passed on twice."""
    yield Opening(_owner(thread))


# --- courses, coordination


def _contact(thread: Thread, record: Record) -> Iterator[Opening]:
    yield Opening(Duty(record.sender), None, known_as(CourseFacts, thread.facts).contact)


# --- applications


def _application(thread: Thread) -> ApplicationFacts:
    return known_as(ApplicationFacts, thread.facts)


def _expected(thread: Thread, record: Record) -> Iterator[Opening]:
    yield Opening(Duty(), due=_application(thread).expected)


def _contested(thread: Thread, record: Record) -> Iterator[Opening]:
    """Who decided looks at it again, and sends it on (forvaltningsloven § 33)."""
    office = asked_of(record, Function.CASE_OFFICE)
    yield Opening(Duty(thread.owner) if thread.owner else office, record.sender)


def _review(thread: Thread, record: Record) -> Iterator[Opening]:
    """What is granted for a time is looked at again before it ends."""
    said = known_as(ApplicationFacts, record.facts)
    if said.valid_to and said.outcome is not Outcome.REFUSED:
        yield Opening(Duty(record.sender), thread.sender, said.valid_to)


# --- the table

C, K = EventCode, PromiseKind
_LEFT = (C.DISCHARGE, C.DEATH)
_APPLIED = _asks()
_HAS_ONE = (C.COORDINATOR_APPOINTED, C.COORDINATOR_HANDOVER_ACCEPTED)
_TAKEN_ON = (C.MEASURE_PROMISED, C.MEASURE_STARTED, C.MEASURE_DELAYED)
_REFERRED = (C.REFERRAL, C.REFERRAL_FORWARDED)
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
        opens=dict.fromkeys(_REFERRED, _assess(acute=False)),
        keeps=_ASSESSED,
        moves={C.REFERRAL_FORWARDED: _passes_on},
        withdraws=(C.REFERRAL, C.REFERRAL_WITHDRAWN),
        withdraws_if=_another_way(acute=False),
    ),
    K.ACUTE_ASSESSMENT: Pledge(
        opens=dict.fromkeys(_REFERRED, _assess(acute=True)),
        keeps=_ASSESSED,
        moves={C.REFERRAL_FORWARDED: _passes_on},
        withdraws=(C.REFERRAL, C.REFERRAL_WITHDRAWN),
        withdraws_if=_another_way(acute=True),
    ),
    K.CHOICE_CONFIRMATION: Pledge(
        opens={C.HOSPITAL_CHOICE: _chosen},
        keeps=(C.HOSPITAL_CHOICE_CONFIRMED,),
        withdraws=(C.HOSPITAL_CHOICE,),
        withdraws_if=_asked_of_another,
        moves={C.REDIRECT_PROPOSED: _passes_on},
    ),
    K.INQUIRY_ANSWER: Pledge(
        opens={C.INQUIRY: _question(Function.KE)},
        keeps=(C.REPLY,),
        moves={C.INQUIRY_FORWARDED: _forwarded},
    ),
    K.CARER_ANSWER: Pledge(
        opens={C.CARER_UNAVAILABLE: _question(Function.ON_DUTY)},
        keeps=(C.REPLY,),
        moves={C.INQUIRY_FORWARDED: _forwarded},
    ),
    K.FIRST_CONTACT: Pledge(
        opens={C.FIRST_CONTACT_BOOKED: _contact},
        keeps=(C.COURSE_STARTED,),
        withdraws=(C.COURSE_ENDED,),
    ),
    K.COORDINATION_ANSWER: Pledge(
        opens={C.COORDINATION_NEED: care_promises.needed},
        keeps=_HAS_ONE,
        keeps_if=care_promises.answered,
        each=True,
    ),
    K.HANDOVER_ANSWER: Pledge(
        opens={C.COORDINATOR_HANDOVER_OFFERED: care_promises.handed},
        keeps=_HAS_ONE,
        keeps_if=care_promises.answered,
        withdraws=(C.COORDINATOR_HANDOVER_OFFERED,),
        withdraws_if=care_promises.offered_anew,
        each=True,
    ),
    K.CHANGE_ANSWER: Pledge(
        opens={C.COORDINATOR_CHANGE_REQUESTED: care_promises.needed},
        keeps=_HAS_ONE,
        keeps_if=care_promises.answered,
        each=True,
    ),
    K.MEETING_ANSWER: Pledge(
        opens={C.PLAN_MEETING: plan_promises.summoned},
        keeps=(C.PLAN_MEETING,),
        keeps_if=plan_promises.own_answer,
        withdraws=(C.PLAN_MEETING,),
        withdraws_if=plan_promises.left_out,
        each=True,
    ),
    K.PROPOSAL_ANSWER: Pledge(
        opens={C.MEASURE_PROPOSED: plan_promises.proposed},
        keeps=(*_TAKEN_ON, C.MEASURE_DROPPED, C.MEASURE_DONE),
    ),
    K.MEASURE: Pledge(
        opens=dict.fromkeys(_TAKEN_ON, plan_promises.taken_on),
        keeps=(C.MEASURE_DONE,),
        withdraws=(C.MEASURE_DROPPED,),
    ),
    K.EVALUATION: Pledge(
        opens=dict.fromkeys((*_TAKEN_ON, C.MEASURE_DONE), plan_promises.to_evaluate),
        keeps=(C.MEASURE_EVALUATED,),
        withdraws=(C.MEASURE_DROPPED,),
    ),
    K.FOLLOW_UP: Pledge(
        opens={C.FOLLOW_UP: plan_promises.next_contact},
        keeps=(C.FOLLOW_UP,),
        keeps_if=plan_promises.talked,
        withdraws=(C.FOLLOW_UP,),
        withdraws_if=plan_promises.over,
    ),
    K.INTERIM_ANSWER: Pledge(opens={C.APPLICATION: _APPLIED}, keeps=(C.INTERIM_ANSWER, C.DECISION)),
    K.DECISION: Pledge(
        opens={C.APPLICATION: _APPLIED},
        keeps=(C.DECISION,),
        moves={C.INTERIM_ANSWER: _expected},
    ),
    K.COMPLAINT_FORWARDED: Pledge(
        opens={C.COMPLAINT: _contested}, keeps=(C.COMPLAINT_FORWARDED, C.DECISION)
    ),
    K.REVIEW: Pledge(opens={C.DECISION: _review}, keeps=(C.DECISION, C.SERVICE_ENDING)),
    K.RECEIPT: Pledge(opens={}),  # follows from what was delivered: ``receipts``
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
    if record.code is EventCode.REPLY and record.family is not Family.INQUIRY:
        return answered(before, record)
    return promised(before, _TOUCHED.get(record.code, {}), thread, record)
