"""POST /fhir/Patient/$break-glass over HTTP: who may, what is wrong with what they ask, and what they see then."""

from collections.abc import Iterator
from typing import Any

import pytest

from pathways.access import Operation, may
from pathways.events import EventCode
from pathways.facts import ConsentFacts, ConsentKind
from tests.contract.matrix import ACTORS, GROWN_UP, Ask, Town, town_of

PATH = "/fhir/Patient/$break-glass"
CLINICIAN, COLLEAGUE = "clinician of village-case-office", "staff of village-case-office"


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The town on each store."""
    with town_of(database_url) as made:
        yield made


def asked(**told: Any) -> dict[str, Any]:
    """Parameters; what is ``None`` is left out."""
    (who,) = GROWN_UP.identifiers
    given: dict[str, Any] = {
        "identifier": {"valueIdentifier": {"system": who.system, "value": who.value}},
        "reason": {"valueCode": "emergency"},
        "text": {"valueString": "Bevisstløs ved ankomst"},
    } | told
    listed = [{"name": name, **value} for name, value in given.items() if value is not None]
    return {"resourceType": "Parameters", "parameter": listed}


FHIR = {"Content-Type": "application/fhir+json"}


def answers(town: Town, *bodies: dict[str, Any], actor: str = CLINICIAN) -> list[int]:
    """The statuses."""
    found: list[int] = []

    async def asking(ask: Ask) -> None:
        for body in bodies:
            answer = await ask(actor, "POST", PATH, json=body, headers=FHIR)
            assert answer.headers["content-type"].startswith("application/fhir+json")
            found.append(answer.status_code)

    town.asked(asking)
    return found


def test_every_role_is_answered_as_the_matrix_says(town: Town) -> None:
    """403 for all but clinicians, of patients that there are and of others."""
    (who,) = GROWN_UP.identifiers
    nobody = asked(identifier={"valueIdentifier": {"system": who.system, "value": "0"}})
    found: dict[str, tuple[int, int]] = {}

    async def asking(ask: Ask) -> None:
        for actor in ACTORS:
            told = [
                (await ask(actor, "POST", PATH, json=body, headers=FHIR)).status_code
                for body in (asked(), nobody)
            ]
            found[actor] = (told[0], told[1])

    town.asked(asking)
    for name, actor in ACTORS.items():
        wanted = (200, 404) if may(actor.role, Operation.BREAK_GLASS) else (403, 403)
        assert found[name] == wanted, name
    assert answers(town, asked(), actor="") == [401]


def test_what_is_wrong_is_named(town: Town) -> None:
    """And opens nothing."""
    wrong = [
        asked(identifier=None),
        asked(identifier={"valueIdentifier": {"value": "1"}}),
        asked(identifier={"valueString": "1"}),
        asked(reason=None),
        asked(reason={"valueCode": "curiosity"}),
        asked(text=None),
        asked(text={"valueString": "nei"}),
        {"resourceType": "Parameters"},
    ]
    assert answers(town, *wrong) == [422] * len(wrong)
    assert answers(town, {"resourceType": "Patient"}) == [422]
    assert town.one(CLINICIAN, "GET", f"/fhir/Patient/{town.ids['her patient']}").status_code == 404


def test_the_patient_is_there_for_that_person(town: Town) -> None:
    """Found, read and summed up; not for a colleague."""
    answer = town.one(CLINICIAN, "POST", PATH, json=asked(), headers=FHIR)
    told = {one["name"]: one for one in answer.json()["parameter"]}
    patient = told["patient"]["valueReference"]["reference"]
    assert patient == f"Patient/{town.ids['her patient']}"
    assert {*told} == {"patient", "until", "glass"}
    for path in ("", "/$timeline", "/$summary", "/$everything"):
        assert town.one(CLINICIAN, "GET", f"/fhir/{patient}{path}").status_code == 200
        assert town.one(COLLEAGUE, "GET", f"/fhir/{patient}{path}").status_code == 404


def test_an_objection_by_name_shuts_one_person_out(town: Town) -> None:
    """Of what their party sees; an emergency opens it, nothing else does."""
    patient, nurse = f"/fhir/Patient/{town.ids['her patient']}", "clinician of town-nursing"
    assert town.one(nurse, "GET", patient).status_code == 200
    facts = ConsentFacts(consent=ConsentKind.HEALTH_PERSONNEL, professional="ANSATT")
    town.tell(EventCode.OBJECTION_REGISTERED, "ward", facts=facts)
    assert town.one(nurse, "GET", patient).status_code == 404
    assert town.one("system of town-nursing", "GET", patient).status_code == 200
    treatment = asked(reason={"valueCode": "treatment"})
    assert answers(town, treatment, actor=nurse) == [403]
    assert answers(town, asked(), actor=nurse) == [200]
    assert town.one(nurse, "GET", patient).status_code == 200
