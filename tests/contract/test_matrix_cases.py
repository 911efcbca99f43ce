"""The authorisation matrix, crossed with what changes who may see what (reliability.md §2.4), over HTTP on both stores.

Each case is told as a story: who could see what before, what happens, who can afterwards.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from carepath.store.tables import bars, grants, meta, sharing
from carepath.store.times import now
from pathways.access import Basis
from pathways.events import EventCode
from pathways.facts import (
    ConsentFacts,
    ConsentKind,
    PersonFacts,
    ReportFacts,
    StayFacts,
)
from pathways.markings import Protection
from pathways.messages import Patient
from tests.contract.door import STAY, ref
from tests.contract.matrix import ACTORS, GROWN_UP, Ask, Town, town_of
from tests.contract.stored import put

WARD, NURSING, VILLAGE = "system of ward", "system of town-nursing", "system of village-case-office"


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The town on each store."""
    with town_of(database_url) as town:
        yield town


def _seen(town: Town, *actors: str, whose: str = "her") -> dict[str, set[str]]:
    """The entries on the timeline, by code; nothing where the patient does not exist for them."""
    found: dict[str, set[str]] = {}
    path = f"/fhir/Patient/{town.ids[f'{whose} patient']}/$timeline"

    async def asking(ask: Ask) -> None:
        for actor in actors:
            answer = await ask(actor, "GET", path)
            assert answer.status_code in {200, 404}
            entries = answer.json()["entry"] if answer.status_code == 200 else []
            found[actor] = {
                one["resource"]["activity"]["coding"][0]["code"]
                for one in entries
                if one["resource"]["resourceType"] == "Provenance"
            }

    town.asked(asking)
    return found


def _objects(**facts: object) -> ConsentFacts:
    return ConsentFacts(consent=ConsentKind.HEALTH_PERSONNEL, **facts)  # type: ignore[arg-type]


def test_a_patient_who_blocks_is_there_for_nobody_but_who_wrote(town: Town) -> None:
    """Sperret: after an objection to all sharing, only what they wrote themselves and what law demands."""
    before = _seen(town, WARD, NURSING)
    town.tell(EventCode.OBJECTION_REGISTERED, "ward", facts=_objects(), patient=GROWN_UP, keys=())
    after = _seen(town, WARD, NURSING)
    assert "discharge-report" in before[NURSING]
    assert "discharge-report" not in after[NURSING]
    assert before[WARD] <= after[WARD]
    gone = town.one(NURSING, "GET", f"/fhir/Composition/{town.ids['her report']}")
    assert gone.status_code == 404


def test_an_objection_to_one_organisation_shuts_out_that_one(town: Town) -> None:
    """Others see as before."""
    sheet = PersonFacts(sheet="Trenger ro")
    to = "town-nursing", "village-case-office"
    town.tell(EventCode.PERSON_SHEET, "ward", *to, facts=sheet, patient=GROWN_UP, keys=())
    said = _objects(party=ref("town-nursing"))
    town.tell(EventCode.OBJECTION_REGISTERED, "ward", facts=said, patient=GROWN_UP, keys=())
    after = _seen(town, NURSING, VILLAGE)
    assert "person-sheet" not in after[NURSING]
    assert after[VILLAGE] == {"person-sheet"}


def test_a_consent_that_is_withdrawn_shuts_the_relative_out(town: Town) -> None:
    """Before: the stay and its document. After: there is no such patient."""
    assert "admission" in _seen(town, "relative")["relative"]
    facts = ConsentFacts(consent=ConsentKind.RELATIVES, person="Dina Datter")
    town.tell(EventCode.CONSENT_WITHDRAWN, "ward", facts=facts, patient=GROWN_UP, keys=())
    assert _seen(town, "relative", "patient") == {
        "relative": set(),
        "patient": _seen(town, "patient")["patient"],
    }
    read = town.one("relative", "GET", f"/fhir/Patient/{town.ids['her patient']}")
    assert read.status_code == 404


def _lives_secretly(who: Patient) -> Patient:
    return replace(who, protection=str(next(iter(Protection))))


def test_where_a_protected_person_lives_is_told_to_nobody(town: Town) -> None:
    """Adressesperre: neither the Patient, nor the summary, nor everything, nor a page of search has an address."""
    stay = StayFacts(identifiers=STAY, ward="B4")
    secret = _lives_secretly(GROWN_UP)
    town.tell(EventCode.TRANSFER, "ward", "town-nursing", facts=stay, patient=secret)
    patient = town.ids["her patient"]
    paths = [f"Patient/{patient}", f"Patient/{patient}/$everything", f"Patient?_id={patient}"]

    async def asking(ask: Ask) -> None:
        for actor in (WARD, NURSING, "relative"):
            for path in paths:
                told = (await ask(actor, "GET", f"/fhir/{path}")).json()
                entries = [one["resource"] for one in told.get("entry", ())] or [told]
                people = [one for one in entries if one["resourceType"] == "Patient"]
                assert people
                assert all("address" not in one for one in people), (actor, path)

    town.asked(asking)


def test_a_relation_that_ended_ends_what_it_showed(town: Town) -> None:
    """From the moment at which the grants end there is nothing: also no versions that were read before."""
    path = f"/fhir/Encounter/{town.ids['her stay']}/_history/1"
    assert town.one(NURSING, "GET", path).status_code == 200
    with town.door.service.database.write() as conn:
        mine = grants.c.reader == "town-nursing"
        conn.execute(update(grants).where(mine).values(until=now()))
    assert _seen(town, NURSING)[NURSING] == set()
    assert town.one(NURSING, "GET", path).status_code == 404


def test_who_comes_later_sees_what_they_are_told_and_no_more(town: Town) -> None:
    """A relation that begins after an event does not reach back: the newcomer sees what names them."""
    assert _seen(town, VILLAGE)[VILLAGE] == set()
    facts = PersonFacts(sheet="Trenger ro")
    to = "village-case-office"
    town.tell(EventCode.PERSON_SHEET, "ward", to, facts=facts, patient=GROWN_UP, keys=())
    assert _seen(town, VILLAGE)[VILLAGE] == {"person-sheet"}
    for id_, type_ in (
        ("her admission", "Provenance"),
        ("her report", "Composition"),
        ("her stay", "Encounter"),
    ):
        answer = town.one(VILLAGE, "GET", f"/fhir/{type_}/{town.ids[id_]}")
        assert answer.status_code == 404, type_


def test_a_unit_is_not_its_house_and_a_house_not_its_units(town: Town) -> None:
    """A hospital's own system does not see what was told of one of its wards (``service.viewers`` says why)."""
    assert _seen(town, "system of trust", WARD)["system of trust"] == set()


def test_nobody_acts_as_another_unit_by_naming_it(town: Town) -> None:
    """A person works where they work: the header that a system names its unit with is refused from others."""
    named = {"X-Carepath-Org": "no key at all!"}
    path = f"/fhir/Patient/{town.ids['her patient']}"
    assert town.one("clinician of ward", "GET", path, headers=named).status_code == 403


def test_the_right_is_tried_when_it_is_delivered(town: Town) -> None:
    """Between enqueueing and delivery the receiver loses the right: the place stays, with nothing in it."""
    report = town.tell(
        EventCode.DISCHARGE_REPORT,
        "ward",
        "town-nursing",
        facts=ReportFacts(title="Ettersendt", identifiers=STAY),
        patient=GROWN_UP,
    )
    with town.door.service.database.write() as conn:
        mine = (grants.c.reader == "town-nursing") & (grants.c.event == report)
        patient = conn.execute(select(grants.c.patient).where(mine)).scalar_one()
    barred = {
        "patient": patient,
        "reader": "town-nursing",
        "event": report,
        "begins": 0,
        "ends": None,
    }
    put(town.door.service.database, bars, barred)
    town.numbered()
    box = town.one(NURSING, "GET", "/fhir/$mailbox").json()
    item = town.item(report, "town-nursing")
    assert "Ettersendt" not in str(box)
    assert patient not in str([e for e in box["entry"] if item in str(e)])
    assert any(item in str(entry) for entry in box["entry"])
    assert town.one(NURSING, "GET", f"/fhir/Bundle/{item}").status_code == 403


def test_what_is_only_shared_needs_an_agreement(town: Town) -> None:
    """Between two houses an entry that names nobody there is seen while an agreement to share holds, and not after."""
    database = town.door.service.database
    admission, patient = town.ids["her admission"], town.ids["her patient"]
    shared = {
        "patient": patient,
        "reader": "village-case-office",
        "event": admission,
        "thread": town.ids["her stay"],
        "basis": Basis.SHARED.value,
        "since": 0,
        "until": None,
        "pair": "trust|village",
    }
    put(database, grants, shared)
    put(database, meta, {"name": "sharing_asked", "value": 1})
    assert _seen(town, VILLAGE)[VILLAGE] == set()
    named = {"id": "a", "pair": "trust|village", "one": "trust", "other": "village"}
    put(database, sharing, {**named, "controller": "trust", "legal_basis": "§ 9", "since": 0})
    assert _seen(town, VILLAGE)[VILLAGE] == {"admission"}
    with database.write() as conn:
        conn.execute(update(sharing).values(until=now()))
    assert _seen(town, VILLAGE)[VILLAGE] == set()


def test_broken_glass_is_for_the_person_alone(town: Town) -> None:
    """A grant to one person at work opens nothing for their colleagues, nor for the system they work with."""
    who = ACTORS["clinician of village-case-office"]
    mine = next(key for key in who.readers if key != who.party)
    broken = {
        "patient": town.ids["her patient"],
        "reader": mine,
        "event": town.ids["her admission"],
        "thread": town.ids["her stay"],
        "basis": Basis.BREAK_GLASS.value,
        "since": 0,
        "until": now() + 60_000_000,
    }
    put(town.door.service.database, grants, broken)
    seen = _seen(town, "clinician of village-case-office", "staff of village-case-office", VILLAGE)
    assert seen == {
        "clinician of village-case-office": {"admission"},
        "staff of village-case-office": set(),
        VILLAGE: set(),
    }
    with town.door.service.database.write() as conn:
        conn.execute(update(grants).where(grants.c.reader == mine).values(until=now()))
    assert _seen(town, "clinician of village-case-office") == {
        "clinician of village-case-office": set()
    }


def test_a_client_that_is_revoked_gets_nothing_more(town: Town) -> None:
    """From its next request on."""
    path = f"/fhir/Patient/{town.ids['her patient']}"
    assert town.one(WARD, "GET", path).status_code == 200
    town.callers.revoked.add(WARD)
    assert town.one(WARD, "GET", path).status_code == 401
