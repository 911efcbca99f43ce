"""What resources are found by: written with each version, and only where it changed.

Rows written before migration 0004, or by the release before while both run, are found by what that release searched
for; ``carepath rebuild`` makes them found by everything.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Table, and_, bindparam, delete, select

from carepath.store.blind import Keys
from carepath.store.tables import resource_dates, resource_tokens, resource_values
from carepath.store.times import micros
from carepath.store.upserts import insert_new
from pathways.parties import Identifier

Row = dict[str, Any]
Place = tuple[str, str]
"""Type and id of a resource."""


class Found(Protocol):
    """The values of a resource's search parameters, as ``fhir_mappings.indexing`` reads them."""

    @property
    def values(self) -> frozenset[tuple[str, str, str]]:
        """Parameter, system, value."""

    @property
    def dates(self) -> frozenset[tuple[str, datetime | None, datetime | None]]:
        """Parameter, first and last microsecond; ``None`` is open."""

    @property
    def identifiers(self) -> frozenset[tuple[str, Identifier]]:
        """Parameter, identifier."""


def write(
    conn: Connection, keys: Keys, new: Mapping[Place, Found], changed: Mapping[Place, Found]
) -> None:
    """Let resources be found by this and nothing else. ``new`` are those that nothing is known of yet."""
    for table, rows in _tables(keys):
        insert_new(conn, table, [*rows(new), *_changes(conn, table, rows(changed), {*changed})])


def _tables(keys: Keys) -> Sequence[tuple[Table, Callable[[Mapping[Place, Found]], list[Row]]]]:
    return (
        (resource_values, _values),
        (resource_dates, _dates),
        (resource_tokens, _tokens(keys)),
    )


def _changes(
    conn: Connection, table: Table, wanted: Sequence[Row], changed: set[Place]
) -> list[Row]:
    """Delete what shall not be there; what is not there yet."""
    if not changed:
        return []
    names = [column.name for column in table.columns]
    there = _there(conn, table, changed)
    asked = {tuple(row[name] for name in names): row for row in wanted}
    gone = there - asked.keys()
    if gone:
        key = [column.name for column in table.primary_key]
        rows = [dict(zip(names, one, strict=True)) for one in gone]
        conn.execute(_GONE[table.name], [{f"_{name}": row[name] for name in key} for row in rows])
    return [row for place, row in asked.items() if place not in there]


def differing(
    conn: Connection, keys: Keys, told: Mapping[Place, Found], names: Collection[str]
) -> set[Place]:
    """Those that are found by one of these parameters by something else than this."""
    other: set[Place] = set()
    for table, rows in _tables(keys):
        columns = [column.name for column in table.columns]
        wanted = {tuple(row[name] for name in columns) for row in rows(told)}
        differs = wanted ^ _there(conn, table, {*told})
        at = columns.index("name")
        other |= {row[:2] for row in differs if row[at] in names}
    return other


def _there(conn: Connection, table: Table, changed: set[Place]) -> set[tuple[Any, ...]]:
    asked = {"types": [*{type_ for type_, _ in changed}], "ids": [*{id_ for _, id_ in changed}]}
    rows = (tuple(row) for row in conn.execute(_THERE[table.name], asked))
    return {row for row in rows if row[:2] in changed}


def _values(found: Mapping[Place, Found]) -> list[Row]:
    return [
        {"type": type_, "id": id_, "name": name, "system": system, "value": value}
        for (type_, id_), one in found.items()
        for name, system, value in one.values
    ]


def _dates(found: Mapping[Place, Found]) -> list[Row]:
    return [
        {
            "type": type_,
            "id": id_,
            "name": name,
            "starts": first and micros(first),
            "ends": last and micros(last),
        }
        for (type_, id_), one in found.items()
        for name, first, last in one.dates
    ]


def _tokens(keys: Keys) -> Callable[[Mapping[Place, Found]], list[Row]]:
    def rows(found: Mapping[Place, Found]) -> list[Row]:
        return [
            {
                "type": type_,
                "id": id_,
                "name": name,
                "blind": keys.blind(f"{identifier.system}|{identifier.value}"),
                "blind_value": keys.blind(f"|{identifier.value}"),
            }
            for (type_, id_), one in found.items()
            for name, identifier in one.identifiers
        ]

    return rows


def _in_tables(make: Callable[[Table], Any]) -> Mapping[str, Any]:
    return {table.name: make(table) for table in (resource_values, resource_dates, resource_tokens)}


def _ask(table: Table) -> Any:
    of_type = table.c.type.in_(bindparam("types", expanding=True))
    return select(table).where(of_type, table.c.id.in_(bindparam("ids", expanding=True)))


def _forget(table: Table) -> Any:
    key: Iterable[Any] = table.primary_key
    return delete(table).where(and_(*(column == bindparam(f"_{column.name}") for column in key)))


_THERE, _GONE = _in_tables(_ask), _in_tables(_forget)
