"""Reading and searching on both stores: who may see what, versions, criteria, pages."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime

import orjson
import pytest

from carepath.service import directory
from carepath.store import parked, parties, queries, resources
from carepath.store.criteria import ByIdentifier, Token
from carepath.store.database import Database
from carepath.store.journeys import where
from carepath.store.resources import Viewer
from carepath.store.tables import (
    deliveries,
    patient_identifiers,
    patient_links,
    patients,
    thread_aliases,
)
from carepath.store.tables import parked as parked_rows
from pathways.parties import Identifier, Party
from tests.contract.stored import (
    KEYS,
    NOW,
    found,
    granted,
    opened,
    put,
    sent,
    taken_in,
    versioned,
)

OPERATOR = Viewer(None, NOW)
NORTH = Viewer("north", NOW)
SYSTEM = "urn:oid:2.16.578.1.12.4.1.4.1"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def identified(database: Database, patient: str, system: str, value: str) -> None:
    """A patient with an identifier, as the service indexes it."""
    put(
        database,
        patients,
        {"key": patient, "created": 0, "received": 0, "body": b"{}", "pseudonym_version": 1},
    )
    blinds = {"blind": KEYS.blind(f"{system}|{value}"), "blind_value": KEYS.blind(f"|{value}")}
    put(database, patient_identifiers, {**blinds, "patient": patient, "cipher": b""})


def test_patient_is_found_by_identifier(database: Database) -> None:
    """With its system; by the value alone only as long as one patient has it."""
    identified(database, "p", SYSTEM, "1")
    identified(database, "q", "urn:other", "2")
    identified(database, "r", SYSTEM, "2")

    with database.read() as conn:
        known = [
            queries.find_patient(conn, KEYS, Identifier(system, value))
            for system, value in ((SYSTEM, "1"), ("", "1"), (SYSTEM, "2"), ("", "2"), (SYSTEM, "3"))
        ]

    assert known == ["p", "p", "r", None, None]


def test_links_are_followed_in_both_directions(database: Database) -> None:
    """a–b and c–b make one person of three keys; d is another."""
    put(database, patient_links, {"patient": "a", "other": "b"}, {"patient": "c", "other": "b"})

    with database.read() as conn:
        assert queries.closure(conn, ("a",)) == ("a", "b", "c")
        assert queries.closure(conn, ("d",)) == ("d",)


def test_what_one_may_not_see_does_not_exist(database: Database) -> None:
    """A grant in a thread shows its resources and the patient; nothing else is there, not even its count."""
    versioned(database, "Patient", "p", 1, patient="p")
    versioned(database, "Encounter", "t", 1, patient="p", thread="t")
    versioned(database, "Encounter", "u", 1, patient="p", thread="u")
    put(
        database,
        patients,
        {"key": "p", "created": 0, "received": 0, "body": b"{}", "pseudonym_version": 1},
    )
    with database.read() as conn:
        assert resources.read(conn, "Patient", "p", NORTH) is None
        assert not queries.exists_patient(conn, "p", NORTH)

    granted(database, "north", "e")

    with database.read() as conn:
        assert resources.read(conn, "Patient", "p", NORTH)
        assert resources.read(conn, "Encounter", "u", NORTH) is None
        assert resources.versions(conn, "Encounter", "u", NORTH) == 0
        assert queries.exists_patient(conn, "p", NORTH)
    assert found(database, "Encounter", viewer=NORTH) == ["t"]
    assert found(database, "Encounter", viewer=OPERATOR) == ["t", "u"]


def test_a_grant_that_ended_shows_nothing(database: Database) -> None:
    """``until`` is excluded."""
    versioned(database, "Encounter", "t", 1, patient="p", thread="t")
    granted(database, "north", "e", until=NOW)

    assert found(database, "Encounter", viewer=NORTH) == []
    assert found(database, "Encounter", viewer=Viewer("north", NOW - 1)) == ["t"]


def test_versions_stay_as_they_were(database: Database) -> None:
    """Read gives the newest, vread each, history all of them with the newest first, in pages."""
    versioned(database, "Encounter", "t", 10, 20, 30, patient="p", thread="t")

    with database.read() as conn:
        newest = resources.read(conn, "Encounter", "t", OPERATOR)
        second = resources.vread(conn, "Encounter", "t", 2, OPERATOR)
        pages = [
            resources.history(conn, "Encounter", "t", OPERATOR, count=2, before=before)
            for before in (2**31 - 1, 2)
        ]
        missing = resources.vread(conn, "Encounter", "t", 4, OPERATOR)

    assert newest is not None
    assert second is not None
    assert (newest.version, orjson.loads(second.body)["version"], missing) == (3, 2, None)
    assert [[version.version for version in page_] for page_ in pages] == [[3, 2], [1]]


def test_old_id_of_a_joined_thread_finds_the_new_one(database: Database) -> None:
    """Two threads that turned out to be one keep both ids."""
    versioned(database, "Encounter", "new", 1, patient="p", thread="new")
    put(database, thread_aliases, {"alias": "old", "thread": "new"})

    with database.read() as conn:
        stay = resources.read(conn, "Encounter", "old", OPERATOR)

    assert stay is not None
    assert stay.id == "new"


def test_focus_is_as_it_stood_then(database: Database) -> None:
    """As of a moment: the newest version that was there, and nothing that came later."""
    versioned(database, "Encounter", "t", 10, 20, patient="p", thread="t")
    versioned(database, "Task", "k", 30, patient="p", thread="k")
    versioned(database, "Patient", "p", 10, patient="p")

    with database.read() as conn:
        then = resources.focus(conn, ("p",), OPERATOR, as_of=19)
        now = resources.focus(conn, ("p",), OPERATOR, as_of=30)

    assert [(r.id, r.version) for r in then] == [("t", 1)]
    assert [(r.id, r.version) for r in now] == [("t", 2), ("k", 1)]


def test_source_is_for_the_sender_and_the_entitled(database: Database) -> None:
    """The sender's bytes, or nothing."""
    taken_in(database, "e", b"\xef\xbb\xbf{ }\n", sender="hospital")
    granted(database, "north", "e")

    with database.read() as conn:
        content = {
            reader: queries.source(conn, "e", Viewer(reader, NOW))
            for reader in (None, "hospital", "north", "south")
        }

    assert content.pop("south") is None
    assert {found_.content for found_ in content.values() if found_} == {b"\xef\xbb\xbf{ }\n"}


def test_where_tells_each_what_concerns_it(database: Database) -> None:
    """The sender sees all receivers with their times, a receiver itself, others nothing."""
    taken_in(database, "e", b"{}", sender="hospital")
    sent(database, "north", "a", event="e", number=4, confirmed=70, confirmed_code="ok")
    sent(database, "south", "b", event="e", number=9)
    sent(database, "*", "c", event="e", number=1)
    put(database, deliveries, {"receiver": "north", "number": 3, "at": 40})
    put(database, deliveries, {"receiver": "north", "number": 5, "at": 50})
    put(database, deliveries, {"receiver": "north", "number": 8, "at": 60})

    with database.read() as conn:
        (whole,) = where(conn, "m-e", "hospital")
        (part,) = where(conn, "m-e", "south")
        nothing = where(conn, "m-e", "east")

    north, south = whole.steps
    assert (north.delivered, north.confirmed_code) == (datetime(1970, 1, 1, 0, 0, 0, 50, UTC), "ok")
    assert (south.delivered, south.confirmed) == (None, None)
    assert (part.steps, nothing) == ((south,), [])


def test_parked_is_dropped_once(database: Database) -> None:
    """Dropping keeps the row with its reason; what is no longer open cannot be dropped again."""
    row = {"id": "k", "received": 5, "reason": "identity-conflict", "state": "open"}
    put(database, parked_rows, {**row, "media_type": "application/fhir+json", "source": b"{}"})

    with database.write() as conn:
        assert [message.id for message in parked.listed(conn)] == ["k"]
        assert parked.close(conn, "k", parked.State.DROPPED, "sent again by phone")
        assert not parked.close(conn, "k", parked.State.PLACED)
        shown = parked.show(conn, "k")
        assert parked.listed(conn) == []
        assert parked.source(conn, "k") == b"{}"

    assert shown is not None
    assert (shown.state, shown.note) == (parked.State.DROPPED, "sent again by phone")


def _enter(database: Database, party: Party) -> bool:
    with database.write() as conn:
        return directory.enter(conn, KEYS, party, datetime.now(UTC))


def _version(database: Database) -> int:
    with database.read() as conn:
        return parties.directory_version(conn)


def test_a_party_is_a_versioned_organization(database: Database) -> None:
    """Each change is a version and raises the directory's number; the same again does neither."""
    party = Party("north", "Nørre Ås", identifiers=(Identifier(SYSTEM, "1"),))
    renamed = Party("north", "Søndre Ås", identifiers=(Identifier(SYSTEM, "2"),))

    news = [(_enter(database, one), _version(database)) for one in (party, party, renamed)]

    assert [new for new, _ in news] == [True, False, True]
    first, same, other = (version for _, version in news)
    assert first == same < other
    with database.read() as conn:
        assert parties.directory(conn).parties == {"north": renamed}
        assert resources.versions(conn, "Organization", "north", NORTH) == 2
    for value, ids in (("1", []), ("2", ["north"])):
        criterion = ByIdentifier((Token(SYSTEM, value),))
        assert found(database, "Organization", criterion, viewer=OPERATOR) == ids


def test_a_change_of_the_directory_that_is_rolled_back_is_none(database: Database) -> None:
    """Neither for who reads meanwhile, nor for who changes it next; and it is read again only when it changed."""
    with suppress(ZeroDivisionError), database.write() as conn:
        directory.enter(conn, KEYS, Party("north", "Nørre Ås"), datetime.now(UTC))
        assert {*parties.directory(conn).parties} == {"north"}
        raise ZeroDivisionError
    _enter(database, Party("south", "Søndre Ås"))
    with database.write() as conn:
        assert {*parties.directory(conn).parties} == {"south"}
    with database.read() as conn:
        known = parties.directory(conn)
        assert {*known.parties} == {"south"}
        assert parties.directory(conn) is known
