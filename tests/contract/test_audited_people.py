"""Whoever signs in, the line says who they are, what they are to this patient, and why; the patient reads it."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete

from carepath.store import audit
from carepath.store.audit import Asked
from carepath.store.audit_tables import access_log
from pathways.access import Basis, Purpose, Role
from pathways.access_log import Line
from tests.contract.matrix import Ask, Town, town_of
from tests.contract.test_break_glass import CLINICIAN, FHIR, PATH, asked

JSON = dict[str, Any]


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The town on each store; nobody has read anything."""
    with town_of(database_url) as made:
        with made.door.service.database.write() as conn:
            conn.execute(delete(access_log))
        yield made


def lines(town: Town) -> list[Line]:
    """All lines, oldest first."""
    database = town.door.service.database
    with database.read() as conn:
        return audit.listed(conn, database.keys, Asked(), limit=100)[::-1]


def read(town: Town, actor: str, *paths: str) -> list[int]:
    """The statuses."""
    found: list[int] = []

    async def asking(ask: Ask) -> None:
        found.extend([(await ask(actor, "GET", path)).status_code for path in paths])

    town.asked(asking, alone=True)
    return found


def patient(town: Town) -> str:
    """The address of the grown-up."""
    return f"/fhir/Patient/{town.ids['her patient']}"


def test_a_person_at_work_is_named_with_their_house(town: Town) -> None:
    """And why: as their house may see it."""
    assert read(town, "staff of town-nursing", patient(town)) == [200]
    (line,) = lines(town)
    who = line.who
    assert (who.role, who.party, who.name) == (Role.STAFF, "town-nursing", "Ansatt")
    assert who.person == "staff-town-nursing"
    assert who.purpose is Purpose.TREATMENT
    assert line.basis
    assert Basis.BREAK_GLASS not in line.basis


def test_a_system_is_named_as_registered(town: Town) -> None:
    """With the organisation it asks for."""
    assert read(town, "system of town-nursing", patient(town)) == [200]
    (line,) = lines(town)
    assert (line.who.role, line.who.client) == (Role.SYSTEM, "client-of-town-nursing")
    assert (line.who.party, line.who.person) == ("town-nursing", None)


def test_the_patient_is_themselves(town: Town) -> None:
    """Neither grant nor organisation."""
    assert read(town, "patient", patient(town)) == [200]
    (line,) = lines(town)
    assert (line.who.role, line.who.party, line.who.name) == (Role.PATIENT, None, "Kari Nordmann")
    assert (line.basis, line.who.purpose) == ((Basis.SELF,), Purpose.PATIENT_REQUEST)


def test_a_mother_is_a_guardian_to_her_child(town: Town) -> None:
    """Whatever she signed in as."""
    assert read(town, "guardian", f"/fhir/Patient/{town.ids['his patient']}") == [200]
    (line,) = lines(town)
    assert (line.who.role, line.patient) == (Role.GUARDIAN, town.ids["his patient"])
    assert (line.basis, line.who.purpose) == ((Basis.GUARDIAN,), Purpose.FAMILY_REQUEST)


def test_nobody_who_is_refused_has_a_line(town: Town) -> None:
    """Nothing was told."""
    for actor in ("", "patient, another", "operator", "system of village-case-office"):
        (status,) = read(town, actor, patient(town))
        assert status in (401, 403, 404)
    assert lines(town) == []


def test_who_broke_the_glass_is_marked_and_the_patient_reads_why(town: Town) -> None:
    """In the words that were given, among all other lines."""
    said: list[JSON] = []

    async def asking(ask: Ask) -> None:
        assert (await ask(CLINICIAN, "POST", PATH, json=asked(), headers=FHIR)).status_code == 200
        assert (await ask(CLINICIAN, "GET", patient(town))).status_code == 200
        answer = await ask("patient", "GET", f"{patient(town)}/$access-log")
        assert answer.status_code == 200, answer.text
        said.append(answer.json())

    town.asked(asking, alone=True)
    first, then, own = lines(town)
    assert first.emergency
    assert then.emergency
    assert not own.emergency
    texts = [entry["resource"]["text"]["div"] for entry in said[0]["entry"]]
    assert len(texts) == 2
    assert all("nødrett" in text and "Bevisstløs ved ankomst" in text for text in texts)


@pytest.mark.parametrize(
    ("actor", "status", "found"),
    [
        ("patient", 200, 1),
        ("administrator of town-nursing", 200, 1),
        ("administrator of ward", 200, 0),
        ("patient, another", 404, None),
        ("guardian", 404, None),
        ("child", 403, None),
        ("relative", 403, None),
        ("staff of town-nursing", 403, None),
        ("clinician of ward", 403, None),
        ("system of ward", 403, None),
        ("operator", 404, None),
        ("", 401, None),
    ],
)
def test_who_may_read_the_log(town: Town, actor: str, status: int, found: int | None) -> None:
    """As the matrix says; the operator is answered as of a log that is not there."""
    assert read(town, "staff of town-nursing", patient(town)) == [200]
    told: list[JSON] = []

    async def asking(ask: Ask) -> None:
        answer = await ask(actor, "GET", f"{patient(town)}/$access-log")
        assert answer.status_code == status, answer.text
        told.append(answer.json())

    town.asked(asking, alone=True)
    if found is not None:
        assert len(told[0].get("entry", ())) == found
