"""Search of resources: criteria are values, and a search is one SQL statement.

Pages follow a cursor on (last updated, id), so a page stays where it is while others are written.
https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    false,
    func,
    not_,
    or_,
    select,
    tuple_,
)

from carepath.store.blind import Keys
from carepath.store.parties import named
from carepath.store.queries import closure
from carepath.store.resources import NEWEST, Stored, Viewer, stored, visible
from carepath.store.tables import parties, patient_identifiers, resource_tokens, resources
from carepath.store.times import micros


@dataclass(frozen=True, slots=True)
class Token:
    """An identifier searched for: ``system`` is ``None`` for any, empty for none."""

    system: str | None
    value: str


@dataclass(frozen=True, slots=True)
class ByIdentifier:
    """Any of the identifiers."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ById:
    """Any of the ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByPatient:
    """About any of the patients, or of those linked to them."""

    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByName:
    """An Organization whose name starts with any of these, whatever case and accents; or is one of them."""

    names: tuple[str, ...]
    exact: bool = False


@dataclass(frozen=True, slots=True)
class ByCode:
    """Any of the codes in an index column."""

    column: Literal["status", "code"]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """A searched time: the comparison and the span its precision covers, in microseconds, end excluded."""

    prefix: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ByDate:
    """Within any of the ranges, by the time of the last update or by the resource's period."""

    field: Literal["updated", "period"]
    ranges: tuple[Range, ...]


Criterion: TypeAlias = ByIdentifier | ById | ByPatient | ByName | ByCode | ByDate


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last match of the page before."""

    updated: int
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched for, all criteria together, by whom, and in which order."""

    type: str
    criteria: tuple[Criterion, ...] = ()
    viewer: Viewer
    newest_first: bool = False


def total(conn: Connection, keys: Keys, search: Search) -> int:
    """The number of matches on all pages."""
    wanted = select(func.count()).select_from(resources).where(*_where(conn, keys, search))
    return conn.execute(wanted).scalar_one()


def page(
    conn: Connection, keys: Keys, search: Search, *, count: int, after: Cursor | None
) -> list[Stored]:
    """At most ``count`` matches behind the cursor, in the order of their last update."""
    place = tuple_(resources.c.updated, resources.c.id)
    wanted = NEWEST.where(*_where(conn, keys, search)).limit(count)
    if after is not None:
        start = tuple_(after.updated, after.id)
        wanted = wanted.where(place < start if search.newest_first else place > start)
    columns = (resources.c.updated, resources.c.id)
    order = [column.desc() if search.newest_first else column.asc() for column in columns]
    return [stored(row) for row in conn.execute(wanted.order_by(*order)).mappings()]


def cursor(match: Stored) -> Cursor:
    """The place behind this match."""
    return Cursor(micros(match.updated), match.id)


def _where(conn: Connection, keys: Keys, search: Search) -> list[ColumnElement[bool]]:
    of_type = [resources.c.type == search.type, not_(resources.c.deleted)]
    matching = [_matches(conn, keys, search.type, criterion) for criterion in search.criteria]
    return [*of_type, *matching, *visible(search.type, search.viewer)]


def _matches(conn: Connection, keys: Keys, type_: str, criterion: Criterion) -> ColumnElement[bool]:
    match criterion:
        case ByIdentifier(tokens):
            return or_(false(), *(_identified(conn, keys, type_, token) for token in tokens))
        case ById(ids):
            return resources.c.id.in_(ids)
        case ByPatient(patients):
            return resources.c.patient.in_(closure(conn, patients))
        case ByName(names, exact):
            return resources.c.id.in_(named(conn, names, exact=exact))
        case ByCode(column, codes):
            return resources.c[column].in_(codes)
        case ByDate(field, ranges):
            compare = _instant if field == "updated" else _period
            return or_(false(), *map(compare, ranges))


def _identified(conn: Connection, keys: Keys, type_: str, token: Token) -> ColumnElement[bool]:
    """A patient is found by the table that says whose an identifier is; the others by their own tokens."""
    if type_ == "Patient":
        table = patient_identifiers
        return resources.c.id.in_(select(table.c.patient).where(_named(conn, keys, table, token)))
    table = resource_tokens
    found = and_(
        table.c.type == type_, table.c.name == "identifier", _named(conn, keys, table, token)
    )
    return resources.c.id.in_(select(table.c.id).where(found))


def _named(conn: Connection, keys: Keys, table: Table, token: Token) -> ColumnElement[bool]:
    blind: Column[bytes] = table.c.blind
    if token.system is None:
        alone: Column[bytes] = table.c.blind_value
        return alone == keys.blind(f"|{token.value}")
    if token.system or table is resource_tokens:
        return blind == keys.blind(f"{token.system}|{token.value}")
    # without a system, a patient's identifier counts within its sender
    senders = conn.execute(select(parties.c.key)).scalars()
    return blind.in_([keys.blind(f"sender:{key}|{token.value}") for key in senders])


Compare: TypeAlias = Callable[[Range], ColumnElement[bool]]

_UPDATED = resources.c.updated
_POINT: dict[str, Compare] = {
    "eq": lambda t: and_(t.low <= _UPDATED, t.high > _UPDATED),
    "ne": lambda t: or_(t.low > _UPDATED, t.high <= _UPDATED),
    "gt": lambda t: t.high <= _UPDATED,
    "lt": lambda t: t.low > _UPDATED,
    "ge": lambda t: t.low <= _UPDATED,
    "le": lambda t: t.high > _UPDATED,
    "sa": lambda t: t.high <= _UPDATED,
    "eb": lambda t: t.low > _UPDATED,
}
"""How an instant compares with a searched time."""

_STARTS, _ENDS = resources.c.starts, resources.c.ends
_PERIOD: dict[str, Compare] = {
    "eq": lambda t: and_(t.low <= _STARTS, t.high > _ENDS),
    "ne": lambda t: or_(t.low > _STARTS, t.high <= _ENDS, _STARTS.is_(None), _ENDS.is_(None)),
    "gt": lambda t: or_(t.high <= _ENDS, _ENDS.is_(None)),
    "lt": lambda t: or_(t.low > _STARTS, _STARTS.is_(None)),
    "ge": lambda t: or_(_PERIOD["gt"](t), _PERIOD["eq"](t)),
    "le": lambda t: or_(_PERIOD["lt"](t), _PERIOD["eq"](t)),
    "sa": lambda t: t.high <= _STARTS,
    "eb": lambda t: t.low > _ENDS,
}
"""How a period compares: an absent end is open. A resource without any period matches nothing."""

PREFIXES = frozenset(_POINT)


def _instant(time: Range) -> ColumnElement[bool]:
    return _POINT[time.prefix](time)


def _period(time: Range) -> ColumnElement[bool]:
    return and_(or_(_STARTS.is_not(None), _ENDS.is_not(None)), _PERIOD[time.prefix](time))
