"""Payloads are encrypted on their way into the database, and decrypted on their way out.

A column of type ``Sealed`` holds blobs that say themselves which data key they are under (``keyring.MARK``), bound to
table, column and primary key: a blob that was moved to another row is not read. ``rows`` encrypts; plain bytes that
went another way are refused. A query gets the blob with the row's primary key and the wrapped data key beside it, so
that whoever reads asks nothing more, and who has no key any more reads nothing. What has no mark was written by a
release that did not encrypt, and is read as it is.
"""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Engine,
    Label,
    LargeBinary,
    Table,
    TypeDecorator,
    func,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from typing_extensions import override

from carepath.store.dialects import insert_statement
from carepath.store.key_tables import data_keys, master_keys
from carepath.store.keyring import (
    ID_BYTES,
    MARK,
    WRAPPED_BYTES,
    DataKey,
    Keyring,
    Master,
    Unreadable,
)
from carepath.store.schema import metadata

IN_CLEAR: Final = "payloads_in_clear"
"""The row of ``meta`` that stands while the release before, which cannot decrypt, may be running beside this one."""
NOBODY: Final = ""
"""Whose data key encrypts what is about no patient, or about nobody we know yet: the installation's own."""
_RING: Final = "keyring"


@dataclass(frozen=True, slots=True)
class _Ready:
    """Bytes as they are to stand in the database."""

    content: bytes


class Sealed(TypeDecorator[bytes]):
    """A payload; ``where`` is ``table.column``, ``whose`` the column with the key of the patient it is about.

    Empty stays empty: what it said is no longer kept.
    """

    impl = LargeBinary
    cache_ok = True

    def __init__(self, where: str, whose: str = "patient") -> None:
        super().__init__()
        self.where, self.whose = where, whose

    @override
    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """What a query asks for instead of the column."""
        return handed(column)

    @override
    def process_bind_param(self, value: object, dialect: Dialect) -> bytes | None:
        """Only what ``rows`` has prepared gets in, and nothing at all."""
        if isinstance(value, _Ready):
            return value.content
        if value is None or value == b"":
            return value
        raise TypeError(f"{self.where} takes what store.sealing.rows has prepared")

    @override
    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """It was not asked for through ``handed``, so it cannot be read."""
        if value:
            raise TypeError(f"{self.where} is read through store.sealing.handed here")
        return value


class _Opened(TypeDecorator[bytes]):
    """What ``handed`` brings, decrypted."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where = where

    @override
    def process_result_value(self, value: bytes | None, dialect: Dialect) -> bytes | None:
        """The payload in the clear. Raises ``Unreadable`` and ``KeyServiceError``."""
        if value is None:
            return None
        value = bytes(value)
        ends = value.index(b"\x00")
        begins = ends + 2 + (WRAPPED_BYTES if value[ends + 1] else 0)
        if not value.startswith(MARK, begins):
            return value[begins:]
        about = _about(self.where, value[:ends])
        if not value[ends + 1]:
            raise Unreadable(f"{about.decode()}: its key is gone")
        sealed = value[begins:]
        key = keyring(dialect).data_key(sealed[4 : 4 + ID_BYTES], value[ends + 2 : begins])
        return key.open(sealed, about)


class _Handed(FunctionElement[bytes]):
    """A blob, after its row's primary key and its wrapped data key."""

    inherit_cache = True
    name = "handed"

    def __init__(self, where: str, body: ColumnElement[Any], *key: ColumnElement[Any]) -> None:
        super().__init__(body, *key)
        self.type = _Opened(where)


def handed(column: ColumnElement[Any]) -> ColumnElement[bytes]:
    """A sealed column as a query reads it, where the column stands in an expression."""
    plain = column.element if isinstance(column, Label) else column
    table = getattr(plain, "table", None)
    where = plain.type.where if isinstance(plain.type, Sealed) else ""
    owner = metadata.tables[where.partition(".")[0]]
    if table is None:
        raise TypeError(f"{where} stands in an expression: name store.sealing.handed there")
    key = [table.c[part.name] for part in owner.primary_key]
    return _Handed(where, type_coerce(plain, LargeBinary), *key)


@compiles(_Handed, "sqlite")
def _handed_sqlite(element: _Handed, compiler: SQLCompiler, **options: Any) -> str:
    body, *key = (compiler.process(part, **options) for part in element.clauses)
    about = " || '/' || ".join(key)
    wanted = f"data_keys.id = substr({body}, 5, 16)"
    found = f"SELECT x'01' || wrapped FROM data_keys WHERE {wanted}"  # noqa: S608 -- of columns alone
    return f"CAST({about} || x'00' || coalesce(({found}), x'00') || {body} AS BLOB)"


@compiles(_Handed, "postgresql")
def _handed_postgresql(element: _Handed, compiler: SQLCompiler, **options: Any) -> str:
    body, *key = (compiler.process(part, **options) for part in element.clauses)
    about = " || '/' || ".join(f"CAST({part} AS text)" for part in key)
    wanted = f"data_keys.id = substring({body} from 5 for 16)"
    found = f"SELECT '\\x01'::bytea || wrapped FROM data_keys WHERE {wanted}"  # noqa: S608 -- likewise
    return (
        f"(convert_to({about}, 'UTF8') || '\\x00'::bytea"
        f" || coalesce(({found}), '\\x00'::bytea) || {body})"
    )


def fit(engine: Engine, ring: Keyring) -> None:
    """Let everything on the engine use these keys."""
    setattr(engine.dialect, _RING, ring)


def keyring(dialect: Dialect) -> Keyring:
    """The keys of a connection's engine."""
    found: Keyring = getattr(dialect, _RING)
    return found


def rows(
    connection: Connection, table: Table, given: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows as they are to be written: payloads encrypted under the key of the patient they are about."""
    columns = _sealed(table)
    if not columns:
        return [*given]
    held = _held(connection)
    if held.clear:
        return [
            row | {name: _Ready(row[name]) for name, _ in columns if row.get(name)} for row in given
        ]
    whose = _whose(table)
    keys = held.keys_of(connection, {row.get(whose) or NOBODY for row in given})
    key_columns = _key(table)
    made = []
    for row in given:
        key = keys[row.get(whose) or NOBODY]
        id_ = "/".join(str(row[name]) for name in key_columns).encode()
        sealed = {
            name: _Ready(key.seal(row[name], _about(where, id_)))
            for name, where in columns
            if row.get(name)
        }
        made.append(row | sealed)
    return made


def raw(table: Table) -> list[ColumnElement[Any]]:
    """The columns of a table, with blobs as they stand in it."""
    return [
        type_coerce(column, LargeBinary).label(column.name)
        if isinstance(column.type, Sealed)
        else column
        for column in table.columns
    ]


def sealed_columns(table: Table) -> tuple[str, ...]:
    """The names of a table's columns that are encrypted."""
    return tuple(name for name, _ in _sealed(table))


@lru_cache
def _sealed(table: Table) -> tuple[tuple[str, str], ...]:
    return tuple(
        (column.name, column.type.where)
        for column in table.columns
        if isinstance(column.type, Sealed)
    )


@lru_cache
def _whose(table: Table) -> str:
    (found,) = {c.type.whose for c in table.columns if isinstance(c.type, Sealed)}
    return found


@lru_cache
def _key(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.primary_key)


def _about(where: str, id_: bytes) -> bytes:
    return b"%b/%b" % (where.encode(), id_)


@dataclass(slots=True)
class _Held:
    """The data keys that one transaction has read or made: made ones are nobody else's before it is committed."""

    transaction: object
    clear: bool
    keys: dict[str, DataKey] = field(default_factory=dict)

    def keys_of(self, connection: Connection, patients: Collection[str]) -> dict[str, DataKey]:
        """Those of ``patients``, and more."""
        if lacks := {*patients} - self.keys.keys():
            self._read(connection, lacks)
            if lacks := lacks - self.keys.keys():
                _make(connection, sorted(lacks))
                self._read(connection, lacks)  # another process may have been first
        return self.keys

    def _read(self, connection: Connection, patients: Collection[str]) -> None:
        ring, table = keyring(connection.dialect), data_keys.c
        wanted = select(table.patient, table.id, table.wrapped).where(table.patient.in_(patients))
        for patient, id_, wrapped in connection.execute(wanted):
            self.keys[patient] = ring.data_key(bytes(id_), bytes(wrapped))


def _held(connection: Connection) -> _Held:
    """What this transaction has; whether it writes in the clear is decided once."""
    transaction, found = connection.get_transaction(), connection.info.get(_RING)
    if found is None or found.transaction is not transaction:
        ring = keyring(connection.dialect)
        clear = not ring.seals and is_clear(connection)
        ring.seals = not clear
        found = connection.info[_RING] = _Held(transaction, clear)
    held: _Held = found
    return held


def is_clear(connection: Connection) -> bool:
    """Whether payloads are still written in the clear: between an upgrade and ``carepath encrypt``."""
    meta = metadata.tables["meta"]
    return (
        connection.execute(select(meta.c.value).where(meta.c.name == IN_CLEAR)).first() is not None
    )


def _make(connection: Connection, patients: Sequence[str]) -> None:
    ring, master = keyring(connection.dialect), newest_master(connection)
    now = time.time_ns() // 1000
    made = [(patient, ring.new_data_key(master)) for patient in patients]
    fresh = [
        {
            "id": key.id,
            "patient": patient,
            "master": master.id,
            "wrapped": key.wrapped,
            "created": now,
        }
        for patient, key in made
    ]
    connection.execute(insert_statement(data_keys, connection.dialect.name, replace=False), fresh)


def newest_master(connection: Connection) -> Master:
    """The master key for new data keys, made when there is none; nobody takes it away in this transaction."""
    newest = masters().order_by(master_keys.c.created.desc(), master_keys.c.id).limit(1)
    row = connection.execute(newest.with_for_update(read=True)).first()
    ring = keyring(connection.dialect)
    if row is None:
        return add_master(connection)
    found = Master(bytes(row.id), row.port, bytes(row.wrapped))
    ring.know(found)
    return found


def add_master(connection: Connection) -> Master:
    """A new master key, which wraps from now on, also when this machine's clock is behind."""
    made = keyring(connection.dialect).new_master()
    newest = connection.execute(select(func.max(master_keys.c.created))).scalar() or 0
    row = {"id": made.id, "port": made.port, "wrapped": made.wrapped}
    statement = insert_statement(master_keys, connection.dialect.name, replace=False)
    connection.execute(statement, [{**row, "created": max(newest + 1, time.time_ns() // 1000)}])
    return made


def learn(connection: Connection) -> None:
    """Know the master keys that are stored in this transaction and perhaps nowhere else yet."""
    ring = keyring(connection.dialect)
    for id_, port, wrapped in connection.execute(masters()):
        ring.know(Master(bytes(id_), port, bytes(wrapped)))


def masters() -> Any:
    """The master keys that are stored."""
    return select(master_keys.c.id, master_keys.c.port, master_keys.c.wrapped)
