"""Everything about a patient, in pages that stay as they are while others are written.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from carepath.store.indexing import Found
from carepath.store.parts import filled, seen
from carepath.store.resources import Stored, Viewer, each, given, newest, stored, visible
from carepath.store.rights import partly
from carepath.store.tables import resource_dates, resources
from carepath.store.times import micros


@dataclass(frozen=True, slots=True)
class Care:
    """The search parameter that says when care was given.

    ``until``: what goes on until it is done; then one of these parameters, of the Task with the same id, says when
    that was. Its status says whether it is.
    """

    date: str
    until: tuple[str, ...] = ()


CARE: Final[Mapping[str, Care | None]] = {
    "Patient": None,
    "RelatedPerson": None,
    "EpisodeOfCare": Care("date"),
    "Encounter": Care("date"),
    "ServiceRequest": Care("authored", until=("modified",)),
    "CareTeam": None,
    "Consent": Care("date"),
    "CarePlan": Care("date"),
    "Appointment": Care("date"),
    "Task": Care("authored-on", until=("period", "modified")),
    "Communication": Care("sent"),
    "Composition": Care("date"),
    "Provenance": Care("when"),
}
"""What is about a patient, in the order it is given; and when that was."""
_DONE: Final = ("completed", "cancelled", "rejected", "failed", "revoked", "entered-in-error")
_RANKS: Final = {type_: rank for rank, type_ in enumerate(CARE)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """What is asked for: whose (under all their keys), which types, changed since, and within which time of care.

    Times are microseconds; ``starts`` is the first and ``ends`` the last of the care.
    """

    patients: tuple[str, ...]
    viewer: Viewer
    types: tuple[str, ...] = tuple(CARE)
    since: int | None = None
    starts: int | None = None
    ends: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The last resource of the page before."""

    type: str
    id: str


def total(conn: Connection, asked: Everything) -> int:
    """How many there are on all pages."""
    part, where = partly(asked.viewer), _where(asked)
    whole = select(func.count()).select_from(resources).where(*where, not_(part))
    if asked.viewer.knows_whole:
        return conn.execute(whole).scalar_one()
    rows = [
        stored(row) for row in conn.execute(newest(asked.viewer).where(*where, part)).mappings()
    ]
    return conn.execute(whole).scalar_one() + len(_seen(conn, rows, asked))


def page(
    conn: Connection, asked: Everything, *, count: int, after: Place | None, more: int = 0
) -> list[Stored]:
    """At most ``count`` resources behind ``after``: by type, the patient first, then by id.

    ``more`` beyond them are looked for, not given out.
    """
    rank = case(_RANKS, value=resources.c.type, else_=len(_RANKS))
    wanted = newest(asked.viewer).where(*_where(asked)).order_by(rank, resources.c.id)

    def behind(last: Stored | None, size: int) -> list[Stored]:
        start = Place(last.type, last.id) if last else after
        begin = () if start is None else (_behind(rank, start),)
        return [*map(stored, conn.execute(wanted.where(*begin).limit(size)).mappings())]

    most = count + more
    found = filled(most, behind, lambda rows: _seen(conn, rows, asked))
    return [given(one, asked.viewer) for one in found[:count]] + found[count:most]


def _behind(rank: ColumnElement[int], after: Place) -> ColumnElement[bool]:
    return tuple_(rank, resources.c.id) > tuple_(_RANKS[after.type], after.id)


def _seen(conn: Connection, rows: Sequence[Stored], asked: Everything) -> list[Stored]:
    """As the viewer knows them; what they know in part is what was asked for by what they know."""
    return [
        one.stored
        for one in seen(conn, rows, asked.viewer)
        if one and (not one.found or _is_asked(one.stored, one.found, asked))
    ]


def organizations(conn: Connection, found: Sequence[Stored], viewer: Viewer) -> list[Stored]:
    """The Organizations that the resources refer to."""
    named = {match.decode() for one in found for match in _ORGANIZATION.findall(one.body)}
    known = each(conn, [("Organization", id_) for id_ in sorted(named)], viewer)
    return sorted((one for one in known if not one.deleted), key=lambda one: one.id)


_ORGANIZATION: Final = re.compile(rb'"Organization/([A-Za-z0-9\-.]{1,64})"')


def _where(asked: Everything) -> list[ColumnElement[bool]]:
    of_type = (
        and_(resources.c.type == type_, *visible(type_, asked.viewer), *_cared(type_, asked))
        for type_ in asked.types
    )
    met = [resources.c.patient.in_(asked.patients), not_(resources.c.deleted)]
    if asked.since is not None:
        met.append(or_(partly(asked.viewer), resources.c.updated >= asked.since))
    return [*met, or_(false(), *of_type)]


def _cared(type_: str, asked: Everything) -> list[ColumnElement[bool]]:
    """Within the time of care; what has no such time is left out by none, and of what is known in part no row."""
    care, missed = CARE[type_], []
    if care is None:
        return []
    if asked.starts is not None:
        missed.append(_over(type_, care, asked.starts))
    if asked.ends is not None:
        began = _time(type_, care.date, resource_dates.c.starts)
        missed.append(func.coalesce(began, asked.ends) > asked.ends)
    return [or_(partly(asked.viewer), not_(or_(*missed)))] if missed else []


def _over(type_: str, care: Care, starts: int) -> ColumnElement[bool]:
    """Whether it was over before."""
    ends = [_time("Task", name, resource_dates.c.ends) for name in care.until]
    ended = func.coalesce(*ends, _time(type_, care.date, resource_dates.c.ends), starts) < starts
    return and_(resources.c.status.in_(_DONE), ended) if care.until else ended


def _time(type_: str, name: str, of: ColumnElement[int]) -> ColumnElement[int]:
    dates = resource_dates.c
    mine = dates.type == type_, dates.id == resources.c.id, dates.name == name
    return select(of).where(*mine).scalar_subquery()


def _is_asked(known: Stored, found: Found, asked: Everything) -> bool:
    since = asked.since is None or micros(known.updated) >= asked.since
    return since and _within(known.type, found, asked)


def _within(type_: str, found: Found, asked: Everything) -> bool:
    """The same of what somebody knows in part."""
    care, dates = CARE[type_], {name: (first, last) for name, first, last in found.dates}
    if care is None or care.date not in dates:
        return True
    began, ended = dates[care.date]
    if asked.ends is not None and began is not None and micros(began) > asked.ends:
        return False
    if care.until:
        done = any(name == "status" and code in _DONE for name, _, code in found.values)
        known = (dates[name][1] for name in care.until if name in dates)
        ended = next(filter(None, known), None) if done else None
    return asked.starts is None or ended is None or micros(ended) >= asked.starts
