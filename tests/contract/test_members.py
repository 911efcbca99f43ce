"""``carepath member``: who works where, entered, listed and ended; nobody's national id is shown or typed in sight."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner

from carepath.cli.member import app
from carepath.cli.output import Trouble
from carepath.identity.people import Person
from carepath.identity.sessions import Limits, Sessions
from carepath.store.blind import load_keys
from carepath.store.database import open_database
from pathways.access import Role
from tests.contract.commands import Cli, Commands, done

PID = "12824212447"


@pytest.fixture
def cli(commands: Commands) -> Cli:
    """Call the command."""
    return commands(app)


def listed(cli: Cli, *more: str) -> list[dict[str, object]]:
    """As JSON."""
    found: list[dict[str, object]] = orjson.loads(done(cli("list", *more, "--json")))
    return found


def test_who_is_entered_is_listed_until_after_the_end(cli: Cli) -> None:
    """Days are those of Oslo; who has left stays on the list."""
    days = ("--since", "2026-12-01", "--until", "2026-12-31")
    assert "er registrert" in done(
        cli("add", "Jonas Vik", "clinician", "ward", "--hpr", "1", *days)
    )
    (one,) = listed(cli, "ward")
    assert (one["name"], one["role"], one["party"]) == ("Jonas Vik", Role.CLINICIAN, "ward")
    assert (one["since"], one["until"]) == (
        "2026-11-30T23:00:00+00:00",
        "2026-12-31T23:00:00+00:00",
    )
    assert listed(cli, "town") == []
    assert "has this role" in done(cli("end", str(one["id"]), "--language", "en"))
    (ended,) = listed(cli)
    assert datetime.fromisoformat(str(ended["until"])) <= datetime.now(UTC)
    assert "Jonas Vik" in done(cli("list"))


def test_a_national_id_is_read_unseen_and_never_shown(cli: Cli) -> None:
    """From a pipe here; the list says what it is, and not which."""
    added = CliRunner().invoke(
        app, ["add", "Nina Dahl", "administrator", "town", "--national-id"], input=f"{PID}\n"
    )
    assert added.exit_code == 0, added.output
    shown = done(cli("list")) + done(cli("list", "--json"))
    assert "fødselsnummer" in shown
    assert PID not in shown + added.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("A", "staff", "nowhere", "--hpr", "1"), "no organisation has the key"),
        (("A", "staff", "--hpr", "1"), "arbeidssted"),
        (("A", "operator", "ward", "--hpr", "1"), "arbeidssted"),
        (("A", "staff", "ward"), "known by one thing"),
        (("A", "staff", "ward", "--hpr", "1", "--national-id"), "known by one thing"),
        (("A", "staff", "ward", "--subject", "x"), "no issuer is set"),
        (
            ("A", "staff", "ward", "--hpr", "1", "--since", "2026-12-02", "--until", "2026-12-01"),
            "før den første",
        ),
    ],
)
def test_what_cannot_be_is_said(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """And nothing is entered."""
    result = cli("add", *arguments)
    assert isinstance(result.exception, Trouble)
    assert said in str(result.exception)
    assert listed(cli) == []


def test_an_unknown_role_is_no_role(cli: Cli) -> None:
    """A citizen is nobody's member."""
    for role in ("patient", "system", "open", "wizard"):
        assert cli("add", "A", role, "ward", "--hpr", "1").exit_code == 2


def test_a_wrong_national_id_is_refused_without_a_word_of_it(
    cli: Cli,
) -> None:
    """The last digit is wrong."""
    added = CliRunner().invoke(
        app, ["add", "A", "staff", "ward", "--national-id"], input=f"{PID[:-1]}8\n"
    )
    assert isinstance(added.exception, Trouble)
    assert PID[:-1] not in str(added.exception) + added.output
    assert listed(cli) == []


def test_an_unknown_membership_cannot_be_ended(cli: Cli) -> None:
    """It says so."""
    assert isinstance(cli("end", "nothing").exception, Trouble)


def test_an_operator_is_at_no_party(cli: Cli) -> None:
    """They work for the broker."""
    done(cli("add", "O", "operator", "--hpr", "7"))
    assert [one["party"] for one in listed(cli)] == [None]


def test_signing_out_ends_the_sessions_of_one(cli: Cli, database_url: str, tmp_path: Path) -> None:
    """With the key that the command has."""
    done(cli("add", "Jonas Vik", "clinician", "ward", "--hpr", "1"))
    opened = open_database(database_url, load_keys(tmp_path / "carepath.key"))
    try:
        sessions = Sessions(opened, Limits(timedelta(hours=1), timedelta(hours=1)))
        person = Person(issuer="https://i.example", subject="x", hpr="1")
        begun = sessions.begin(person, datetime.now(UTC))
        assert begun is not None
        assert "1" in done(cli("sign-out", "--hpr", "1"))
        assert sessions.find(begun[0], datetime.now(UTC)) is None
    finally:
        opened.close()
