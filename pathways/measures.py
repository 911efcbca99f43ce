"""Requests about measures: what the rules refuse, so that whoever promises, delays or drops one is entitled to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from pathways import plans
from pathways.coordination import parties
from pathways.events import EventCode
from pathways.facts import MeasureFacts, known_as
from pathways.refusals import Cause, Reason, Refusal, no
from pathways.transitions import Status

if TYPE_CHECKING:
    from pathways.decide import Case
    from pathways.pathway import Thread

_NOT_THEIRS: Final = no(
    Cause.NOT_ENTITLED,
    "only who does the measure, who is asked to, or who coordinates may say this",
    Reason.FORBIDDEN,
)
_PAST: Final = no(Cause.DUE_IN_THE_PAST, "a measure cannot be due before it is promised")
_NO_DATE: Final = no(Cause.NO_NEW_DATE, "a delayed measure needs its new date")
_NO_REASON: Final = no(Cause.NOT_SAID_WHY, "a measure is dropped with a reason")


def sound(case: Case) -> Refusal | None:
    """What a promise may say whoever gives it."""
    return _PAST if _is_due_before(case) else None


def _promised(case: Case, thread: Thread) -> Refusal | None:
    return sound(case) or _entitled(case, thread)


def _delayed(case: Case, thread: Thread) -> Refusal | None:
    if _said(case).due is None:
        return _NO_DATE
    return sound(case) or _entitled(case, thread)


def _dropped(case: Case, thread: Thread) -> Refusal | None:
    """Who proposed a measure may take the proposal back."""
    if _said(case).reason is None:
        return _NO_REASON
    if thread.status is Status.PROPOSED and case.same_house(thread.sender):
        return None
    return _entitled(case, thread)


def _said(case: Case) -> MeasureFacts:
    return known_as(MeasureFacts, case.message.facts)


def _is_due_before(case: Case) -> bool:
    due = _said(case).due
    return due is not None and due.at < case.message.happened.at


def _entitled(case: Case, thread: Thread) -> Refusal | None:
    if any(case.same_house(party) for party in _in_charge(case, thread)):
        return None
    asked_of_nobody = thread.status is Status.PROPOSED and thread.asked is None
    return None if asked_of_nobody else _NOT_THEIRS


def _in_charge(case: Case, thread: Thread) -> Iterator[str | None]:
    """Who does it, who is asked to, whose plan it belongs to, and who coordinates."""
    yield from (thread.owner, thread.asked)
    known = known_as(MeasureFacts, thread.facts).plan
    yield from (plan.owner for _, plan in plans.of(case.header.plans, known))
    yield from parties(case.header.team)


Judge = Callable[["Case", "Thread"], Refusal | None]
JUDGES: Final[Mapping[EventCode, Judge]] = {
    EventCode.MEASURE_PROMISED: _promised,
    EventCode.MEASURE_DELAYED: _delayed,
    EventCode.MEASURE_DROPPED: _dropped,
}
