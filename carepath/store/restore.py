"""A database made again from a backup: in one transaction, so there is the old one, or the new one.

It is brought to the schema it had, filled, then migrated. Receivers have been given numbers since the backup that
this database knows nothing of, so every feed goes on from a number that nobody can have been given
(``feed.begin_anew``).
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import (
    Connection,
    column,
    func,
    insert,
    inspect,
    literal,
    select,
    table,
    text,
    update,
)

from carepath.store import erasing, feed, sealing, sessions, subscription_numbers, walls
from carepath.store.backup import Backup, Manifest
from carepath.store.database import Database, is_known_schema, schema_version, upgrade
from carepath.store.erasing import Erasure
from carepath.store.tables import feeds, metadata, streams
from carepath.store.times import micros

_VERSION_TABLE = "alembic_version"


class Refused(Exception):
    """The backup cannot be restored here; nothing was changed. ``hint`` says what to do."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


def check(database: Database, backup: Backup, now: datetime, *, replace: bool) -> None:
    """Whether it can be restored. Raises ``Refused``, and ``backup.Damaged`` when the file is not whole."""
    _check_manifest(database, backup.manifest, now)
    with database.read() as connection:
        stands = schema_version(connection)
        filled = _filled(connection)
    if not is_known_schema(stands):
        raise Refused("the database belongs to a newer release", "Choose an empty database.")
    if filled and not replace:
        hint = "Choose an empty database, or --replace: all that is in it is lost."
        raise Refused("the database is not empty", hint)
    backup.check()


def _check_manifest(database: Database, manifest: Manifest, now: datetime) -> None:
    if not is_known_schema(manifest.schema):
        raise Refused(
            f"the backup was made by a newer release ({manifest.release})", "Restore it with that."
        )
    if manifest.key != database.keys.fingerprint:
        raise Refused(
            "the backup belongs to another key",
            "Put the key file that was in use then in its place, or set CAREPATH_KEY_FILE.",
        )
    if now < manifest.moment:
        raise Refused(
            "this machine's clock says that the backup is yet to be made", "Set the clock right."
        )


def restore(
    database: Database, backup: Backup, now: datetime, erased: Iterable[Erasure] = ()
) -> None:
    """Replace the database by the backup, and bring it to this release's schema.

    ``erased``: who was erased since: they are erased again.
    """
    database.keyring.forget()
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(7236481)"))  # as ``migrate`` does
        there = _ours(connection)
        if "grants" in there:
            walls.pull_down(connection)
        for name in there:
            connection.execute(text(f'DROP TABLE "{name}"'))
        upgrade(connection, backup.manifest.schema)
        for name in backup.manifest.tables:
            _fill(connection, backup, name)
        upgrade(connection)
        walls.build(connection)
        sealing.learn(connection)
        _resume(connection, micros(now))
        erasing.erase_again(connection, erased)
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))  # what follows reads everything


def _ours(connection: Connection) -> list[str]:
    """Our tables that are there; the database may hold others."""
    present = {*inspect(connection).get_table_names()}
    return sorted(present & {*metadata.tables, _VERSION_TABLE})


def _filled(connection: Connection) -> bool:
    names: Collection[str] = {*_ours(connection)} - {_VERSION_TABLE}
    one = (select(literal(1)).select_from(table(name)).limit(1) for name in names)
    return any(connection.execute(query).first() for query in one)


def _fill(connection: Connection, backup: Backup, name: str) -> None:
    columns = backup.manifest.tables[name].columns
    rows = insert(table(name, *map(column, columns)))
    for page in backup.pages(name):
        connection.execute(rows, page)


def _resume(connection: Connection, now: int) -> None:
    """What may have been handed over since is sent as a repeat; who held a lease, or was signed in, no more."""
    newest = select(feeds.c.last).where(feeds.c.receiver == streams.c.party).scalar_subquery()
    again = func.coalesce(newest, streams.c.replay_upto)
    free = {"replay_upto": again, "holder": None, "leased_until": None}
    connection.execute(update(streams).values(free))
    begins = feed.begin_anew(connection, now, subscription_numbers.receivers(connection))
    subscription_numbers.begin_anew(connection, begins)
    sessions.end_all(connection)  # some have signed out since
