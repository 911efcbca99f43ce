"""One database: SQLite in a file, or PostgreSQL. Reads see a snapshot, writes are one transaction each."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from carepath.store import sealing, walls
from carepath.store.blind import Keys
from carepath.store.keyring import FilePort, KeyPort, Keyring, Master
from carepath.store.rights import Viewer

__all__ = [
    "TRANSIENT",
    "Connection",
    "Database",
    "DatabaseError",
    "OperationalError",
    "is_known_schema",
    "is_sqlite",
    "migrate",
    "newest_schema_version",
    "open_database",
    "out_of_reach",
    "schema_version",
    "sqlite_file",
    "upgrade",
    "without_password",
]


class KeptBack(Exception):
    """The schema cannot go back as things stand; the text says what to do first. Nothing was changed."""


DatabaseError = DBAPIError
"""Any fault the database reports."""
TRANSIENT = (OperationalError, IntegrityError)
"""Worth another try as it is: a deadlock, a restart, or two transactions that wrote the same message."""

_NOT_NOW = frozenset({"08", "40", "53", "55", "57", "58"})
"""Classes of SQLSTATE that say nothing about the statement: connection, rollback, resources, operator, system."""

_READS_SNAPSHOT = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


@dataclass(frozen=True, slots=True)
class Database:
    """``reader`` and ``writer`` are pools over the same database."""

    reader: Engine
    writer: Engine
    keys: Keys

    @property
    def keyring(self) -> Keyring:
        """The keys that payloads are encrypted with."""
        return sealing.keyring(self.writer.dialect)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot, of the broker's own: every query in it sees the same moment."""
        with self.reader.connect() as connection:
            yield connection

    @contextmanager
    def seen_by(self, viewer: Viewer) -> Iterator[Connection]:
        """The same for answering somebody: on PostgreSQL, behind the wall of ``walls``."""
        with self.reader.connect() as connection:
            if connection.dialect.name == "postgresql" and not viewer.sees_all:
                walls.enter(connection, viewer)
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it is kept, or nothing."""
        with self.writer.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close all pooled connections."""
        self.reader.dispose()
        self.writer.dispose()


def open_database(url: str, keys: Keys, ports: Sequence[KeyPort] = ()) -> Database:
    """Open the database at an SQLAlchemy URL (``sqlite:///file`` or ``postgresql://…``).

    ``ports``: who keeps the key of the master keys, before the key file; the first wraps.
    """
    opened, aside = _engines(url, keys)
    ring = Keyring((*ports, FilePort(keys)), _masters_of(aside))
    sealing.fit(opened.reader, ring)
    sealing.fit(opened.writer, ring)
    return opened


def _engines(url: str, keys: Keys) -> tuple[Database, Engine]:
    """The database, and an engine that opens a connection of its own each time: it never waits for another's."""
    if is_sqlite(url):
        writer = _sqlite(url, "BEGIN IMMEDIATE", cache=64, **_ONE)
        opened = Database(_sqlite(url, "BEGIN"), writer, keys)
        return opened, _sqlite(url, "BEGIN", poolclass=NullPool)
    driver_url = make_url(url).set(drivername="postgresql+psycopg")
    options: dict[str, Any] = {
        "pool_pre_ping": True,
        "pool_size": 8,
        "max_overflow": 8,
        "hide_parameters": True,  # an exception's text must not tell whose message it was
    }
    reader = create_engine(driver_url, execution_options=_READS_SNAPSHOT, **options)
    aside = create_engine(driver_url, poolclass=NullPool, hide_parameters=True)
    return Database(reader, create_engine(driver_url, **options), keys), aside


def _masters_of(engine: Engine) -> Callable[[], list[Master]]:
    def find() -> list[Master]:
        with engine.connect() as connection:
            found = connection.execute(sealing.masters())
            return [Master(bytes(id_), port, bytes(wrapped)) for id_, port, wrapped in found]

    return find


def out_of_reach(fault: Exception) -> bool:
    """Whether the database is away or cannot do it now; else it is the statement that it cannot do.

    https://www.postgresql.org/docs/current/errcodes-appendix.html
    """
    if isinstance(fault, DBAPIError) and not fault.connection_invalidated:
        state = getattr(fault.orig, "sqlstate", None)
        return isinstance(fault, OperationalError) and (state is None or state[:2] in _NOT_NOW)
    return isinstance(fault, DBAPIError | exc.TimeoutError)


def is_sqlite(url: str) -> bool:
    """Whether the URL names the embedded database."""
    return make_url(url).get_backend_name() == "sqlite"


def without_password(url: str) -> str:
    """The URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite URL, ``None`` for anything else."""
    parsed = make_url(url)
    in_file = parsed.get_backend_name() == "sqlite" and parsed.database
    return Path(parsed.database) if in_file and parsed.database else None


_ONE: Mapping[str, int] = {"pool_size": 1, "max_overflow": 0}
"""One writer: threads queue for its connection, which is quicker and fairer than SQLite's own waiting."""


def _sqlite(url: str, begin: str, *, cache: int = 8, **pool: Any) -> Engine:
    """``cache``: MiB of pages that each connection keeps."""
    arguments = {"check_same_thread": False}
    engine = create_engine(url, hide_parameters=True, connect_args=arguments, **pool)
    event.listen(engine, "connect", _preparer(cache))
    event.listen(engine, "begin", _beginner(begin))
    return engine


def _preparer(cache: int) -> Callable[[Any, object], None]:
    """FULL: what was acknowledged survives a power cut. WAL: readers and the writer do not wait."""

    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=10000",
            f"cache_size=-{cache * 1024}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return prepare


def _beginner(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def migrate(url: str, to: str | None = None) -> None:
    """Bring the schema to a version this release knows, the newest when none is named; what is stored stays.

    A newer release's schema is let be: it only adds what this one can do without. Raises ``walls.NoRoles``.
    """
    engine = (
        _sqlite(url, "BEGIN IMMEDIATE") if is_sqlite(url) else open_database(url, Keys(b"")).writer
    )
    try:
        with engine.begin() as connection:
            if not is_sqlite(url):
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7236481)")
            stands = schema_version(connection)
            if is_known_schema(stands):
                _move(connection, stands, to)
    finally:
        engine.dispose()


def upgrade(connection: Connection, version: str | None = None) -> None:
    """Bring the schema forward, within the caller's transaction."""
    _move(connection, None, version)


def _move(connection: Connection, stands: str | None, to: str | None) -> None:
    if stands is None or (to or newest_schema_version()) != stands:
        _run_migrations(connection, stands, to)
    if to is None:
        walls.build(connection)


def _run_migrations(connection: Connection, stands: str | None, to: str | None) -> None:
    """Alembic takes a tenth of a second to load, and a process seldom needs it."""
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    if stands is not None and to is not None and to < stands:  # versions are numbers of four digits
        try:
            command.downgrade(config, to)
        except CommandError as fault:
            raise KeptBack(str(fault)) from None
    else:
        command.upgrade(config, to or "head")


_MIGRATIONS: Final = Path(__file__).parent / "migrations"


def schema_version(connection: Connection) -> str | None:
    """The migration the database stands at."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def newest_schema_version() -> str:
    """The migration this code needs."""
    return max(_versions())


def is_known_schema(revision: str | None) -> bool:
    """Whether this release or one before it made that schema; ``None``: there is none yet."""
    return revision is None or revision in _versions()


def _versions() -> set[str]:
    """All migrations; their files begin with what they are called, four digits."""
    return {file.name[:4] for file in (_MIGRATIONS / "versions").glob("[0-9]*.py")}
