"""``Patient/$everything``: all that one may see of a patient, in pages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.integration.stories import (
    CASE_OFFICE,
    NURSING,
    OSLO,
    Matter,
    Resource,
    admission,
    discharge_report,
    early_notice,
    inquiry,
    person,
    referral,
    relative_registered,
)
from tests.integration.talk import FHIR, linked, refused, taken

PROMISE_KIND = "https://carepath.example/fhir/CodeSystem/promise-kind"
KINDS = {
    "Patient",
    "RelatedPerson",
    "Encounter",
    "EpisodeOfCare",
    "Task",
    "Communication",
    "Composition",
    "Provenance",
}
STAYS = {"admission-report", "early-notice"}
"""What the stay promises."""


@pytest.fixture
def patient(client: httpx.Client) -> str:
    """A stay with its report, a question and a relative."""
    matter = Matter(person())
    asked = inquiry(Matter(matter.patient), sender=CASE_OFFICE)
    told = relative_registered(matter.patient)
    return taken(client, admission(matter), discharge_report(matter), asked, told)


def shown(bundle: Resource, mode: str = "match") -> list[Resource]:
    """The resources of a page that are there for this reason."""
    entries = bundle.get("entry", [])
    return [entry["resource"] for entry in entries if entry["search"]["mode"] == mode]


def kinds(bundle: Resource) -> set[str]:
    """The types that match."""
    return {one["resourceType"] for one in shown(bundle)}


def owed(bundle: Resource) -> set[str]:
    """What is promised, by the Tasks that match; others may match, too."""
    codings = [one["code"]["coding"][0] for one in shown(bundle) if one["resourceType"] == "Task"]
    return {one["code"] for one in codings if one["system"] == PROMISE_KIND}


def promised(bundle: Resource) -> set[str]:
    """The same where there are no others, and one of each."""
    codings = [one["code"]["coding"][0] for one in shown(bundle) if one["resourceType"] == "Task"]
    assert {one["system"] for one in codings} <= {PROMISE_KIND}
    kinds = {one["code"] for one in codings}
    assert len(kinds) == len(codings)
    return kinds


def everything(client: httpx.Client, patient: str, viewer: str = "", **asked: Any) -> Resource:
    """The first page."""
    headers = {"X-Carepath-Org": viewer} if viewer else {}
    answer = client.get(f"/fhir/Patient/{patient}/$everything", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    bundle: Resource = answer.json()
    return bundle


def test_everything_is_there_once(client: httpx.Client, patient: str) -> None:
    """The patient first, then all the rest; every Organization that is referred to comes with it."""
    bundle = everything(client, patient)

    matches = shown(bundle)
    assert kinds(bundle) == KINDS
    assert promised(bundle) == STAYS | {"inquiry-answer"}
    assert matches[0]["id"] == patient
    assert len({(one["resourceType"], one["id"]) for one in matches}) == bundle["total"]
    named = {one["id"] for one in shown(bundle, "include")}
    assert {one["sender"]["reference"] for one in matches if "sender" in one} <= {
        f"Organization/{id_}" for id_ in named
    }
    for one in matches:
        alone = client.get(f"/fhir/{one['resourceType']}/{one['id']}")
        assert alone.json() == one


def test_pages_give_the_same(client: httpx.Client, patient: str) -> None:
    """By the next links, in one order."""
    whole = everything(client, patient)
    page = everything(client, patient, _count="2")
    found = shown(page)
    while url := linked(page, "next"):
        page = client.get(url).json()
        found += shown(page)
    assert found == shown(whole)
    assert "_count=2" in linked(page, "self")


def test_one_sees_ones_own(client: httpx.Client, patient: str) -> None:
    """By the rights of each resource; whoever has none does not know the patient."""
    nursing = everything(client, patient, NURSING.number)
    office = everything(client, patient, CASE_OFFICE.number)
    assert "Composition" in kinds(nursing)
    assert "Communication" not in kinds(nursing)
    assert kinds(office) == {"Patient", "RelatedPerson", "Task", "Communication", "Provenance"}
    assert promised(nursing) == STAYS  # a promise is seen by those who see its matter
    assert promised(office) == {"inquiry-answer"}
    stranger = {"X-Carepath-Org": "stranger"}
    refused(client.get(f"/fhir/Patient/{patient}/$everything", headers=stranger), 404)
    refused(client.get("/fhir/Patient/nobody/$everything"), 404)


def test_only_some_types(client: httpx.Client, patient: str) -> None:
    """Those that are asked for; one that FHIR has and we have not is nowhere to be found."""
    bundle = everything(client, patient, _type="Encounter,Provenance,Observation")
    assert kinds(bundle) == {"Encounter", "Provenance"}
    assert not shown(bundle, "include")
    assert shown(everything(client, patient, _type="Encounter,Organization"), "include")
    assert everything(client, patient, _type="Observation")["total"] == 0


def test_only_what_has_changed(client: httpx.Client, patient: str) -> None:
    """Since a moment."""
    before = datetime.now(UTC) - timedelta(minutes=5)
    assert kinds(everything(client, patient, _since=before.isoformat())) == KINDS
    after = datetime.now(UTC) + timedelta(minutes=5)
    assert everything(client, patient, _since=after.isoformat())["total"] == 0


def test_only_care_of_a_time(client: httpx.Client) -> None:
    """By when care was given: the person is there whenever it was, and a stay while it lasts."""
    now = datetime.now(OSLO)
    matter = Matter(person(), now - timedelta(days=10))
    asked = inquiry(Matter(matter.patient), happened=now - timedelta(days=2))
    patient = taken(client, admission(matter, happened=now - timedelta(days=10)), asked)

    def day(ago: int) -> str:
        return (now - timedelta(days=ago)).date().isoformat()

    stay = {"Patient", "Encounter", "EpisodeOfCare"}
    assert kinds(everything(client, patient, end=day(11))) == {"Patient"}
    early = everything(client, patient, end=day(5))
    assert kinds(early) == stay | {"Task", "Provenance"}
    assert promised(early) == STAYS
    between = everything(client, patient, start=day(5), end=day(4))
    assert kinds(between) == stay | {"Task"}
    assert promised(between) == STAYS  # what is owed goes on until it is settled
    late = everything(client, patient, start=day(5))
    assert kinds(late) == stay | {"Task", "Communication", "Provenance"}
    assert promised(late) == STAYS | {"inquiry-answer"}
    assert late["total"] == len(shown(late))


def test_what_was_asked_is_there_until_it_was_settled(client: httpx.Client) -> None:
    """A notice that was given, and a referral that was answered, are over; what is still owed is not."""
    now = datetime.now(OSLO)

    def day(ago: int) -> str:
        return (now - timedelta(days=ago)).date().isoformat()

    begun, ended = now - timedelta(days=10), now - timedelta(days=8)
    stay, asked = Matter(person(), begun), Matter(person())
    told = early_notice(stay, now.date(), happened=ended, written=ended)
    patient = taken(client, admission(stay, happened=begun), told)
    assert owed(everything(client, patient, start=day(9))) >= STAYS
    late = owed(everything(client, patient, start=day(7)))
    assert "early-notice" not in late
    assert "admission-report" in late
    referred = taken(client, referral(asked, happened=begun))
    orders = {"_type": "ServiceRequest,Task"}
    assert "ServiceRequest" in kinds(everything(client, referred, start=day(7), **orders))
    taken(client, referral(asked, "referral-rejected", happened=ended, written=ended))
    assert "ServiceRequest" in kinds(everything(client, referred, start=day(9), **orders))
    assert "ServiceRequest" not in kinds(everything(client, referred, start=day(7), **orders))


def test_parameters_by_post(client: httpx.Client, patient: str) -> None:
    """The same as in the address."""
    asked = [{"name": "_type", "valueCode": kind} for kind in ("Encounter", "Patient")]
    body = {
        "resourceType": "Parameters",
        "parameter": [*asked, {"name": "_count", "valueInteger": 1}],
    }
    url = f"/fhir/Patient/{patient}/$everything"

    page = client.post(url, json=body, headers={"Content-Type": FHIR}).json()

    assert kinds(page) == {"Patient"}
    assert kinds(client.get(linked(page, "next")).json()) == {"Encounter"}
    assert client.post(url).json()["total"] == everything(client, patient)["total"]


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"_type": "Foo"}, "_type"),
        ({"_type": "HumanName"}, "_type"),
        ({"_since": "yesterday"}, "_since"),
        ({"start": "2026-13-01"}, "start"),
        ({"end": "x"}, "end"),
        ({"start": "2026-02-02", "end": "2026-02-01"}, "end"),
        ({"start": ["2026-01-01", "2026-01-02"]}, "start"),
        ({"_count": "-1"}, "_count"),
        ({"_count": "many"}, "_count"),
        ({"_page": "Foo/1"}, "_page"),
        ({"_page": "Encounter"}, "_page"),
    ],
)
def test_bad_parameters_are_named(
    client: httpx.Client, patient: str, asked: dict[str, Any], where: str
) -> None:
    """400, and which one it is."""
    answer = client.get(f"/fhir/Patient/{patient}/$everything", params=asked)
    assert {issue["expression"][0] for issue in refused(answer, 400)} == {f"http.{where}"}


def test_unknown_parameters_are_refused_when_strict(client: httpx.Client, patient: str) -> None:
    """And ignored otherwise."""
    url = f"/fhir/Patient/{patient}/$everything?colour=red"
    assert client.get(url).status_code == 200
    refused(client.get(url, headers={"Prefer": "handling=strict"}), 400)
