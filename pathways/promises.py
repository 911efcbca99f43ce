"""Promises: what somebody owes in a matter, to whom, and what became of it.

A promise is part of its thread's state and follows from the thread's events alone, so the same history gives the same
promises whatever the order of arrival (``pledges`` has what opens and closes them). *When* it is due is
not part of it: that needs a calendar, agreements and the directory (``deadlines``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from pathways.events import EventCode
from pathways.facts import InquiryFacts, known_as
from pathways.messages import Record, stable_id
from pathways.moments import Moment
from pathways.parties import Function

if TYPE_CHECKING:
    from pathways.pathway import Thread


class PromiseKind(StrEnum):
    """What is promised."""

    EARLY_NOTICE = "early-notice"
    ADMISSION_REPORT = "admission-report"
    CAPACITY_ANSWER = "capacity-answer"
    OFFER_READY = "offer-ready"
    RECEIVED_HOME = "received-home"
    TRANSFER_REPORT = "transfer-report"
    DISCHARGE_REPORT = "discharge-report"
    REFERRAL_ASSESSMENT = "referral-assessment"
    ACUTE_ASSESSMENT = "acute-assessment"
    CHOICE_CONFIRMATION = "choice-confirmation"
    INQUIRY_ANSWER = "inquiry-answer"
    CARER_ANSWER = "carer-answer"
    FIRST_CONTACT = "first-contact"
    COORDINATION_ANSWER = "coordination-answer"
    HANDOVER_ANSWER = "handover-answer"
    CHANGE_ANSWER = "change-answer"
    MEETING_ANSWER = "meeting-answer"
    PROPOSAL_ANSWER = "proposal-answer"
    MEASURE = "measure"
    EVALUATION = "evaluation"
    FOLLOW_UP = "follow-up"
    INTERIM_ANSWER = "interim-answer"
    DECISION = "decision"
    COMPLAINT_FORWARDED = "complaint-forwarded"
    REVIEW = "review"
    RECEIPT = "receipt"


class PromiseState(StrEnum):
    """What became of it. Whether it was kept in time is for ``deadlines`` to say."""

    OPEN = "open"
    KEPT = "kept"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Duty:
    """Whose a promise is: a party where the events name one, else whoever has the function for the patient."""

    party: str | None = None  # directory key
    function: Function | None = None
    name: str | None = None  # of the person, where the events name one


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promise of one thread.

    ``due`` is set only where the events themselves name the time. ``proof``: since when it provably is kept, the later
    of when that happened and when it was written; what was settled by phone counts from the call.
    ``ahead``: kept before anything asked for it. ``about``: which of several it is, such as a coordinator's role.
    """

    kind: PromiseKind
    opened_by: str  # id of the record that opened it
    opened: Moment
    duty: Duty
    about: str | None = None
    first: str | None = None  # directory key of whose it was at first
    other: str | None = None  # directory key of the one it is owed to
    due: Moment | None = None
    state: PromiseState = PromiseState.OPEN
    closed_by: str | None = None
    closed: Moment | None = None
    proof: datetime | None = None
    ahead: bool = False

    @property
    def id(self) -> str:
        """Of its Task, whoever has it now."""
        return stable_id("promise", self.kind, self.opened_by, self.first or "")

    @property
    def is_open(self) -> bool:
        """Whether somebody still owes it."""
        return self.state is PromiseState.OPEN


Promises = tuple[Promise, ...]


@dataclass(frozen=True, slots=True)
class Opening:
    """What a record opens, or what it makes of a promise that is open already."""

    duty: Duty
    other: str | None = None
    due: Moment | None = None
    about: str | None = None


def asked_of(record: Record, function: Function) -> Duty:
    """Whom the record asks to act, else whoever has the function for the patient."""
    return Duty(record.asked) if record.asked else Duty(function=function)


Opens = Callable[["Thread", Record], Iterable[Opening]]
"""What a record opens, given the thread as the record left it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pledge:
    """A kind of promise.

    ``moves``: somebody else has it now, or it has another date; the clock goes on. ``each``: one for each party and
    each thing it is about, not one for the matter; ``keeps_if``: whose of them it is; ``withdraws_if``: which of them
    are withdrawn, given the thread as the record left it. ``ahead``: what keeps it may come before what asks for it,
    unless one of ``forgets`` comes between.
    """

    opens: Mapping[EventCode, Opens]
    keeps: tuple[EventCode, ...] = ()
    keeps_if: Callable[[Promise, Record], bool] = lambda _promise, _record: True
    moves: Mapping[EventCode, Opens] = field(default_factory=dict)
    withdraws: tuple[EventCode, ...] = ()
    withdraws_if: Callable[[Promise, Thread, Record], bool] = lambda *_: True
    each: bool = False
    ahead: bool = False
    forgets: tuple[EventCode, ...] = ()


Pledges = Mapping[PromiseKind, Pledge]


def promised(before: Promises, pledges: Pledges, thread: Thread, record: Record) -> Promises:
    """The promises of these kinds after ``record``, the newest so far; ``thread`` is as the record left it."""
    promises = before
    for kind, pledge in pledges.items():
        if record.code in pledge.keeps:
            promises = _kept(promises, kind, pledge, record)
        if record.code in pledge.forgets:
            promises = tuple(p for p in promises if not (p.kind is kind and p.ahead))
        if record.code in pledge.withdraws:
            promises = _withdrawn(promises, kind, pledge, thread, record)
        if moves := pledge.moves.get(record.code):
            promises = _moved(promises, kind, moves(thread, record))
        if opens := pledge.opens.get(record.code):
            for opening in opens(thread, record):
                promises = _opened(promises, kind, record, opening, each=pledge.each)
    return promises


def settled(promises: Promises, record: Record) -> Promises:
    """By phone: the promise that is named, or all of the matter. The call itself is what counts."""
    named = _named(record)
    return tuple(
        _ended(p, record, proof=record.happened.at) if p.is_open and named(p) else p
        for p in promises
    )


def answered(promises: Promises, record: Record) -> Promises:
    """In plain words: the promise that is named, or all that are the sender's own."""
    named = _named(record)
    return tuple(
        _ended(p, record) if p.is_open and named(p) and _answers(p, record) else p for p in promises
    )


def _named(record: Record) -> Callable[[Promise], bool]:
    """Which promises a record is about: the one with the id, those of the kind, or all."""
    said = _said(record)
    if said.promise:
        return lambda promise: promise.id == said.promise
    kinds = {said.topic} & {*PromiseKind} or {*PromiseKind}
    return lambda promise: promise.kind in kinds


def _answers(promise: Promise, record: Record) -> bool:
    """Whose it is answers; what is named, or owed by a function, anybody but the one it is owed to."""
    said = _said(record)
    meant = promise.duty.party is None or said.promise or said.topic in {*PromiseKind}
    return promise.duty.party == record.sender or bool(meant and record.sender != promise.other)


def _said(record: Record) -> InquiryFacts:
    return known_as(InquiryFacts, record.facts)


def _kept(promises: Promises, kind: PromiseKind, pledge: Pledge, record: Record) -> Promises:
    found = [p for p in promises if p.kind is kind and p.is_open and pledge.keeps_if(p, record)]
    if found:
        return tuple(_ended(p, record) if p in found else p for p in promises)
    if not pledge.ahead:
        return promises
    ahead = Promise(
        kind=kind,
        opened_by=record.id,
        opened=record.happened,
        duty=Duty(record.sender),
        ahead=True,
    )
    others = (p for p in promises if not (p.kind is kind and p.ahead))
    return (*others, _ended(ahead, record))


def _withdrawn(
    promises: Promises, kind: PromiseKind, pledge: Pledge, thread: Thread, record: Record
) -> Promises:
    open_ = (p for p in promises if p.kind is kind and p.is_open)
    gone = [p for p in open_ if pledge.withdraws_if(p, thread, record)]
    return tuple(_ended(p, record, PromiseState.WITHDRAWN) if p in gone else p for p in promises)


def _ended(
    promise: Promise,
    record: Record,
    state: PromiseState = PromiseState.KEPT,
    proof: datetime | None = None,
) -> Promise:
    proven = proof or max(record.happened.at, record.written)
    return replace(promise, state=state, closed_by=record.id, closed=record.happened, proof=proven)


def _moved(promises: Promises, kind: PromiseKind, to: Iterable[Opening]) -> Promises:
    """The newest word on who has it and when it is due; what it does not say stays."""
    moved = promises
    for opening in to:
        moved = tuple(
            replace(
                p,
                duty=opening.duty if opening.duty != Duty() else p.duty,
                other=opening.other or p.other,
                due=opening.due or p.due,
            )
            if p.kind is kind and p.is_open
            else p
            for p in moved
        )
    return moved


def _opened(
    promises: Promises, kind: PromiseKind, record: Record, opening: Opening, *, each: bool
) -> Promises:
    """Asking again changes what is open already, and the clock goes on."""
    for place, known in enumerate(promises):
        if known.kind is not kind or not (known.ahead or known.is_open):
            continue
        if known.ahead:
            asked = replace(known, ahead=False, opened_by=record.id, opened=record.happened)
        elif each and (known.duty.party, known.about) != (opening.duty.party, opening.about):
            continue
        else:
            asked = replace(known, duty=opening.duty, due=opening.due or known.due)
        return (*promises[:place], asked, *promises[place + 1 :])
    new = Promise(
        kind=kind,
        opened_by=record.id,
        opened=record.happened,
        duty=opening.duty,
        about=opening.about,
        first=opening.duty.party,
        other=opening.other,
        due=opening.due,
    )
    return (*promises, new)
