"""What meetings, measures and follow-ups promise: the openings and conditions that the rows of ``pledges`` name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pathways.calendars import LATEST
from pathways.events import Activity, Family
from pathways.facts import FollowUpFacts, MeasureFacts, known_as
from pathways.messages import Record
from pathways.moments import Moment
from pathways.parties import Function
from pathways.promises import Duty, Opening, Promise, PromiseKind, Promises, PromiseState, asked_of
from pathways.states import Meeting
from pathways.transitions import Status

if TYPE_CHECKING:
    from pathways.pathway import Thread


ENDS_WITH_LIFE: Final = frozenset((Family.MEETING, Family.MEASURE, Family.FOLLOW_UP))
"""What nobody owes a person who has died; what is agreed on afterwards, with the bereaved, stands."""


def outlived(promises: Promises, family: Family, death: Moment | None) -> Promises:
    """A matter's promises when the person is known to have died."""
    if death is None or family not in ENDS_WITH_LIFE:
        return promises
    return tuple(
        _stopped(p, death) if p.is_open and p.opened.at <= death.at else p for p in promises
    )


def _stopped(promise: Promise, death: Moment) -> Promise:
    return replace(promise, state=PromiseState.WITHDRAWN, closed=death, proof=death.at)


# --- meetings


def summoned(thread: Thread, record: Record) -> Iterator[Opening]:
    """Everyone who is summoned answers for themselves; who gets a copy, or has answered already, does not."""
    meeting = _meeting(thread)
    if record.activity is not Activity.REPLY:
        answered = {answer.party for answer in meeting.answers}
        for party in meeting.summoned:
            if party not in answered and party != thread.owner:
                yield Opening(Duty(party), thread.owner)


def _meeting(thread: Thread) -> Meeting:
    return known_as(Meeting, thread.facts)


def left_out(promise: Promise, thread: Thread, _: Record) -> bool:
    """Summoned before, and no more."""
    return promise.duty.party not in _meeting(thread).summoned


def own_answer(promise: Promise, record: Record) -> bool:
    """Nobody answers for another."""
    return record.activity is Activity.REPLY and promise.duty.party == record.sender


# --- measures and follow-up


def _measure(thread: Thread) -> MeasureFacts:
    return known_as(MeasureFacts, thread.facts)


def proposed(thread: Thread, record: Record) -> Iterator[Opening]:
    """What is promised already needs no answer."""
    if thread.status is Status.PROPOSED:
        yield Opening(asked_of(record, Function.KE), record.sender)


def taken_on(thread: Thread, record: Record) -> Iterator[Opening]:
    """A measure is its owner's, who may change, as may its date."""
    if thread.is_open:
        known = _measure(thread)
        yield Opening(Duty(thread.owner, name=known.owner_name), thread.sender, known.due)


def to_evaluate(thread: Thread, record: Record) -> Iterator[Opening]:
    """By whoever follows the measure up, else by its owner."""
    said = known_as(MeasureFacts, record.facts).evaluate_by
    if said is None:
        return
    open_ = (p.duty for p in thread.promises if p.kind is PromiseKind.EVALUATION and p.is_open)
    named = record.named.get("follows_up")
    duty = Duty(named[0]) if named else next(open_, Duty(thread.owner))
    yield Opening(duty, thread.sender, said)


def _follow_up(thread: Thread) -> FollowUpFacts:
    return known_as(FollowUpFacts, thread.facts)


def next_contact(thread: Thread, record: Record) -> Iterator[Opening]:
    """Each contact promises the next one, until the end that was agreed."""
    known = _follow_up(thread)
    if not known.interval_days or thread.status is Status.UNKNOWN:
        return
    due = max(_after(_last_contact(thread, record), known.interval_days), record.happened.at)
    if not _beyond(due, known.until):
        duty = Duty(thread.owner or record.sender, name=known.owner_name)
        yield Opening(duty, thread.sender, Moment(due, day=True))


def _last_contact(thread: Thread, record: Record) -> datetime:
    """Another interval counts from the same contact."""
    if record.activity is Activity.REPLY:
        talked = known_as(FollowUpFacts, record.facts).talked
        return (talked or record.happened).at
    open_ = (p for p in thread.promises if p.kind is PromiseKind.FOLLOW_UP and p.is_open)
    return next((p.opened.at for p in open_), record.happened.at)


def _after(at: datetime, days: int) -> datetime:
    try:
        return min(at + timedelta(days=days), LATEST)
    except OverflowError:
        return LATEST


def _beyond(due: datetime, until: Moment | None) -> bool:
    """Whether a day comes after the last one."""
    return until is not None and due >= _after(until.at, 1)


def over(promise: Promise, thread: Thread, _: Record) -> bool:
    """The end that was agreed comes before the next contact."""
    return promise.due is not None and _beyond(promise.due.at, _follow_up(thread).until)


def talked(promise: Promise, record: Record) -> bool:
    """An answer is a contact; anything else changes what was agreed."""
    return record.activity is Activity.REPLY
