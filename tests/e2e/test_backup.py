"""``carepath backup``, ``restore`` and ``retention`` as an operator uses them."""

import shutil
from contextlib import closing
from pathlib import Path

import orjson
import pytest

from carepath.service import Service, Submission
from carepath.store.blind import load_keys
from carepath.store.database import migrate, open_database
from tests.e2e.programs import run
from tests.integration import stories


@pytest.fixture
def told(tmp_path: Path) -> str:
    """The URL of a database with a stay in it, its key beside it."""
    url = f"sqlite:///{tmp_path / 'carepath.db'}"
    migrate(url)
    with closing(open_database(url, load_keys(tmp_path / "carepath.key"))) as database:
        messages = [Submission(orjson.dumps(message)) for message in stories.hospital_stay()]
        assert {answer.status for answer in Service(database).handle(messages)} == {200}
    return url


def test_back_up_and_restore(told: str, tmp_path: Path) -> None:
    """To a file and, with the key beside it, into a new place; refused where something is already."""
    file, elsewhere = tmp_path / "monday.carepath", tmp_path / "elsewhere"
    elsewhere.mkdir()
    url = f"sqlite:///{elsewhere / 'carepath.db'}"
    made = run("backup", str(file), CAREPATH_DATABASE_URL=told)
    assert made.returncode == 0, made.stderr
    assert f"Keep {tmp_path / 'carepath.key'} apart" in made.stdout
    again = run("backup", str(file), CAREPATH_DATABASE_URL=told)
    assert (again.returncode, "is there already" in again.stderr) == (1, True)

    without_key = run("restore", str(file), "--database-url", url)
    assert (without_key.returncode, "there is no key" in without_key.stderr) == (1, True)
    shutil.copy(tmp_path / "carepath.key", elsewhere / "carepath.key")
    tried = run("restore", str(file), "--dry-run", "--database-url", url)
    assert (tried.returncode, "Restored" in tried.stdout) == (0, False)
    restored = run("restore", str(file), "--database-url", url)
    assert restored.returncode == 0, restored.stderr
    assert "All is as the events say." in restored.stdout

    refused = run("restore", str(file), "--database-url", url)
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)
    assert run("restore", str(file), "--replace", "--database-url", url).returncode == 0
    assert run("rebuild", "--database-url", url).returncode == 0


def test_another_key_is_refused(told: str, tmp_path: Path) -> None:
    """The manifest knows whose it is."""
    file, other = tmp_path / "monday.carepath", tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(b"o" * 32)
    assert run("backup", str(file), CAREPATH_DATABASE_URL=told).returncode == 0
    url = f"sqlite:///{tmp_path / 'other.db'}"
    refused = run("restore", str(file), "--database-url", url, CAREPATH_KEY_FILE=str(other))
    assert (refused.returncode, "another key" in refused.stderr) == (1, True)


def test_retention_says_what_goes(told: str) -> None:
    """Nothing unless it is set; with it, what is old and what is held back."""
    nothing = run("retention", "--database-url", told)
    assert (nothing.returncode, "no retention is set" in nothing.stdout) == (0, True)
    said = run("retention", "--json", "--database-url", told, CAREPATH_BODY_RETENTION_DAYS="1")
    assert orjson.loads(said.stdout)["gone"]["messages' own bytes"] == 0
    assert orjson.loads(said.stdout)["held_back"] == {}


def test_going_back_a_release(told: str) -> None:
    """``migrate --to`` takes the schema back, and ``migrate`` forward again; an unknown one is refused."""
    encrypted = run("migrate", "--to", "0002", "--database-url", told)
    assert (encrypted.returncode, "carepath encrypt --undo" in encrypted.stderr) == (1, True)
    assert run("encrypt", "--undo", "--database-url", told).returncode == 0
    assert run("migrate", "--to", "0002", "--database-url", told).returncode == 0
    assert "older version" in run("rebuild", "--database-url", told).stderr
    assert run("migrate", "--database-url", told).returncode == 0
    run("rebuild", "--database-url", told)  # makes again what the older schema has no place for
    assert run("rebuild", "--database-url", told).returncode == 0
    assert run("migrate", "--to", "x", "--database-url", told).returncode == 1
