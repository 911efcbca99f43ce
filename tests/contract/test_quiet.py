"""``$quiet`` on both stores: who should hear from somebody, and has not."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import delete

from carepath.cli import quiet as command
from carepath.store.quiet import quiet
from carepath.store.resources import Viewer
from carepath.store.tables import grants
from carepath.store.times import micros
from pathways.events import EventCode
from pathways.facts import ApplicationFacts, Outcome
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract.door import NOW, Door, closed_door
from tests.contract.front import asked, told

C = EventCode
OFFICE, NURSING = "town-case-office", "town-nursing"
DECIDED = NOW - timedelta(weeks=10)
SERVICE = (Identifier("https://ehr.example/id", "a1"),)


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """Ten weeks ago the case office granted home nursing for half a year."""
    with closed_door(database_url) as broker:
        facts = ApplicationFacts(
            service="Home nursing",
            outcome=Outcome.GRANTED,
            valid_to=Moment(DECIDED + timedelta(weeks=26)),
            identifiers=SERVICE,
        )
        keys = (Key(KeyRank.REFERRAL, f"{SERVICE[0].system}|{SERVICE[0].value}"),)
        broker.told(
            C.DECISION,
            OFFICE,
            NURSING,
            facts=facts,
            keys=keys,
            happened=Moment(DECIDED),
            written=DECIDED,
        )
        yield broker


def silent(broker: Door, reader: str | None, weeks: int, now: datetime = NOW) -> list[int | None]:
    """For how many whole weeks each of them has heard nothing, as far as the reader knows."""
    with broker.service.database.read() as conn:
        found = quiet(conn, Viewer(reader, micros(now)), now - timedelta(weeks=weeks), now)
    return [(now - one.last) // timedelta(weeks=1) if one.last else None for one in found]


def test_whoever_has_a_part_sees_who_is_quiet(broker: Door) -> None:
    """For as long as the decision holds; others do not."""
    for reader in (OFFICE, NURSING, None):
        assert silent(broker, reader, 4) == [10]
        assert silent(broker, reader, 11) == []
    assert silent(broker, "other-hospital", 4) == []
    assert silent(broker, OFFICE, 4, NOW + timedelta(weeks=20)) == []


def test_a_contact_that_they_know_of_ends_the_silence(broker: Door) -> None:
    """Of one that they were not told of they learn nothing: rather one call too many."""
    at = NOW - timedelta(weeks=6)
    broker.told(C.ADMISSION, "ward", "surgery", happened=Moment(at), written=at)
    assert silent(broker, OFFICE, 7) == silent(broker, OFFICE, 4) == [10]
    assert (silent(broker, None, 7), silent(broker, None, 4)) == ([], [6])
    broker.told(C.LEAVE_START, "ward", OFFICE, happened=Moment(at), written=at)
    assert silent(broker, OFFICE, 7) == []


def test_what_they_were_not_told_ends_no_decision(broker: Door) -> None:
    """A matter runs as they know it."""
    ended = ApplicationFacts(outcome=Outcome.REFUSED, identifiers=SERVICE)
    at = DECIDED + timedelta(weeks=1)
    keys = (Key(KeyRank.REFERRAL, f"{SERVICE[0].system}|{SERVICE[0].value}"),)
    answer = broker.tell(
        C.DECISION, OFFICE, facts=ended, keys=keys, happened=Moment(at), written=at
    )
    theirs = grants.c.reader == NURSING, grants.c.event == answer.event_id
    with broker.service.database.write() as conn:
        conn.execute(delete(grants).where(*theirs))
    assert silent(broker, None, 4) == []
    assert silent(broker, OFFICE, 4) == []
    assert silent(broker, NURSING, 4) == [10]


def test_nobody_rings_the_dead(broker: Door) -> None:
    """What was decided for them does not matter any more."""
    at = NOW - timedelta(weeks=9)
    broker.told(C.ADMISSION, "ward", "surgery", happened=Moment(at), written=at)
    broker.told(C.DEATH, "ward", OFFICE, happened=Moment(at), written=at)
    assert silent(broker, OFFICE, 4) == []


def test_it_is_asked_for_over_http(broker: Door, capsys: pytest.CaptureFixture[str]) -> None:
    """With the matters; a number of weeks that is none is refused."""
    found = told(broker.service, "$quiet", OFFICE, weeks="4")["parameter"]
    (person,) = (one["part"] for one in found if one["name"] == "person")
    (matter,) = (one["valueReference"]["reference"] for one in person if one["name"] == "matter")
    assert asked(broker.service, matter, OFFICE).status_code == 200
    command.show(found, "en")
    assert matter in capsys.readouterr().out
    assert asked(broker.service, "$quiet", OFFICE, weeks="0").status_code == 400
