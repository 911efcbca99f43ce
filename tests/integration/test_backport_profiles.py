"""The profiles that everything about Subscriptions is validated with: each rule bites."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.integration import backport as ig
from tests.integration.java_peer import Validator
from tests.integration.stories import Resource

FOCUS = "https://broker.example/fhir/Patient/1"
MESSAGE = "https://broker.example/fhir/Bundle/1"
RIGHT: Mapping[str, tuple[str, Resource]] = {
    "hook": (ig.SUBSCRIPTION, ig.subscription("https://a.example/hook", content="empty")),
    "socket": (ig.SUBSCRIPTION, ig.subscription(None, content="full-resource")),
    "filtered": (
        ig.SUBSCRIPTION,
        ig.subscription(
            "https://a.example",
            "patient=Patient/1,2",
            "Encounter?patient.identifier=urn:oid:1|2",
            "event:not=discharge",
            heartbeat_period=60,
            timeout=10,
            max_count=20,
        ),
    ),
    "status": (ig.STATUS, ig.status("query-status", 1)),
    "handshake": (ig.EMPTY, ig.notification(ig.untopical(ig.status("handshake")))),
    "heartbeat": (ig.EMPTY, ig.notification(ig.untopical(ig.status("heartbeat")))),
    "empty": (ig.EMPTY, ig.notification(ig.untopical(ig.status("event-notification", 1, 2)))),
    "ids": (
        ig.ID_ONLY,
        ig.notification(
            ig.status("event-notification", 9, focus=FOCUS), ig.entry("Patient/1", whole=False)
        ),
    ),
    "whole": (ig.FULL_RESOURCE, ig.full()),
    "withheld": (
        ig.FULL_RESOURCE,
        ig.notification(
            ig.status("event-notification", 1, focus=FOCUS),
            ig.entry("Patient/1", whole=False, code="403"),
        ),
    ),
    "status answer": (ig.STATUS_ANSWER, ig.searchset(ig.status("query-status", 2))),
    "no status": (ig.STATUS_ANSWER, ig.searchset()),
    "events answer": (
        ig.EVENTS_ANSWER,
        ig.full(ig.status("query-event", 1, 2, focus=FOCUS)),
    ),
    "token": (ig.BINDING_TOKEN, ig.token()),
    "server": (ig.SERVER, ig.server()),
}

Spoil = Callable[[Any], object]
"""Makes a resource wrong, in place."""
CHANNEL = f"{ig.IG}/StructureDefinition/backport"


def _at(*path: str | int, value: object = None) -> Spoil:
    """Put ``value`` at a path; nothing, take away what is there."""

    def spoil(resource: Any) -> None:
        for step in path[:-1]:
            resource = resource[step]
        if value is None:
            del resource[path[-1]]
        else:
            resource[path[-1]] = value

    return spoil


def _twice(*path: str | int) -> Spoil:
    """The member of a list once more."""

    def spoil(resource: Any) -> None:
        for step in path[:-1]:
            resource = resource[step]
        resource.append(deepcopy(resource[path[-1]]))

    return spoil


FIRST = ("entry", 0)
PARAMETERS = (*FIRST, "resource", "parameter")
CONTENT = ("channel", "_payload", "extension")
TIMES = ("channel", "extension")
ONE = {"name": "error", "valueString": "no"}
NAMED = {"name": "topic", "valueCanonical": ig.TOPIC}
OFFERED = f"{ig.IG}/StructureDefinition/capabilitystatement-subscriptiontopic-canonical"
HEARTBEAT = f"{CHANNEL}-heartbeat-period"

WRONG: tuple[tuple[str, Spoil, str], ...] = (
    # Subscription
    ("hook", _at("criteria"), "Subscription.criteria: minimum required = 1"),
    ("hook", _at("criteria", value="Observation?code=1"), "sub-1"),
    ("hook", _at("channel", "endpoint"), "sub-2"),
    ("hook", _at("channel", "endpoint", value="mailto:a@b.example"), "sub-2"),
    ("hook", _at("channel", "header", value=["Authorization"]), "sub-3"),
    ("hook", _at("channel", "type", value="pigeon"), "subscription-channel-type"),
    ("hook", _at("status", value="on"), "subscription-status"),
    ("hook", _at("channel", "payload"), "payload"),
    ("hook", _at("channel", "_payload"), "backport-payload-content"),
    ("hook", _twice(*CONTENT, 0), "content: max allowed = 1"),
    ("hook", _at(*CONTENT, 0, "valueCode", value="all"), "backport-content-value-set"),
    ("filtered", _at("_criteria", "extension", 0, "valueString", value="patient"), "fil-1"),
    ("filtered", _at("_criteria", "extension", 0, "valueString", value="a b=c"), "fil-1"),
    ("filtered", _twice(*TIMES, 0), "heartbeatPeriod: max allowed = 1"),
    ("filtered", _twice(*TIMES, 1), "timeout: max allowed = 1"),
    ("filtered", _twice(*TIMES, 2), "maxCount: max allowed = 1"),
    ("filtered", _at(*TIMES, 2, "valuePositiveInt", value=0), "positiveInt"),
    ("filtered", _at(*TIMES, 0, value={"url": HEARTBEAT, "valueInteger": 3}), "unsignedInt"),
    (
        "filtered",
        _at("extension", value=[{"url": HEARTBEAT, "valueUnsignedInt": 3}]),
        "not allowed",
    ),
    (
        "socket",
        _at("channel", "_type", value={"extension": [{"url": f"{CHANNEL}-channel-type"}]}),
        "Extension.value[x]: minimum required = 1",
    ),
    # status
    *(
        ("status", _at("parameter", place), f"parameter:{name}': a matching slice")
        for place, name in ((0, "subscription"), (2, "status"), (3, "type"))
    ),
    *(
        ("status", _twice("parameter", place), f"{name}: max allowed = 1")
        for place, name in (
            (0, "subscription"),
            (1, "topic"),
            (2, "status"),
            (3, "type"),
            (4, "eventsSinceSubscriptionStart"),
        )
    ),
    ("status", _at("parameter", 0, value={"name": "subscription", "valueUri": FOCUS}), "Reference"),
    ("status", _at("parameter", 1, value={"name": "topic", "valueUri": ig.TOPIC}), "canonical"),
    ("status", _at("parameter", 2, "valueCode", value="on"), "subscription-status"),
    ("status", _at("parameter", 3, "valueCode", value="wake-up"), "backport-notification-type"),
    ("status", _at("parameter", 4, "valueString", value="one"), "sts-6"),
    (
        "status",
        _at("parameter", 4, value={"name": "events-since-subscription-start", "valueInteger": 1}),
        "string",
    ),
    ("status", _at("parameter", 4, "valueString", value="0"), "sts-3"),
    ("status", _at("parameter", 5, "part", 0), "part:eventNumber': a matching slice"),
    ("status", _twice("parameter", 5, "part", 0), "eventNumber: max allowed = 1"),
    ("status", _twice("parameter", 5, "part", 1), "timestamp: max allowed = 1"),
    (
        "status",
        _at("parameter", 5, "part", 0, value={"name": "event-number", "valueInteger": 1}),
        "string",
    ),
    ("status", _at("parameter", 5, "part", 0, "valueString", value="0"), "sts-2"),
    (
        "status",
        _at("parameter", 5, "part", 1, value={"name": "timestamp", "valueDateTime": "2026"}),
        "instant",
    ),
    ("status", lambda one: one["parameter"].append(ONE), "CodeableConcept"),
    # notification
    ("whole", _at("type", value="collection"), "history"),
    ("whole", _at("timestamp"), "Bundle.timestamp: minimum required = 1"),
    ("whole", _at(*FIRST), "entry:subscriptionStatus': a matching slice"),
    ("whole", _twice(*FIRST), "subscriptionStatus: max allowed = 1"),
    ("whole", lambda one: one["entry"].reverse(), "ntf-1"),
    ("whole", _at(*FIRST, "request", "url", value="Subscription/2/$status"), "ntf-2"),
    ("whole", _at(*FIRST, "request", "url", value="Subscription/1"), "ntf-2"),
    ("whole", _at(*FIRST, "request", "method", value="POST"), "GET"),
    ("whole", _at(*FIRST, "response", "status", value="404"), "ntf-5"),
    ("whole", _at(*FIRST, "fullUrl"), "fullUrl: minimum required = 1"),
    ("whole", _at(*FIRST, "fullUrl", value="https://broker.example/fhir/Parameters/1"), "ntf-4"),
    ("whole", _at("entry", 1, "search", value={"mode": "match"}), "ntf-3"),
    ("whole", _at("entry", 1, "request"), "bdl-3"),
    ("whole", _at("entry", 1, "response"), "bdl-4"),
    ("whole", _at(*PARAMETERS, 5, "part", 0, "valueString", value="2"), "sts-2"),  # 2, 4
    ("whole", _at(*PARAMETERS, 5, "part", 0, "valueString", value="4"), "sts-2"),  # 4, 4
    ("handshake", _twice(*PARAMETERS, 2), "max allowed = 1"),
    ("empty", _at(*PARAMETERS, 2, "valueCode", value="handshake"), "sts-1"),
    ("empty", _at(*PARAMETERS, 2, "valueCode", value="heartbeat"), "sts-1"),
    ("heartbeat", _at(*PARAMETERS, 1, "valueCode", value="requested"), "sts-5"),
    ("heartbeat", _at(*PARAMETERS, 1, "valueCode", value="off"), "sts-4"),
    # by content
    (
        "empty",
        lambda one: one["entry"][0]["resource"]["parameter"][4]["part"].append(
            {"name": "focus", "valueReference": {"reference": FOCUS}}
        ),
        "emp-1",
    ),
    ("empty", lambda one: one["entry"].append(ig.entry("Patient/1", whole=False)), "emp-2"),
    ("ids", _at(*PARAMETERS, 5, "part", 2), "ido-1"),
    ("ids", _at("entry", 1, value=ig.entry("Patient/1", whole=True)), "ido-2"),
    ("ids", _at("entry", 1, "fullUrl"), "ido-2"),
    ("whole", _at(*PARAMETERS, 5, "part", 2), "ful-1"),
    ("whole", _at("entry", 1), "ful-2"),
    ("whole", _at("entry", 1, "resource"), "ful-3"),
    ("whole", _at(*PARAMETERS, 1), "ful-4"),
    ("empty", lambda one: one["entry"][0]["resource"]["parameter"].append(NAMED), "emp-3"),
    # answers
    ("status answer", _at(*PARAMETERS, 3, "valueCode", value="heartbeat"), "sta-1"),
    ("status answer", _at(*FIRST, "resource", "id"), "id"),
    ("status answer", _at(*FIRST, "resource"), "sta-3"),
    ("status answer", _at("type", value="collection"), "searchset"),
    ("status answer", _twice(*FIRST), "sta-2"),
    ("events answer", _at(*PARAMETERS, 3, "valueCode", value="event-notification"), "evt-1"),
    *(
        ("token", _at("parameter", place), f"parameter:{name}': a matching slice")
        for place, name in ((0, "token"), (1, "expiration"), (3, "websocketUrl"))
    ),
    ("token", _twice("parameter", 0), "token: max allowed = 1"),
    ("token", _at("parameter", 3, value={"name": "websocket-url", "valueUri": "ws://x"}), "url"),
    # CapabilityStatement
    ("server", _at("instantiates"), "cap-1"),
    ("server", _at("rest", 0, "resource", 0, "interaction", 0), "cap-2"),
    ("server", _at("rest", 0, "resource", 0, "interaction", 1), "cap-3"),
    ("server", _at("rest", 0, "resource", 0, "searchParam", 0), "cap-4"),
    ("server", _at("rest", 0, "resource", 0, "supportedProfile"), "cap-5"),
    *(
        ("server", _at("rest", 0, "resource", 0, "operation", place), f"cap-{6 + place}")
        for place in range(3)
    ),
    ("server", _at("rest", 0, "resource", 0, "extension"), "cap-9"),
    (
        "server",
        _at("rest", 0, "resource", 0, "extension", 0, value={"url": OFFERED, "valueUri": ig.TOPIC}),
        "canonical",
    ),
)


def _errors(validator: Validator, folder: Path, resource: Resource, profile: str) -> list[str]:
    file = folder / f"{uuid4()}.json"
    file.write_text(json.dumps(resource))
    return validator.errors(file, profile)


@pytest.mark.parametrize("name", RIGHT)
def test_what_is_right_is_let_through(validator: Validator, tmp_path: Path, name: str) -> None:
    """No rule bites where nothing is wrong."""
    profile, resource = RIGHT[name]

    assert _errors(validator, tmp_path, resource, profile) == []


def test_each_rule_bites(validator: Validator, tmp_path: Path) -> None:
    """A resource that breaks one rule is refused for that."""
    missed = []
    for name, spoil, rule in WRONG:
        profile, right = RIGHT[name]
        wrong = deepcopy(right)
        spoil(wrong)
        found = _errors(validator, tmp_path, wrong, profile)
        if not any(rule in error for error in found):
            missed.append(f"{name}, {rule}: {found}")

    assert not missed, "\n".join(missed)


def test_every_rule_is_tried() -> None:
    """None of the profiles' own rules is left out above."""
    profiles = Path(__file__).parent / "java" / "profiles"
    elements = [
        element
        for file in profiles.glob("*.json")
        for element in json.loads(file.read_text()).get("differential", {}).get("element", [])
    ]
    rules = [rule for element in elements for rule in element.get("constraint", [])]

    assert {rule["key"] for rule in rules} - {rule for _, _, rule in WRONG} == set()
