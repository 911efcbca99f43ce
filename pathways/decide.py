"""What becomes of a message: it is taken in, refused, or parked until its matter is known.

A *report* says what has happened and is never refused for coming late, early or out of order. A *request*
wants something of others and may be refused; its verdict is given once, on arrival, and a refold never judges
it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pathways.events import RULES, Activity, EventCode
from pathways.messages import Message
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.refusals import Reason, Refusal, refuse
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

    def same_house(self, party: str | None) -> bool:
        """Whether the sender is ``party`` or a unit of the same organisation."""
        root = self.directory.root
        return party is not None and (root(party) or party) == (root(self.sender) or self.sender)


def decide(case: Case) -> Refusal | Parked | None:
    """``None`` when the message is taken in."""
    message = case.message
    if message.happened.at > case.now + case.clock_skew:
        where = "Bundle.entry.resource.ofType(Provenance).occurred"
        return refuse(Reason.FUTURE, "invalid", "said to have happened in the future", where)
    rule = RULES[message.code]
    if not rule.request or message.activity in (Activity.REVISE, Activity.CANCEL):
        return None
    if case.thread is None or case.thread.status is Status.NONE:
        return None if rule.begins else Parked("unknown-matter")
    if not _possible(message, case.thread):
        return _no(f"not possible while the matter is {case.thread.status}")
    return _JUDGES.get(message.code, _by_owner)(case, case.thread)


def _possible(message: Message, thread: Thread) -> bool:
    """Whether the table of status changes has a row; what goes on all the time has no status of its own."""
    rows = TRANSITIONS[message.family]
    return thread.status is Status.ACTIVE or message.code in rows.get(thread.status, {})


def _no(text: str, reason: Reason = Reason.CONFLICT) -> Refusal:
    return refuse(reason, "business-rule", text, "Bundle.entry[0].resource.eventCoding")


def _by_owner(case: Case, thread: Thread) -> Refusal | None:
    """Only who has the matter may answer it."""
    if thread.owner is None or case.same_house(thread.owner) or case.same_house(thread.asked):
        return None
    return _no("only the one who is asked may answer", Reason.FORBIDDEN)


def _forward(case: Case, thread: Thread) -> Refusal | None:
    if case.asked is None:
        return _no("a forwarded matter needs a receiver")
    if case.asked == case.sender:
        return _no("nobody can forward to itself")
    return _by_owner(case, thread)


_JUDGES: Mapping[EventCode, Callable[[Case, Thread], Refusal | None]] = {
    EventCode.HOSPITAL_CHOICE_CONFIRMED: _by_owner,
    EventCode.REDIRECT_PROPOSED: _forward,
    EventCode.REFERRAL_ACCEPTED: _by_owner,
    EventCode.REFERRAL_REJECTED: _by_owner,
    EventCode.REFERRAL_FORWARDED: _forward,
    EventCode.INQUIRY_FORWARDED: _forward,
}
