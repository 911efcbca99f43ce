"""What becomes of a message: it is taken in, refused, or parked until its matter is known.

A *report* says what has happened and is never refused for coming late, early or out of order. A *request*
wants something of others and may be refused; its verdict is given once, on arrival, and a refold never judges
it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pathways import consents, coordination, measures
from pathways.events import RULES, Activity, EventCode
from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    CoordinatorFacts,
    Disclosure,
    Facts,
    InquiryFacts,
    MeetingFacts,
    PlanFacts,
)
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Directory
from pathways.pathway import Header, Thread, reason_given
from pathways.refusals import Cause, Reason, Refusal, no, refuse
from pathways.transitions import TRANSITIONS, Status


@dataclass(frozen=True, slots=True)
class Parked:
    """Authentic, but it cannot be placed yet; it can be tried again."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What a verdict is given on. ``sender`` and ``asked`` are directory keys; ``now`` is UTC."""

    message: Message
    sender: str
    asked: str | None
    thread: Thread | None
    directory: Directory
    now: datetime
    clock_skew: timedelta
    header: Header = field(default_factory=Header)

    def same_house(self, party: str | None) -> bool:
        """Whether the sender is ``party`` or a unit of the same organisation."""
        return party is not None and self.directory.same_house(party, self.sender)


def decide(case: Case) -> Refusal | Parked | None:
    """``None`` when the message is taken in."""
    message = case.message
    if message.happened.at > case.now + case.clock_skew:
        where = "Bundle.entry.resource.ofType(Provenance).occurred"
        return refuse(Reason.FUTURE, "invalid", "said to have happened in the future", where)
    if message.activity is not Activity.CANCEL and (senseless := _senseless(message.facts)):
        return senseless
    rule = RULES[message.code]
    if not rule.request or message.activity in (Activity.REVISE, Activity.CANCEL):
        return None
    if case.thread is None or case.thread.status in _UNTOLD:
        return _FIRST.get(message.code, _nothing)(case) if rule.begins else Parked("unknown-matter")
    if not _possible(message, case.thread):
        return no(Cause.NOT_NOW, f"not possible while the matter is {case.thread.status}")
    return _JUDGES.get(message.code, _by_owner)(case, case.thread)


def _senseless(facts: Facts) -> Refusal | None:
    """What cannot be meant, in a report, too: an end before the beginning, a right that nothing gives."""
    match facts:
        case ApplicationFacts():
            return _in_order(facts.valid_from, facts.valid_to)
        case PlanFacts() | MeetingFacts():
            return _in_order(facts.begins, facts.ends)
        case InquiryFacts(disclosure=Disclosure.MAY_DISCLOSE, reason=None):
            return no(Cause.REASON_NEEDED, "what may be disclosed needs the reason why")
        case InquiryFacts() | CoordinatorFacts() | ConsentFacts():
            return _in_order(facts.since, facts.until)
        case _:
            return None


def _in_order(since: Moment | None, until: Moment | None) -> Refusal | None:
    """Refused where it would end before it begins."""
    if since is None or until is None or since.at <= until.at:
        return None
    if until.day and since.at.date() == until.at.date():
        return None
    return no(Cause.ENDS_BEFORE_IT_BEGINS, "it ends before it begins")


def _nothing(_: Case) -> None:
    return None


def _possible(message: Message, thread: Thread) -> bool:
    """Whether the table of status changes has a row; what goes on all the time has no status of its own.

    What was passed on before it was answered is so, though we hear of the answer first.
    """
    rows = TRANSITIONS[message.family]
    answered = thread.updated
    if message.code is EventCode.INQUIRY_FORWARDED and answered:
        return thread.is_open or message.happened.at < answered.at
    return thread.status is Status.ACTIVE or message.code in rows.get(thread.status, {})


def _by_owner(case: Case, thread: Thread) -> Refusal | None:
    """Only who has the matter may answer it."""
    if thread.owner is None or case.same_house(thread.owner) or case.same_house(thread.asked):
        return None
    text = "only the one who is asked may answer"
    return no(Cause.NOT_ASKED, text, Reason.FORBIDDEN)


def _forward(case: Case, thread: Thread) -> Refusal | None:
    if case.asked is None:
        return no(Cause.NOBODY_NAMED, "a forwarded matter needs a receiver")
    if case.asked == case.sender:
        return no(Cause.TO_ITSELF, "nobody can forward to itself")
    return _by_owner(case, thread) or _in_circles(case, thread)


def _in_circles(case: Case, thread: Thread) -> Refusal | None:
    """Back to somebody who had it only for a reason that nobody has given yet."""
    had = {party for passing in thread.passed for party in (passing.by, passing.to)}
    if case.asked not in had:
        return None
    reason = reason_given(case.message.facts)
    if reason is not None and reason not in {passing.reason for passing in thread.passed}:
        return None
    return no(Cause.IN_CIRCLES, "passed on to somebody who had it before, without a new reason")


_JUDGES: Mapping[EventCode, Callable[[Case, Thread], Refusal | None]] = {
    EventCode.HOSPITAL_CHOICE_CONFIRMED: _by_owner,
    EventCode.REDIRECT_PROPOSED: _forward,
    EventCode.REFERRAL_ACCEPTED: _by_owner,
    EventCode.REFERRAL_REJECTED: _by_owner,
    EventCode.REFERRAL_FORWARDED: _forward,
    EventCode.INQUIRY_FORWARDED: _forward,
    EventCode.CONSENT_GIVEN: consents.may_be_given,
    **coordination.JUDGES,
    **measures.JUDGES,
}
_FIRST: Mapping[EventCode, Callable[[Case], Refusal | None]] = {
    EventCode.COORDINATOR_APPOINTED: coordination.may_be_appointed,
    EventCode.CONSENT_GIVEN: consents.may_be_given,
    EventCode.MEASURE_PROMISED: measures.sound,
}
"""Requests that begin their matter have nothing but themselves to be judged by."""
_UNTOLD = (Status.NONE, Status.UNKNOWN, Status.ENTERED_IN_ERROR)
