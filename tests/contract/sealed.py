"""Payloads as they stand in a database, and every byte of it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select, text

from carepath.store import sealing
from carepath.store.database import Database, sqlite_file
from carepath.store.tables import metadata


def address(database: Database) -> str:
    """Its URL."""
    return database.writer.url.render_as_string(hide_password=False)


def blobs(database: Database) -> list[tuple[str, str | None, bytes]]:
    """Every payload that is not empty, as it stands: ``table.column``, whose its row is, and the bytes."""
    found = []
    with database.read() as conn:
        for table in metadata.tables.values():
            if names := sealing.sealed_columns(table):
                for row in conn.execute(select(*sealing.raw(table))).mappings():
                    whose = row.get("patient", row.get("key"))
                    found += [
                        (f"{table.name}.{name}", whose, bytes(row[name]))
                        for name in names
                        if row[name]
                    ]
    return found


def everything(database: Database) -> Iterator[tuple[str, bytes]]:
    """Every byte that is stored, each with where: the file and its log, or all values of all tables."""
    file = sqlite_file(address(database))
    if file is None:
        with database.writer.begin() as conn:
            yield from _dumped(conn)
        return
    for part in sorted(file.parent.glob(f"{file.name}*")):
        yield part.name, part.read_bytes()


def _dumped(conn: Connection) -> Iterator[tuple[str, bytes]]:
    wanted = text("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    for name in [*conn.execute(wanted).scalars()]:
        for row in conn.exec_driver_sql(f'SELECT * FROM "{name}"').mappings():  # noqa: S608 -- ours
            for column, value in row.items():
                yield f"{name}.{column}", _bytes(value)


def logged_from(database: Database) -> str:
    """Where PostgreSQL's log stands."""
    with database.read() as conn:
        return str(conn.execute(text("SELECT pg_current_wal_lsn()")).scalar_one())


def logged(database: Database, since: str) -> Iterator[tuple[str, bytes]]:
    """What PostgreSQL's log has of all databases since then, by its files."""
    wanted = text(
        "SELECT name, pg_read_binary_file('pg_wal/' || name) FROM pg_ls_waldir()"
        " WHERE name >= pg_walfile_name(CAST(:since AS pg_lsn)) AND length(name) = 24"
    )
    with database.writer.begin() as conn:
        for name, content in conn.execute(wanted, {"since": since}):
            yield name, bytes(content)


def _bytes(value: Any) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def spellings(what: str) -> set[bytes]:
    """How a text may stand in bytes: as it is, as JSON escapes it, in UTF-16, hex, and base64 wherever it begins."""
    plain = what.encode()
    coded = {base64.b64encode(b"x" * before + plain)[4:-4] for before in range(3)}
    return {
        plain,
        json.dumps(what)[1:-1].encode(),
        what.encode("utf-16-le"),
        plain.hex().encode(),
        *(one for one in coded if len(one) >= 8),
    }
