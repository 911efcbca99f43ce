"""How it went: answer times, what was kept in time, days of waiting and alarms, by unit; small numbers are hidden."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from statistics import median
from typing import TypeVar

from pathways.promises import PromiseKind, PromiseState

MINIMUM = 5
"""Nothing is told that rests on fewer: people could be recognised."""

_HOUR = timedelta(hours=1)


class Figure(StrEnum):
    """What is told of a unit."""

    PROMISED = "promised"  # how many, by kind
    IN_TIME = "in-time"  # per cent of those kept or overdue, by kind
    ANSWER_HOURS = (
        "answer-hours"  # median from when it was asked until it provably was done, by kind
    )
    LATE_NOTICES = "late-notices"  # early notices after 24 hours, or not at all
    STAYS = "stays"  # begun in the period
    READY_STAYS = "ready-stays"  # in which the patient waited
    READY_DAYS = "ready-days"  # of waiting
    OWED_DAYS = "owed-days"  # those the municipality pays for
    ALARMS = "alarms"
    ALARMS_PER_100_STAYS = "alarms-per-100-stays"


@dataclass(frozen=True, slots=True)
class Row:
    """One figure; ``value`` is ``None`` where it would rest on fewer than ``MINIMUM``."""

    unit: str
    figure: Figure
    kind: PromiseKind | None
    value: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A promise of a unit (directory key), and how many alarms were raised about it."""

    unit: str
    kind: PromiseKind
    opened: datetime
    due: datetime
    state: PromiseState
    proof: datetime | None
    alarms: int = 0


@dataclass(frozen=True, slots=True)
class Waited:
    """How long a patient waited in a stay that concerned the unit, in days, and how many of those are paid for."""

    unit: str
    days: int
    owed: int


T = TypeVar("T", Owed, Waited)


def rows(
    promises: Iterable[Owed], stays: Mapping[str, int], waits: Iterable[Waited], now: datetime
) -> list[Row]:
    """All figures, by unit. ``stays``: how many concerned it."""
    owed, waited = _by_unit(promises), _by_unit(waits)
    return [
        row
        for unit in sorted({*owed, *stays, *waited})
        for row in (
            *_of_promises(unit, owed.get(unit, ()), now),
            *_of_stays(unit, stays.get(unit, 0), owed.get(unit, ()), now),
            *_of_waiting(unit, waited.get(unit, ())),
        )
    ]


def count(number: int) -> int | None:
    """A number that may be told: none at all may."""
    return number if number == 0 or number >= MINIMUM else None


def _by_unit(found: Iterable[T]) -> dict[str, list[T]]:
    known: dict[str, list[T]] = {}
    for one in found:
        known.setdefault(one.unit, []).append(one)
    return known


def _of_promises(unit: str, owed: Collection[Owed], now: datetime) -> Iterator[Row]:
    for kind in PromiseKind:
        mine = [one for one in owed if one.kind is kind and one.state is not PromiseState.WITHDRAWN]
        if not mine:
            continue
        yield Row(unit, Figure.PROMISED, kind, count(len(mine)))
        judged = [in_time for one in mine if (in_time := _in_time(one, now)) is not None]
        if judged:
            yield Row(unit, Figure.IN_TIME, kind, _share(sum(judged), len(judged)))
        hours = [(one.proof - one.opened) / _HOUR for one in mine if one.proof is not None]
        if hours:
            told = round(max(0.0, median(hours)), 1) if count(len(hours)) else None
            yield Row(unit, Figure.ANSWER_HOURS, kind, told)


def _in_time(one: Owed, now: datetime) -> bool | None:
    """``None`` for what is still in its time."""
    if one.proof is not None:
        return one.proof <= one.due
    return False if one.due < now else None


def _share(part: int, whole: int) -> float | None:
    """Per cent; neither those that are meant nor the others may be few."""
    if count(whole) is None or count(part) is None or count(whole - part) is None:
        return None
    return round(100 * part / whole, 1)


def _of_stays(unit: str, stays: int, owed: Collection[Owed], now: datetime) -> Iterator[Row]:
    if not stays:
        return
    alarms = sum(one.alarms for one in owed)
    notices = [one for one in owed if one.kind is PromiseKind.EARLY_NOTICE]
    live = [one for one in notices if one.state is not PromiseState.WITHDRAWN]
    late = sum(_in_time(one, now) is False for one in live)
    known = count(stays), count(alarms)
    yield Row(unit, Figure.STAYS, None, count(stays))
    yield Row(unit, Figure.LATE_NOTICES, None, count(late))
    yield Row(unit, Figure.ALARMS, None, count(alarms))
    share = None if None in known else round(100 * alarms / stays, 1)
    yield Row(unit, Figure.ALARMS_PER_100_STAYS, None, share)


def _of_waiting(unit: str, waited: Collection[Waited]) -> Iterator[Row]:
    stays = sum(one.days > 0 for one in waited)
    if not stays:
        return
    told = count(stays) is not None
    yield Row(unit, Figure.READY_STAYS, None, count(stays))
    yield Row(unit, Figure.READY_DAYS, None, sum(one.days for one in waited) if told else None)
    paid = sum(one.owed > 0 for one in waited)
    owed = sum(one.owed for one in waited) if told and count(paid) is not None else None
    yield Row(unit, Figure.OWED_DAYS, None, owed)
