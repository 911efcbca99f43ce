"""Notifications and statuses are shaped as the Backport has them, whatever their content and kind."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.notification import Shown, Standing, Told, notification, status
from pathways.refusals import Issue
from pathways.subscriptions import Content, NotificationType, SubscriptionStatus, Topic

BASE = "https://broker.example/fhir"
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)
TOLD = Told(7, AT, "Encounter/t", "Bundle/m")
SHOWN = (Shown("Encounter/t", body=b'{"resourceType":"Encounter","id":"t"}'), Shown("Bundle/m"))

kinds = st.sampled_from(NotificationType)
contents = st.sampled_from(Content)
standings = st.builds(
    Standing,
    id=st.just("s"),
    topic=st.sampled_from(Topic),
    status=st.sampled_from(SubscriptionStatus),
    content=contents,
    count=st.integers(0, 2**53),
    error=st.sampled_from([None, "no-response"]),
    at=st.just(AT),
)


def standing(content: Content, **more: Any) -> Standing:
    """An active Subscription with seven events."""
    fixed = {"id": "s", "topic": Topic.STAY, "status": SubscriptionStatus.ACTIVE}
    return Standing(**{**fixed, "content": content, "count": 7, "error": None, "at": AT, **more})


def made(content: Content, shown: tuple[Shown, ...] = SHOWN) -> dict[str, Any]:
    """A notification of one event, as it is on the wire."""
    kind = NotificationType.EVENT_NOTIFICATION
    written = orjson.dumps(notification(BASE, kind, standing(content), [TOLD], shown))
    found: dict[str, Any] = orjson.loads(written)
    return found


def parts(bundle: dict[str, Any]) -> dict[str, Any]:
    """The parts of its event by name."""
    listed = bundle["entry"][0]["resource"]["parameter"]
    (event,) = (one for one in listed if one["name"] == "notification-event")
    return {part["name"]: part for part in event["part"]}


def test_an_event_with_its_resources() -> None:
    """full-resource: focus and context, an entry for each, with the resource."""
    bundle = made(Content.FULL_RESOURCE)

    assert parts(bundle) == {
        "event-number": {"name": "event-number", "valueString": "7"},
        "timestamp": {"name": "timestamp", "valueInstant": "2026-11-22T12:00:00Z"},
        "focus": {"name": "focus", "valueReference": {"reference": f"{BASE}/Encounter/t"}},
        "additional-context": {
            "name": "additional-context",
            "valueReference": {"reference": f"{BASE}/Bundle/m"},
        },
    }
    assert bundle["entry"][1] == {
        "fullUrl": f"{BASE}/Encounter/t",
        "resource": {"resourceType": "Encounter", "id": "t"},
        "request": {"method": "GET", "url": f"{BASE}/Encounter/t"},
        "response": {"status": "200"},
    }


def test_ids_alone() -> None:
    """id-only: the same without resources."""
    bundle = made(Content.ID_ONLY)

    assert {*parts(bundle)} == {"event-number", "timestamp", "focus", "additional-context"}
    assert [entry["fullUrl"] for entry in bundle["entry"][1:]] == [
        f"{BASE}/Encounter/t",
        f"{BASE}/Bundle/m",
    ]
    assert not any("resource" in entry for entry in bundle["entry"][1:])


def test_nothing_but_that_something_happened() -> None:
    """Empty: no focus, no context, no topic, no further entry."""
    bundle = made(Content.EMPTY)

    assert {*parts(bundle)} == {"event-number", "timestamp"}
    assert len(bundle["entry"]) == 1
    names = {one["name"] for one in bundle["entry"][0]["resource"]["parameter"]}
    assert "topic" not in names


@pytest.mark.parametrize("content", [Content.ID_ONLY, Content.FULL_RESOURCE])
def test_why_there_is_no_resource(content: Content) -> None:
    """The response says it."""
    gone = Shown("Bundle/m", "410", why=Issue("deleted", "it is gone"))
    (_, entry) = made(content, (gone,))["entry"]

    assert "resource" not in entry
    assert entry["response"]["status"] == "410"
    (issue,) = entry["response"]["outcome"]["issue"]
    assert (issue["code"], issue["details"]["text"]) == ("deleted", "it is gone")


def test_what_went_wrong_is_told_while_it_is_wrong() -> None:
    """With status error alone, in a code of subscription-error."""

    def errors(stands: SubscriptionStatus) -> list[dict[str, Any]]:
        one = standing(Content.EMPTY, status=stands, error="no-response")
        told = status(BASE, NotificationType.QUERY_STATUS, one)["parameter"]
        return [parameter for parameter in told if parameter["name"] == "error"]

    system = "http://terminology.hl7.org/CodeSystem/subscription-error"
    coding = {"system": system, "code": "no-response"}
    assert errors(SubscriptionStatus.ERROR) == [
        {"name": "error", "valueCodeableConcept": {"coding": [coding]}}
    ]
    assert errors(SubscriptionStatus.ACTIVE) == []


@given(kind=kinds, one=standings, numbers=st.lists(st.integers(1, 2**53), unique=True, max_size=4))
def test_every_shall_of_the_shape(
    kind: NotificationType, one: Standing, numbers: list[int]
) -> None:
    """Whatever the kind, the content and the status."""
    told = [Told(n, AT, f"Encounter/{n}", f"Bundle/{n}") for n in sorted(numbers)]
    shown = [Shown(url) for each in told for url in (each.focus, each.context) if url]
    bundle = notification(BASE, kind, one, told, shown)

    first = bundle["entry"][0]
    parameters = first["resource"]["parameter"]
    by_name = {each["name"]: each for each in parameters}
    assert (bundle["resourceType"], bundle["type"], "total" in bundle) == (
        "Bundle",
        "history",
        False,
    )
    assert first["resource"]["resourceType"] == "Parameters"
    assert first["fullUrl"] == f"urn:uuid:{first['resource']['id']}"
    assert first["request"] == {"method": "GET", "url": f"{BASE}/Subscription/s/$status"}
    assert first["response"] == {"status": "200"}
    assert by_name["subscription"]["valueReference"] == {"reference": f"{BASE}/Subscription/s"}
    assert by_name["status"]["valueCode"] == one.status
    assert by_name["type"]["valueCode"] == kind
    assert by_name["events-since-subscription-start"]["valueString"] == str(one.count)
    events = [each["part"] for each in parameters if each["name"] == "notification-event"]
    assert [parts[0]["valueString"] for parts in events] == [str(each.number) for each in told]
    assert all({"request", "response"} <= {*entry} for entry in bundle["entry"])
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == len(bundle["entry"])
    sent = len(bundle["entry"]) - 1
    assert sent == (0 if one.content is Content.EMPTY else 2 * len(told))
