"""Whom open mode enters of those that messages name, and what it learns of them, on both stores."""

from collections.abc import Iterator

import pytest

from carepath.service import directory
from carepath.service.directory import Parties
from carepath.store.database import Database
from fhir_mappings.codes import HER_ID, ORGANISATION_NUMBER
from pathways.events import EventCode
from pathways.facts import InquiryFacts
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Identifier, Party, PartyRef
from tests.contract.door import NOW
from tests.contract.stored import opened

HER, OTHER_HER = Identifier(HER_ID, "101"), Identifier(HER_ID, "102")
NUMBER, OTHER_NUMBER = (
    Identifier(ORGANISATION_NUMBER, "983658725"),
    Identifier(ORGANISATION_NUMBER, "974760673"),
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty directory."""
    with opened(database_url) as database:
        yield database


def named(database: Database, *identifiers: Identifier) -> dict[str, set[Identifier]]:
    """A message names somebody by these; who is known then, and by what."""
    parties = Parties(database, open_mode=True)
    told = Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=EventCode.INQUIRY,
        sender=PartyRef(identifiers, "Ward"),
        happened=Moment(NOW),
        written=NOW,
        patient=None,
        facts=InquiryFacts(),
    )
    parties.enter([told], NOW)
    return {key: {*one.identifiers} for key, one in parties.current.parties.items()}


@pytest.mark.parametrize("first", [HER, NUMBER])
def test_two_numbers_that_are_told_together_are_one_partys(
    database: Database, first: Identifier
) -> None:
    """Whichever it was seen by first; told again, nothing is new."""
    (key,) = named(database, first)
    for _ in range(2):
        assert named(database, HER, NUMBER) == {key: {HER, NUMBER}}
    assert named(database, NUMBER) == {key: {HER, NUMBER}}


def test_units_that_share_a_number_stay_apart(database: Database) -> None:
    """A HER-id is one party's; the organisation number is the first's."""
    named(database, HER, NUMBER)
    found = named(database, OTHER_HER, NUMBER)
    assert sorted(found.values(), key=len) == [{OTHER_HER}, {HER, NUMBER}]
    assert named(database, OTHER_HER, NUMBER) == found


def test_a_number_that_is_anothers_is_not_taken_from_them(database: Database) -> None:
    """Each was seen by itself before: they stay two."""
    named(database, HER)
    found = named(database, NUMBER)
    assert named(database, HER, NUMBER) == found
    assert len(found) == 2


def test_a_second_organisation_number_is_not_believed(database: Database) -> None:
    """It has one already."""
    found = named(database, HER, NUMBER)
    assert named(database, HER, OTHER_NUMBER) == found


def test_what_an_administrator_entered_stays(database: Database) -> None:
    """They know better than a message."""
    with database.write() as conn:
        directory.enter(conn, database.keys, Party("ward", "Ward", identifiers=(HER,)), NOW)
    assert named(database, HER, NUMBER) == {"ward": {HER}}
