"""Two people change a plan at once: what each of them wrote stands, and where both did, one of them chooses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

from pathways.facts import Goal, Participant, PlanFacts
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.plan_facts import PlanFact

Item = Goal | Participant
Rows = tuple[Item | None, ...]
"""First those of the version that was changed, in its order (``None``: taken out), then those that were added."""

PLAIN: Final = ("title", "coordinator", "begins", "ends", "note")
LISTS: Final = ("goals", "participants")
_PERIOD: Final = ("begins", "ends")


@dataclass(frozen=True, slots=True)
class Edited:
    """A version of a plan as somebody wants it; ``rows`` by the name of the list."""

    plain: Mapping[str, str | Moment | None]
    rows: Mapping[str, Rows]

    @property
    def facts(self) -> PlanFacts:
        """What the plan says then."""
        lists = {
            name: tuple(one for one in rows if one is not None) or None
            for name, rows in self.rows.items()
        }
        return PlanFacts(**self.plain, **lists)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Clash:
    """Both changed it, and differently. ``place``: of a row in the result; ``None`` as a value: taken out."""

    fact: str
    place: int | None
    mine: Any
    theirs: Any


@dataclass(frozen=True, slots=True)
class Merged:
    """Both their changes, put upon theirs; mine where they clash."""

    result: Edited
    clashes: tuple[Clash, ...]


def merged(base: PlanFacts, mine: Edited, theirs: PlanFacts) -> Merged:
    """What ``mine`` made of ``base``, upon what has become of it meanwhile."""
    clashes: list[Clash] = []
    plain = {name: _plain(name, base, mine, theirs, clashes) for name in PLAIN}
    rows = {
        name: _rows(name, _list(base, name), mine.rows[name], _list(theirs, name), clashes)
        for name in LISTS
    }
    return Merged(Edited(plain, rows), tuple(clashes))


def told(before: PlanFacts, after: PlanFacts) -> PlanFacts:
    """What a message has to say so that the one becomes the other; what says nothing any more is ``emptied``.

    Where an organisation is new to it, all of it: it has heard nothing of what was told before. A period is told
    whole, so that the rules see whether it is one.
    """
    changed = {name for name in (*PLAIN, *LISTS) if getattr(after, name) != getattr(before, name)}
    emptied = tuple(one for one in PlanFact if one in changed and getattr(after, one) is None)
    if changed & {*_PERIOD}:
        changed |= {*_PERIOD}
    if _parties(after) - _parties(before):
        changed |= {*PLAIN, *LISTS}
    said = {name: getattr(after, name) for name in changed}
    return PlanFacts(**said, emptied=emptied or None)


def _parties(plan: PlanFacts) -> set[PartyRef]:
    return {one.party for one in plan.participants or () if one.party}


def says_anything(facts: PlanFacts) -> bool:
    """Whether there is anything to tell."""
    return any(getattr(facts, one.name) is not None for one in fields(facts))


def _list(plan: PlanFacts, name: str) -> tuple[Item, ...]:
    return getattr(plan, name) or ()


def _plain(
    name: str, base: PlanFacts, mine: Edited, theirs: PlanFacts, clashes: list[Clash]
) -> Any:
    was, own, other = getattr(base, name), mine.plain[name], getattr(theirs, name)
    if own == was:
        return other
    if other not in (was, own):
        clashes.append(Clash(name, None, own, other))
    return own


def _rows(
    name: str, base: Sequence[Item], mine: Rows, theirs: Sequence[Item], clashes: list[Clash]
) -> Rows:
    """Theirs in their order, with my changes; then what they took out and I changed, and what I added."""
    pairs = _pairs(base, theirs)
    back = {place: number for number, place in pairs.items()}
    found: list[Item | None] = []
    for place, other in enumerate(theirs):
        number = back.get(place)
        found.append(
            other
            if number is None
            else _one(name, place, base[number], mine[number], other, clashes)
        )
    for number, was in enumerate(base):
        own = mine[number]
        if number not in pairs and own not in (None, was):
            clashes.append(Clash(name, len(found), own, None))
            found.append(own)
    there = [one for one in found if one is not None]
    added = (one for one in mine[len(base) :] if one is not None and one not in there)
    return (*found, *added)


def _one(
    name: str, place: int, was: Item, own: Item | None, other: Item, clashes: list[Clash]
) -> Item | None:
    if own == was:
        return other
    if other not in (was, own):
        clashes.append(Clash(name, place, own, other))
    return own


def _pairs(base: Sequence[Item], theirs: Sequence[Item]) -> dict[int, int]:
    """Which row of the one is which of the other: the same, else the next one of its name, else the next one."""
    pairs: dict[int, int] = {}
    for same in (_itself, _name, _any):
        taken = {*pairs.values()}
        for number, was in enumerate(base):
            places = (
                p for p, one in enumerate(theirs) if p not in taken and same(one) == same(was)
            )
            if number not in pairs and (place := next(places, None)) is not None:
                pairs[number] = place
                taken.add(place)
    return pairs


def _itself(one: Item) -> object:
    return one


def _any(_: Item) -> object:
    return None


def _name(one: Item) -> object:
    return one.text if isinstance(one, Goal) else one.name


def unchanged(plan: PlanFacts) -> Edited:
    """A version in which nobody has changed anything."""
    plain = {name: getattr(plan, name) for name in PLAIN}
    return Edited(plain, {name: _list(plan, name) for name in LISTS})
