"""``carepath agreement``: two organisations agree on a limit, and what is promised after that keeps to it."""

from datetime import UTC, datetime

import orjson
import pytest

from carepath.cli.agreement import app
from carepath.cli.output import Trouble
from carepath.service.terms import Agreed
from carepath.store.database import Database
from pathways.calendars import Limit, Unit
from pathways.events import EventCode
from pathways.facts import InquiryFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract.commands import Cli, Commands, done
from tests.contract.door import Door
from tests.contract.front import told


@pytest.fixture
def cli(commands: Commands) -> Cli:
    """Call the command."""
    return commands(app)


def agree(cli: Cli, kind: str = "inquiry-answer", since: str = "2026-12-01") -> str:
    """A ward and a case office agree on four hours; the id."""
    said = done(cli("add", kind, "ward", "town-case-office", "4", "hours", "--since", since))
    return said.splitlines()[0].rpartition(" ")[2]


def test_units_agree_for_their_houses_and_until_it_is_ended(cli: Cli, database: Database) -> None:
    """Days begin and end at local midnight; whoever keeps agreements in memory sees each change."""
    kept = Agreed()
    id_ = agree(cli)
    with database.read() as conn:
        kept.refresh(conn)
    (agreement,) = kept.current
    assert agreement.parties == ("town", "trust")
    assert (agreement.limit, agreement.until) == (Limit(4, Unit.HOURS), None)
    assert agreement.since == datetime.fromisoformat("2026-12-01T00:00:00+01:00")

    assert "fre. 1. jan. 2027" in done(cli("end", id_, "--on", "2027-01-01"))
    with database.read() as conn:
        kept.refresh(conn)
    assert kept.current[0].until == datetime.fromisoformat("2027-01-02T00:00:00+01:00")
    (listed,) = orjson.loads(done(cli("list", "--json")))
    assert (listed["id"], listed["until"]) == (id_, "2027-01-01T23:00:00+00:00")
    assert "Answer to question" in done(cli("list", "--language", "en"))
    assert "4 timer" in done(cli("list"))


REFUSED = (
    (
        ("early-notice", "ward", "town", "48", "hours"),
        "The law or a national standard sets this limit",
    ),
    (("follow-up", "ward", "town", "48", "hours"), "messages themselves"),
    (("measure", "ward", "nobody", "2", "days"), "not known"),
    (("measure", "ward", "surgery", "2", "days"), "two different"),
    (("measure", "ward", "town", "0", "days"), "longer than nothing"),
    (("measure", "ward", "town", "1", "days", "--until", "2026-11-01"), "ends before"),
    (("inquiry-answer", "town", "surgery", "1", "days"), "already that holds"),
)


def test_what_cannot_be_agreed_on_is_refused_in_words(cli: Cli, database: Database) -> None:
    """And nothing is changed."""
    agree(cli)
    for wanted, why in REFUSED:
        said = cli("add", *wanted, "--since", "2026-12-24", "--language", "en")
        assert isinstance(said.exception, Trouble), said.output
        assert why in str(said.exception)
    kept = Agreed()
    with database.read() as conn:
        kept.refresh(conn)
    assert len(kept.current) == 1


def test_an_agreement_that_has_ended_makes_room(cli: Cli) -> None:
    """The next begins on the day after; an end is never put off, and never before the beginning."""
    id_ = agree(cli)
    done(cli("end", id_, "--on", "2026-12-31"))
    for wrong, why in (("2027-01-05", "earlier"), ("2026-11-30", "ends before")):
        said = cli("end", id_, "--on", wrong, "--language", "en")
        assert why in str(said.exception)
    assert isinstance(cli("end", "nothing", "--on", "2027-01-01").exception, Trouble)
    assert agree(cli, since="2027-01-01") != id_


def test_what_is_promised_keeps_to_it(cli: Cli, broker: Door) -> None:
    """From the day it begins: four hours for what was asked then, the usual two working days before."""
    agree(cli, since="2026-11-18")
    before, after = (datetime(2026, 11, day, 9, tzinfo=UTC) for day in (17, 18))
    for number, at in enumerate((before, after)):
        identifier = Identifier("https://ehr.example/id", f"q{number}")
        broker.told(
            EventCode.INQUIRY,
            "ward",
            "town-case-office",
            facts=InquiryFacts(text="When?", identifiers=(identifier,)),
            keys=(Key(KeyRank.CONVERSATION, f"{identifier.system}|{identifier.value}"),),
            happened=Moment(at),
            written=at,
        )
    tasks = told(broker.service, "Task", code="inquiry-answer", _sort="authored-on")["entry"]
    due = [entry["resource"]["restriction"]["period"]["end"] for entry in tasks]
    assert due == ["2026-11-19T22:59:59.999999Z", "2026-11-18T13:00:00Z"]
