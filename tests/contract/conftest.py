"""Databases to be filled, for tests that need several; and the commands that work on the one a test has."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from carepath.store.database import Database, open_database
from tests import postgres
from tests.contract.commands import Commands, calling
from tests.contract.door import Door, closed_door
from tests.contract.keeping import Make
from tests.contract.running_ways import cast as cast  # noqa: PLC0414 -- fixtures of every file
from tests.contract.running_ways import way as way  # noqa: PLC0414
from tests.contract.stored import KEYS


@pytest.fixture
def make(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make databases without any table: ``sqlite`` or ``postgresql``."""
    with ExitStack() as made:

        def database(kind: str) -> Database:
            url = f"sqlite:///{tmp_path / secrets.token_hex(4)}.db"
            if kind == "postgresql":
                server = request.getfixturevalue("postgres_server")
                url = postgres.create(server, "template0")
                made.callback(postgres.drop, server, url)
            return made.enter_context(closing(open_database(url, KEYS)))

        yield database


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A broker outside open mode with a directory, on each store."""
    with closed_door(database_url) as broker:
        yield broker


@pytest.fixture
def database(broker: Door) -> Database:
    """Its store."""
    return broker.service.database


@pytest.fixture
def commands(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Commands:
    """Call the commands of an app on the store that the test's own module fills."""
    del database  # it is there
    monkeypatch.setenv("CAREPATH_DATABASE_URL", database_url)
    monkeypatch.setenv("CAREPATH_KEY_FILE", f"{tmp_path}/carepath.key")
    return calling
