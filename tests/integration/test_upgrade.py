"""Upgrading release by release while messages come in, and going back: both stores, both releases' own code.

The release before runs from an archive of its commit, in a process of its own, on the schema of this one.
"""

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from tarfile import TarFile

import orjson
import pytest
from sqlalchemy import select

from carepath.service import Service, Submission
from carepath.service.rebuild import rebuild
from carepath.store import numbering
from carepath.store.database import Database, migrate, open_database
from carepath.store.encrypting import decrypt
from carepath.store.tables import events, metadata, outbox
from tests.contract.stored import KEYS
from tests.integration import stories
from tests.integration.serving import ROOT
from tests.servers import PATIENCE, requirement

BEFORE, ITS_SCHEMA = "5dd1f3e", "0003"
"""The last commit of the release before, and the schema it made."""
BASE = "http://127.0.0.1:8000/fhir"
OLD = """
import sys, datetime
import orjson
from carepath.service import Service, Submission
from carepath.service.rebuild import rebuild
from carepath.store import feed
from carepath.store.blind import Keys
from carepath.store.database import migrate, open_database

url = sys.argv[1]
database = open_database(url, Keys(b"k" * 32))
service = Service(database)
for line in sys.stdin.buffer:
    if line == b"migrate\\n":
        migrate(url)
        said = 0
    elif line == b"rebuild\\n":
        said = rebuild(database, "http://127.0.0.1:8000/fhir", datetime.datetime.now(datetime.UTC))
    else:
        (answer,) = service.handle([Submission(line)])
        said = answer.status
        with database.write() as connection:
            feed.number(connection)
    print(said, flush=True)
"""


class Old:
    """The release before, at work on a database."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def tell(self, message: stories.Resource) -> int:
        """Its answer's status."""
        return self._ask(orjson.dumps(message))

    def migrate(self) -> None:
        """Let it make its own schema."""
        self._ask(b"migrate")

    def rebuild(self) -> int:
        """How much it finds not as the events say."""
        return self._ask(b"rebuild")

    def _ask(self, line: bytes) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + b"\n")
        self._process.stdin.flush()
        said = self._process.stdout.readline()
        assert said, "the release before has ended"
        return int(said)


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of the release before."""
    packed = subprocess.run(
        ["git", "-C", str(ROOT), "archive", BEFORE], capture_output=True, check=False
    )
    hint = "Clone the repository with its history: git fetch --unshallow."
    requirement(f"Commit {BEFORE}", packed.returncode == 0, hint)
    folder = tmp_path_factory.mktemp("before")
    with TarFile(fileobj=BytesIO(packed.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


@contextmanager
def running(folder: Path, url: str) -> Iterator[Old]:
    """The release before on a database; what it says of faults is seen by the test's reader."""
    process = subprocess.Popen(
        [sys.executable, "-c", OLD, url],
        cwd=folder,
        env={"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield Old(process)
    finally:
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """A database at this release's schema, empty: the first thing each test does is to go back."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


def take(database: Database, message: stories.Resource) -> int:
    """This release's answer's status."""
    (answer,) = Service(database).handle([Submission(orjson.dumps(message))])
    with database.write() as connection:
        numbering.number(connection)
    return answer.status


def sound(database: Database, told: int) -> None:
    """Every message is one entry; every feed is numbered without gaps, each id once."""
    with database.read() as connection:
        assert len(connection.execute(select(events.c.id)).all()) == told
        numbers: dict[str, list[int]] = {}
        wanted = select(outbox.c.receiver, outbox.c.number).order_by(outbox.c.number)
        for receiver, number in connection.execute(wanted):
            numbers.setdefault(receiver, []).append(number)
    for given in numbers.values():
        assert given == [*range(1, len(given) + 1)]


KEPT = ("inbox", "events", "grants", "outbox", "resource_versions")
"""What only ever gets more rows, and has the same columns in both releases."""


def stored(database: Database) -> dict[str, set[str]]:
    """What the release before keeps, row by row."""
    with database.read() as connection:
        return {
            name: {repr(tuple(row)) for row in connection.execute(select(metadata.tables[name]))}
            for name in KEPT
        }


def test_both_releases_work_side_by_side(before: Path, url: str) -> None:
    """The schema moves under the old one; both tell of the same people at once, and agree on everything."""
    migrate(url, ITS_SCHEMA)
    people = [stories.person() for _ in range(3)]
    told = [message for person in people for message in stories.hospital_stay(person)]
    database = open_database(url, KEYS)
    with running(before, url) as old:
        assert [old.tell(message) for message in told[:6]] == [200] * 6
        migrate(url)
        with ThreadPoolExecutor(1) as beside:
            olds = beside.submit(lambda: [old.tell(message) for message in told[6::2]])
            news = [take(database, message) for message in told[7::2]]
        assert {*olds.result(), *news} == {200}
        assert [old.tell(message) for message in told] == [200] * len(told)  # again: nothing new
        sound(database, len(told))
        rebuild(
            database, BASE, _now()
        )  # makes what the release before does not: operators are told to
        assert (old.rebuild(), rebuild(database, BASE, _now())) == (0, 0)
    database.close()


def test_going_back_loses_nothing_of_what_the_release_before_knows(before: Path, url: str) -> None:
    """Down to its schema and up again: its tables are as they were, and it works on them in between."""
    database = open_database(url, KEYS)
    told = stories.hospital_stay()
    assert {take(database, message) for message in told[:9]} == {200}
    was = stored(database)
    decrypt(database)
    migrate(url, ITS_SCHEMA)
    with running(before, url) as old:
        old.migrate()  # its own schema: nothing to do
        assert old.rebuild() == 0
        assert {old.tell(message) for message in told[9:]} == {200}
    migrate(url)
    now = stored(database)
    sound(database, len(told))
    assert {name for name in KEPT if not was[name] < now[name]} == set()
    rebuild(database, BASE, _now())  # makes what the release before does not: operators are told to
    assert rebuild(database, BASE, _now()) == 0
    database.close()


def test_a_newer_schema_is_let_be(url: str) -> None:
    """This release, started or restarted while the next one rolls out, works on and does not migrate."""
    database = open_database(url, KEYS)
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE patients ADD COLUMN more integer")
        connection.exec_driver_sql("CREATE TABLE next_one (a integer)")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    migrate(url)
    assert {take(database, message) for message in stories.hospital_stay()} == {200}
    sound(database, 18)
    database.close()


def _now() -> datetime:
    return datetime.now(UTC)
