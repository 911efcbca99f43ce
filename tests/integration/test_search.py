"""Reading over HTTP: versions, search and its pages, the timeline. Each test uses patients of its own."""

import re

import httpx
import pytest

from tests.integration import stories
from tests.integration.stories import (
    Matter,
    Resource,
    admission,
    discharge,
    discharge_ready,
    patient_identifier,
    person,
)
from tests.integration.talk import linked, refused, taken


def test_conditional_read(client: httpx.Client) -> None:
    """304 for the version that is known; vread gives the very bytes of a version."""
    patient = taken(client, admission(Matter(person())))
    url = f"/fhir/Patient/{patient}"

    read = client.get(url)

    etag, modified = read.headers["etag"], read.headers["last-modified"]
    assert etag == f'W/"{read.json()["meta"]["versionId"]}"'
    for known in ({"If-None-Match": etag}, {"If-None-Match": "*"}, {"If-Modified-Since": modified}):
        answer = client.get(url, headers=known)
        assert (answer.status_code, answer.content) == (304, b""), known
    assert client.get(url, headers={"If-None-Match": 'W/"99"'}).status_code == 200
    assert client.get(f"{url}/_history/1").content == read.content
    refused(client.get(f"{url}/_history/99"), 404)


def test_history_is_newest_first_in_pages(client: httpx.Client) -> None:
    """Every version of the stay, by the next links."""
    matter = Matter(person())
    patient = taken(client, admission(matter), discharge_ready(matter), discharge(matter))
    stay = client.get("/fhir/Encounter", params={"patient": patient}).json()
    url = stay["entry"][0]["fullUrl"]

    bundles = [client.get(f"{url}/_history?_count=2").json()]
    while next_url := linked(bundles[-1], "next"):
        bundles.append(client.get(next_url).json())

    shown = [entry["resource"] for bundle in bundles for entry in bundle["entry"]]
    versions = [version["meta"]["versionId"] for version in shown]
    assert len(versions) == bundles[0]["total"] > 1
    assert versions == [str(n) for n in range(len(versions), 0, -1)]


def test_search_pages_give_everything_once(client: httpx.Client) -> None:
    """Absolute next links to the end; total counts the matches on all pages; none repeats an identifier."""
    someone = person()
    patients = taken(client, *(stories.referral(Matter(someone)) for _ in range(5)))
    first = client.get("/fhir/ServiceRequest", params={"patient": patients, "_count": "2"}).json()

    ids, bundle = [entry["resource"]["id"] for entry in first["entry"]], first
    while url := linked(bundle, "next"):
        assert patients not in url
        bundle = client.get(url).json()
        ids += [entry["resource"]["id"] for entry in bundle["entry"]]

    assert len(ids) == len(set(ids)) == first["total"] == 5
    assert "_count=2" in linked(first, "self")
    assert all(entry["search"]["mode"] == "match" for entry in first["entry"])


def test_search_by_form_is_the_same_search(client: httpx.Client) -> None:
    """POST _search, for what must not stand in a URL."""
    patient = taken(client, admission(Matter(person())))
    form = client.post(
        "/fhir/Encounter/_search", data={"patient": patient, "status": "in-progress"}
    )
    query = client.get("/fhir/Encounter", params={"patient": patient, "status": "in-progress"})

    assert form.json()["total"] == 1
    assert form.json()["entry"] == query.json()["entry"]
    assert patient not in linked(form.json(), "self")
    assert client.get(linked(form.json(), "self")).json()["entry"] == form.json()["entry"]


def test_count_alone(client: httpx.Client) -> None:
    """``_count=0`` and ``_summary=count`` give the total and no entries, not even an empty array."""
    patient = taken(client, admission(Matter(person())))
    for control in ({"_count": "0"}, {"_summary": "count"}):
        bundle = client.get("/fhir/Encounter", params={"patient": patient, **control}).json()
        assert (bundle["total"], "entry" in bundle) == (1, False)


def test_nothing_found_is_an_empty_searchset(client: httpx.Client) -> None:
    """200 without an entry array."""
    bundle = client.get("/fhir/Patient", params={"identifier": "urn:x|none"}).json()

    assert (bundle["type"], bundle["total"], "entry" in bundle) == ("searchset", 0, False)


def test_unknown_parameters(client: httpx.Client) -> None:
    """Lenient: ignored and absent from the self link. Strict: 400."""
    lenient = client.get("/fhir/Patient?no-such=1&_count=0")
    strict = client.get("/fhir/Patient?no-such=1", headers={"Prefer": "handling=strict"})

    assert "no-such" not in linked(lenient.json(), "self")
    refused(strict, 400)


@pytest.mark.parametrize(
    "query",
    [
        "Encounter?date=2026-13",
        "Encounter?date=2026-02-14T02:10",
        "Encounter?date=xx2026",
        "Encounter?date=9999-12-31",
        "Encounter?status:below=a",
        "Encounter?patient=Group/1",
        "Patient?_count=-1",
        "Patient?_count=many",
        "Patient?identifier=|",
        "Encounter?status:missing=perhaps",
        "Encounter?patient.name=Kari",
        "Encounter?_summary=some",
        "Encounter?_total=roughly",
        "Encounter?_elements=a;b",
        "Patient?identifier=%00",
        "Patient?_continue=abc",
        "Patient?_lastUpdated=yesterday",
    ],
)
def test_bad_search_values_are_named(client: httpx.Client, query: str) -> None:
    """400 that names the parameter."""
    (issue,) = refused(client.get(f"/fhir/{query}"), 400)

    name = re.split("[:.=]", query.partition("?")[2])[0]
    assert issue["expression"] == [f"http.{name}"]


def shown(bundle: Resource, mode: str = "match") -> list[str]:
    """The resources of a page, as ``Type/id``."""
    entries = [entry for entry in bundle.get("entry", ()) if entry["search"]["mode"] == mode]
    return ["/".join(entry["fullUrl"].rsplit("/", 2)[1:]) for entry in entries]


def test_pages_keep_their_order_and_what_comes_along(client: httpx.Client) -> None:
    """Sorted by several keys; the next page includes what it leads to, and is asked for in the same format."""
    someone = person()
    patient = taken(client, *(stories.referral(Matter(someone)) for _ in range(3)))
    whose = {"patient": patient, "code": f"{stories.systems.PATHWAY_EVENT}|referral"}
    query = {
        "_sort": "-authored-on,_id",
        "_include": "Task:focus",
        "_count": "2",
        "_format": "json",
    }
    page = client.get("/fhir/Task", params={**whose, **query}).json()
    found, included = shown(page), shown(page, "include")
    assert page["total"] == 3

    assert "_format=json" in linked(page, "next")
    page = client.get(linked(page, "next")).json()
    found += shown(page)
    included += shown(page, "include")

    every = client.get("/fhir/Task", params={**whose, "_sort": "-authored-on,_id"})
    assert found == shown(every.json())
    assert sorted(included) == sorted(one.replace("Task", "ServiceRequest") for one in found)
    assert not linked(page, "next")


def test_by_identifier_of_the_patient(client: httpx.Client) -> None:
    """Chained: integrators know national ids, not ours; by POST it stays out of every address."""
    told = admission(Matter(person()))
    patient = taken(client, told)
    identifier = patient_identifier(told)
    token = f"{identifier['system']}|{identifier['value']}"

    for name in ("patient.identifier", "subject:Patient.identifier"):
        bundle = client.post("/fhir/Encounter/_search", data={name: token}).json()
        assert bundle["total"] == 1
        assert identifier["value"] not in linked(bundle, "self")
        (stay,) = bundle["entry"]
        assert stay["resource"]["subject"] == {"reference": f"Patient/{patient}"}


def test_parts_of_resources_say_that_they_are(client: httpx.Client) -> None:
    """``_summary`` and ``_elements``; the whole resource is as it was."""
    patient = taken(client, admission(Matter(person())))
    for control in ({"_summary": "true"}, {"_summary": "data"}, {"_elements": "period"}):
        bundle = client.get("/fhir/Encounter", params={"patient": patient, **control}).json()
        (stay,) = (entry["resource"] for entry in bundle["entry"])
        assert stay["meta"]["tag"][-1]["code"] == "SUBSETTED"
        assert ("period" in stay) is ("true" not in control.values())
        assert {"status", "class"} <= {*stay}
        whole = client.get(f"/fhir/Encounter/{stay['id']}").json()
        assert "tag" not in whole["meta"]


def test_matches_are_counted_unless_nobody_wants_to_know(client: httpx.Client) -> None:
    """``_total=none`` tells no number."""
    patient = taken(client, admission(Matter(person())))
    for wanted, told in (("none", False), ("estimate", True), ("accurate", True)):
        params = {"patient": patient, "_total": wanted}
        assert ("total" in client.get("/fhir/Encounter", params=params).json()) is told


def test_a_head_request_is_answered(client: httpx.Client) -> None:
    """As GET, without the body."""
    answer = client.head("/fhir/Encounter?_count=1")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize(
    ("prefer", "status"),
    [
        ("handling=strict", 400),
        ('return=minimal, Handling="strict"', 400),
        ("handling=lenient", 200),
        ("handling=stricter", 200),
    ],
)
def test_how_a_preference_is_written(client: httpx.Client, prefer: str, status: int) -> None:
    """RFC 7240: several with commas, names in any case, values in quotes or not."""
    answer = client.get("/fhir/Patient?no-such=1&_count=0", headers={"Prefer": prefer})
    assert answer.status_code == status


def test_timeline_speaks_the_readers_language(client: httpx.Client) -> None:
    """Norwegian or English, oldest first, then the stay as it stands."""
    matter = Matter(person())
    patient = taken(client, admission(matter), discharge(matter))

    answers = {
        language: client.get(
            f"/fhir/Patient/{patient}/$timeline", headers={"Accept-Language": language}
        )
        for language in ("nb", "en")
    }

    for language, answer in answers.items():
        assert answer.headers["content-language"] == language
        modes = [entry["search"]["mode"] for entry in answer.json()["entry"]]
        assert modes == ["match", "match", "include"]
    texts = {answer.json()["entry"][0]["resource"]["text"]["div"] for answer in answers.values()}
    assert len(texts) == 2


def test_timeline_as_of_a_moment(client: httpx.Client) -> None:
    """What was known then, with the stay as it stood."""
    matter = Matter(person())
    patient = taken(client, admission(matter))
    url = f"/fhir/Patient/{patient}/$timeline"
    (entry, stay) = client.get(url).json()["entry"]
    taken(client, discharge(matter))
    known = entry["resource"]["meta"]["lastUpdated"]

    then = client.get(url, params={"asOf": known}).json()

    assert [e["resource"]["id"] for e in then["entry"]] == [
        entry["resource"]["id"],
        stay["resource"]["id"],
    ]
    assert then["entry"][1]["resource"]["status"] == "in-progress"
    assert client.get(url).json()["total"] == 2
    assert client.get(url, params={"asOf": "2020-01-01"}).json()["total"] == 0
    refused(client.get(url, params={"asOf": "2026-02-14T02:10:00"}), 400)
