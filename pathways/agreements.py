"""What two organisations may agree on: another limit for one kind of promise, between two dates."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from pathways.calendars import Unit
from pathways.deadlines import LIMITS, Agreement
from pathways.parties import Directory
from pathways.promises import PromiseKind
from pathways.refusals import Cause

K = PromiseKind

NAMED = frozenset((K.EVALUATION, K.FOLLOW_UP, K.REVIEW))
"""Kinds whose time the events always name themselves: no limit is counted for them."""


def between_houses(wanted: Agreement, directory: Directory) -> Agreement:
    """The same between the topmost parents of its parties, in order: a ward stands for its hospital."""
    one, other = sorted(directory.root(key) or key for key in wanted.parties)
    return replace(wanted, parties=(one, other))


def objection(wanted: Agreement, known: Iterable[Agreement], directory: Directory) -> Cause | None:
    """Why it cannot be agreed, or ``None``. ``wanted`` and ``known`` are between houses."""
    return next(_objections(wanted, known, directory), None)


def _objections(
    wanted: Agreement, known: Iterable[Agreement], directory: Directory
) -> Iterator[Cause]:
    limit = wanted.limit
    if LIMITS[wanted.kind].source is not None:
        yield Cause.FIXED_BY_LAW
    if wanted.kind in NAMED:
        yield Cause.TIME_IS_NAMED
    if not {*wanted.parties} <= {*directory.parties}:
        yield Cause.UNKNOWN_ORGANISATION
    if len({*wanted.parties}) == 1:
        yield Cause.WITH_ITSELF
    if limit.unit is not Unit.SAME_DAY and limit.amount < 1:
        yield Cause.NO_TIME
    if wanted.until is not None and wanted.until <= wanted.since:
        yield Cause.ENDS_BEFORE_IT_BEGINS
    if any(_overlap(wanted, other) for other in known):
        yield Cause.AGREED_ALREADY


def objection_to_end(agreement: Agreement, until: datetime) -> Cause | None:
    """Why it cannot end at ``until``; an end that was agreed is never moved to later."""
    if until <= agreement.since:
        return Cause.ENDS_BEFORE_IT_BEGINS
    if agreement.until is not None and agreement.until <= until:
        return Cause.ENDED_ALREADY
    return None


def _overlap(one: Agreement, other: Agreement) -> bool:
    same = one.kind is other.kind and one.parties == other.parties
    return same and _starts_before_end(one, other) and _starts_before_end(other, one)


def _starts_before_end(one: Agreement, other: Agreement) -> bool:
    return other.until is None or one.since < other.until
