"""``carepath deliveries``: what the operator sees and does, on both stores."""

from collections.abc import Iterator

import orjson
import pytest
from typer.testing import Result

from carepath.cli.deliveries import app
from carepath.cli.output import Trouble
from carepath.store import numbering, streams
from carepath.store.database import Database
from carepath.store.streams import Cursor, Mark
from tests.contract.commands import Cli, Commands, done
from tests.contract.stored import opened, sent

HOUR = 3_600_000_000


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """``north`` got 4 of its 6 updates, one an hour from 1970 on; ``south`` none of its 2."""
    with opened(database_url) as database:
        for party, count in (("north", 6), ("south", 2)):
            for n in range(count):
                sent(database, party, f"{party}-{n}", created=n * HOUR)
        with database.write() as conn:
            numbering.number(conn)
            streams.enter(conn, ["north", "south"])
            streams.claim(conn, ["north"], "me", now=0, until=1)
            streams.settle(conn, "me", [Mark("north", 0, 4)], 5 * HOUR)
        yield database


@pytest.fixture
def cli(commands: Commands) -> Cli:
    """Call the command."""
    return commands(app)


def trouble(result: Result) -> str:
    """What it said when it could not be done."""
    assert isinstance(result.exception, Trouble), result.output
    return str(result.exception)


def cursor(database: Database, party: str) -> Cursor:
    """Where it stands."""
    with database.read() as conn:
        return streams.cursors(conn, [party])[party]


def test_the_list_tells_how_far_each_is(cli: Cli) -> None:
    """As a table and as JSON."""
    shown = done(cli("list")).splitlines()
    assert [line.split() for line in shown[1:]] == [
        ["north", "kafka", "6", "4", "2", "1970-01-01", "04:00Z", "1970-01-01", "05:00Z"],
        ["parked", "kafka", "0", "0", "0"],
        ["south", "kafka", "2", "0", "2", "1970-01-01", "00:00Z"],
    ]
    north, _, south = orjson.loads(done(cli("list", "--json")))
    assert (north["waiting"], north["published_at"]) == (2, "1970-01-01T05:00:00+00:00")
    assert (south["party"], south["published_at"], south["paused"]) == ("south", None, False)


def test_pause_and_resume(cli: Cli, database: Database) -> None:
    """What is paused says so, and is nobody's to publish."""
    done(cli("pause", "north"))
    assert "paused" in done(cli("list"))
    with database.read() as conn:
        assert streams.behind(conn, "me", 0) == ["south"]
    done(cli("resume", "north"))
    assert "paused" not in done(cli("list"))


def test_replay_from_a_number(cli: Cli, database: Database) -> None:
    """A dry run changes nothing."""
    told = done(cli("replay", "north", "--from", "3", "--dry-run"))
    assert told == "2 updates would be published again, 3 to 4\n"
    assert cursor(database, "north") == Cursor(4, 0, 6)
    assert done(cli("replay", "north", "--from", "3")) == "2 updates are published again, 3 to 4\n"
    assert cursor(database, "north") == Cursor(2, 4, 6)
    assert "replays" in done(cli("list"))


@pytest.mark.parametrize(
    ("since", "published"),
    [("1970-01-01T02:00:00Z", 2), ("1970-01-01", 0), ("1970-01-01T03:30", 3)],
    ids=["UTC", "a date", "in Oslo"],
)
def test_replay_from_a_time(cli: Cli, database: Database, since: str, published: int) -> None:
    """From then on; Oslo was an hour ahead of UTC."""
    done(cli("replay", "north", "--since", since))
    assert cursor(database, "north") == Cursor(published, 4, 6)


def test_replay_of_what_is_paused_waits(cli: Cli) -> None:
    """And says how to let it go."""
    done(cli("pause", "north"))
    assert "carepath deliveries resume north" in done(cli("replay", "north", "--from", "1"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pause", "nowhere"), "nowhere has no topic"),
        (("replay", "nowhere", "--from", "1"), "nowhere has no topic"),
        (("replay", "north"), "--from SEQ or --since TIME"),
        (("replay", "north", "--from", "1", "--since", "1970-01-01"), "--from SEQ or --since TIME"),
        (("replay", "north", "--from", "7"), "beyond the last number of its feed, 6"),
        (("replay", "north", "--from", "5"), "given everything up to 4"),
        (("replay", "north", "--since", "1980-01-01"), "given everything up to 4"),
        (("replay", "north", "--since", "yesterday"), "is not a time"),
    ],
)
def test_what_cannot_be_done(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    """In words, and nothing is changed."""
    assert told in trouble(cli(*arguments))
