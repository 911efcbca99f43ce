"""Databases to measure: fresh ones, and ones that hold much already."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import psycopg

from bench import filling
from carepath.store.blind import load_keys
from carepath.store.database import Database, migrate, open_database
from tests import kafka, postgres, servers

STORES: Final = ("sqlite", "postgresql")
CACHE: Final = Path(__file__).parents[1] / ".cache" / "bench"


@contextmanager
def machine_room() -> Iterator[None]:
    """A folder for this run, PostgreSQL and Kafka when somebody asks for them; gone afterwards."""
    servers.begin_run()
    os.environ["CAREPATH_KEY_FILE"] = str(servers.run_folder() / "bench.key")
    try:
        yield
    finally:
        kafka.stop()
        postgres.stop()
        servers.end_run()


@contextmanager
def fresh(store: str, events: int = 0) -> Iterator[str]:
    """The URL of a database of one's own that holds ``events`` events of others."""
    yield from _sqlite(events) if store == "sqlite" else _postgresql(events)


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """The store in this process, with the keys a server of this run has."""
    database = open_database(url, load_keys(Path(os.environ["CAREPATH_KEY_FILE"])))
    try:
        yield database
    finally:
        database.close()


def _sqlite(events: int) -> Iterator[str]:
    """Copies of what earlier runs filled, as long as schema and filling are the same."""
    kept = CACHE / f"{events}-{filling.fingerprint()}.db"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        draft = kept.with_suffix(".draft")
        draft.unlink(missing_ok=True)
        migrate(f"sqlite:///{draft}")
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            filling.sqlite(connection, events)
        draft.rename(kept)
    mine = servers.run_folder() / f"{len(list(servers.run_folder().iterdir()))}.db"
    shutil.copy(kept, mine)
    try:
        yield f"sqlite:///{mine}"
    finally:
        for file in mine.parent.glob(f"{mine.name}*"):
            file.unlink()


def _postgresql(events: int) -> Iterator[str]:
    """Filled anew in each run, since its server lives no longer."""
    server = postgres.server()
    assert server, postgres.HINT
    url = postgres.create(server, "template0")
    try:
        migrate(url)
        with psycopg.connect(url, autocommit=True) as connection:
            filling.postgresql(connection, events)
        yield url
    finally:
        postgres.drop(server, url)
