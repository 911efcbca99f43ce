"""What happens in a region of 400,000 inhabitants, from a seed: stays, referrals and questions over days or months.

The numbers are rounded Norwegian ones: per year and 1,000 inhabitants 50 stays of people who need municipal services
afterwards, 300 referrals and 90 questions between units. Most promises are kept; some are late, some are forgotten, and
some were kept in time and are told late. The shape follows from the seed; message ids do not.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Final

import orjson

from tests.integration.stories import (
    HOSPITAL,
    NURSING,
    Matter,
    Resource,
    admission,
    capacity_answer,
    departure_planned,
    discharge,
    discharge_ready,
    discharge_report,
    early_notice,
    inquiry,
    person,
    referral,
    reply,
    report,
)

INHABITANTS: Final = 400_000
_STAYS, _REFERRALS, _QUESTIONS = (
    rate * INHABITANTS / 1000 / 365 for rate in (50, 300, 90)
)  # a day: stays of those who need municipal services
_FORGOTTEN: Final = 0.03
_TOLD_LATE: Final = 0.02
_FIRST_PERSON: Final = 1_200_000


@dataclass(frozen=True, slots=True, order=True)
class Arrival:
    """A message and when it comes."""

    at: datetime
    source: bytes


def arrivals(begins: datetime, days: int, seed: int) -> Iterator[Arrival]:
    """All messages of ``days`` days from ``begins`` (zoned), in the order in which they come."""
    chance = random.Random(seed)
    people = count(_FIRST_PERSON)
    waiting: list[Arrival] = []
    for day in range(days):
        today = begins + timedelta(days=day)
        for rate, story in ((_STAYS, _stay), (_REFERRALS, _referral), (_QUESTIONS, _question)):
            for _ in range(int(rate) + (chance.random() < rate % 1)):
                starts = today + timedelta(hours=24 * chance.random())
                matter = Matter(person(next(people)), starts, id=f"{seed}-{next(people)}")
                waiting += _coming(story(matter, chance), chance)
        waiting.sort()
        tomorrow = today + timedelta(days=1)
        yield from (one for one in waiting if one.at < tomorrow)
        waiting = [one for one in waiting if one.at >= tomorrow]


def _coming(told: Iterator[tuple[datetime, Resource]], chance: random.Random) -> Iterator[Arrival]:
    for at, message in told:
        late = chance.random() < _TOLD_LATE
        delay = timedelta(hours=chance.uniform(1, 72)) if late else timedelta(seconds=30)
        yield Arrival(at + delay, orjson.dumps(message))


def _after(chance: random.Random, hours: float) -> timedelta:
    """About so long, at times many times as long."""
    return timedelta(hours=hours * chance.lognormvariate(0, 0.6))


def _stay(matter: Matter, chance: random.Random) -> Iterator[tuple[datetime, Resource]]:
    at = matter.begins
    yield at, admission(matter, happened=at, written=at)
    notice = at + _after(chance, 14)
    ready = at + timedelta(days=chance.choice((2, 3, 4, 5, 7, 12)))
    if chance.random() > _FORGOTTEN:
        yield notice, early_notice(matter, ready.date(), happened=notice, written=notice)
    answer = at + _after(chance, 10)
    if chance.random() > _FORGOTTEN:
        yield answer, report("admission-report", matter, happened=answer, written=answer)
    yield ready, discharge_ready(matter, happened=ready, written=ready)
    answered = ready + _after(chance, 8)
    offer = ready + timedelta(days=1)
    if chance.random() > _FORGOTTEN:
        yield (
            answered,
            capacity_answer(matter, offer, happened=answered, written=answered),
        )
    planned = max(answered, ready) + timedelta(hours=1)
    leaves = max(offer, planned) + timedelta(hours=4)
    yield planned, departure_planned(matter, leaves, happened=planned, written=planned)
    yield leaves, discharge(matter, happened=leaves, written=leaves)
    told = leaves + _after(chance, 4)
    if chance.random() > _FORGOTTEN:
        yield told, discharge_report(matter, happened=told, written=told)


def _referral(matter: Matter, chance: random.Random) -> Iterator[tuple[datetime, Resource]]:
    at = matter.begins
    yield at, referral(matter, happened=at, written=at)
    taken = at + _after(chance, 24)
    yield taken, referral(matter, "referral-received", happened=taken, written=taken)
    assessed = taken + _after(chance, 24 * 7)
    if chance.random() > _FORGOTTEN:
        kind = "referral-accepted" if chance.random() < 0.85 else "referral-rejected"
        yield assessed, referral(matter, kind, happened=assessed, written=assessed)


def _question(matter: Matter, chance: random.Random) -> Iterator[tuple[datetime, Resource]]:
    at = matter.begins
    yield at, inquiry(matter, sender=NURSING, receivers=(HOSPITAL,), happened=at, written=at)
    answered = at + _after(chance, 20)
    if chance.random() > 2 * _FORGOTTEN:
        yield (
            answered,
            reply(
                matter,
                sender=HOSPITAL,
                receivers=(NURSING,),
                happened=answered,
                written=answered,
            ),
        )
