"""Rows for the tests of the store's queries, written as a commit writes them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Table, insert

from carepath.store import indexing, sealing
from carepath.store.blind import Keys
from carepath.store.criteria import Criterion
from carepath.store.database import Database, open_database
from carepath.store.resources import Viewer
from carepath.store.search import Order, Search, page, total
from carepath.store.tables import grants, inbox, outbox, resource_versions, resources
from fhir_mappings.indexing import indexed

BASE = "https://broker.example/fhir"
KEYS = Keys(b"k" * 32)
NOW = 1_000_000
"""A moment when every grant made here holds."""
EVERYTHING = Viewer(None, NOW)
"""Open mode's operator, who sees all."""


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The store of the test."""
    database = open_database(url, KEYS)
    try:
        yield database
    finally:
        database.close()


def put(database: Database, table: Table, *rows: dict[str, Any]) -> None:
    """Write rows; columns that are left out are NULL, or what they are by default."""
    empty = {column.name: None for column in table.columns if column.server_default is None}
    with database.write() as conn:
        conn.execute(insert(table), sealing.rows(conn, table, [empty | row for row in rows]))


def sent(database: Database, receiver: str, *ids: str, created: int = 0, **more: Any) -> None:
    """Outbox rows for a receiver, in the order of their ids."""
    base = {"receiver": receiver, "kind": "admission", "withheld": False, "created": created}
    rows = [{**base, "id": id_, "message_id": f"m-{id_}", **more} for id_ in ids]
    put(database, outbox, *rows)


def taken_in(database: Database, event: str, source: bytes, sender: str = "hospital") -> None:
    """An accepted message."""
    row = {"id": event, "sender": sender, "format": "carepath", "message_id": f"m-{event}"}
    fixed = {"content": b"", "verdict": "accepted", "received": 5, "status": 200, "receipt": b"{}"}
    put(database, inbox, {**row, **fixed, "media_type": "application/fhir+json", "source": source})


def granted(
    database: Database,
    reader: str,
    event: str,
    *,
    patient: str = "p",
    since: int = 0,
    until: int | None = None,
) -> None:
    """A grant in thread ``t``."""
    row = {"patient": patient, "reader": reader, "event": event, "thread": "t"}
    put(database, grants, {**row, "basis": "addressed", "since": since, "until": until})


def versioned(database: Database, type_: str, id_: str, *updates: int, **index: Any) -> None:
    """A resource with one version for each update."""
    identity = {"type": type_, "id": id_}
    base = {**identity, "patient": index.get("patient")}
    for version, updated in enumerate(updates, start=1):
        body = orjson.dumps({"resourceType": type_, "id": id_, "version": version})
        row = {**base, "version": version, "updated": updated, "body": body}
        put(database, resource_versions, row)
    newest = {"version": len(updates), "updated": updates[-1], "deleted": False}
    put(database, resources, {**identity, **newest, **index})


def searchable(database: Database, resource: dict[str, Any], updated: int, **index: Any) -> None:
    """A resource in its only version, with what it is found by."""
    searchables(database, [(resource, {"updated": updated, **index})])


def searchables(database: Database, made: Sequence[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Resources, each with its columns, in their only versions, with what they are found by."""
    if not made:
        return
    rows = [
        {"type": one["resourceType"], "id": one["id"], "version": 1, "patient": None, **index}
        for one, index in made
    ]
    version_columns = ("type", "id", "version", "patient", "updated")
    with database.write() as conn:
        versions = [{name: row[name] for name in version_columns} for row in rows]
        bodies = [orjson.dumps(one) for one, _ in made]
        whole = [{**row, "body": body} for row, body in zip(versions, bodies, strict=True)]
        conn.execute(insert(resource_versions), sealing.rows(conn, resource_versions, whole))
        empty = {column.name: None for column in resources.columns} | {"deleted": False}
        conn.execute(insert(resources), [empty | row for row in rows])
        found = {(one["resourceType"], one["id"]): indexed(one, BASE) for one, _ in made}
        indexing.write(conn, KEYS, found, {})


def found(
    database: Database,
    type_: str,
    *criteria: Criterion,
    viewer: Viewer,
    order: tuple[Order, ...] = (Order(),),
) -> list[str]:
    """The ids of the matches, in order; their number is the total."""
    search = Search(type=type_, criteria=criteria, viewer=viewer, order=order)
    with database.read() as conn:
        matches = [match.found.id for match in page(conn, KEYS, search, count=100, after=None)]
        assert total(conn, KEYS, search) == len(matches)
        return matches
