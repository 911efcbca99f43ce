"""Inserts that never conflict, for both databases; payloads are encrypted on their way (``sealing``)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table

from carepath.store.dialects import insert_statement
from carepath.store.sealing import rows as sealed

Row = dict[str, Any]


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not there yet."""
    _insert(connection, table, rows, replace=False)


def replace_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows; those whose primary key is there already are replaced."""
    _insert(connection, table, rows, replace=True)


def _insert(connection: Connection, table: Table, rows: Sequence[Row], *, replace: bool) -> None:
    if rows:
        statement = insert_statement(table, connection.dialect.name, replace=replace)
        connection.execute(statement, sealed(connection, table, rows))
