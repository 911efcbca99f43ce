"""Search of resources: one SQL statement for the matches, one for their number, and what is included with them.

Pages follow a cursor on what they are sorted by and the id, so a page stays where it is while others are written.
https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Collection, Iterable, Sequence
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
from carepath.store.criteria import (
    LAST_UPDATED,
    Conditions,
    Criterion,
    is_narrow,
    names,
    updated_within,
)
from carepath.store.indexing import differing
from carepath.store.parts import filled, seen
from carepath.store.resources import Stored, Viewer, each, given, newest, stored, visible
from carepath.store.rights import partly
from carepath.store.tables import resource_dates, resource_values, resources
from carepath.store.times import micros

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


MOST_PARTS: Final = 200
"""Matches known in part that are counted: each has to be made."""


def total(conn: Connection, keys: Keys, search: Search) -> int | None:
    """The number of matches on all pages; ``None``: that would take too long."""
    where, part = _where(conn, keys, search), partly(search.viewer)
    whole = select(func.count()).select_from(resources).where(*where, not_(part))
    if search.viewer.knows_whole:
        return conn.execute(whole).scalar_one()
    cut = newest(search.viewer).where(*where, part).limit(MOST_PARTS + 1)
    rows = [stored(row) for row in conn.execute(cut).mappings()]
    if len(rows) > MOST_PARTS:
        return None
    matching = [one for one in _as_known(conn, keys, search, rows) if one]
    return conn.execute(whole).scalar_one() + len(matching)


def page(
    conn: Connection, keys: Keys, search: Search, *, count: int, after: Cursor | None, more: int = 0
) -> list[Match]:
    """At most ``count`` matches behind the cursor, in order; ``more`` beyond them are looked for, not given out."""
    order = (*search.order, Order(_ID, search.order[-1].descending))
    place = [_key(one, narrow=is_narrow(search.criteria)) for one in order]
    wanted = newest(search.viewer).add_columns(*place).where(*_where(conn, keys, search))
    sides = zip(order, place, strict=True)
    wanted = wanted.order_by(*(key.desc() if one.descending else key for one, key in sides))

    def behind(last: Match | None, size: int) -> list[Match]:
        start = last.place if last else after
        begin = () if start is None else (_behind(order, place, start),)
        return [
            Match(stored(row._mapping), tuple(row[-len(place) :]))  # noqa: SLF001 -- named so against clashes
            for row in conn.execute(wanted.where(*begin).limit(size))
        ]

    def shown(rows: Sequence[Match]) -> list[Match]:
        known = _as_known(conn, keys, search, [row.found for row in rows])
        return [Match(one, row.place) for row, one in zip(rows, known, strict=True) if one]

    most = count + more
    found = filled(most, behind, shown)
    told = [Match(given(match.found, search.viewer), match.place) for match in found[:count]]
    return told + found[count:most]


def _as_known(
    conn: Connection, keys: Keys, search: Search, rows: Sequence[Stored]
) -> list[Stored | None]:
    """As the viewer knows them. What they know in part is a match where it is one by what they know, too.

    So nothing that they were not told ever finds anything.
    """
    known = seen(conn, rows, search.viewer)
    asked = (names(search.criteria) | {one.name for one in search.order}) - {LAST_UPDATED}
    cut = {one.stored.place: found for one in known if asked and one and (found := one.found)}
    other = differing(conn, keys, cut, asked) if cut else set()
    return [
        one.stored
        if one and one.stored.place not in other and _is_since(one.stored, row, search.criteria)
        else None
        for row, one in zip(rows, known, strict=True)
    ]


def _is_since(known: Stored, row: Stored, criteria: Iterable[Criterion]) -> bool:
    """Whether it is what was asked for by when it was updated last, as far as they know."""
    same = known.updated == row.updated
    return same or all(updated_within(one, micros(known.updated)) for one in criteria)


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
        if any(one.part for one in (*matches, *found, *new)):
            new = [one for one in new if _is_told(one, (*matches, *found), near)]
        found += sorted(new, key=lambda one: (one.type, one.id))
        known, near = known | places, {(one.type, one.id) for one in new}
        asked = [one for one in includes if one.again]
    return found


def _is_told(one: Stored, before: Iterable[Stored], near: set[Place]) -> bool:
    """Whether what the reader sees of them says so, and not only what they were not told."""
    if one.type == "Patient" or ("Patient", one.patient) in near:
        return True
    to_it = f'{one.type}/{one.id}"'.encode()
    from_it = (f'{type_}/{id_}"'.encode() for type_, id_ in near)
    return any(to_it in other.body for other in before) or any(to in one.body for to in from_it)


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
