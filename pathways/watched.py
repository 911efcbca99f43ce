"""A commitment under watch: what became of it, what was told of it, and when the watch looks at it again.

Two functions: ``follow`` takes over what the events say now, ``look`` says what is to be told. Both are given the
time; told again what they know already, they change nothing. An alarm that was not just is withdrawn: what was owed
had been done in time and we heard of it late, or the message that asked for it was cancelled or corrected.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pathways.calendars import Limit
from pathways.deadlines import ACUTE, Commitment
from pathways.escalation import Escalation, Rung, Step
from pathways.promises import PromiseKind, PromiseState

TOGETHER: Final = timedelta(hours=12)
"""What falls due in one matter within so long is one alarm for each party."""


class Unjust(StrEnum):
    """Why an alarm is withdrawn."""

    IN_TIME = "in-time"  # it was done in time, and we heard of it late
    CANCELLED = "cancelled"  # nobody asks for it any more, since before it was due
    CORRECTED = "corrected"  # it was not due yet


@dataclass(frozen=True, slots=True)
class Sent:
    """An alarm: the message's id, and whom it was sent to (directory keys)."""

    message: str
    step: Step
    to: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Snooze:
    """Nobody is told before ``until``; ``by`` is a person's name, who says why."""

    until: datetime
    reason: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How the watch over a commitment went.

    ``alarms`` are those that stand, ``past`` those that no longer count. ``round`` rises when all begins anew.
    ``quiet``: it was overdue when we took it over, so nobody is told. ``gone``: no event speaks of it any more.
    """

    opened_by: str
    limit: Limit | None = None
    name: str | None = None  # of the person, where the events name one
    taken: str | None = None  # by whom, once somebody has taken it
    snooze: Snooze | None = None
    alarms: tuple[Sent, ...] = ()
    past: tuple[Sent, ...] = ()
    round: int = 0
    quiet: bool = False
    gone: bool = False
    unjust: Unjust | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One commitment. Instants in UTC, parties as directory keys; ``next_at``: when the watch looks at it."""

    id: str
    patient: str
    thread: str
    kind: PromiseKind
    responsible: str
    other: str | None
    opened: datetime
    due: datetime
    state: PromiseState
    proof: datetime | None
    step: Step = Step.NONE
    next_at: datetime | None = None
    course: Course

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes it."""
        return self.state is PromiseState.OPEN

    @property
    def is_overdue(self) -> bool:
        """Whether it is open, and was found to be over its time."""
        return self.is_open and self.step >= Step.DUE

    @property
    def kept_in_time(self) -> bool | None:
        """Proof is when it happened and was written, not when it came; ``None`` where it is not kept."""
        kept = self.state is PromiseState.KEPT and self.proof is not None
        return self.proof <= self.due if kept and self.proof else None

    @property
    def holder(self) -> str | None:
        """The person who has it."""
        return self.course.taken or self.course.name


# --- what the events say


def follow(
    commitments: Iterable[Commitment],
    known: Iterable[Watched],
    escalation: Escalation,
    now: datetime,
    *,
    quiet: bool = False,
) -> list[Watched]:
    """A thread's commitments as they are to be watched, given those that are known of it; what has gone, too.

    ``quiet``: what is seen for the first time, and is overdue by now, raises no alarm.
    """
    wanted = {one.id: one for one in commitments}
    before = {one.id: one for one in known}
    lost = [one for one in before.values() if one.id not in wanted and not one.course.gone]
    made = []
    for one in wanted.values():
        was = before.get(one.id)
        if was is None or was.course.gone:
            was = _heir(one, lost) or _new(one, quiet=quiet and one.due <= now)
        made.append(_judged(_told(was, one), before.get(one.id), escalation, now))
    return [*made, *(_judged(_gone(one), one, escalation, now) for one in lost)]


def _new(one: Commitment, *, quiet: bool) -> Watched:
    return Watched(
        id=one.id,
        patient=one.patient,
        thread=one.thread,
        kind=one.promise.kind,
        responsible=one.responsible,
        other=one.other,
        opened=one.promise.opened.at,
        due=one.due,
        state=one.promise.state,
        proof=one.promise.proof,
        course=Course(opened_by=one.promise.opened_by, quiet=quiet),
    )


def _heir(one: Commitment, lost: list[Watched]) -> Watched | None:
    """A corrected message opens what the one before it opened: the alarms are about that."""
    for place, was in enumerate(lost):
        if was.kind is one.promise.kind:
            emptied = replace(was.course, alarms=(), past=())
            lost[place] = replace(was, course=emptied)
            return replace(was, id=one.id, due=one.due, opened=one.promise.opened.at)
    return None


def _told(was: Watched, one: Commitment) -> Watched:
    """The newest word; who has taken it has it for as long as it is the same party's."""
    if _says(was) == _said(one):
        return was
    course = replace(
        was.course,
        opened_by=one.promise.opened_by,
        limit=one.limit,
        name=one.promise.duty.name,
        taken=was.course.taken if was.responsible == one.responsible else None,
    )
    told = replace(
        was,
        patient=one.patient,
        thread=one.thread,
        responsible=one.responsible,
        other=one.other,
        opened=one.promise.opened.at,
        state=one.promise.state,
        proof=one.promise.proof,
        due=one.due,
        course=course,
    )
    return _begun_anew(told) if one.due > was.due else told


def _said(one: Commitment) -> tuple[object, ...]:
    promise = one.promise
    who = (one.patient, one.thread, one.responsible, one.other, promise.duty.name)
    return (
        *who,
        promise.opened_by,
        promise.opened.at,
        promise.state,
        promise.proof,
        one.due,
        one.limit,
    )


def _says(one: Watched) -> tuple[object, ...]:
    """The same, as it is kept."""
    course = one.course
    who = (one.patient, one.thread, one.responsible, one.other, course.name)
    return (*who, course.opened_by, one.opened, one.state, one.proof, one.due, course.limit)


def _begun_anew(one: Watched) -> Watched:
    """Another round: what was told of the one before counts no more."""
    course = replace(
        one.course,
        round=one.course.round + 1,
        past=(*one.course.past, *one.course.alarms),
        alarms=(),
        snooze=None,
        quiet=False,
        unjust=None,
    )
    return replace(one, step=Step.NONE, course=course)


def _gone(one: Watched) -> Watched:
    course = replace(one.course, gone=True)
    return replace(one, state=PromiseState.WITHDRAWN, proof=None, course=course)


def _judged(one: Watched, before: Watched | None, escalation: Escalation, now: datetime) -> Watched:
    """Whether its alarms are just, and when the watch is to look."""
    if one is before and not one.is_open and not one.course.alarms:
        return one
    unjust = _unjust(one)
    judged = replace(one, course=replace(one.course, unjust=unjust))
    if unjust is None:
        return _scheduled(judged, escalation)
    waits = before is not None and before.course.unjust is unjust
    return replace(judged, next_at=before.next_at if before and waits else now)


def _unjust(one: Watched) -> Unjust | None:
    if not one.course.alarms:
        return None
    if one.is_open:
        early = any(sent.at < one.due for sent in one.course.alarms)
        return Unjust.CORRECTED if early else None
    if one.course.gone:
        return Unjust.CANCELLED
    if one.proof is None or one.proof > one.due:
        return None
    return Unjust.IN_TIME if one.state is PromiseState.KEPT else Unjust.CANCELLED


# --- what the watch does


@dataclass(frozen=True, slots=True)
class Tell:
    """These parties are to be told how far it has come: of a reminder before it is due, else of an alarm."""

    step: Step
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Withdraw:
    """These alarms are to be withdrawn."""

    alarms: tuple[Sent, ...]
    why: Unjust


def alarmed(others: Iterable[Watched], now: datetime) -> frozenset[str]:
    """Who has just been alarmed about ``others`` of the same matter that are still overdue: they look at it all."""
    standing = (sent for one in others if one.is_overdue for sent in one.course.alarms)
    return frozenset(party for sent in standing if now - sent.at < TOGETHER for party in sent.to)


def look(
    one: Watched,
    escalation: Escalation,
    now: datetime,
    top: Collection[str] = (),
    know: Collection[str] = (),
) -> tuple[Watched, Tell | Withdraw | None]:
    """How it stands after this look, and what is to be told. An alarm is noted by ``noted``.

    What passed while nobody looked is one alarm, to all whom it concerns by now. ``top``: the coordinator and KE.
    ``know``: who is ``alarmed`` about the matter already; they are told with the next step, unless it is acute.
    """
    if why := one.course.unjust:
        return _scheduled(_begun_anew(one), escalation), Withdraw(one.course.alarms, why)
    if not one.is_open or one.course.quiet:
        return replace(one, next_at=None), None
    rungs = [*escalation.rungs(one, top)]
    last = max((r.step for r in _ahead(one, rungs) if _when(one, r) <= now), default=None)
    if last is None:
        return _scheduled(one, escalation), None
    told = _scheduled(replace(one, step=last), escalation)
    if last is Step.REMINDER:
        return told, Tell(last, (one.responsible,)) if now < one.due else None
    warned = {party for sent in one.course.alarms for party in sent.to}
    concerned = (p for r in rungs if Step.DUE <= r.step <= last for p in r.parties)
    spared = warned if one.kind in ACUTE else warned.union(know)
    to = tuple(party for party in dict.fromkeys(concerned) if party not in spared)
    return told, Tell(last, to) if to else None


def noted(one: Watched, sent: Sent) -> Watched:
    """With an alarm that was sent."""
    return replace(one, course=replace(one.course, alarms=(*one.course.alarms, sent)))


def _scheduled(one: Watched, escalation: Escalation) -> Watched:
    """With the time of the next step, if there is one to come."""
    if not one.is_open or one.course.quiet:
        return replace(one, next_at=None)
    following = next(_ahead(one, escalation.rungs(one)), None)
    return replace(one, next_at=_when(one, following) if following else None)


def _ahead(one: Watched, rungs: Iterable[Rung]) -> Iterator[Rung]:
    return (rung for rung in rungs if rung.step > one.step)


def _when(one: Watched, rung: Rung) -> datetime:
    snooze = one.course.snooze
    return max(rung.at, snooze.until) if snooze else rung.at


# --- what people do


def take(one: Watched, name: str | None) -> Watched:
    """A person has it now; ``None``: nobody in particular. What is closed is nobody's to take."""
    return replace(one, course=replace(one.course, taken=name)) if one.is_open else one


def put_off(one: Watched, snooze: Snooze, escalation: Escalation) -> Watched:
    """Nobody is told for a while, which somebody answers for."""
    if not one.is_open:
        return one
    return _scheduled(replace(one, course=replace(one.course, snooze=snooze)), escalation)
