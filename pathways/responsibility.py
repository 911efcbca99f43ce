"""Who is responsible for a matter after an event, and who is asked to take over and has not answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pathways.events import Activity, EventCode, Family
from pathways.messages import Record
from pathways.transitions import LASTING

if TYPE_CHECKING:
    from pathways.pathway import Thread

Responsible = tuple[str | None, str | None]
"""Owner and asked, by their directory keys."""

PASSED_ON_TOO_OFTEN = 2
"""How many times a question may be passed on until the coordinating unit has it."""


def responsible(thread: Thread, record: Record) -> Responsible:
    """One who has it keeps it until the next one has accepted."""
    rule = _HANDS_OVER.get(record.code)
    if rule is not None:
        return rule(thread, record)
    begins = record.sender if record.family in _FIRST_TO_SPEAK else None
    return thread.owner or begins, thread.asked


def only_answers(record: Record) -> bool:
    """Whether it is an answer in a matter that others began: who answers takes nothing over."""
    return record.activity is Activity.REPLY and record.family in LASTING


def _named(record: Record) -> str | None:
    """Whom the event itself says will do it; a receiver is not meant."""
    return next(iter(record.named.get("owner", ())), None)


def _beginning(record: Record) -> str | None:
    return None if only_answers(record) else record.sender


def _passed_on(thread: Thread, record: Record) -> Responsible:
    """Passed on once, the next one has it; passed on again, the coordinating unit, which asks the next one."""
    if len(thread.passed) + 1 >= PASSED_ON_TOO_OFTEN and record.ke:
        return record.ke, record.asked
    return record.asked or thread.owner or record.ke or record.sender, None


_FIRST_TO_SPEAK = frozenset(
    (Family.STAY, Family.REFERRAL, Family.CHOICE, Family.COURSE, Family.APPLICATION)
)
"""Families whose matter is had by whoever tells of it first, where nobody else is asked."""

_HANDS_OVER: Mapping[EventCode, Callable[[Thread, Record], Responsible]] = {
    EventCode.ADMISSION: lambda _, r: (r.asked or r.sender, None),
    EventCode.TRANSFER: lambda _, r: (r.asked or r.sender, None),
    EventCode.HOSPITAL_CHOICE: lambda t, r: (t.owner or r.asked or r.sender, r.asked),
    EventCode.REDIRECT_PROPOSED: lambda t, r: (t.owner or r.sender, r.asked),
    EventCode.HOSPITAL_CHOICE_CONFIRMED: lambda _, r: (r.sender, None),
    EventCode.REFERRAL: lambda t, r: (r.asked or t.owner or r.sender, r.asked),
    EventCode.REFERRAL_FORWARDED: lambda t, r: (r.asked or t.owner or r.sender, r.asked),
    EventCode.REFERRAL_ACCEPTED: lambda _, r: (r.sender, None),
    EventCode.REFERRAL_REJECTED: lambda t, r: (t.sender or r.sender, None),
    EventCode.INQUIRY: lambda t, r: (r.asked or t.owner or r.ke or r.sender, None),
    EventCode.INQUIRY_FORWARDED: _passed_on,
    EventCode.CARER_UNAVAILABLE: lambda t, r: (r.asked or t.owner or r.ke or r.sender, None),
    EventCode.MEASURE_PROPOSED: lambda t, r: (t.owner or r.asked or r.sender, r.asked),
    EventCode.MEASURE_PROMISED: lambda _, r: (_named(r) or r.sender, None),
    EventCode.MEASURE_STARTED: lambda t, r: (t.owner or _named(r) or r.sender, None),
    EventCode.MEASURE_DELAYED: lambda t, r: (_named(r) or t.owner or r.sender, None),
    EventCode.MEASURE_DONE: lambda t, r: (t.owner or r.sender, None),
    EventCode.MEASURE_DROPPED: lambda t, r: (t.owner or r.sender, None),
    EventCode.MEASURE_EVALUATED: lambda t, r: (t.owner or r.sender, None),
    EventCode.FOLLOW_UP: lambda t, r: (_named(r) or t.owner or _beginning(r), None),
    EventCode.PLAN_MEETING: lambda t, r: (t.owner or _beginning(r), None),
    EventCode.APPLICATION: lambda t, r: (r.asked or t.owner or r.ke or r.sender, None),
    EventCode.INTERIM_ANSWER: lambda _, r: (r.sender, None),
    EventCode.DECISION: lambda _, r: (r.sender, None),
    EventCode.COMPLAINT: lambda t, r: (t.owner or r.asked or r.ke or r.sender, None),
    EventCode.COMPLAINT_FORWARDED: lambda t, r: (t.owner or r.sender, None),
    EventCode.SERVICE_ENDING: lambda _, r: (r.sender, None),
    EventCode.COURSE_STARTED: lambda _, r: (r.sender, None),
    EventCode.FIRST_CONTACT_BOOKED: lambda _, r: (r.sender, None),
    EventCode.COORDINATION_NEED: lambda t, r: (t.owner or r.asked, None),
    EventCode.COORDINATOR_APPOINTED: lambda t, r: (t.owner or r.sender, None),
    EventCode.PLAN_CREATED: lambda _, r: (r.sender, None),
    EventCode.PLAN_UPDATED: lambda t, r: (t.owner or r.sender, None),
}
