"""Other people's history: rows as a commit writes them, in the same proportions, with small bodies.

For every six events there is one patient with one stay; each event has two readers and three deliveries,
all numbered. The ids are hashes, so that indexes are as scattered as real ones.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy.schema import CreateIndex, CreateTable

from carepath.store.tables import metadata

_PATIENTS: Final = """
INSERT INTO patients (key, created, received, body)
SELECT {hash}('p' || i), i, i, {body}(64) FROM n;
INSERT INTO patient_identifiers (blind, blind_value, patient, cipher)
SELECT {bytes}('i' || i), {bytes}('v' || i), {hash}('p' || i), {body}(64) FROM n;
INSERT INTO threads (id, patient, family, status, body)
SELECT {hash}('t' || i), {hash}('p' || i), 'stay', 'finished', {body}(256) FROM n;
INSERT INTO thread_keys (patient, blind, thread)
SELECT {hash}('p' || i), {bytes}('k' || i || '-' || k), {hash}('t' || i) FROM n, eight;
INSERT INTO resources (type, id, version, patient, thread, updated, status, deleted, digest)
SELECT type, {hash}(type || i), 1, {hash}('p' || i), {hash}('t' || i), i, 'finished', {false},
  {bytes}(type || i) FROM n, types;
INSERT INTO resource_versions (type, id, version, patient, updated, body)
SELECT type, {hash}(type || i), k, {hash}('p' || i), i, {body}(256)
FROM n, types, eight WHERE k <= 2 OR (k = 3 AND type = 'Encounter');
INSERT INTO resource_tokens (type, id, name, blind, blind_value)
SELECT 'Encounter', {hash}('Encounter' || i), 'identifier', {bytes}('x' || i), {bytes}('y' || i) FROM n;
"""
_EVENTS: Final = """
INSERT INTO events (id, patient, thread, code, activity, message_id, sender, happened, happened_day,
  written, received, version, body)
SELECT {hash}('e' || i), {hash}('p' || (i / 6)), {hash}('t' || (i / 6)), 'discharge-ready', 'new',
  {hash}('m' || i), 'org-' || (i % 50), i, {false}, i, i, 1, {body}(256) FROM n;
INSERT INTO inbox (id, sender, format, message_id, envelope, content, verdict, patient, received,
  media_type, source, status, receipt)
SELECT {hash}('e' || i), 'org-' || (i % 50), 'carepath', {hash}('m' || i), {hash}('b' || i),
  {bytes}('c' || i), 'accepted', {hash}('p' || (i / 6)), i, 'application/fhir+json', {body}(128), 200,
  {body}(64) FROM n;
INSERT INTO grants (patient, reader, event, thread, basis, since)
SELECT {hash}('p' || (i / 6)), 'org-' || ((i + k) % 50), {hash}('e' || i), {hash}('t' || (i / 6)), 'sent', i
FROM n, eight WHERE k <= 2;
INSERT INTO outbox (id, receiver, number, kind, patient, event, message_id, created, withheld)
SELECT {hash}('o' || i || '-' || k), CASE k WHEN 1 THEN '*' ELSE 'org-' || ((i + k) % 50) END, i,
  'discharge-ready', {hash}('p' || (i / 6)), {hash}('e' || i), {hash}('m' || i), i, {false}
FROM n, eight WHERE k <= 2;
INSERT INTO feeds (receiver, last, delivered) SELECT '*', max(i), 0 FROM n;
"""
_NUMBERS: Final = """
CREATE TEMPORARY TABLE n AS WITH RECURSIVE counted(i) AS (
  SELECT 1 UNION ALL SELECT i + 1 FROM counted WHERE i < {most}) SELECT i FROM counted;
"""
_HELPERS: Final = """
CREATE TEMPORARY TABLE eight AS SELECT 1 AS k;
INSERT INTO eight VALUES (2), (3), (4), (5), (6), (7), (8);
CREATE TEMPORARY TABLE types AS SELECT CAST('Patient' AS text) AS type;
INSERT INTO types VALUES ('Encounter');
"""


def fingerprint() -> str:
    """Changes whenever the schema or what is filled in changes."""
    schema = (str(CreateTable(table)) for table in metadata.sorted_tables)
    indexes = sorted(str(CreateIndex(i)) for t in metadata.sorted_tables for i in t.indexes)
    script = "".join((*schema, *indexes, _PATIENTS, _EVENTS))
    return hashlib.blake2b(script.encode(), digest_size=8).hexdigest()


def sqlite(connection: sqlite3.Connection, events: int) -> None:
    """Fill a migrated SQLite database."""
    connection.create_function("hash", 1, lambda text: hashlib.md5(text.encode()).hexdigest())  # noqa: S324
    connection.create_function("bytes", 1, lambda text: hashlib.md5(text.encode()).digest())  # noqa: S324
    names = {"hash": "hash", "bytes": "bytes", "body": "randomblob", "false": "0"}
    connection.execute("PRAGMA journal_mode=OFF")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-4000000")
    connection.executescript(f"BEGIN; {_script(names, events)} COMMIT;")


def postgresql(connection: psycopg.Connection[Any], events: int) -> None:
    """Fill a migrated PostgreSQL database."""
    names = {
        "hash": "md5",
        "bytes": "pg_temp.bytes",
        "body": "pg_temp.body",
        "false": "false",
    }
    functions = (
        "CREATE FUNCTION pg_temp.bytes(text) RETURNS bytea IMMUTABLE LANGUAGE sql"
        " AS $$ SELECT decode(md5($1), 'hex') $$;"
        "CREATE FUNCTION pg_temp.body(integer) RETURNS bytea IMMUTABLE LANGUAGE sql"
        " AS $$ SELECT decode(repeat('5a', $1), 'hex') $$;"
    )
    connection.execute("SET synchronous_commit = off")
    connection.execute("SET maintenance_work_mem = '512MB'")
    with _without_indexes(connection):
        connection.execute(functions.encode() + _script(names, events).encode())
    connection.execute("VACUUM ANALYZE")


@contextmanager
def _without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Indexes are made afterwards, which is much quicker."""
    constraints = connection.execute(_CONSTRAINTS).fetchall()
    for table, name, _ in constraints:
        connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
    indexes = connection.execute(_INDEXES).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}".encode())
    yield
    for table, name, definition in constraints:
        connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}".encode())
    for _, definition in indexes:
        connection.execute(definition.encode())


_CONSTRAINTS: Final = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype IN ('p', 'u') AND connamespace = 'public'::regnamespace ORDER BY 1, 2
"""
_INDEXES: Final = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
)


def _script(names: dict[str, str], events: int) -> str:
    if events == 0:
        return ""
    by_patient = _NUMBERS.format(most=max(1, events // 6)) + _PATIENTS.format(**names)
    by_event = _NUMBERS.format(most=events) + _EVENTS.format(**names)
    return f"{_HELPERS} {by_patient} DROP TABLE n; {by_event} DROP TABLE n;"
