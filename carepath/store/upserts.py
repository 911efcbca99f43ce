"""Inserts that never conflict, for both databases, compiled once for each table."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert

Row = dict[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not there yet."""
    if rows:
        connection.execute(_statement(table, connection.dialect.name, replace=False), rows)


def replace_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows; those whose primary key is there already are replaced."""
    if rows:
        connection.execute(_statement(table, connection.dialect.name, replace=True), rows)


@lru_cache
def _statement(table: Table, dialect: str, *, replace: bool) -> Insert:
    insert = postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    if not replace:
        return insert.on_conflict_do_nothing()
    key = [column.name for column in table.primary_key]
    changed = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in key}
    return insert.on_conflict_do_update(index_elements=key, set_=changed)
