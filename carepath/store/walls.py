"""PostgreSQL's own wall behind ``store.rights``: row-level security on every table that says anything about a patient.

Whoever answers somebody outside reads as the role ``carepath_reader``, which owns nothing and is told in each
transaction who asks (``who``). It sees rows about patients of whom they hold a grant, or a citizen has a Sight; a
query that forgets its own predicate finds no more than that, and a transaction that says nobody finds no rows at
all. It is by the patient, ``rights`` is by the entry. The broker's own work (intake, relay, watch) goes by the login
itself, as a member of ``carepath_broker`` where it does not own the tables.

The policies are not in a migration: they are made anew whenever they, or the predicate that they quote, have
changed. https://www.postgresql.org/docs/current/ddl-rowsecurity.html
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    Text,
    any_,
    exists,
    false,
    inspect,
    literal_column,
    or_,
    select,
    text,
    true,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from carepath.store import tables as t
from carepath.store.rights import Viewer, granted

READER: Final = "carepath_reader"
BROKER: Final = "carepath_broker"

_BETWEEN: Final = "\x1f"
_ROW = ColumnElement[bool]


class NoRoles(Exception):
    """The login may not make the roles. ``hint``: what somebody who may has to run once."""

    def __init__(self, login: str) -> None:
        quoted = '"' + login.replace('"', '""') + '"'
        self.hint = (
            "Have an administrator of PostgreSQL run this once, then try again:"
            f" CREATE ROLE {READER} NOLOGIN; CREATE ROLE {BROKER} NOLOGIN;"
            f" GRANT {READER}, {BROKER} TO {quoted};"
        )
        super().__init__(
            f"PostgreSQL's login {login} may not make the roles that keep readers apart"
        )


def enter(connection: Connection, viewer: Viewer) -> None:
    """From here on, until the transaction ends, it reads as ``viewer`` and sees what they may."""
    connection.execute(
        _ENTER,
        {
            "role": READER,
            "readers": "" if viewer.sights is not None else _BETWEEN.join(viewer.readers),
            "receiver": viewer.reader or "",
            "patients": _BETWEEN.join(viewer.patients),
            "now": str(viewer.now),
        },
    )


_ENTER: Final = text(
    "SELECT set_config('app.readers', :readers, true), set_config('app.patients', :patients, true),"
    " set_config('app.receiver', :receiver, true), set_config('app.now', :now, true),"
    " set_config('role', :role, true)"
)


# --- who is told in the transaction; each is a query of its own, so that it is evaluated once


def _told(setting: str) -> str:
    return f"current_setting('app.{setting}', true)"


def _list(setting: str) -> ColumnElement[Any]:
    named = f"(SELECT string_to_array(nullif({_told(setting)}, ''), chr(31)))"
    return any_(literal_column(f"{named}::text[]", postgresql.ARRAY(Text)))


_READERS: Final = _list("readers")
_PATIENTS: Final = _list("patients")
_RECEIVER: Final[ColumnElement[str]] = literal_column(
    f"(SELECT nullif({_told('receiver')}, ''))", Text
)
_NOW: Final[ColumnElement[int]] = literal_column(f"(SELECT nullif({_told('now')}, '')::bigint)")
_SOMEBODY: Final = _RECEIVER.is_not(None)


def _about(patient: ColumnElement[str]) -> _ROW:
    """Of whom they hold any grant, or have a Sight."""
    held = exists().where(t.grants.c.patient == patient, granted(_READERS, _NOW))
    return or_(patient == _PATIENTS, held)


def _linked(patient: ColumnElement[str]) -> _ROW:
    """The same of somebody who is said to be the same person."""
    link = t.patient_links.c
    there = exists().where(link.patient == patient, _about(link.other))
    back = exists().where(link.other == patient, _about(link.patient))
    return or_(_about(patient), there, back)


def _shown(table: Table) -> _ROW:
    """A resource: the directory is for all, a Subscription for its subscriber."""
    own = exists().where(t.subscriptions.c.id == table.c.id)  # which are seen by who has them
    subscribed = (table.c.type == "Subscription") & own
    return or_(table.c.type == "Organization", subscribed, _about(table.c.patient))


def _sent() -> _ROW:
    """Whoever sent the message follows what becomes of it."""
    return exists().where(t.inbox.c.id == t.outbox.c.event, t.inbox.c.sender == _RECEIVER)


PUBLIC: Final[Mapping[str, str]] = {
    "meta": "numbers of the installation",
    "parties": "the directory, which everybody may read",
    "agreements": "between organisations, about deadlines",
    "sharing": "between organisations, about whom they share with",
    "feeds": "numbers, without what they are of",
    "deliveries": "numbers and times",
    "streams": "numbers and times",
    "transports": "numbers and times",
    "edi_offsets": "numbers of notifications",
    "receipt_cursors": "numbers and times",
    "positions": "numbers of records in topics",
}
"""Tables that say nothing about a patient, or a person at work, and why."""

HIDDEN: Final = frozenset(
    {
        *("parked", "answers", "alerts", "thread_keys", "relatives_known", "glass", "markings"),
        "voices",
        *("access_log", "access_chain", "access_checkpoints", "erasures", "master_keys"),
        *("members", "sessions", "looks", "clients", "used_ids", "lost_rights", "sent_on"),
    }
)
"""Tables that only the broker itself reads: nobody who asks sees a row."""

_RESOURCE_INDEX: Final = ("resource_tokens", "resource_values", "resource_dates")


def policies() -> dict[str, _ROW]:
    """Which rows of each other table the reader sees."""
    found: dict[str, _ROW] = {
        "patients": _linked(t.patients.c.key),
        # keys that say nothing, and are asked for before it is known who may be seen
        "patient_links": _SOMEBODY,
        "inbox": or_(t.inbox.c.sender == _RECEIVER, _about(t.inbox.c.patient)),
        "grants": t.grants.c.reader == _READERS,
        "thread_aliases": exists().where(t.threads.c.id == t.thread_aliases.c.thread),
        "outbox": or_(t.outbox.c.receiver == _RECEIVER, _sent()),
        "resources": _shown(t.resources),
        "resource_versions": _shown(t.resource_versions),
        "subscriptions": t.subscriptions.c.receiver == _RECEIVER,
        "subscription_events": exists().where(
            t.subscriptions.c.id == t.subscription_events.c.subscription
        ),
        "bars": t.bars.c.reader == _READERS,
        # wrapped keys, which every payload is read with
        "data_keys": _SOMEBODY,
        # what resources are found by: hashes, codes and dates of ids that lead nowhere without them
        **dict.fromkeys(_RESOURCE_INDEX, _SOMEBODY),
    }
    for name in ("patient_identifiers", "events", "threads", "promises"):
        found[name] = _about(t.metadata.tables[name].c.patient)
    return found


# --- how it is built


def build(connection: Connection) -> None:
    """Make roles and policies what this release needs. Raises ``NoRoles``."""
    if connection.dialect.name != "postgresql":
        return
    _make_roles(connection)
    wanted = [*_statements(inspect(connection).get_table_names())]
    digest = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
    if connection.execute(_STANDS).scalar() == digest:
        return
    for statement in wanted:
        connection.exec_driver_sql(statement)
    connection.exec_driver_sql(f"COMMENT ON TABLE grants IS '{digest}'")


def pull_down(connection: Connection) -> None:
    """Leave no policy behind; the roles stay, other databases may have them."""
    if connection.dialect.name != "postgresql":
        return
    for table, policy in connection.execute(_POLICIES).all():
        connection.exec_driver_sql(f'DROP POLICY "{policy}" ON "{table}"')
        connection.exec_driver_sql(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
    connection.exec_driver_sql("COMMENT ON TABLE grants IS NULL")


_STANDS: Final = text("SELECT obj_description('grants'::regclass, 'pg_class')")
_POLICIES: Final = text(
    "SELECT tablename, policyname FROM pg_policies WHERE schemaname = current_schema()"
)
_ROLES: Final = text("SELECT rolname FROM pg_roles WHERE rolname IN (:reader, :broker)")
_MEMBER: Final = text(
    "SELECT pg_has_role(current_user, :reader, 'MEMBER') AND pg_has_role(current_user, :broker, 'MEMBER')"
)


def _make_roles(connection: Connection) -> None:
    names = {"reader": READER, "broker": BROKER}
    there = {*connection.execute(_ROLES, names).scalars()}
    login: str = connection.execute(text("SELECT current_user")).scalar_one()
    try:
        with connection.begin_nested():
            for role in sorted({READER, BROKER} - there):
                connection.exec_driver_sql(_MAKE.format(role=role))
            if not connection.execute(_MEMBER, names).scalar():
                connection.exec_driver_sql(f"GRANT {READER}, {BROKER} TO CURRENT_USER")
    except DBAPIError as fault:
        if getattr(fault.orig, "sqlstate", None) == _NOT_ALLOWED:
            raise NoRoles(login) from None
        raise


_NOT_ALLOWED: Final = "42501"  # insufficient_privilege
_MAKE: Final = (
    "DO $$ BEGIN CREATE ROLE {role} NOLOGIN;"
    " EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"  # for another database
)


def _statements(there: Collection[str]) -> Iterator[str]:
    by_table = policies()
    for name in sorted({*t.metadata.tables} & {*there}):
        yield f'GRANT SELECT ON "{name}" TO {READER}'
        yield f'GRANT SELECT, INSERT, UPDATE, DELETE ON "{name}" TO {BROKER}'
        yield f'DROP POLICY IF EXISTS readers ON "{name}"'
        yield f'DROP POLICY IF EXISTS broker ON "{name}"'
        if name in PUBLIC:
            continue
        yield f'ALTER TABLE "{name}" ENABLE ROW LEVEL SECURITY'
        yield _policy(name, "broker", "ALL", BROKER, true())
        yield _policy(name, "readers", "SELECT", READER, by_table.get(name, false()))
    yield f"DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %%I TO {READER}, {BROKER}', current_schema()); END $$"
    yield f'GRANT SELECT ON "alembic_version" TO {READER}, {BROKER}'


def _policy(table: str, name: str, what: str, role: str, rows: _ROW) -> str:
    asked: Select[Any] = (
        select(literal_column("1")).select_from(t.metadata.tables[table]).where(rows)
    )
    made = asked.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})
    using = str(made).partition("WHERE ")[2]
    return f'CREATE POLICY {name} ON "{table}" FOR {what} TO {role} USING ({using})'


_DIALECT: Final = make_url("postgresql+psycopg://").get_dialect()()
