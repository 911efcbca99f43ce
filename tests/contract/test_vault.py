"""Master keys in a key management service: Vault's Transit engine, behind the same port as the key file."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from pydantic import SecretStr
from sqlalchemy import select

from carepath.service import Service, Submission, Verdict
from carepath.settings import Settings
from carepath.store.database import (
    Database,
    DatabaseError,
    migrate,
    open_database,
    out_of_reach,
)
from carepath.store.keyring import KeyServiceError
from carepath.store.rotation import rotate
from carepath.store.tables import master_keys
from carepath.wiring.server import application
from carepath.wiring.store import Unusable, open_as_set
from carepath.wiring.vault import VaultPort
from scripts.record import timelines
from tests.contract.stored import KEYS
from tests.contract.vault import TOKEN, Vault, serving
from tests.integration import stories


@pytest.fixture
def vault() -> Iterator[Vault]:
    """One with a key."""
    with serving() as made:
        yield made


def port(vault: Vault, token: str = TOKEN) -> VaultPort:
    """How the broker asks it."""
    return VaultPort(address=vault.address, key="carepath", token=token)


def told(database: Database) -> int:
    """A stay is taken in; how many entries there are then."""
    service = Service(database)
    for message in stories.hospital_stay():
        (answer,) = service.handle([Submission(orjson.dumps(message))])
        assert answer.verdict is Verdict.ACCEPTED
    return entries(database)


def entries(database: Database) -> int:
    """How many entries there are to read."""
    return sum(map(len, timelines(database).values()))


def ports_used(database: Database) -> set[str]:
    """Who wrapped the master keys."""
    with database.read() as conn:
        return {*conn.execute(select(master_keys.c.port)).scalars()}


def test_master_keys_are_wrapped_by_vault(vault: Vault, database_url: str) -> None:
    """A process asks for each once; without Vault nobody new reads, and those who run go on."""
    with closing(open_database(database_url, KEYS, [port(vault)])) as database:
        known = told(database)
        assert ports_used(database) == {"vault:transit/carepath"}
        assert vault.asked == ["/v1/transit/encrypt/carepath"]
        with closing(open_database(database_url, KEYS, [port(vault)])) as other:
            assert entries(other) == known
            assert entries(other) == known
        assert vault.asked[1:] == ["/v1/transit/decrypt/carepath"]
        vault.sealed = True
        assert told(database) == 2 * known
        with (
            closing(open_database(database_url, KEYS, [port(vault)])) as late,
            pytest.raises(KeyServiceError, match="503 Vault is sealed"),
        ):
            entries(late)
    with (
        closing(open_database(database_url, KEYS)) as without,
        pytest.raises(KeyServiceError, match="'vault:transit/carepath', which is not set up"),
    ):
        entries(without)


def test_what_cannot_be_wrapped_is_not_taken_in(vault: Vault, database_url: str) -> None:
    """The sender is asked to send it again, and nothing is stored in the clear meanwhile."""
    vault.sealed = True
    with closing(open_database(database_url, KEYS, [port(vault)])) as database:
        (message, *_) = stories.hospital_stay()
        with pytest.raises(DatabaseError) as away:  # which the door answers with 503
            Service(database).handle([Submission(orjson.dumps(message))])
        assert out_of_reach(away.value)
        assert entries(database) == 0
        vault.sealed = False
        (answer,) = Service(database).handle([Submission(orjson.dumps(message))])
        assert answer.verdict is Verdict.ACCEPTED


def test_a_token_file_is_read_at_every_call(
    vault: Vault, database_url: str, tmp_path: Path
) -> None:
    """An agent renews it; a token that is refused is told by name, without itself."""
    file = tmp_path / "token"
    file.write_text("s.old\n")
    asked = VaultPort(address=vault.address, key="carepath", token_file=file)
    with closing(open_database(database_url, KEYS, [asked])) as database:
        with pytest.raises(KeyServiceError, match="403 permission denied") as refused:
            database.keyring.check()
        assert "s.old" not in str(refused.value)
        file.write_text(f"{TOKEN}\n")
        database.keyring.check()
        file.unlink()
        with pytest.raises(KeyServiceError, match="token cannot be read"):
            database.keyring.check()


def test_from_the_key_file_to_vault_and_to_its_next_version(
    vault: Vault, database_url: str
) -> None:
    """Rotation moves the master keys; what they wrap is read on by everybody, and old versions may go."""
    with closing(open_database(database_url, KEYS)) as before:
        known = told(before)
        assert ports_used(before) == {"file"}
    with closing(open_database(database_url, KEYS, [port(vault)])) as database:
        assert rotate(database) > 0
        assert ports_used(database) == {"vault:transit/carepath"}
        assert entries(database) == known
        vault.rotate("carepath")
        assert rotate(database) > 0
    vault.oldest = 2
    with closing(open_database(database_url, KEYS, [port(vault)])) as late:
        assert entries(late) == known


@pytest.mark.parametrize("fault", ["token", "key", "address"])
def test_a_server_does_not_start_without_its_keys(
    vault: Vault, sqlite_url: str, tmp_path: Path, fault: str
) -> None:
    """What is wrong is said, with where to mend it."""
    migrate(sqlite_url)
    chosen = Settings(
        database_url=sqlite_url,
        key_file=tmp_path / "carepath.key",
        vault="http://127.0.0.1:9" if fault == "address" else vault.address,
        vault_key="other" if fault == "key" else "carepath",
        vault_token=SecretStr("wrong" if fault == "token" else TOKEN),
    )
    why = {"token": "permission denied", "key": "key not found", "address": "does not answer"}
    with pytest.raises(Unusable, match=why[fault]):
        application(chosen)


def test_keys_are_not_sent_over_an_open_line(sqlite_url: str, tmp_path: Path) -> None:
    """Without TLS, Vault is on this machine or nowhere."""
    chosen = Settings(
        database_url=sqlite_url,
        key_file=tmp_path / "carepath.key",
        vault="http://vault.example:8200",
    )
    with pytest.raises(Unusable, match="open line"):
        open_as_set(chosen)
