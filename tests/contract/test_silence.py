"""Nothing tells whether somebody one may not see is here: status, headers, body, counts, pages, errors, and work done.

Whatever is asked of a patient of others is asked of nobody, too, and has to be answered alike.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import pytest
from sqlalchemy import Engine, event

from fhir_mappings.codes import FNR
from pathways.events import EventCode
from pathways.facts import PersonFacts
from tests.contract import matters
from tests.contract.matrix import GROWN_UP, STRANGER, Ask, Town, fnr, town_of

STRANGERS: Final = (
    "system of village-case-office",
    "clinician of village-case-office",
    "patient, another",
    "operator",
)
NOBODY: Final = {
    "her patient": "a" * 32,
    "her stay": "b" * 36,
    "her admission": "00000000-0000-8000-8000-000000000000",
    "her report": "00000000-0000-8000-8000-000000000001",
}
ASKED: Final = (
    "Patient/{patient}",
    "Patient/{patient}/_history",
    "Patient/{patient}/_history/1",
    "Patient/{patient}/_history/7",
    "Patient/{patient}/$timeline",
    "Patient/{patient}/$timeline?asOf=yesterday",
    "Patient/{patient}/$timeline?asOf=2026-11-17",
    "Patient/{patient}/$summary",
    "Patient/{patient}/$everything",
    "Patient/{patient}/$everything?_count=1&_type=Encounter",
    "Patient/{patient}/$access-log",
    "Encounter/{stay}",
    "Encounter/{stay}/_history",
    "Encounter/{stay}/$payment-days",
    "Task/{stay}",
    "EpisodeOfCare/{stay}",
    "Provenance/{admission}",
    "Composition/{report}",
    "Binary/{report}",
    "Bundle/{admission}",
    "Encounter?patient={patient}",
    "Encounter?patient={patient}&_summary=count",
    "Encounter?patient={patient}&_total=accurate&_count=0",
    "Encounter?subject=Patient/{patient}&_sort=-date&_count=1",
    "Encounter?patient.identifier={fnr}",
    "Encounter?patient:identifier={fnr}",
    "Encounter?_id={stay}&_include=Encounter:patient&_revinclude=Task:focus",
    "Patient?_id={patient}&_revinclude=Encounter:patient",
    "Patient?_id:not={patient}&_summary=count",
    "Task?patient={patient}&status:not=completed",
    "Provenance?patient={patient}&_count=1",
    "Provenance?target=Encounter/{stay}",
    "Composition?subject=Patient/{patient}&_lastUpdated=gt2020",
)
CONDITIONS: Final[tuple[dict[str, str], ...]] = (
    {},
    {"If-None-Match": "*"},
    {"If-None-Match": 'W/"1"'},
    {"If-Modified-Since": "Sat, 29 Oct 2050 19:43:31 GMT"},
)


@pytest.fixture
def town(database_url: str) -> Iterator[Town]:
    """The town on each store."""
    with town_of(database_url) as town:
        yield town


def _path(template: str, ids: dict[str, str], identifier: str) -> str:
    told = {name.removeprefix("her "): id_ for name, id_ in ids.items() if name.startswith("her ")}
    return "/fhir/" + template.format(**told, fnr=quote(identifier))


_LINK: Final = re.compile(r"_continue=[A-Za-z0-9_%=-]+")


def _answered(answer: httpx.Response, ids: dict[str, str], identifier: str) -> tuple[Any, ...]:
    """All there is of an answer, but for what was asked itself."""
    body = answer.text
    for name, id_ in ids.items():
        body = body.replace(id_, name)
    for one in (identifier, quote(identifier), quote(identifier, safe="")):
        body = body.replace(one, "fnr")
    body = _LINK.sub("sealed", body)  # encrypted anew for each answer
    headers = {k: v for k, v in answer.headers.items() if k not in {"content-length", "date"}}
    return answer.status_code, headers, body


def test_a_patient_of_others_is_answered_as_nobody(town: Town) -> None:
    """Every read and every search, plain and conditional: the same status, headers and body."""
    nobody = f"{FNR}|{STRANGER.value}"
    differing: list[str] = []

    async def asking(ask: Ask) -> None:
        for actor in STRANGERS:
            for template in ASKED:
                for headers in CONDITIONS:
                    hers = await ask(
                        actor, "GET", _path(template, town.ids, fnr(GROWN_UP)), headers=headers
                    )
                    theirs = await ask(
                        actor, "GET", _path(template, NOBODY, nobody), headers=headers
                    )
                    told = _answered(hers, town.ids, fnr(GROWN_UP))
                    if told != _answered(theirs, NOBODY, nobody):
                        differing.append(f"{actor}: {template} {headers}: {told}")

    town.asked(asking, alone=True)
    assert differing == []


@contextmanager
def _statements(engine: Engine) -> Iterator[list[str]]:
    """What the database is asked, without the values."""
    asked: list[str] = []

    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_the_same_work_is_done_for_a_patient_of_others_and_for_nobody(town: Town) -> None:
    """The same queries, in the same order: what takes the same steps takes the same time."""
    nobody = f"{FNR}|{STRANGER.value}"
    differing: list[str] = []

    async def asking(ask: Ask) -> None:
        for template in ASKED:
            for actor in STRANGERS:
                paths = _path(template, town.ids, fnr(GROWN_UP)), _path(template, NOBODY, nobody)
                await ask(actor, "GET", paths[0])  # whatever is looked up once
                done = []
                for path in paths:
                    with _statements(town.door.service.database.reader) as asked:
                        await ask(actor, "GET", path)
                    done.append(asked)
                if done[0] != done[1]:
                    differing.append(f"{actor}: {template}: {len(done[0])} and {len(done[1])}")

    town.asked(asking, alone=True)
    assert differing == []


def test_linked_patients_take_no_more_steps(town: Town) -> None:
    """Somebody with a second number is looked up in as many queries as somebody with none."""
    other = matters.patient(9)
    town.tell(EventCode.ADMISSION, "ward", "town-nursing", patient=other)
    linked = PersonFacts(linked=other.identifiers)
    town.tell(
        EventCode.IDENTITY_LINKED, "ward", "town-nursing", facts=linked, patient=GROWN_UP, keys=()
    )
    counts: list[list[str]] = []

    async def asking(ask: Ask) -> None:
        for ids in (town.ids, NOBODY):
            with _statements(town.door.service.database.reader) as asked:
                await ask(STRANGERS[0], "GET", _path("Patient/{patient}/$timeline", ids, ""))
            counts.append(asked)

    town.asked(asking, alone=True)
    assert counts[0] == counts[1]


_JSON: Final = {"Content-Type": "application/fhir+json"}


def _subscription(criteria: str) -> dict[str, Any]:
    url = "https://carepath.example/fhir/SubscriptionTopic/pathway-update"
    extension = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/"
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "x",
        "criteria": url,
        "_criteria": {
            "extension": [{"url": f"{extension}backport-filter-criteria", "valueString": criteria}]
        },
        "channel": {
            "type": "websocket",
            "payload": "application/fhir+json",
            "_payload": {
                "extension": [
                    {"url": f"{extension}backport-payload-content", "valueCode": "id-only"}
                ]
            },
        },
    }


def test_a_subscription_tells_nothing_of_patients_one_may_not_see(town: Town) -> None:
    """It is taken, whether there is such a patient or not, and counts nothing that is not in one's own feed."""
    nobody = f"{FNR}|{STRANGER.value}"
    criteria = [
        ("Encounter?patient={patient}", fnr(GROWN_UP), town.ids),
        ("Encounter?patient={patient}", nobody, NOBODY),
        ("Encounter?patient.identifier={fnr}", fnr(GROWN_UP), town.ids),
        ("Encounter?patient.identifier={fnr}", nobody, NOBODY),
    ]
    made: list[tuple[int, str]] = []

    async def asking(ask: Ask) -> None:
        for template, identifier, ids in criteria:
            told = {n.removeprefix("her "): i for n, i in ids.items() if n.startswith("her ")}
            wanted = _subscription(template.format(**told, fnr=identifier))
            answer = await ask(
                STRANGERS[0], "POST", "/fhir/Subscription", json=wanted, headers=_JSON
            )
            text = answer.text if answer.status_code >= 400 else ""
            made.append((answer.status_code, text.replace(identifier, "fnr")))

    town.asked(asking)
    assert made[0] == made[1]
    assert made[2] == made[3]
    assert made[0][0] == 201, made
    town.tell(EventCode.LEAVE_START, "ward", "town-nursing", patient=GROWN_UP)
    town.numbered()
    status = town.one(STRANGERS[0], "GET", "/fhir/Subscription/$status").json()
    counts = [
        part["valueString"]
        for entry in status["entry"]
        for part in entry["resource"]["parameter"]
        if part["name"] == "events-since-subscription-start"
    ]
    assert counts
    assert {*counts} == {"0"}


def test_a_conditional_create_finds_ones_own_alone(town: Town) -> None:
    """If-None-Exist by what another organisation has: a new one is made, as if there were none."""
    tag = _subscription("Encounter?patient=p")
    query = {
        "headers": {
            **_JSON,
            "If-None-Exist": urlencode({"status": "requested,active", "type": "websocket"}),
        }
    }
    statuses: list[int] = []

    async def asking(ask: Ask) -> None:
        for actor in (
            "system of ward",
            "system of village-case-office",
            "system of village-case-office",
        ):
            answer = await ask(actor, "POST", "/fhir/Subscription", json=tag, **query)
            statuses.append(answer.status_code)

    town.asked(asking)
    assert statuses == [201, 201, 200], statuses


def test_pages_count_and_link_ones_own_alone(town: Town) -> None:
    """What others have is in no total, moves no page, and stands in no link."""
    for number in (11, 12, 13):
        who = matters.patient(number)
        town.tell(EventCode.ADMISSION, "ward", patient=who, keys=())
    totals: dict[str, list[int]] = {}

    async def asking(ask: Ask) -> None:
        for actor in ("system of ward", "system of town-nursing", STRANGERS[0]):
            path, found = "/fhir/Encounter?_count=1&_sort=_lastUpdated&_total=accurate", []
            while path:
                page = (await ask(actor, "GET", path)).json()
                found.append(page["total"])
                path = next((k["url"] for k in page["link"] if k["relation"] == "next"), "")
            totals[actor] = found

    town.asked(asking)
    assert totals == {
        "system of ward": [5] * 5,
        "system of town-nursing": [2] * 2,
        STRANGERS[0]: [0],
    }
