"""Subscriptions over HTTP: asking for them, changing them, how they stand, and what was missed."""

import json

import httpx
import pytest

from tests.integration import backport, stories
from tests.integration.backport import SUBSCRIPTION, subscription
from tests.integration.stories import Resource
from tests.integration.subscribing import NURSING, URL, about, ask, put
from tests.integration.talk import FHIR, refused


def test_create_is_as_the_standard_has_it(client: httpx.Client) -> None:
    """201 with Location, ETag, Last-Modified and the resource, which is then read there."""
    made = ask(client, subscription(None, "event=admission"))

    created = made.json()
    assert made.status_code == 201, made.text
    assert made.headers["etag"] == 'W/"1"'
    assert made.headers["location"].endswith(f"/fhir/Subscription/{created['id']}/_history/1")
    assert client.get(made.headers["location"]).content == made.content
    read = client.get(f"{URL}/{created['id']}")
    assert (read.content, read.headers["etag"]) == (made.content, 'W/"1"')
    assert read.headers["last-modified"] == made.headers["last-modified"]
    assert created["status"] == "active"
    assert created["meta"]["versionId"] == "1"
    assert created["channel"] == subscription(None)["channel"]


@pytest.mark.parametrize(
    ("prefer", "gives"),
    [
        ("return=minimal", None),
        ("return=representation", "Subscription"),
        ("return=OperationOutcome", "OperationOutcome"),
        ("respond-async", "Subscription"),
    ],
)
def test_the_answer_is_what_is_preferred(
    client: httpx.Client, prefer: str, gives: str | None
) -> None:
    """For create and update alike."""
    made = ask(client, subscription(None), Prefer=prefer)
    id_ = made.headers["location"].split("/")[-3]
    changed = put(client, {**subscription(None), "id": id_}, Prefer=prefer)

    assert (made.status_code, changed.status_code) == (201, 200)
    for answer in (made, changed):
        assert (answer.json()["resourceType"] if answer.content else None) == gives


def test_update_makes_a_version(client: httpx.Client, followed: tuple[str, Resource]) -> None:
    """Off, and on again: the history has all of it."""
    id_, patient = followed
    wanted = {**subscription(None, about(patient)), "id": id_}

    off = put(client, {**wanted, "status": "off"}, **{"If-Match": 'W/"1"'})
    on = put(client, wanted, **{"If-Match": off.headers["etag"]})

    assert (off.status_code, off.json()["status"], off.headers["etag"]) == (200, "off", 'W/"2"')
    assert (on.status_code, on.json()["status"], on.headers["etag"]) == (200, "active", 'W/"3"')
    history = client.get(f"{URL}/{id_}/_history").json()
    assert [entry["resource"]["status"] for entry in history["entry"]] == [
        "active",
        "off",
        "active",
    ]
    late = refused(put(client, wanted, **{"If-Match": 'W/"2"'}), 412)
    assert late[0]["code"] == "conflict"
    refused(put(client, wanted, **{"If-Match": "whatever"}), 400)


def test_what_cannot_be_updated(client: httpx.Client, followed: tuple[str, Resource]) -> None:
    """400 for another id than the address's, 405 where there is nothing."""
    id_, _ = followed
    other = client.put(
        f"{URL}/{id_}",
        content=json.dumps({**subscription(None), "id": "another"}),
        headers={"Content-Type": FHIR},
    )
    (issue,) = refused(other, 400)
    assert issue["expression"] == ["Subscription.id"]
    refused(put(client, {**subscription(None), "id": "nobodys"}), 405)
    refused(put(client, {**subscription(None), "id": id_}, **NURSING), 405)


def test_delete_is_for_good(client: httpx.Client) -> None:
    """204 as often as it is said; then 410 and its history."""
    id_ = ask(client, subscription(None)).json()["id"]

    for _ in range(2):
        assert client.delete(f"{URL}/{id_}").status_code == 204
    refused(client.get(f"{URL}/{id_}"), 410)
    refused(client.get(f"{URL}/{id_}/$status"), 410)
    refused(client.get(f"{URL}/{id_}/$events"), 410)
    refused(put(client, {**subscription(None), "id": id_}), 410)
    history = client.get(f"{URL}/{id_}/_history").json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT"]
    assert client.get(f"{URL}/{id_}/_history/1").status_code == 200
    refused(client.delete(f"{URL}/nobodys"), 404)


def test_only_its_owner_sees_it(client: httpx.Client) -> None:
    """And the operator. To all others it is not there."""
    id_ = ask(client, subscription(None), **NURSING).json()["id"]
    other = {"X-Carepath-Org": stories.GP.number}

    for headers, status_code in ((NURSING, 200), ({}, 200), (other, 404)):
        for path in ("", "/_history", "/$status", "/$events"):
            answer = client.get(f"{URL}/{id_}{path}", headers=headers)
            assert answer.status_code == status_code, (path, headers)
    refused(client.delete(f"{URL}/{id_}", headers=other), 404)


@pytest.mark.parametrize(
    ("body", "content_type", "status_code", "where"),
    [
        (b"{", FHIR, 400, "Subscription"),
        (b"[]", FHIR, 400, "Subscription"),
        (b'{"resourceType":"Subscription","status":"a","status":"b"}', FHIR, 400, None),
        (b'{"resourceType":"Patient"}', FHIR, 422, "Subscription"),
        (b'{"resourceType":"Subscription"}', FHIR, 422, None),
        (b"<Subscription/>", FHIR, 400, "Subscription"),
        (b"<Subscription/>", "application/fhir+xml", 400, "Subscription"),
        (b"{}", "text/plain", 415, "http.post"),
        (b" " * 300_000, FHIR, 413, "http.post"),
    ],
)
def test_what_is_no_subscription(
    client: httpx.Client, body: bytes, content_type: str, status_code: int, where: str | None
) -> None:
    """400 for what cannot be read, 422 for what is something else."""
    headers = {"Content-Type": content_type, "Accept": FHIR}
    answer = client.post(URL, content=body, headers=headers)

    places = [place for issue in refused(answer, status_code) for place in issue["expression"]]
    assert all(place.startswith(("Subscription", "http.")) for place in places)
    assert where is None or where in places


def test_every_fault_is_told_with_its_place(client: httpx.Client) -> None:
    """422; nothing of what was wrong is repeated."""
    wrong = subscription("gopher://ehr.example/secret-path", "diagnosis=F20", topic="weather")

    issues = refused(ask(client, wrong), 422)

    assert [issue["expression"] for issue in issues] == [
        ["Subscription.criteria"],
        ["Subscription.criteria.extension[0].valueString"],
        ["Subscription.channel.endpoint"],
    ]
    assert "F20" not in str(issues)
    assert "secret" not in str(issues)


def test_conditional_create(client: httpx.Client) -> None:
    """Made where there is none, else the answer is the one that is there; of several, it is not known which."""
    mine = {"X-Carepath-Org": "conditional"}
    once = {**mine, "If-None-Exist": "type=websocket&status=active"}

    made, again = (ask(client, subscription(None), **once) for _ in range(2))
    assert (made.status_code, again.status_code) == (201, 200)
    assert (made.content, made.headers["location"]) == (again.content, again.headers["location"])
    assert ask(client, subscription(None), **mine).status_code == 201
    refused(ask(client, subscription(None), **once), 412)

    for wrong in ("", "colour=red", "_count=1"):  # nothing that would tell one from others
        refused(ask(client, subscription(None), **{**mine, "If-None-Exist": wrong}), 400)


def test_xml_is_as_good(client: httpx.Client) -> None:
    """A Subscription in XML is the same Subscription."""
    made = ask(client, subscription(None, "event=admission"))
    as_xml = client.get(f"{URL}/{made.json()['id']}", headers={"Accept": "application/fhir+xml"})
    asked = as_xml.content.replace(b'<status value="active"/>', b'<status value="requested"/>')

    again = client.post(
        URL, content=asked, headers={"Content-Type": "application/fhir+xml", "Accept": FHIR}
    )

    assert again.status_code == 201, again.text
    mine = {"id", "meta"}
    told = [{k: v for k, v in one.json().items() if k not in mine} for one in (made, again)]
    assert told[0] == told[1]


def test_capabilities_say_so(client: httpx.Client) -> None:
    """As the Backport's server statement wants it."""
    told = client.get("/fhir/metadata").json()
    resource = next(r for r in told["rest"][0]["resource"] if r["type"] == "Subscription")

    server = "CapabilityStatement/backport-subscription-server-r4"
    assert told["instantiates"] == [f"{backport.IG}/{server}"]
    assert resource["supportedProfile"] == [SUBSCRIPTION]
    codes = {interaction["code"] for interaction in resource["interaction"]}
    assert {"read", "create", "update", "delete", "search-type", "history-instance"} <= codes
    assert {"url", "status"} <= {one["name"] for one in resource["searchParam"]}
    operations = {one["name"]: one["definition"] for one in resource["operation"]}
    definition = f"{backport.IG}/OperationDefinition/backport-subscription"
    for name in ("status", "events", "get-ws-binding-token"):
        assert operations[name] == f"{definition}-{name}"
    assert backport.TOPIC in [one["valueCanonical"] for one in resource["extension"]]
