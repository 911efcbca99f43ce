"""A store with something in it, written to a backup and restored from it."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select

from carepath.service import Service, ServiceOptions, Submission
from carepath.store import numbering, positions, restore, streams
from carepath.store.backup import Backup, dump
from carepath.store.database import Database, migrate
from carepath.store.positions import Origin
from carepath.store.tables import metadata
from schemas.topics import inbound
from tests.integration import stories

BASE = "http://127.0.0.1:8000/fhir"
WARD = stories.HOSPITAL.number
CHANGED = {"feeds", "outbox", "meta", "streams"}
"""What a restore changes: where feeds go on, and who held a lease."""
Make = Callable[[str], Database]
Told = dict[str, Any]


@dataclass
class Clock:
    """Goes on by a second whenever it is looked at."""

    at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __call__(self) -> datetime:
        """The next second."""
        self.at += timedelta(seconds=1)
        return self.at


def filled(database: Database, clock: Clock, people: int = 2) -> Service:
    """A migrated store with stays, told in streams; everything has its number."""
    migrate(database.writer.url.render_as_string(hide_password=False))
    service = Service(database, ServiceOptions(now=clock))
    with database.write() as conn:
        streams.enter(conn, [WARD])
    tell(service, [told for _ in range(people) for told in stories.hospital_stay()])
    return service


def tell(service: Service, told: Sequence[Told]) -> None:
    """Take messages in from their senders' streams, and number what follows."""
    for message in told:
        party = sender(message)
        topic = inbound(party)
        with service.database.read() as conn:
            at = positions.load(conn, [topic]).get((topic, 0))
        origin = Origin(topic, "a topic", 0, at.next if at else 0)
        source = orjson.dumps(message)
        service.receive([Submission(source, organisation=party, origin=origin)])
    number(service.database)


def sender(message: Told) -> str:
    """The organisation number of whoever sends it."""
    wanted = message["entry"][0]["resource"]["sender"]["reference"]
    (found,) = (e["resource"] for e in message["entry"] if e["fullUrl"] == wanted)
    return str(found["identifier"][0]["value"])


def number(database: Database) -> None:
    """Give everything that waits its number."""
    with database.write() as conn:
        while numbering.number(conn):
            pass


def rows(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in one order on both stores."""
    with database.read() as conn:
        return {
            table.name: sorted((tuple(row) for row in conn.execute(select(table))), key=repr)
            for table in metadata.tables.values()
        }


def write(database: Database, folder: Path, moment: datetime) -> Path:
    """A backup in the folder."""
    file = folder / f"{secrets.token_hex(4)}.backup"
    dump(database, file, release="0.1.0", moment=moment)
    return file


def restore_into(database: Database, file: Path, at: datetime, *, replace: bool = False) -> None:
    """What ``carepath restore`` does."""
    found = Backup(file)
    restore.check(database, found, at, replace=replace)
    restore.restore(database, found, at)
