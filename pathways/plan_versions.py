"""The difference of two versions of a plan, fact by fact: what a participant has to know since they last looked."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from pathways.corrections import standing
from pathways.facts import Goal, Participant, PlanFacts
from pathways.messages import Record
from pathways.moments import Moment
from pathways.plans import updated

Value: TypeAlias = str | Moment | Goal | Participant

_PLAIN = ("title", "coordinator", "begins", "ends", "note")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is different. ``fact``: the plan's, or ``goal`` or ``participant``; ``None``: there is none."""

    fact: str
    before: Value | None
    after: Value | None


def differences(before: PlanFacts, after: PlanFacts) -> list[Change]:
    """What to change in ``before`` to get ``after``: goals by their text, participants by their name."""
    plain = (Change(name, getattr(before, name), getattr(after, name)) for name in _PLAIN)
    return [
        *(change for change in plain if change.before != change.after),
        *_of_many("goal", _goals(before), _goals(after)),
        *_of_many("participant", _people(before), _people(after)),
    ]


Many: TypeAlias = Mapping[tuple[str, int], Value]
"""By name, and which of those of one name."""


def _goals(plan: PlanFacts) -> Many:
    return _numbered((goal.text, goal) for goal in plan.goals or ())


def _people(plan: PlanFacts) -> Many:
    return _numbered((one.name, one) for one in plan.participants or ())


def _numbered(named: Iterable[tuple[str, Value]]) -> Many:
    found: dict[tuple[str, int], Value] = {}
    for name, value in named:
        place = sum(known == name for known, _ in found)
        found[name, place] = value
    return found


def _of_many(fact: str, before: Many, after: Many) -> Iterator[Change]:
    for name in (*before, *(name for name in after if name not in before)):
        was, now = before.get(name), after.get(name)
        if was != now:
            yield Change(fact, was, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A plan as it stood after one record: the record's id, when that happened, who sent it, and who wrote it."""

    id: str
    happened: Moment
    sender: str
    author: str | None
    facts: PlanFacts


def versions(records: Collection[Record]) -> list[Version]:
    """How a plan came to be what it is, the oldest first; corrections stand in place of what they correct."""
    facts, found = PlanFacts(), list[Version]()
    for record in sorted(standing(records).records, key=lambda one: one.order):
        if not isinstance(record.facts, PlanFacts):
            continue
        facts = updated(facts, record.facts)
        found.append(
            Version(
                id=record.id,
                happened=record.happened,
                sender=record.sender,
                author=record.author.name,
                facts=facts,
            )
        )
    return found
