"""How Subscriptions stand, and what was missed: ``$status``, ``$events``, and the messages themselves."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.integration import backport, stories
from tests.integration.backport import numbers, parameter, subscription
from tests.integration.stories import Matter, Resource, admission, discharge, person
from tests.integration.subscribing import NURSING, URL, about, ask, counted, put
from tests.integration.talk import FHIR, linked, refused, taken

# --- how it stands


def test_status_is_a_searchset(client: httpx.Client, followed: tuple[str, Resource]) -> None:
    """One Parameters with an id; GET and POST, whatever the parameters."""
    id_, _ = followed
    answers = [
        client.get(f"{URL}/{id_}/$status?status=off"),
        client.post(f"{URL}/{id_}/$status"),
        client.post(
            f"{URL}/{id_}/$status",
            content=json.dumps({"resourceType": "Parameters"}),
            headers={"Content-Type": FHIR},
        ),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        bundle = answer.json()
        (entry,) = bundle["entry"]
        resource = entry["resource"]
        assert (bundle["type"], bundle["total"]) == ("searchset", 1)
        assert entry["fullUrl"] == f"urn:uuid:{resource['id']}"
        assert resource["meta"]["profile"] == [backport.STATUS]
        reference = parameter(resource, "subscription")["reference"]
        assert reference.endswith(f"/fhir/Subscription/{id_}")
        assert parameter(resource, "topic") == backport.TOPIC
        assert parameter(resource, "status") == "active"
        assert parameter(resource, "type") == "query-status"
        assert parameter(resource, "events-since-subscription-start") == "0"


def parameters(**told: list[str]) -> str:
    """Parameters of ``$status``."""
    kinds = {"id": "valueId", "status": "valueCode"}
    listed = [
        {"name": name, kinds[name]: value} for name, values in told.items() for value in values
    ]
    return json.dumps({"resourceType": "Parameters", "parameter": listed})


def test_statuses_of_several(client: httpx.Client) -> None:
    """By id, by status, both; any of the values; only what the caller may see."""
    mine = {"X-Carepath-Org": "status-of-several"}
    ids = [ask(client, subscription(None), **mine).json()["id"] for _ in range(3)]
    put(client, {**subscription(None), "id": ids[2], "status": "off"}, **mine)
    theirs = ask(client, subscription(None), **NURSING).json()["id"]

    def told(query: str = "") -> set[str]:
        bundle = client.get(f"{URL}/$status{query}", headers=mine).json()
        return names(bundle)

    def names(bundle: Resource) -> set[str]:
        found = [entry["resource"] for entry in bundle.get("entry", ())]
        assert bundle["total"] == len(found)
        return {parameter(one, "subscription")["reference"].split("/")[-1] for one in found}

    assert told() == {*ids}
    assert told(f"?id={ids[0]}&id={ids[2]}") == {ids[0], ids[2]}
    assert told(f"?id={ids[0]},{theirs}") == {ids[0]}
    assert told("?status=off") == {ids[2]}
    assert told("?status=off&status=active") == {*ids}
    assert told(f"?id={ids[0]}&status=off") == set()
    posted = client.post(
        f"{URL}/$status",
        content=parameters(id=ids[1:], status=["off"]),
        headers={"Content-Type": FHIR, **mine},
    )
    assert names(posted.json()) == {ids[2]}
    refused(client.get(f"{URL}/$status?status=asleep"), 400)
    refused(client.get(f"{URL}/$status?x=1", headers={"Prefer": "handling=strict"}), 400)
    assert client.get(f"{URL}/$status?x=1", headers=mine).status_code == 200


# --- what was missed


def test_events_are_told_again(client: httpx.Client, followed: tuple[str, Resource]) -> None:
    """Each with its number, what it is about and the message itself; a read there gives the same."""
    id_, patient = followed
    matter = Matter(patient)
    key = taken(client, admission(matter), discharge(matter))
    counted(client, id_, 2)

    bundle = client.get(f"{URL}/{id_}/$events").json()

    first, *others = bundle["entry"]
    assert (bundle["type"], "total" in bundle) == ("history", False)
    assert bundle["meta"]["profile"] == [backport.NOTIFICATION]
    assert first["request"] == {
        "method": "GET",
        "url": f"{client.base_url}/fhir/Subscription/{id_}/$status",
    }
    assert parameter(first["resource"], "type") == "query-event"
    assert numbers(bundle) == [1, 2]
    referred = list(references(first["resource"]))
    urls = [entry["fullUrl"] for entry in others]
    assert [url.split("/")[-2] for url in referred] == ["Encounter", "Bundle"] * 2
    assert len(urls) == 3
    assert {*urls} == {*referred}
    for entry in others:
        read = client.get(entry["fullUrl"])
        assert entry["response"] == {"status": "200"}
        assert entry["request"] == {"method": "GET", "url": entry["fullUrl"]}
        assert read.json() == entry["resource"]
        assert key in read.text or entry["resource"]["resourceType"] == "Bundle"


def references(status_: Resource) -> Iterator[str]:
    """The focus and the additional context of each event."""
    for one in status_["parameter"]:
        parts = {part["name"]: part for part in one.get("part", ())}
        for name in ("focus", "additional-context"):
            if name in parts:
                yield parts[name]["valueReference"]["reference"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [1, 2, 3]),
        ("eventsSinceNumber=2", [2, 3]),
        ("eventsUntilNumber=2", [1, 2]),
        ("eventsSinceNumber=2&eventsUntilNumber=2", [2]),
        ("eventsSinceNumber=0", [1, 2, 3]),
        ("eventsSinceNumber=4", []),
        ("eventsSinceNumber=3&eventsUntilNumber=2", []),
        ("eventsUntilNumber=99", [1, 2, 3]),
    ],
)
def test_both_numbers_are_included(
    client: httpx.Client, three: str, query: str, expected: list[int]
) -> None:
    """As the operation's definition has it."""
    answer = client.get(f"{URL}/{three}/$events?{query}")

    assert numbers(answer.json()) == expected
    assert linked(answer.json(), "next") == ""


@pytest.fixture(scope="module")
def three(server: str) -> Iterator[str]:
    """A Subscription that had three events."""
    with httpx.Client(base_url=server, timeout=20, trust_env=False) as client:
        patient = person()
        wanted = subscription(None, about(patient), content="id-only")
        id_ = ask(client, wanted).json()["id"]
        taken(client, *(stories.referral(Matter(patient)) for _ in range(3)))
        counted(client, id_, 3)
        yield id_


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("eventsSinceNumber=one", "eventsSinceNumber"),
        ("eventsSinceNumber=-1", "eventsSinceNumber"),
        ("eventsUntilNumber=1.5", "eventsUntilNumber"),
        ("eventsUntilNumber=1&eventsUntilNumber=2", "eventsUntilNumber"),
        ("content=all", "content"),
    ],
)
def test_bad_numbers_are_named(client: httpx.Client, three: str, query: str, name: str) -> None:
    """400 with the parameter."""
    (issue,) = refused(client.get(f"{URL}/{three}/$events?{query}"), 400)

    assert issue["expression"] == [f"http.{name}"]


@pytest.mark.parametrize(
    ("content", "focus", "resources"),
    [
        ("", True, False),
        ("id-only", True, False),
        ("empty", False, False),
        ("full-resource", True, False),
    ],
)
def test_content_is_never_more_than_subscribed_to(
    client: httpx.Client, three: str, content: str, focus: bool, resources: bool
) -> None:
    """A hint may ask for less."""
    query = f"?content={content}" if content else ""
    bundle = client.get(f"{URL}/{three}/$events{query}").json()

    told = json.dumps(bundle["entry"][0])
    assert ('"focus"' in told, '"additional-context"' in told) == (focus, focus)
    assert ('"topic"' in told) == focus
    assert len(bundle["entry"]) == (7 if focus else 1)
    assert any("resource" in entry for entry in bundle["entry"][1:]) == resources


def test_events_by_parameters(client: httpx.Client, three: str) -> None:
    """POST is the same as GET."""
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "eventsSinceNumber", "valueString": "2"},
            {"name": "content", "valueCode": "empty"},
        ],
    }
    answer = client.post(
        f"{URL}/{three}/$events", content=json.dumps(body), headers={"Content-Type": FHIR}
    )

    assert numbers(answer.json()) == [2, 3]
    wrong: dict[str, Any] = {"name": "eventsSinceNumber", "valuePeriod": {"start": "2026"}}
    refused(
        client.post(
            f"{URL}/{three}/$events",
            content=json.dumps({**body, "parameter": [wrong]}),
            headers={"Content-Type": FHIR},
        ),
        422,
    )


def test_many_events_come_in_pages(client: httpx.Client, followed: tuple[str, Resource]) -> None:
    """The link tells where to go on."""
    id_, patient = followed
    sent = 105
    taken(client, *(stories.referral(Matter(patient)) for _ in range(sent)))
    counted(client, id_, sent)

    bundles = [client.get(f"{URL}/{id_}/$events?content=empty&eventsUntilNumber=104").json()]
    while url := linked(bundles[-1], "next"):
        bundles.append(client.get(url).json())

    assert [n for bundle in bundles for n in numbers(bundle)] == [*range(1, 105)]
    assert len(bundles) > 1


def test_a_message_is_read_by_its_receiver(client: httpx.Client) -> None:
    """As it was sent, with the id of its place in the feed."""
    matter = Matter(person())
    wanted = subscription(None, about(matter.patient), content="id-only")
    id_ = ask(client, wanted, **NURSING).json()["id"]
    message = admission(matter)
    taken(client, message)
    counted(client, id_, 1)
    bundle = client.get(f"{URL}/{id_}/$events", headers=NURSING).json()
    url = next(e["fullUrl"] for e in bundle["entry"] if "/Bundle/" in e["fullUrl"])

    read = client.get(url, headers=NURSING)

    assert read.status_code == 200
    assert read.json()["id"] == url.rpartition("/")[2]
    assert read.json() | {"id": message["id"]} == message
    refused(client.get(url, headers={"X-Carepath-Org": stories.GP.number}), 404)
    refused(client.get("/fhir/Bundle/nothing"), 404)
