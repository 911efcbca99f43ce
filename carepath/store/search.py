"""Search of resources: one SQL statement for the matches, one for their number, and what is included with them.

Pages follow a cursor on what they are sorted by and the id, so a page stays where it is while others are written.
https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    union,
)

from carepath.store.blind import Keys
from carepath.store.criteria import LAST_UPDATED, Conditions, Criterion, is_narrow
from carepath.store.resources import NEWEST, Stored, Viewer, each, shown, stored, visible
from carepath.store.tables import resource_dates, resource_values, resources

Cursor: TypeAlias = tuple[int | str, ...]
"""Where a match stands: what it is sorted by, then its id."""


@dataclass(frozen=True, slots=True)
class Order:
    """Sorted by a parameter, by its earliest ``date`` or its first value; what has none counts as before all others."""

    name: str = LAST_UPDATED
    descending: bool = False
    date: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched for, all criteria together, by whom, and in which order."""

    type: str
    criteria: tuple[Criterion, ...] = ()
    viewer: Viewer
    order: tuple[Order, ...] = (Order(),)


@dataclass(frozen=True, slots=True)
class Match:
    """A match and where it stands."""

    found: Stored
    place: Cursor


def total(conn: Connection, keys: Keys, search: Search) -> int:
    """The number of matches on all pages."""
    wanted = select(func.count()).select_from(resources).where(*_where(conn, keys, search))
    return conn.execute(wanted).scalar_one()


def page(
    conn: Connection, keys: Keys, search: Search, *, count: int, after: Cursor | None, more: int = 0
) -> list[Match]:
    """At most ``count`` matches behind the cursor, in order; ``more`` beyond them are looked for, not given out."""
    order = (*search.order, Order(_ID, search.order[-1].descending))
    place = [_key(one, narrow=is_narrow(search.criteria)) for one in order]
    wanted = NEWEST.add_columns(*place).where(*_where(conn, keys, search)).limit(count + more)
    if after is not None:
        wanted = wanted.where(_behind(order, place, after))
    sides = zip(order, place, strict=True)
    wanted = wanted.order_by(*(key.desc() if one.descending else key for one, key in sides))
    found = [
        Match(stored(row._mapping), tuple(row[-len(place) :]))  # noqa: SLF001 -- named so against clashes
        for row in conn.execute(wanted)
    ]
    told = [Match(shown(match.found, search.viewer), match.place) for match in found[:count]]
    return told + found[count:]


def _where(conn: Connection, keys: Keys, search: Search) -> list[ColumnElement[bool]]:
    of_type = [resources.c.type == search.type, not_(resources.c.deleted)]
    met = Conditions.of(conn, keys, search.type, search.criteria, search.viewer)
    return [*of_type, *met, *visible(search.type, search.viewer)]


# --- order

_ID: Final = "_id"
_EARLIEST: Final = -(2**62)


def _key(order: Order, *, narrow: bool) -> ColumnElement[Any]:
    if order.name == _ID:
        return resources.c.id
    if order.name == LAST_UPDATED:
        # few rows are found and then sorted; SQLite would else read all in order and try each
        return resources.c.updated + 0 if narrow else resources.c.updated
    table = resource_dates if order.date else resource_values
    mine = table.c.type == resources.c.type, table.c.id == resources.c.id
    first = func.coalesce(table.c.starts, table.c.ends) if order.date else table.c.value
    found = select(func.min(first)).where(*mine, table.c.name == order.name)
    return func.coalesce(found.scalar_subquery(), _EARLIEST if order.date else "")


def _behind(
    order: Sequence[Order], place: Sequence[ColumnElement[Any]], after: Cursor
) -> ColumnElement[bool]:
    """What comes after the cursor. Raises ``ValueError`` when it is of another order."""
    if len({one.descending for one in order}) == 1:  # one comparison, which an index can answer
        start = tuple_(*after)
        return tuple_(*place) < start if order[0].descending else tuple_(*place) > start
    steps = []
    for number, (one, key, value) in enumerate(zip(order, place, after, strict=True)):
        same = (left == right for left, right in zip(place[:number], after, strict=False))
        steps.append(and_(*same, key < value if one.descending else key > value))
    return or_(*steps)


# --- what comes with the matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """What references of ``source`` lead to; or, ``reverse``, what of ``source`` leads here by them.

    ``names``: the parameters that are references; ``person``: also the one to the patient, as whose they are kept.
    ``target``: only what is of this type; ``again``: also by what was included itself.
    """

    source: str
    names: tuple[str, ...]
    person: bool = False
    target: str | None = None
    reverse: bool = False
    again: bool = False


Place: TypeAlias = tuple[str, str]


def included(
    conn: Connection,
    matches: Sequence[Stored],
    includes: Sequence[Include],
    viewer: Viewer,
    *,
    limit: int,
    types: Collection[str] | None = None,
) -> list[Stored]:
    """What the includes lead to and the viewer may see, each once, and no match again. At most ``limit``.

    ``types``: nothing of others.
    """
    known = {(match.type, match.id) for match in matches}
    found: list[Stored] = []
    near, asked = known, [*includes]
    while near and asked and len(found) < limit:
        places = {place for one in asked for place in _led(conn, near, one, viewer, limit)} - known
        some = sorted(place for place in places if types is None or place[0] in types)
        some = some[: limit - len(found)]
        new = [one for one in each(conn, some, viewer) if not one.deleted]
        found += sorted(new, key=lambda one: (one.type, one.id))
        known, near = known | places, {(one.type, one.id) for one in new}
        asked = [one for one in includes if one.again]
    return found


def _led(
    conn: Connection, near: set[Place], one: Include, viewer: Viewer, limit: int
) -> list[Place]:
    wanted: Any
    if one.reverse:
        wanted = _leading_here(near, one).where(*visible(one.source, viewer)).limit(limit)
    else:
        wanted = _leading_on([id_ for type_, id_ in near if type_ == one.source], one)
    return [(type_, id_) for type_, id_ in conn.execute(wanted)]


def _leading_on(ids: Sequence[str], one: Include) -> Any:
    values = resource_values.c
    referred = select(values.system, values.value).where(
        values.type == one.source,
        values.id.in_(ids),
        values.name.in_(one.names),
        values.system == one.target if one.target else values.system != "",
    )
    if not one.person or one.target not in {None, "Patient"}:
        return referred
    person = select(literal("Patient"), resources.c.patient).where(
        resources.c.type == one.source, resources.c.id.in_(ids), resources.c.patient.is_not(None)
    )
    return union(referred, person)


def _leading_here(near: set[Place], one: Include) -> Select[str, str]:
    ids: dict[str, list[str]] = {}
    for type_, id_ in near:
        if one.target in {None, type_}:
            ids.setdefault(type_, []).append(id_)
    values = resource_values.c
    to_them = [and_(values.system == type_, values.value.in_(of)) for type_, of in ids.items()]
    referring = select(values.id).where(
        values.type == one.source, values.name.in_(one.names), or_(false(), *to_them)
    )
    about = resources.c.patient.in_(ids.get("Patient", ())) if one.person else false()
    here = or_(resources.c.id.in_(referring), about)
    of_type = resources.c.type == one.source, not_(resources.c.deleted)
    return select(resources.c.type, resources.c.id).where(*of_type, here).order_by(resources.c.id)
