"""What keeps a grant from holding: an objection, a consent that is not there or has ended, a plan that was left.

A grant is a fact about arrival and stays. Bars follow from the grants and from what is known of the patient alone, so
the same history in any order of arrival gives the same bars, and they can be made again at any time.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import partial
from typing import Final

from pathways.access import Basis
from pathways.consents import consented, is_in_force, objected
from pathways.events import EventCode, Family
from pathways.facts import ConsentKind, Participant
from pathways.moments import Moment, first_instant
from pathways.parties import Directory, Identifier, Kind
from pathways.plans import takes_part
from pathways.states import Consents, Provision
from pathways.statutory import demanded

K = ConsentKind
_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A grant, and what of its entry bars look at. ``reader``: directory key; ``thread``: of the entry."""

    event: str
    reader: str
    basis: Basis
    code: EventCode
    family: Family
    thread: str
    message_id: str


@dataclass(frozen=True, slots=True, order=True)
class Bar:
    """``reader`` may not see ``event`` from ``begins`` on, ``None``: ever since; until ``ends``, ``None``: for good."""

    event: str
    reader: str
    begins: datetime | None = None
    ends: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A plan, closed or not: what it is called by, and who takes part or took part."""

    identifiers: tuple[Identifier, ...]
    participants: tuple[Participant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What bars follow from. ``plans`` by thread; ``belongs``: what measures and meetings call their plan, by thread.

    ``at``: when parties are looked up in the directory; ``zone``: of what begins or ends with a day.
    """

    consents: Consents
    directory: Directory
    at: datetime
    zone: tzinfo
    plans: Mapping[str, Plan] = field(default_factory=dict)
    belongs: Mapping[str, tuple[Identifier, ...]] = field(default_factory=dict)


LAY: Final[Mapping[Kind, ConsentKind]] = {Kind.SCHOOL: K.SCHOOL, Kind.NAV: K.NAV}
"""Parties that are no health service, and the consent they need."""
FOR_LAY: Final = frozenset((Family.PLAN, Family.MEETING, Family.MEASURE, Family.DEADLINE))
"""What they may see at all, of what is addressed to them, and what they owe of it."""


def bars(held: Iterable[Held], ground: Ground) -> frozenset[Bar]:
    """All bars on these grants of one patient; a bar that ends is followed by a time when the grant holds."""
    edges = sorted({*_edges(ground)})
    return frozenset(bar for grant in held for bar in _of(grant, ground, edges))


def holds(grant: Held, ground: Ground, at: datetime) -> bool:
    """Whether nothing keeps the grant from holding at ``at``. No law demands that school or NAV are told."""
    if grant.basis is not Basis.SENT and not _may_be_told(grant, ground, at):
        return False
    if demanded(grant.code, grant.basis):
        return True
    return all(rule(grant, ground, at) for rule in _RULES)


def _of(grant: Held, ground: Ground, edges: Collection[datetime]) -> Iterator[Bar]:
    """Between two edges nothing changes: what holds at one holds until the next."""
    make = partial(Bar, grant.event, grant.reader)
    shut, since = not holds(grant, ground, _LONG_AGO), None
    for edge in edges:
        now = not holds(grant, ground, edge)
        if shut and not now:
            yield make(since, edge)
        if now and not shut:
            since = edge
        shut = now
    if shut:
        yield make(since, None)


def _edges(ground: Ground) -> Iterator[datetime]:
    people = (one for plan in ground.plans.values() for one in plan.participants)
    spans = [(one.since, one.until) for one in people]
    spans += [(one.since, one.until) for one in ground.consents.provisions]
    for since, until in spans:
        if since is not None:
            yield first_instant(since, ground.zone)
        if until is not None:
            yield _after(until, ground.zone)


def _after(until: Moment, zone: tzinfo) -> datetime:
    """The first instant at which it has passed."""
    if not until.day:
        return until.at
    day = until.at.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time.min, zone)


# --- the rules: each says whether a grant holds


def _may_be_told(grant: Held, ground: Ground, at: datetime) -> bool:
    """Whoever is no health service sees what a consent to just them reaches."""
    party = ground.directory.parties.get(grant.reader)
    kind = LAY.get(party.kind) if party else None
    if kind is None:
        return True
    said = partial(consented, ground.consents, at=at, zone=ground.zone)
    return grant.family in FOR_LAY and any(
        said(kind=kind, to=key) for key in ground.directory.lineage(grant.reader)
    )


def _not_objected(grant: Held, ground: Ground, at: datetime) -> bool:
    """Between health personnel the rule is need, unless the patient objects (pasientjournalloven § 17)."""
    known = ground.directory.lineage(
        grant.reader
    )  # what is said of a hospital is said of its wards
    said = partial(consented, ground.consents, K.HEALTH_PERSONNEL, at=at, zone=ground.zone)
    if not all(said(to=key) for key in known):
        return False
    return not any(
        one.document == grant.message_id and not one.permit and _names(one, known)
        for one in ground.consents.provisions
        if one.kind is K.HEALTH_PERSONNEL and is_in_force(one, at, ground.zone)
    )


def _names(one: Provision, known: Collection[str]) -> bool:
    """Whether it is about one of them, or names nobody."""
    person = one.person or one.professional
    return person is None and (one.party is None or one.key in known)


def _takes_part(grant: Held, ground: Ground, at: datetime) -> bool:
    """What the plan alone gave is theirs while they take part in it, and while the patient lets the plan be shared."""
    if grant.basis is not Basis.PLAN:
        return True
    people = (one for plan in _plans(grant, ground) for one in plan.participants)
    part = any(
        takes_part(one, at, ground.zone) and _is(one, grant.reader, ground) for one in people
    )
    return part and _plan_permitted(grant.reader, ground, at)


def _plans(grant: Held, ground: Ground) -> Iterator[Plan]:
    """The plan that the entry is of, or those that its matter belongs to."""
    if plan := ground.plans.get(grant.thread):
        yield plan
    named = {*ground.belongs.get(grant.thread, ())}
    yield from (plan for plan in ground.plans.values() if named & {*plan.identifiers})


def _is(one: Participant, reader: str, ground: Ground) -> bool:
    if one.party is None:
        return False
    party = ground.directory.find(one.party.known_by, ground.at)
    return party is not None and party.key == reader


def _plan_permitted(reader: str, ground: Ground, at: datetime) -> bool:
    """Who is named as participant has been consented to, until the patient says otherwise about the plan itself."""
    known = ground.directory.lineage(reader)
    said, zone = ground.consents, ground.zone
    if any(objected(said, K.PLAN, key, at, zone) for key in known):
        return False
    given = [
        one
        for one in said.provisions
        if one.kind is K.PLAN and one.permit and _names(one, known)
        if first_instant(one.since, zone) <= at
    ]
    return not given or any(is_in_force(one, at, zone) for one in given)


_RULES: Final[tuple[Callable[[Held, Ground, datetime], bool], ...]] = (
    _not_objected,
    _takes_part,
)


def shut_out(consents: Consents, zone: tzinfo) -> frozenset[Bar]:
    """The persons at work, by name, whom the patient objects to: bars on everything (``event`` is empty)."""
    found = set()
    for one in consents.provisions:
        if one.professional is None or one.permit or one.kind is not K.HEALTH_PERSONNEL:
            continue
        ends = _after(one.until, zone) if one.until else None
        begins = first_instant(one.since, zone)
        if ends is None or begins < ends:
            found.add(Bar("", one.professional, begins, ends))
    return frozenset(found)
