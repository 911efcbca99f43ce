"""What two organisations may agree on: another limit for one kind of promise, between two dates."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Protocol

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
    one, other = sorted(map(directory.house, wanted.parties))
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
    same = (o for o in known if o.kind is wanted.kind and o.parties == wanted.parties)
    if any(overlap(wanted, other) for other in same):
        yield Cause.AGREED_ALREADY


class Dated(Protocol):
    """What two organisations agreed on, whatever it is: from ``since`` on, until before ``until``, if that is set."""

    @property
    def since(self) -> datetime:
        """When it begins."""

    @property
    def until(self) -> datetime | None:
        """When it ends."""


def objection_to_end(agreement: Dated, until: datetime) -> Cause | None:
    """Why it cannot end at ``until``; an end that was agreed is never moved to later."""
    if until <= agreement.since:
        return Cause.ENDS_BEFORE_IT_BEGINS
    if agreement.until is not None and agreement.until <= until:
        return Cause.ENDED_ALREADY
    return None


def overlap(one: Dated, other: Dated) -> bool:
    """Whether there is a time when both hold."""
    return _starts_before_end(one, other) and _starts_before_end(other, one)


def _starts_before_end(one: Dated, other: Dated) -> bool:
    return other.until is None or one.since < other.until
