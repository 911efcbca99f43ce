"""What was written in the clear is encrypted, or the other way round: some hundred rows at a time.

It may be stopped at any moment and begun again: what is done already is passed over. What the intake holds just then
is left for the next pass, so that neither waits for the other.
"""

from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Table,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
    type_coerce,
    update,
)

from carepath.store import sealing
from carepath.store.database import Database
from carepath.store.keyring import MARK
from carepath.store.tables import meta, metadata
from carepath.store.upserts import insert_new

_PAGE: Final = 200
"""Rows in one transaction."""


def encrypt(database: Database) -> int:
    """From now on payloads are encrypted, and all that stand in the clear become so; how many rows they were in.

    To be called when no process of the release before, which cannot decrypt, is running any more.
    """
    with database.write() as connection:
        connection.execute(delete(meta).where(meta.c.name == sealing.IN_CLEAR))
    done = _passes(database, encrypted=False)
    compact(database)
    return done


def decrypt(database: Database) -> int:
    """The way back to a release that cannot decrypt: the inverse of ``encrypt``. Nothing else may be running."""
    with database.write() as connection:
        insert_new(connection, meta, [{"name": sealing.IN_CLEAR, "value": 1}])
    database.keyring.forget()
    return _passes(database, encrypted=True)


def in_clear(connection: Connection) -> int:
    """How many rows hold a payload in the clear."""
    counted = (
        select(func.count()).select_from(table).where(_stands(table, encrypted=False))
        for table in _tables()
    )
    return sum(connection.execute(query).scalar_one() for query in counted)


def compact(database: Database) -> None:
    """Let the file or the tables hold nothing of what is no longer in a row.

    SQLite's file is written anew and its log emptied. PostgreSQL's dead rows are given free; until their place is
    written over, or ``VACUUM FULL`` is run, they are still in its files, and in its log's archive for good.
    """
    raw = database.writer.raw_connection()
    try:
        connection: Any = raw.driver_connection
        if database.writer.dialect.name == "sqlite":
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        else:
            connection.autocommit = True
            connection.execute(f"VACUUM {', '.join(t.name for t in _tables())}, data_keys")
            connection.autocommit = False
    finally:
        raw.close()


def _tables() -> list[Table]:
    return [table for table in metadata.tables.values() if sealing.sealed_columns(table)]


def _passes(database: Database, *, encrypted: bool) -> int:
    """Go through all tables until nothing is left to do."""
    done = 0
    while found := sum(_pass(database, table, encrypted=encrypted) for table in _tables()):
        done += found
    return done


def _pass(database: Database, table: Table, *, encrypted: bool) -> int:
    done, last = 0, None
    while True:
        with database.write() as connection:
            page = _page(connection, table, last, encrypted=encrypted)
            if page:
                _write(connection, table, page)
        if not page:
            return done
        done += len(page)
        last = tuple(page[-1][column.name] for column in table.primary_key)


def _page(
    connection: Connection, table: Table, last: tuple[Any, ...] | None, *, encrypted: bool
) -> list[dict[str, Any]]:
    key = [*table.primary_key]
    wanted = [c for c in table.columns if c in key or c.name in _needed(table)]
    query = select(*wanted).where(_stands(table, encrypted=encrypted)).order_by(*key).limit(_PAGE)
    if last is not None:
        query = query.where(tuple_(*key) > tuple_(*last))
    rows = connection.execute(query.with_for_update(skip_locked=True))
    return [dict(row) for row in rows.mappings()]


def _needed(table: Table) -> set[str]:
    return {*sealing.sealed_columns(table), "patient"}


def _stands(table: Table, *, encrypted: bool) -> ColumnElement[bool]:
    """Any payload of a row stands so."""
    blobs = [type_coerce(table.c[name], LargeBinary) for name in sealing.sealed_columns(table)]
    marks = (func.substr(blob, 1, len(MARK), type_=LargeBinary) for blob in blobs)
    if encrypted:
        return or_(*(mark == MARK for mark in marks))
    return or_(*(and_(m != MARK, func.length(b) > 0) for m, b in zip(marks, blobs, strict=True)))


def _write(connection: Connection, table: Table, page: list[dict[str, Any]]) -> None:
    names = sealing.sealed_columns(table)
    mine = and_(*(column == bindparam(f"_{column.name}") for column in table.primary_key))
    told = {name: bindparam(f"_{name}", type_=table.c[name].type) for name in names}
    used = (*names, *(column.name for column in table.primary_key))
    ready = sealing.rows(connection, table, page)
    connection.execute(
        update(table).where(mine).values(told),
        [{f"_{name}": row[name] for name in used} for row in ready],
    )
