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
    exists,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from carepath.store.resources import NEWEST, Stored, Viewer, each, shown, stored, visible
from carepath.store.tables import resource_dates, resources

CARE: Final[Mapping[str, str | None]] = {
    "Patient": None,
    "RelatedPerson": None,
    "EpisodeOfCare": "date",
    "Encounter": "date",
    "ServiceRequest": "authored",
    "CareTeam": None,
    "Consent": "date",
    "CarePlan": "date",
    "Appointment": "date",
    "Task": "authored-on",
    "Communication": "sent",
    "Composition": "date",
    "Provenance": "when",
}
"""What is about a patient, in the order it is given; and the search parameter that says when care was given."""
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
    wanted = select(func.count()).select_from(resources).where(*_where(asked))
    return conn.execute(wanted).scalar_one()


def page(
    conn: Connection, asked: Everything, *, count: int, after: Place | None, more: int = 0
) -> list[Stored]:
    """At most ``count`` resources behind ``after``: by type, the patient first, then by id.

    ``more`` beyond them are looked for, not given out.
    """
    rank = case(_RANKS, value=resources.c.type, else_=len(_RANKS))
    wanted = NEWEST.where(*_where(asked)).order_by(rank, resources.c.id).limit(count + more)
    if after is not None:
        wanted = wanted.where(tuple_(rank, resources.c.id) > tuple_(_RANKS[after.type], after.id))
    found = [stored(row) for row in conn.execute(wanted).mappings()]
    return [shown(one, asked.viewer) for one in found[:count]] + found[count:]


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
        met.append(resources.c.updated >= asked.since)
    return [*met, or_(false(), *of_type)]


def _cared(type_: str, asked: Everything) -> list[ColumnElement[bool]]:
    """Within the time of care; what has no such time is left out by none."""
    dates, name = resource_dates.c, CARE[type_]
    missed = []
    if asked.starts is not None:
        missed.append(dates.ends < asked.starts)
    if asked.ends is not None:
        missed.append(dates.starts > asked.ends)
    if name is None or not missed:
        return []
    mine = dates.type == type_, dates.id == resources.c.id, dates.name == name
    return [not_(exists().where(*mine, or_(*missed)))]
