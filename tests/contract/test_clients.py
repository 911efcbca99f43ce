"""Registered clients, and what may be said once: on both databases."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from carepath.cli.client_key import app
from carepath.identity.callers import Once
from carepath.identity.registered import Registered
from carepath.service import directory
from carepath.store import clients
from carepath.store.clients import Client, Unregistered
from carepath.store.database import Database
from pathways.access import Role
from pathways.parties import Party
from tests.contract.commands import Cli, Commands, done
from tests.contract.stored import opened

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WARD = Client(
    id="journal",
    party="ward",
    role=Role.SYSTEM,
    scopes=("system/*.rs",),
    since=NOW,
    jwks={"keys": [{"kty": "EC", "kid": "1"}]},
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """With two organisations in its directory."""
    with opened(database_url) as database:
        with database.write() as conn:
            for key in ("ward", "nursing"):
                directory.enter(conn, database.keys, Party(key, key), NOW)
        yield database


@pytest.fixture
def cli(commands: Commands) -> Cli:
    """``carepath client-key``."""
    return commands(app)


def test_a_change_is_a_new_row_and_the_former_one_stays(database: Database) -> None:
    """Who could sign in when, with what, is never forgotten."""
    with database.write() as conn:
        assert clients.enter(conn, WARD) is None
        anew = replace(WARD, since=NOW + HOUR, scopes=("system/Task.r",), jwks=None, jwks_url="u")
        assert clients.enter(conn, anew) == WARD
        ended = clients.revoke(conn, "journal", NOW + 2 * HOUR, "the key was lost")
    assert ended.jwks_url == "u"
    with database.read() as conn:
        first, second = clients.listed(conn)
        at = [clients.show(conn, "journal", NOW + hours * HOUR) for hours in range(3)]
    assert (first.until, first.ended, first.reason) == (NOW + HOUR, NOW + HOUR, "changed")
    assert (second.until, second.reason) == (NOW + 2 * HOUR, "the key was lost")
    assert [one and one.scopes for one in at] == [("system/*.rs",), ("system/Task.r",), None]


def test_nobody_unknown_is_revoked(database: Database) -> None:
    """Neither is somebody twice."""
    with database.write() as conn, pytest.raises(Unregistered):
        clients.revoke(conn, "journal", NOW, "why not")


def test_a_registration_ends_by_itself(database: Database) -> None:
    """When it says so."""
    with database.write() as conn:
        clients.enter(conn, replace(WARD, until=NOW + HOUR))
    known = Registered(database)
    assert known.client("journal", NOW) is not None
    assert known.client("journal", NOW + HOUR) is None
    assert known.client("another", NOW) is None


def test_what_is_read_counts_for_a_second(database: Database) -> None:
    """So long may a revoked client go on."""
    at = [0.0]
    known = Registered(database, lambda: at[0])
    with database.write() as conn:
        clients.enter(conn, WARD)
    assert known.client("journal", NOW) is not None
    with database.write() as conn:
        clients.revoke(conn, "journal", NOW, "lost")
    assert known.client("journal", NOW) is not None
    at[0] = 1.0
    assert known.client("journal", NOW) is None


def test_of_many_who_say_the_same_one_is_the_first(database: Database) -> None:
    """At the same moment, on connections of their own."""
    once, until = Once(database), (datetime.now(UTC) + HOUR).timestamp()
    with ThreadPoolExecutor(8) as threads:
        said = [*threads.map(lambda _: once(("proof", "a"), until), range(16))]
    assert sum(said) == 1
    assert once(("proof", "b"), until)
    assert once(("proofa",), until)


def test_what_was_said_is_forgotten_when_it_is_worth_nothing(database: Database) -> None:
    """And not before."""
    over, later = ((datetime.now(UTC) + minutes * HOUR).timestamp() for minutes in (-1, 1))
    once = Once(database)
    assert once(("proof", "old"), over)
    assert once(("proof", "new"), later)
    assert once(("proof", "old"), later)
    assert not once(("proof", "new"), later)


# --- the command


def test_a_client_is_registered_listed_and_revoked(cli: Cli, tmp_path: Path) -> None:
    """With a key pair made for it, whose private half is shown to nobody."""
    private, public = tmp_path / "private.json", tmp_path / "public.json"
    told = done(cli("generate", str(private), "--public", str(public)))
    secret = orjson.loads(private.read_bytes())["d"]
    assert private.stat().st_mode & 0o777 == 0o600
    assert secret not in told + public.read_text()
    added = ("add", "ward", "--client-id", "journal", "--jwks-file", str(public))
    assert "may sign in as ward" in done(cli(*added, "--scope", "system/Task.read"))
    assert "is changed" in done(cli(*added, "--acts-for", "nursing", "--until", "2099-01-01"))
    (one,) = orjson.loads(done(cli("list", "--json")))
    assert (one["party"], one["acts_for"], one["scopes"]) == (
        "ward",
        ["nursing"],
        ["system/*.cruds"],
    )
    assert "d" not in one["jwks"]["keys"][0]
    done(cli("revoke", "journal", "--reason", "the key was lost"))
    assert "No client" in done(cli("list"))
    listed = done(cli("list", "--all"))
    assert "the key was lost" in listed
    assert "changed" in listed


def test_no_key_is_written_over(cli: Cli, tmp_path: Path) -> None:
    """It would be lost."""
    file = tmp_path / "private.json"
    file.write_text("mine")
    result = cli("generate", str(file), "--public", str(tmp_path / "public.json"))
    assert "cannot be written" in str(result.exception)
    assert file.read_text() == "mine"


EC = {"kty": "EC", "kid": "1", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}
EC |= {"y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"keys": [EC | {"d": "secret"}]}, "private key"),
        ({"keys": [{"kty": "oct", "kid": "1", "k": "c2VjcmV0"}]}, "private key"),
        ({"keys": []}, "holds no key"),
        ({"keys": [EC, EC]}, "kid of its own"),
        ({"keys": [{key: value for key, value in EC.items() if key != "kid"}]}, "kid of its own"),
        ({"keys": [EC | {"crv": "P-1"}]}, "cannot be read as a key"),
        ({"keys": [EC | {"use": "enc"}]}, "holds no key"),
        ({"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]}, "cannot be used"),
        ([], "a JWK Set is"),
        (7, "no JSON object"),
        ("{", "cannot be used"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(
    cli: Cli, tmp_path: Path, keys: object, text: str
) -> None:
    """With what is wrong with them; and nothing is registered."""
    file = tmp_path / "keys.json"
    file.write_bytes(b"{" if keys == "{" else orjson.dumps(keys))
    result = cli("add", "ward", "--client-id", "journal", "--jwks-file", str(file))
    assert result.exit_code != 0
    assert text in str(result.exception)
    assert "No client" in done(cli("list", "--all"))


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        (("nobody", "--jwks-url", "https://a.example/jwks"), "no organisation has the key nobody"),
        (("ward",), "name its keys once"),
        (("ward", "--jwks-url", "http://a.example/jwks"), "must begin with https"),
        (("ward", "--jwks-url", "https://127.0.0.1/jwks"), "not public"),
        (("ward", "--jwks-url", "https://a.example/j", "--scope", "system/Task.sr"), "letters"),
        (
            ("ward", "--jwks-url", "https://a.example/j", "--scope", "user/Task.rs"),
            "not for systems",
        ),
        (("ward", "--jwks-url", "https://a.example/j", "--role", "operator"), "no role"),
        (("ward", "--jwks-url", "https://a.example/j", "--until", "2001-01-01"), "is over"),
        (("ward", "--jwks-url", "https://a.example/j", "--acts-for", "x"), "has the key x"),
    ],
)
def test_registrations_that_make_no_sense_are_refused(
    cli: Cli, flags: tuple[str, ...], text: str
) -> None:
    """With what is wrong, and nothing is registered."""
    result = cli("add", *flags, "--client-id", "journal")
    assert result.exit_code != 0
    assert text in str(result.exception)
    assert "No client" in done(cli("list", "--all"))


def test_a_clients_id_is_one_organisations(cli: Cli) -> None:
    """Another's comes after it was revoked."""
    added = ("--client-id", "journal", "--jwks-url", "https://a.example/jwks")
    done(cli("add", "ward", *added))
    assert "is ward's" in str(cli("add", "nursing", *added).exception)
    done(cli("revoke", "journal", "--reason", "moved"))
    assert "may sign in as nursing" in done(cli("add", "nursing", *added))
    assert "no client has" in str(cli("revoke", "another", "--reason", "why").exception)
    assert "say why" in str(cli("revoke", "journal", "--reason", " ").exception)
