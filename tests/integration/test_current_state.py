"""The current state over HTTP: pathways, what a stay asks, questions, reports, relatives, entries."""

from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.stories import (
    CASE_OFFICE,
    GP,
    HOSPITAL,
    NURSING,
    OSLO,
    Matter,
    Resource,
    admission,
    capacity_answer,
    discharge,
    discharge_ready,
    inquiry,
    message_id,
    person,
    relative_registered,
    reply,
    report,
    systems,
)
from tests.integration.talk import refused, taken

ASKED = f"{systems.PATHWAY_EVENT}|discharge-ready"
PROMISE_KIND = "https://carepath.example/fhir/CodeSystem/promise-kind"


def found(
    client: httpx.Client, kind: str, patient: str, viewer: str = "", **asked: str
) -> list[Resource]:
    """The patient's resources of a type, as they stand, the oldest first."""
    headers = {"X-Carepath-Org": viewer} if viewer else {}
    params = {"patient": patient, **asked}
    bundle = client.get(f"/fhir/{kind}", params=params, headers=headers).json()
    return [entry["resource"] for entry in bundle.get("entry", [])]


def promised(client: httpx.Client, patient: str, focus: str) -> dict[str, str]:
    """The status of each promise of a matter by its kind; there is one of each, and all are about ``focus``."""
    tasks = found(client, "Task", patient, code=f"{PROMISE_KIND}|")
    assert {one["focus"]["reference"] for one in tasks} == {focus}
    kinds = {one["code"]["coding"][0]["code"]: one["status"] for one in tasks}
    assert len(kinds) == len(tasks)
    return kinds


def timeline(client: httpx.Client, patient: str) -> list[Resource]:
    """The entries of the whole Bundle."""
    entries: list[Resource] = client.get(f"/fhir/Patient/{patient}/$timeline").json()["entry"]
    return entries


def test_a_stay_belongs_to_a_pathway(client: httpx.Client) -> None:
    """The EpisodeOfCare bears the sender's episode id, and ends with the stay."""
    matter = Matter(person())
    patient = taken(client, admission(matter))

    (episode,) = found(client, "EpisodeOfCare", patient)
    (stay,) = found(client, "Encounter", patient)

    number = {"system": "https://hospital.example/episodes", "value": f"E-{matter.id}"}
    own = {"reference": f"EpisodeOfCare/{episode['id']}", "identifier": number}
    assert stay["episodeOfCare"] == [own]
    assert (episode["status"], episode["identifier"]) == ("active", [number])
    assert episode["managingOrganization"] == {"reference": f"Organization/{HOSPITAL.number}"}
    assert client.get(f"/fhir/{own['reference']}").json() == episode
    taken(client, discharge(matter))
    (ended,) = found(client, "EpisodeOfCare", patient)
    assert (ended["status"], "end" in ended["period"]) == ("finished", True)


@pytest.mark.parametrize(("can", "answer"), [(True, "accepted"), (False, "rejected")])
def test_the_municipality_answers_for_a_stay(
    client: httpx.Client, *, can: bool, answer: str
) -> None:
    """The Task is asked, answered, and done with when the patient has gone."""
    matter = Matter(person())
    start = datetime.now(OSLO) + timedelta(days=1)
    patient = taken(client, admission(matter), discharge_ready(matter))
    (task,) = found(client, "Task", patient, code=ASKED)
    (stay,) = found(client, "Encounter", patient)
    assert task["id"] == stay["id"]
    assert task["focus"] == {"reference": f"Encounter/{stay['id']}"}
    assert (task["status"], "owner" in task) == ("requested", False)
    assert task["requester"] == {"reference": f"Organization/{HOSPITAL.number}"}
    focus = f"Encounter/{stay['id']}"
    owed = {"admission-report": "requested", "early-notice": "completed"}
    assert promised(client, patient, focus) == owed | {"capacity-answer": "requested"}

    taken(client, capacity_answer(matter, start if can else None))

    (answered,) = found(client, "Task", patient, code=ASKED)
    assert (answered["id"], answered["status"]) == (task["id"], answer)
    assert answered["owner"] == {"reference": f"Organization/{CASE_OFFICE.number}"}
    owed |= {"capacity-answer": "completed", "offer-ready": "requested"}
    assert promised(client, patient, focus) == owed
    taken(client, discharge(matter))
    (done,) = found(client, "Task", patient, code=ASKED)
    assert done["status"] == ("completed" if can else "cancelled")
    gone = {"admission-report": "cancelled", "offer-ready": "cancelled"}
    assert promised(client, patient, focus) == owed | gone | {"discharge-report": "requested"}


def test_a_question_is_a_chain_of_communications(client: httpx.Client) -> None:
    """The newest question waits until it is answered; entries are about their own message."""
    matter = Matter(person())
    patient = taken(client, inquiry(matter, text="Who?"))
    (asked,) = found(client, "Communication", patient)
    assert (asked["status"], asked["payload"]) == ("in-progress", [{"contentString": "Who?"}])
    assert asked["recipient"] == [{"reference": f"Organization/{HOSPITAL.number}"}]
    focus = f"Communication/{asked['id']}"
    assert promised(client, patient, focus) == {"inquiry-answer": "requested"}

    taken(client, reply(matter, text="We do."))

    told = {
        one["payload"][0]["contentString"]: one for one in found(client, "Communication", patient)
    }
    assert {text: one["status"] for text, one in told.items()} == {
        "Who?": "completed",
        "We do.": "completed",
    }
    assert told["We do."]["inResponseTo"] == [{"reference": focus}]
    assert promised(client, patient, focus) == {"inquiry-answer": "completed"}
    entries = timeline(client, patient)
    included = {e["fullUrl"] for e in entries if e["search"]["mode"] == "include"}
    targets = [e["resource"]["target"] for e in entries if e["search"]["mode"] == "match"]
    assert {target["reference"] for (target,) in targets} == included
    assert {url.rsplit("/", 1)[1] for url in included} == {one["id"] for one in told.values()}


def test_a_report_is_for_those_it_was_sent_to(client: httpx.Client) -> None:
    """A Composition has its entry's id and rights; a corrected one does not count any more."""
    matter = Matter(person())
    first = report("doctor-report", matter, "Epikrise", receivers=(GP,))
    patient = taken(client, admission(matter), first)
    (shown,) = found(client, "Composition", patient, GP.number)
    assert (shown["status"], shown["title"]) == ("final", "Epikrise")
    assert "Epikrise" not in shown["section"][0]["text"]["div"]
    assert found(client, "Composition", patient, "somebody-else") == []
    assert found(client, "Encounter", patient, NURSING.number)  # who was told of the stay alone
    for kind in ("Composition", "Provenance"):
        url = f"/fhir/{kind}/{shown['id']}"
        assert client.get(url, headers={"X-Carepath-Org": GP.number}).status_code == 200
        refused(client.get(url, headers={"X-Carepath-Org": NURSING.number}), 404)

    again = report(
        "doctor-report", matter, "Epikrise 2", activity="revise", target=message_id(first)
    )
    taken(client, again)

    by_title = {one["title"]: one for one in found(client, "Composition", patient)}
    assert (by_title["Epikrise"]["status"], by_title["Epikrise 2"]["status"]) == (
        "entered-in-error",
        "amended",
    )
    replaced = {"reference": f"Composition/{shown['id']}"}
    assert by_title["Epikrise 2"]["relatesTo"] == [
        {"code": "replaces", "targetReference": replaced}
    ]
    assert by_title["Epikrise"]["meta"]["versionId"] == "2"


def test_relatives_stay_known(client: httpx.Client) -> None:
    """One who is no longer named is not active; the id is the same through it all."""
    someone = person()
    patient = taken(client, relative_registered(someone))
    (before,) = found(client, "RelatedPerson", patient)
    assert (before["active"], before["patient"]) == (True, {"reference": f"Patient/{patient}"})
    assert before["name"][0]["text"]
    assert before["telecom"][0]["system"] == "phone"

    taken(client, relative_registered(someone, "Per"))

    after = {one["name"][0]["text"]: one for one in found(client, "RelatedPerson", patient)}
    assert {name: one["active"] for name, one in after.items()} == {
        before["name"][0]["text"]: False,
        "Per Lund": True,
    }
    assert after[before["name"][0]["text"]]["id"] == before["id"]


def test_an_entry_gets_a_version_when_its_marks_change(client: httpx.Client) -> None:
    """A cancelled message's Provenance says so; what it said before is in its history."""
    matter = Matter(person())
    ready = discharge_ready(matter)
    patient = taken(client, admission(matter), ready)
    entry = _of_event(found(client, "Provenance", patient), "discharge-ready")
    assert "text" not in entry  # sentences have a language

    taken(client, discharge_ready(matter, activity="cancel", target=message_id(ready)))

    url = f"/fhir/Provenance/{entry['id']}"
    versions = [e["resource"] for e in client.get(f"{url}/_history").json()["entry"]]
    assert [[tag["code"] for tag in one["meta"].get("tag", [])] for one in versions] == [
        ["cancelled"],
        [],
    ]
    assert client.get(f"{url}/_history/1").json() == entry
    assert client.get(url, headers={"X-Carepath-Org": CASE_OFFICE.number}).status_code == 200
    refused(client.get(url, headers={"X-Carepath-Org": GP.number}), 404)


def _of_event(entries: list[Resource], code: str) -> dict[str, Any]:
    return next(one for one in entries if one["activity"]["coding"][0]["code"] == code)
