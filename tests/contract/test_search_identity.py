"""Identifiers and whom they lead to, criteria together, and an index that follows the newest version."""

from collections.abc import Iterator
from typing import Final

import pytest

from carepath.service import directory
from carepath.store import indexing
from carepath.store.criteria import ByIdentifier, Not, Token
from carepath.store.database import Database
from carepath.store.tables import patient_identifiers, patient_links
from fhir_mappings.indexing import indexed
from pathways.parties import Identifier, Party
from tests.contract.searching import ASKING, OPERATOR, asked, ids, keep
from tests.contract.stored import BASE, KEYS, found, opened, put, searchable, versioned

SYSTEM: Final = "urn:oid:2.16.578.1.12.4.1.4.1"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def test_who_is_named_by_identifier_only(database: Database) -> None:
    """``:identifier`` is what the reference itself says; ``.identifier`` is what its target is known by."""
    with database.write() as conn:
        directory.enter(
            conn, KEYS, Party("north", "N", identifiers=(Identifier("urn:o", "1"),)), ASKING.now
        )
    keep_too = {"resourceType": "Task", "id": "named", "owner": {"identifier": {"value": "7"}}}
    searchable(database, keep_too, 1, patient="p")
    known = {"resourceType": "Task", "id": "known", "owner": {"reference": "Organization/north"}}
    searchable(database, known, 2, patient="p")

    assert ids(database, "Task", "owner:identifier", "|7") == ["named"]
    assert ids(database, "Task", "owner:identifier", "urn:o|1") == []
    assert ids(database, "Task", "owner.identifier", "urn:o|1") == ["known"]
    assert ids(database, "Task", "owner.identifier", "urn:o|2") == []
    assert ids(database, "Task", "owner:missing", "true") == []


def test_identifiers_with_and_without_system(database: Database) -> None:
    """system|value, value alone, |value for one without a system, and system| for any of it."""
    told = [{"system": SYSTEM, "value": "1"}, {"value": "2"}]
    keep(database, [{"resourceType": "Encounter", "identifier": told}])
    for value, count in (
        (f"{SYSTEM}|1", 1),
        ("1", 1),
        ("|2", 1),
        (f"{SYSTEM}|", 1),
        ("urn:x|9,2", 1),
        ("|1", 0),
        ("urn:x|1", 0),
        ("urn:x|", 0),
    ):
        assert len(ids(database, "Encounter", "identifier", value)) == count, value


def identified(database: Database, patient: str, system: str, value: str) -> None:
    """A patient with an identifier, as the service indexes it."""
    versioned(database, "Patient", patient, 1, patient=patient)
    blinds = {"blind": KEYS.blind(f"{system}|{value}"), "blind_value": KEYS.blind(f"|{value}")}
    put(database, patient_identifiers, {**blinds, "patient": patient, "cipher": b""})


def test_a_patients_identifier_without_system_counts_within_its_sender(database: Database) -> None:
    """``|value`` finds what a known party sent without a system, and not another system's value."""
    with database.write() as conn:
        directory.enter(conn, KEYS, Party("north", "Nord"), ASKING.now)
    identified(database, "p", "sender:north", "7")
    identified(database, "q", SYSTEM, "7")

    for token, patients in (
        (Token("", "7"), ["p"]),
        (Token(None, "7"), ["p", "q"]),
        (Token(SYSTEM, "7"), ["q"]),
    ):
        assert found(database, "Patient", ByIdentifier((token,)), viewer=OPERATOR) == patients


def test_linked_patients_are_one_person(database: Database) -> None:
    """By id and by identifier."""
    identified(database, "p", SYSTEM, "7")
    put(database, patient_links, {"patient": "q", "other": "p"})
    versioned(database, "Task", "t", 1, patient="q")
    versioned(database, "Task", "u", 1, patient="z")

    for name, value in (
        ("patient", "p"),
        ("subject:Patient", "Patient/q"),
        ("patient.identifier", f"{SYSTEM}|7"),
        ("subject:Patient.identifier", "7"),
    ):
        assert found(database, "Task", asked("Task", name, value), viewer=OPERATOR) == ["t"], name
    nobody = asked("Task", "patient.identifier", f"{SYSTEM}|8")
    assert found(database, "Task", nobody, viewer=OPERATOR) == []


def test_criteria_combine(database: Database) -> None:
    """All of them must hold, and a parameter may come twice."""
    codings = [{"coding": [{"code": code} for code in codes]} for codes in ("a", "ab", "b")]
    keep(database, [{"resourceType": "Task", "code": code} for code in codings])
    both = asked("Task", "code", "a"), asked("Task", "code", "b")

    assert found(database, "Task", *both, viewer=OPERATOR) == ["r1"]
    assert found(database, "Task", both[0], Not(both[1]), viewer=OPERATOR) == ["r0"]
    assert found(database, "Encounter", *both, viewer=OPERATOR) == []


def test_an_index_follows_the_newest_version(database: Database) -> None:
    """What a resource was once is not found any more; writing the same again changes nothing."""
    then = {"resourceType": "Task", "id": "t", "status": "requested", "authoredOn": "2026-01-01"}
    searchable(database, then, 1, patient="p")
    now = {
        **then,
        "status": "completed",
        "authoredOn": "2026-01-02",
        "owner": {"reference": "Organization/a"},
    }
    for _ in range(2):
        with database.write() as conn:
            indexing.write(conn, KEYS, {}, {("Task", "t"): indexed(now, BASE)})
        for name, value, count in (
            ("status", "requested", 0),
            ("status", "completed", 1),
            ("authored-on", "2026-01-01", 0),
            ("authored-on", "2026-01-02", 1),
            ("owner", "a", 1),
        ):
            assert len(ids(database, "Task", name, value)) == count, name
