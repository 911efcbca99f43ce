"""The CapabilityStatement claims exactly what works: all it claims is done here, and what it does not is refused."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fhir_mappings.indexing import indexed
from tests.integration import stories
from tests.integration.backport import subscription
from tests.integration.stories import (
    Matter,
    Resource,
    discharge_report,
    message_id,
    patient_identifier,
    person,
)
from tests.integration.stories.care import lasting_care
from tests.integration.subscribing import ask, put
from tests.integration.talk import FHIR, PROCESS, linked, post, refused, taken

STRICT = {"Prefer": "handling=strict"}
NOT_IN_OPEN_MODE = {("Organization", "partof"), ("Provenance", "agent-role")}
"""Nobody tells of an organisation's parent and function there."""
MATCHES_ALREADY = {
    ("Composition", "Composition:related-ref"),
    ("Task", "Task:focus"),
}
"""What leads there from the same type; all of the patient's are found anyway."""
PERSON_WITHIN = {"Provenance", "Appointment"}
"""Whose they are, is among their targets or participants."""
Claims = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def busy(server: str) -> Iterator[tuple[httpx.Client, str, Resource]]:
    """A server where everything has happened to one patient; one of its messages."""
    with httpx.Client(base_url=server, timeout=30, trust_env=False) as client:
        someone = person()
        chapters = (
            *(stories.hospital_stay, stories.referral_and_question),
            *(stories.the_person, lasting_care),
        )
        told = [message for chapter in chapters for message in chapter(someone)]
        matter = Matter(someone)
        report = discharge_report(matter)
        told += [report, discharge_report(matter, activity="revise", target=message_id(report))]
        patient = taken(client, *told)
        for endpoint in (None, "https://hook.example/carepath"):
            assert ask(client, subscription(endpoint)).status_code == 201
        yield client, patient, told[0]


def claims(client: httpx.Client) -> Claims:
    """What is claimed, by type."""
    (rest,) = client.get("/fhir/metadata").json()["rest"]
    return {resource["type"]: resource for resource in rest["resource"]}


def searched(claimed: Claims) -> Claims:
    """The types that can be searched; the access log has tests of its own."""
    found = {type_: one for type_, one in claimed.items() if "searchParam" in one}
    found.pop("AuditEvent")
    return found


def found(client: httpx.Client, type_: str, *query: tuple[str, str]) -> list[Resource]:
    """The resources of the first page of a strict search, and what is told of it."""
    answer = client.get(f"/fhir/{type_}", params=[*query, ("_count", "200")], headers=STRICT)
    assert answer.status_code == 200, (type_, query, answer.text)
    return [entry["resource"] for entry in answer.json().get("entry", ())]


def values(base: str, resource: Resource) -> dict[str, str]:
    """A value for every search parameter that the resource has one of."""
    told = indexed(resource, base)
    made = {
        name: f"{system}/{value}" if system.isalpha() else f"{system}|{value}" if system else value
        for name, system, value in told.values
        if value
    }
    texts = {name: _text(resource, name) for name in ("name", "criteria", "url")}
    made |= {name: text for name, text in texts.items() if text}
    made |= {
        name: f"{one.system}|{one.value}" for name, one in told.identifiers if name == "identifier"
    }
    made |= {name: f"ge{at.isoformat()}" for name, at, _ in told.dates if at}
    made |= {"_id": resource["id"], "_lastUpdated": resource["meta"]["lastUpdated"]}
    about = resource.get("subject") or resource.get("patient") or resource.get("for")
    person_ = about["reference"] if about else None
    return made | ({"patient": person_, "subject": person_} if person_ else {})


def _text(resource: Resource, name: str) -> str | None:
    channel: Resource = resource.get("channel", {})
    told = channel.get("endpoint") if name == "url" else resource.get(name)
    return told if isinstance(told, str) else None


def test_every_search_parameter_finds(busy: tuple[httpx.Client, str, Resource]) -> None:
    """By a value that some resource has, it finds that resource; none is claimed that nothing has."""
    client, patient, _ = busy
    for type_, claimed in searched(claims(client)).items():
        some = found(client, type_, *theirs(type_, claimed, patient))
        assert some, type_
        for parameter in claimed["searchParam"]:
            name = parameter["name"]
            having = [
                (one, told) for one in some if (told := _values(client, one, patient).get(name))
            ]
            if (type_, name) in NOT_IN_OPEN_MODE:
                assert found(client, type_, (name, "x")) == []
                continue
            assert having, f"{type_}.{name} is claimed, and nothing has it"
            resource, value = having[0]
            ids = [one["id"] for one in found(client, type_, (name, value))]
            assert resource["id"] in ids, (type_, name, value)
            missing = [one["id"] for one in found(client, type_, (f"{name}:missing", "true"))]
            assert resource["id"] not in missing, (type_, name)


def theirs(type_: str, claimed: dict[str, Any], patient: str) -> list[tuple[str, str]]:
    """The search for what there is of the patient, if the type is about patients."""
    names = {parameter["name"] for parameter in claimed["searchParam"]}
    return (
        [("_id", patient)] if type_ == "Patient" else [("patient", patient)] * ("patient" in names)
    )


def _values(client: httpx.Client, resource: Resource, patient: str) -> dict[str, str]:
    made = values(f"{client.base_url}fhir", resource)
    return made | (
        {"patient": f"Patient/{patient}"} if resource["resourceType"] in PERSON_WITHIN else {}
    )


def test_every_include_is_understood(busy: tuple[httpx.Client, str, Resource]) -> None:
    """Those that lead somewhere bring it along; each resource comes once, and none counts as a match."""
    client, patient, _ = busy
    for type_, claimed in searched(claims(client)).items():
        of = theirs(type_, claimed, patient)
        for kind, name in (("searchInclude", "_include"), ("searchRevInclude", "_revinclude")):
            for value in claimed.get(kind, ()):
                query = [*of, (name, value)]
                answer = client.get(f"/fhir/{type_}", params=query, headers=STRICT)
                assert answer.status_code == 200, (type_, value, answer.text)
                bundle = answer.json()
                assert (name, value) in httpx.URL(linked(bundle, "self")).params.multi_items()
                entries = bundle.get("entry", [])
                modes = [entry["search"]["mode"] for entry in entries]
                urls = [entry["fullUrl"] for entry in entries]
                assert len({*urls}) == len(urls)
                assert modes.count("match") == min(bundle["total"], 50)
                alone = value.endswith(":partof") or (type_, name) == ("Organization", "_include")
                if (type_, value) not in MATCHES_ALREADY or (type_, name) == ("Task", "_include"):
                    assert ("include" in modes) is not alone, (type_, name, value)


def asked_of(client: httpx.Client, patient: str, message: str) -> dict[str, str]:
    """Where each operation that is asked with GET answers."""
    (stay, *_) = found(client, "Encounter", ("patient", patient))
    return {
        "timeline": f"/fhir/Patient/{patient}/$timeline",
        "summary": f"/fhir/Patient/{patient}/$summary",
        "everything": f"/fhir/Patient/{patient}/$everything",
        "where": f"/fhir/MessageHeader/{message}/$where",
        "mailbox": "/fhir/$mailbox",
        "worklist": "/fhir/$worklist",
        "quiet": "/fhir/$quiet",
        "statistics": "/fhir/$statistics?start=2026-03&end=2026-03",
        "payment-days": f"/fhir/Encounter/{stay['id']}/$payment-days",
        "status": "/fhir/Subscription/$status",
        "access-log": f"/fhir/Patient/{patient}/$access-log",
        "events": f"/fhir/Subscription/{found(client, 'Subscription')[0]['id']}/$events",
    }


def test_every_interaction_and_operation_answers(
    busy: tuple[httpx.Client, str, Resource],
) -> None:
    """What one can do with a resource of each type, and besides."""
    client, patient, message = busy
    claimed = claims(client)
    for type_, one in searched(claimed).items():
        codes = {interaction["code"] for interaction in one["interaction"]}
        assert {"read", "vread", "history-instance", "search-type"} <= codes
        (some, *_) = found(client, type_)
        url = f"/fhir/{type_}/{some['id']}"
        assert client.get(url).json()["id"] == some["id"]
        assert client.get(f"{url}/_history/1").status_code == 200
        assert client.get(f"{url}/_history").json()["type"] == "history"
        assert client.head(url).status_code == 200
        etag = client.get(url).headers["etag"]
        assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
        assert client.post(f"/fhir/{type_}/_search", data={"_id": some["id"]}).json()["total"] == 1
    operations = asked_of(client, patient, message_id(message))
    (rest,) = client.get("/fhir/metadata").json()["rest"]
    named = {o["name"] for one in (*claimed.values(), rest) for o in one.get("operation", ())}
    posted = {"process-message", "confirm", "get-ws-binding-token", "break-glass"}
    for name in named - posted:
        headers = {"X-Carepath-Org": stories.HOSPITAL.number} if name == "mailbox" else {}
        answer = client.get(operations[name], headers=headers)
        assert answer.status_code == 200, (name, answer.text)
    assert post(client, message).status_code == 200
    assert posted <= named


def test_subscriptions_are_written(busy: tuple[httpx.Client, str, Resource]) -> None:
    """Created, changed and deleted, as claimed; no other type is, as not claimed."""
    client, _, _ = busy
    writing = {"create", "update", "delete"}
    for type_, one in claims(client).items():
        codes = {interaction["code"] for interaction in one.get("interaction", ())}
        assert codes & writing == (writing if type_ == "Subscription" else set()), type_
        if type_ in searched(claims(client)) and type_ != "Subscription":
            body = {"resourceType": type_}
            refused(client.post(f"/fhir/{type_}", json=body, headers={"Content-Type": FHIR}), 405)
            refused(client.put(f"/fhir/{type_}/x", json=body, headers={"Content-Type": FHIR}), 405)
            refused(client.delete(f"/fhir/{type_}/x"), 405)
    made = ask(client, subscription(None)).json()
    assert put(client, {**made, "status": "off"}).status_code == 200
    assert client.delete(f"/fhir/Subscription/{made['id']}").status_code in {200, 204}


UNCLAIMED = (
    *("name", "family", "birthdate", "telecom", "address", "phone", "title", "category", "text"),
    *("_text", "_content", "_profile", "_tag", "_list", "_has:Task:focus:status", "no-such"),
)


def test_what_is_not_claimed_is_refused_when_strict(
    busy: tuple[httpx.Client, str, Resource],
) -> None:
    """Parameters, orders, includes, addresses and operations; lenient ignores the parameters."""
    client, _, message = busy
    secret = patient_identifier(message)["value"]
    for type_, one in searched(claims(client)).items():
        known = {parameter["name"] for parameter in one["searchParam"]}
        refs = {p["name"] for p in one["searchParam"] if p["type"] == "reference"}
        queries = [(name, secret) for name in UNCLAIMED if name not in known]
        queries += [("_sort", name) for name in ("no-such", *refs)]
        queries += [("_include", f"{type_}:no-such"), ("_revinclude", "Task:status")]
        for name, value in queries:
            strict = client.get(f"/fhir/{type_}", params={name: value}, headers=STRICT)
            (issue,) = refused(strict, 400)
            assert issue["expression"] == [f"http.{name}"]
            assert secret not in strict.text
            lenient = client.get(f"/fhir/{type_}", params={name: value, "_count": "0"})
            assert [*httpx.URL(linked(lenient.json(), "self")).params] == ["_count"]
        refused(client.get(f"/fhir/{type_}/_history"), 404)
        refused(client.get(f"/fhir/{type_}/x/$validate"), 404)
        refused(client.patch(f"/fhir/{type_}/x"), 405)
    refused(client.get("/fhir/Observation"), 404)
    refused(client.get(PROCESS), 405)
