"""What releases before this one stored: read, folded and told again by today's code, on both stores.

``scripts/record.py`` made the recordings, each with the code of its release.
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from carepath.service import Service, ServiceOptions, Submission, Verdict
from carepath.service.rebuild import rebuild
from carepath.store import codec
from carepath.store.backup import Backup
from carepath.store.database import Database, migrate
from carepath.store.tables import events, resources, threads
from pathways.pathway import Thread
from scripts.record import timelines
from tests.contract.keeping import BASE, Make, restore_into

RECORDED = sorted((Path(__file__).parents[1] / "recorded").iterdir())
RELEASES = [pytest.param(folder, id=folder.name) for folder in RECORDED]
KINDS = ("sqlite", "postgresql")


def told(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The timelines that the release showed, by patient."""
    found: dict[str, list[dict[str, Any]]] = json.loads((folder / "timelines.json").read_text())
    return found


@pytest.mark.parametrize("folder", RELEASES)
@pytest.mark.parametrize("kind", KINDS)
def test_stored_events_are_read_and_folded_as_then(make: Make, folder: Path, kind: str) -> None:
    """Restored and migrated: timelines are the same, and a rebuild makes what that release did not have, once."""
    database = make(kind)
    restore_into(database, folder / "store.backup", datetime.now(UTC))
    assert timelines(database) == told(folder)
    before = _threads(database)
    rebuild(database, BASE, datetime.now(UTC))
    assert timelines(database) == told(folder)
    assert [replace(thread, **_NEW) for thread in _threads(database)] == before
    with database.read() as connection:
        shown = connection.execute(select(resources.c.id).where(resources.c.type == "Provenance"))
        assert {*shown.scalars()} == {*connection.execute(select(events.c.id)).scalars()}
    assert rebuild(database, BASE, datetime.now(UTC)) == 0


_NEW: dict[str, Any] = {
    "task": None,
    "promises": (),
    "passed": (),
    "answers": frozenset(),
}
"""What threads did not have then."""


def _threads(database: Database) -> list[Thread]:
    with database.read() as connection:
        bodies = connection.execute(select(threads.c.body).order_by(threads.c.id)).scalars()
        return [codec.thread(body) for body in bodies]


@pytest.mark.parametrize("folder", RELEASES)
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_give_the_same_timelines(make: Make, folder: Path, kind: str) -> None:
    """The messages themselves, taken in anew: only what the broker names by itself differs."""
    database = make(kind)
    migrate(database.writer.url.render_as_string(hide_password=False))
    backup = Backup(folder / "store.backup")
    sent = [row for page in backup.pages("inbox") for row in page]
    then = ServiceOptions(now=lambda: backup.manifest.moment)
    answers = Service(database, then).handle([Submission(row["source"]) for row in sent])

    assert [str(a.verdict) for a in answers] == [row["verdict"] for row in sent]
    assert _nameless(timelines(database).values()) == _nameless(told(folder).values())
    assert {row["verdict"] for row in sent} >= {Verdict.ACCEPTED}


def _nameless(found: Iterable[list[dict[str, Any]]]) -> list[list[dict[str, Any]]]:
    """Without the ids of patients and threads."""
    stripped = [[{**entry, "thread": None} for entry in entries] for entries in found]
    return sorted(stripped, key=str)
