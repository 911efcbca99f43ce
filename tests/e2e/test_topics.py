"""``carepath topics`` and ``org show`` from outside, on a broker without authentication."""

import secrets
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest
from kafka import KafkaAdminClient

from tests.e2e.programs import run
from tests.servers import free_port


@dataclass(frozen=True, slots=True)
class Entered:
    """A database with one organisation of the test's own; the broker is shared."""

    key: str
    database_url: str


@pytest.fixture
def entered(tmp_path: Path, sqlite_url: str) -> Entered:
    """An organisation that ``org import`` entered."""
    key, parties = f"org-{secrets.token_hex(4)}", tmp_path / "parties.csv"
    parties.write_text(f"key,name,kind\n{key},Slagen,hospital\n")
    assert run("org", "import", str(parties), "--database-url", sqlite_url).returncode == 0
    return Entered(key, sqlite_url)


def test_from_nothing_to_topics(kafka_server: str, entered: Entered) -> None:
    """What would be done, is done, and then is not to be done again."""
    where = ("--kafka", kafka_server, "--database-url", entered.database_url)
    key = entered.key

    before = run("topics", "apply", "--dry-run", *where)
    assert "This would be done" in before.stdout
    assert f"carepath.inbound.{key}" in before.stdout
    assert _states(key, *where) == {"missing"}
    assert "active_from" not in _shown(entered)

    done = run("topics", "apply", *where)
    assert done.returncode == 0, done.stderr
    assert f"carepath.updates.{key}" in done.stdout
    assert _states(key, *where) == {"as it should be"}
    assert _shown(entered)["active_from"] == "waiting for the worker"

    again = run("topics", "apply", *where)
    assert "Nothing to do." in again.stdout
    assert "no authorizer" in again.stdout
    assert orjson.loads(run("topics", "apply", "--json", *where).stdout)["create"] == []


def test_a_broker_that_is_away_is_told(entered: Entered) -> None:
    """In words, with a hint and exit code 1."""
    where = f"127.0.0.1:{free_port()}"
    done = run("topics", "apply", "--kafka", where, "--database-url", entered.database_url)
    assert done.returncode == 1
    assert f"Kafka at {where} does not answer" in done.stderr
    assert "CAREPATH_KAFKA" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_kafka_there_is_a_hint(entered: Entered) -> None:
    """How to set it."""
    done = run("topics", "list", "--database-url", entered.database_url)
    assert done.returncode == 1
    assert "no Kafka is set" in done.stderr


def test_an_organisation_called_as_carepath_itself_is_refused(
    kafka_server: str, entered: Entered
) -> None:
    """It would have Carepath's rights."""
    where = ("--kafka", kafka_server, "--database-url", entered.database_url)
    done = run("topics", "apply", "--service-user", entered.key, *where)
    assert done.returncode == 1
    assert "has the name of Carepath's own user" in done.stderr


def test_what_only_a_person_can_mend_ends_with_1(kafka_server: str, entered: Entered) -> None:
    """The rest is done."""
    where = ("--kafka", kafka_server, "--database-url", entered.database_url)
    with closing(KafkaAdminClient(bootstrap_servers=kafka_server)) as admin:
        admin.create_topics({f"carepath.inbound.{entered.key}": {"num_partitions": 5}})
    done = run("topics", "apply", *where)
    assert done.returncode == 1
    assert "partitions are 5 and should be 4" in done.stdout
    assert f"carepath.updates.{entered.key}" in done.stdout


def _states(key: str, *where: str) -> set[str]:
    rows = orjson.loads(run("topics", "list", "--json", *where).stdout)
    return {row["state"] for row in rows if row["topic"].endswith(f".{key}")}


def _shown(entered: Entered) -> dict[str, str]:
    done = run("org", "show", entered.key, "--database-url", entered.database_url)
    shown: dict[str, str] = orjson.loads(done.stdout)
    return shown
