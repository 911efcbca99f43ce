"""Record what this release stores, for the tests of the releases after it.

Usage: python -m scripts.record FOLDER, in the root of the repository, at the release's commit. It tells stories to a
fresh store and writes ``store.backup`` and ``timelines.json`` into the folder. All people are synthetic, and the
key is the tests' own.
"""

import json
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson

from carepath.service import Service, Submission
from carepath.store import numbering, queries
from carepath.store.backup import dump
from carepath.store.database import Database, migrate, open_database
from carepath.store.resources import Viewer
from carepath.store.tables import patients
from carepath.store.times import micros
from tests.contract.stored import KEYS
from tests.integration import stories

NEVER = micros(datetime(2100, 1, 1, tzinfo=UTC))


def main() -> None:
    """Tell, write, done."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        url = f"sqlite:///{scratch}/carepath.db"
        migrate(url)
        database = open_database(url, KEYS)
        tell(database)
        release, moment = version("carepath"), datetime.now(UTC)
        made = dump(database, folder / "store.backup", release=release, moment=moment)
        (folder / "timelines.json").write_text(json.dumps(timelines(database), indent=1) + "\n")
        database.close()
    print(f"{folder}: {made.tables['events'].rows} events, schema {made.schema}")


def tell(database: Database) -> None:
    """Every kind of event, corrections late and early, and a matter told backwards."""
    service = Service(database)
    told = [*stories.everything(), *reversed(stories.hospital_stay()), *corrected()]
    service.handle([Submission(orjson.dumps(message)) for message in told])
    with database.write() as connection:
        while numbering.number(connection):
            pass


def corrected() -> list[stories.Resource]:
    """A stay whose notice is revised, then cancelled; the cancelling of what nobody has told."""
    matter = stories.Matter(stories.person())
    ready = stories.discharge_ready(matter)
    target = stories.message_id(ready)
    return [
        stories.admission(matter),
        ready,
        stories.discharge_ready(matter, activity="revise", target=target),
        stories.discharge_ready(matter, activity="cancel", target=target),
        stories.discharge(matter, activity="cancel", target="5b7e2c1e-0000-4000-8000-000000000001"),
    ]


def timelines(database: Database) -> dict[str, list[dict[str, Any]]]:
    """What the timeline says, by patient: what is not about texts, which may change."""
    found = {}
    with database.read() as connection:
        keys = sorted(connection.execute(patients.select()).scalars())
        for key in keys:
            entries = queries.timeline(connection, (key,), Viewer(None, NEVER), as_of=NEVER)
            found[key] = [shown(entry) for entry in entries]
    return found


def shown(entry: Any) -> dict[str, Any]:
    """An entry by its message."""
    return {
        "message": entry.message_id,
        "thread": entry.thread,
        "happened": entry.happened.at.isoformat(),
        "text": str(entry.text_key),
        "marks": sorted(map(str, entry.marks)),
        "target": entry.target,
    }


if __name__ == "__main__":
    main()
