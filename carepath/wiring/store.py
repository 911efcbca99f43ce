"""The store as it is set: opened for the server, the workers and administration."""

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

import structlog

from carepath.identity.addresses import is_safe
from carepath.service import Answer, Service, ServiceOptions, Submission, directory
from carepath.service import parked as tended
from carepath.service.changes import AT_COMMAND_LINE
from carepath.service.rebuild import rebuild
from carepath.settings import Settings
from carepath.store import audit, clients, database, encrypting, parties, promises, streams, times
from carepath.store import parked as shelf
from carepath.store.blind import Keys, load_keys
from carepath.store.clients import Client
from carepath.store.database import Database, DatabaseError
from carepath.store.keyring import KeyPort, KeyServiceError
from carepath.store.walls import NoRoles
from carepath.wiring import secret_files
from carepath.wiring.logs import configure_logs
from pathways.access_log import Act, Line
from pathways.parties import Party

log = structlog.get_logger()


class Unusable(Exception):
    """The set-up does not work as it is; ``hint`` says how to mend it."""

    def __init__(self, text: str, hint: str | None = None) -> None:
        super().__init__(text)
        self.hint = hint


class Away(Unusable):
    """The database is not to be had for now."""


def key_file(settings: Settings) -> Path:
    """Where the installation's secret is: as set, else beside the SQLite file, else in this folder."""
    if settings.key_file is not None:
        return settings.key_file
    beside = database.sqlite_file(settings.database_url)
    return beside.with_suffix(".key") if beside else Path("carepath.key")


def erased_file(settings: Settings) -> Path:
    """Where it is noted who was erased: as set, else beside the key file."""
    key = key_file(settings)
    return settings.erased_file or key.with_name(f"{key.name}.erased")


def migrate(settings: Settings, to: str | None = None) -> None:
    """Make the database or bring it to this release's schema, or to an earlier one. Raises ``Unusable``."""
    if not database.is_known_schema(to):
        raise Unusable(f"no release up to this one has the schema {to}")
    with reporting(settings):
        try:
            database.migrate(settings.database_url, to)
        except NoRoles as fault:
            raise Unusable(str(fault), fault.hint) from None
        except database.KeptBack as fault:
            raise Unusable(str(fault)) from None


def prepare(settings: Settings) -> None:
    """``migrate`` for a process that stays: a database that is away for now is waited for."""
    configure_logs()
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # PID 1 would not hear it
    try:
        _migrate_patiently(settings)
    finally:
        signal.signal(signal.SIGTERM, before)


def _migrate_patiently(settings: Settings) -> None:
    pause, longest = _PAUSES
    while True:
        try:
            return migrate(settings)
        except Away as fault:
            told = {"fault": str(fault), "hint": fault.hint, "again_in_seconds": pause}
            log.warning("cannot start yet", **told)
        time.sleep(pause)
        pause = min(pause * 2, longest)


@contextmanager
def reporting(settings: Settings) -> Iterator[None]:
    """A database that does not answer makes the set-up ``Unusable``."""
    try:
        yield
    except KeyServiceError as fault:
        raise Unusable(f"the keys of payloads cannot be had: {fault}", _KEYS_HINT) from None
    except DatabaseError as fault:
        where = database.without_password(settings.database_url)
        first = str(fault.orig).strip().splitlines()[0]
        kind = Away if database.out_of_reach(fault) else Unusable
        raise kind(f"the database {where} does not answer: {first}", _DATABASE_HINT) from None


_PAUSES: Final = (0.5, 5.0)
"""The first and the longest pause, in seconds, between two tries."""
_KEYS_HINT = "See CAREPATH_KEY_FILE and CAREPATH_VAULT in docs/operations.md."
_DATABASE_HINT = "Set CAREPATH_DATABASE_URL or --database-url, and start the database."


def open_as_set(settings: Settings) -> Database:
    """The database and the installation's key. Raises ``Unusable``; also where a secret is for all to read."""
    for path in secret_files.shown(settings, key_file(settings)):
        raise Unusable(
            f"every user of this machine can read or change the secret in {path}",
            f"chmod o-rwx {path}",
        )
    try:
        keys: Keys = load_keys(key_file(settings), settings.pseudonym_version)
    except (OSError, ValueError) as fault:
        raise Unusable(f"the key cannot be read: {fault}", "Set CAREPATH_KEY_FILE.") from None
    opened = database.open_database(settings.database_url, keys, _key_ports(settings))
    traced = tracing(settings)
    told: Database = traced.traced_database(opened) if traced else opened
    return told


def _key_ports(settings: Settings) -> list[KeyPort]:
    """Who wraps master keys besides the key file. Raises ``Unusable``."""
    if settings.vault is None:
        return []
    if not is_safe(str(settings.vault)):
        raise Unusable("CAREPATH_VAULT would send keys over an open line", "Use https.")
    from carepath.wiring.vault import VaultPort  # noqa: PLC0415 -- an HTTP client, which few need

    token = settings.vault_token
    port = VaultPort(
        address=str(settings.vault),
        key=settings.vault_key,
        mount=settings.vault_mount,
        token=token.get_secret_value() if token else None,
        token_file=settings.vault_token_file,
        ca_file=settings.vault_ca_file,
    )
    return [port]


def tracing(settings: Settings) -> ModuleType | None:
    """``wiring.tracing`` at work, when it is wanted. Raises ``Unusable`` when its packages are not installed."""
    if not settings.tracing:
        return None
    try:
        traced = import_module("carepath.wiring.tracing")
    except ModuleNotFoundError:
        raise Unusable("OpenTelemetry is not installed", "pip install 'carepath[otel]'") from None
    traced.start()
    return traced


def service_on(settings: Settings, opened: Database) -> Service:
    """The application on an open database."""
    traced = tracing(settings)
    made: Service = (traced.TracedService if traced else Service)(opened, options_of(settings))
    return made


def options_of(settings: Settings) -> ServiceOptions:
    """What the application is told of the settings."""
    return ServiceOptions(
        base_url=f"{settings.address}/fhir",
        open_mode=settings.open_mode,
        accept_synthetic=settings.accept_synthetic,
        clock_skew=timedelta(seconds=settings.clock_skew_seconds),
    )


@contextmanager
def open_store(settings: Settings) -> Iterator["Store"]:
    """The store for administration. Raises ``Unusable`` when its schema is older than this version's."""
    with reporting(settings):
        opened = open_as_set(settings)
        try:
            with opened.read() as connection:
                stands = database.schema_version(connection)
            if stands is None:
                raise Unusable(
                    "there is no database yet", "Run 'carepath serve' or 'carepath migrate'."
                )
            older = database.is_known_schema(stands)  # a newer one has all that this release needs
            if older and stands != database.newest_schema_version():
                raise Unusable(
                    "the database has an older version's schema", "Run 'carepath migrate'."
                )
            yield Store(opened, service_on(settings, opened), f"{settings.address}/fhir")
        finally:
            opened.close()


@dataclass(frozen=True, slots=True)
class Store:
    """What the command line does to the database itself."""

    database: Database
    service: Service
    base_url: str

    def parties(self) -> list[Party]:
        """The directory."""
        with self.database.read() as connection:
            return parties.listed(connection)

    def party(self, key: str) -> Party | None:
        """One entry of the directory."""
        with self.database.read() as connection:
            return parties.show(connection, key)

    def intake_began(self, key: str) -> datetime | str | None:
        """Since when an organisation's inbound topic is read; ``None`` when it has none."""
        with self.database.read() as connection:
            known = {stream.party: stream.active_from for stream in streams.listed(connection)}
        return (known[key] or "waiting for the worker") if key in known else None

    def enter(self, entered: Sequence[Party]) -> int:
        """Enter or change parties, all or none; how many were new or changed."""
        now = datetime.now(UTC)
        with self.database.write() as connection:
            return sum(
                directory.enter(connection, self.database.keys, party, now) for party in entered
            )

    def clients(self) -> list[Client]:
        """Registered clients, as they are and were."""
        with self.database.read() as connection:
            return clients.listed(connection)

    def enter_client(self, client: Client) -> Client | None:
        """Register a client; returned is what was registered until now."""
        with self.database.write() as connection:
            return clients.enter(connection, client)

    def revoke_client(self, id_: str, reason: str) -> None:
        """Let it sign in no more. Raises ``Unregistered``."""
        with self.database.write() as connection:
            clients.revoke(connection, id_, datetime.now(UTC), reason)

    def take_over(self, source: bytes) -> Answer:
        """Take in what happened before go-live: nobody is told of it."""
        quiet = Service(self.database, replace(self.service.options, quiet=True))
        (answer,) = quiet.handle([Submission(source)])
        return answer

    def knows_promises(self) -> bool:
        """Whether the watch can do its work: after an upgrade it waits for a rebuild."""
        with self.database.read() as connection:
            return promises.known(connection)

    def in_clear(self) -> int:
        """How many rows hold a payload in the clear: after an upgrade they wait to be encrypted."""
        with self.database.read() as connection:
            return encrypting.in_clear(connection)

    def rebuild(self) -> int:
        """Make all state again from the events; how much was not as it should be."""
        return rebuild(self.database, self.base_url, datetime.now(UTC))

    def parked(self, *, everything: bool) -> list[shelf.Parked]:
        """Parked messages, open ones only or all."""
        with self.database.read() as connection:
            return shelf.listed(connection, None if everything else shelf.State.OPEN)

    def parked_one(self, id_: str) -> shelf.Parked | None:
        """One parked message."""
        with self.database.read() as connection:
            return shelf.show(connection, id_)

    def parked_source(self, id_: str) -> bytes | None:
        """Its bytes; that the operator was shown them is in the access log before they are."""
        with self.database.write() as connection:
            found = shelf.source(connection, id_)
            if found:
                line = _shown(shelf.patient(connection, id_), id_)
                audit.write(connection, self.database.keys, [line])
            return found

    def retry(self, id_: str) -> Answer | None:
        """Take a parked message in again; ``None`` when no open one has the id."""
        return tended.retry(self.service, AT_COMMAND_LINE, id_)

    def drop(self, id_: str, reason: str) -> bool:
        """Give a parked message up; false when no open one has the id."""
        return tended.drop(self.database, AT_COMMAND_LINE, id_, reason)


def _shown(patient: str | None, id_: str) -> Line:
    """A parked message was shown at the command line."""
    at = times.now()
    return Line(
        id=audit.line_id(at),
        at=times.instant(at),
        act=Act.READ,
        who=AT_COMMAND_LINE.who,
        patient=patient,
        interaction="parked",
        shown={"Binary": (id_,)},
        request=id_,
        outcome="200",
    )
