"""Subscriptions R5 Backport 1.1.0 in R4: its names, and resources as it wants them.

https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/ The profiles under ``java/profiles`` are re-stated from its
text; those of its package have faults. What is called ``test/…`` there are rules that its own profiles do not carry.
"""

from typing import Any, Final
from uuid import uuid4

from tests.integration.stories import Resource

IG: Final = "http://hl7.org/fhir/uv/subscriptions-backport"
_PROFILES: Final = f"{IG}/StructureDefinition"
SUBSCRIPTION: Final = f"{_PROFILES}/backport-subscription"
NOTIFICATION: Final = f"{_PROFILES}/backport-subscription-notification-r4"
STATUS: Final = f"{_PROFILES}/backport-subscription-status-r4"
_OWN: Final = "https://carepath.example/fhir/test/StructureDefinition"
EMPTY: Final = f"{_OWN}/notification-empty"
ID_ONLY: Final = f"{_OWN}/notification-id-only"
FULL_RESOURCE: Final = f"{_OWN}/notification-full-resource"
STATUS_ANSWER: Final = f"{_OWN}/status-answer"
EVENTS_ANSWER: Final = f"{_OWN}/events-answer"
BINDING_TOKEN: Final = f"{_OWN}/binding-token"
SERVER: Final = f"{_OWN}/subscription-server"

TOPIC: Final = "https://carepath.example/fhir/SubscriptionTopic/pathway-update"
_BASE: Final = "https://broker.example/fhir"


def subscription(
    endpoint: str | None,
    *filters: str,
    content: str = "id-only",
    topic: str = TOPIC,
    **times: int,
) -> Resource:
    """A Subscription to ask for: rest-hook to ``endpoint``, without one a websocket.

    ``times``: ``heartbeat_period`` and ``timeout`` in seconds, ``max_count`` in events.
    """
    asked = [
        _extension(f"backport-{name.replace('_', '-')}", value) for name, value in times.items()
    ]
    wanted = [_extension("backport-filter-criteria", one) for one in filters]
    reached = {"endpoint": endpoint} if endpoint else {}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "To be told",
        "criteria": topic,
        **({"_criteria": {"extension": wanted}} if wanted else {}),
        "channel": {
            **({"extension": asked} if asked else {}),
            "type": "rest-hook" if endpoint else "websocket",
            **reached,
            "payload": "application/fhir+json",
            "_payload": {"extension": [_extension("backport-payload-content", content)]},
        },
    }


def _extension(name: str, value: str | int) -> Resource:
    of = {
        "backport-filter-criteria": "valueString",
        "backport-payload-content": "valueCode",
        "backport-max-count": "valuePositiveInt",
    }
    return {"url": f"{_PROFILES}/{name}", of.get(name, "valueUnsignedInt"): value}


def parameter(resource: Resource, name: str) -> Any:
    """The value of a parameter, of whatever type; ``KeyError`` where there is none."""
    found = {one["name"]: one for one in resource["parameter"]}[name]
    return next(value for key, value in found.items() if key.startswith("value"))


def numbers(notification: Resource) -> list[int]:
    """The numbers of the events in a notification, or in the answer of ``$events``."""
    told = notification["entry"][0]["resource"]["parameter"]
    events = [{"parameter": one["part"]} for one in told if one["name"] == "notification-event"]
    return [int(parameter(event, "event-number")) for event in events]


# --- as the standard wants them, about nobody


def status(kind: str = "event-notification", *events: int, **focus: str) -> Resource:
    """A status with events of these numbers; ``focus`` and ``additional_context`` are references."""
    refer = [
        {"name": name.replace("_", "-"), "valueReference": {"reference": reference}}
        for name, reference in focus.items()
    ]
    told = [
        {
            "name": "notification-event",
            "part": [{"name": "event-number", "valueString": str(number)}, _at(), *refer],
        }
        for number in events
    ]
    return {
        "resourceType": "Parameters",
        "id": str(uuid4()),
        "parameter": [
            {"name": "subscription", "valueReference": {"reference": f"{_BASE}/Subscription/1"}},
            {"name": "topic", "valueCanonical": TOPIC},
            {"name": "status", "valueCode": "requested" if kind == "handshake" else "active"},
            {"name": "type", "valueCode": kind},
            {"name": "events-since-subscription-start", "valueString": str(max(events, default=0))},
            *told,
        ],
    }


def _at() -> Resource:
    return {"name": "timestamp", "valueInstant": "2026-02-03T12:00:00Z"}


def notification(first: Resource, *entries: Resource) -> Resource:
    """A notification with this status and these entries behind it."""
    return {
        "resourceType": "Bundle",
        "type": "history",
        "timestamp": "2026-02-03T12:00:00Z",
        "entry": [
            {
                "fullUrl": f"urn:uuid:{first['id']}",
                "resource": first,
                "request": {"method": "GET", "url": f"{_BASE}/Subscription/1/$status"},
                "response": {"status": "200"},
            },
            *entries,
        ],
    }


def entry(reference: str, *, whole: bool, code: str = "200") -> Resource:
    """What a focus is; ``whole``: with its resource."""
    type_, _, id_ = reference.partition("/")
    one = {"resourceType": type_, "id": id_, "active": True}
    return {
        "fullUrl": f"{_BASE}/{reference}",
        **({"resource": one} if whole else {}),
        "request": {"method": "GET", "url": reference},
        "response": {"status": code},
    }


def full(first: Resource | None = None) -> Resource:
    """A notification of two events with all their resources."""
    focus = f"{_BASE}/Patient/1"
    told = first or status("event-notification", 3, 4, focus=focus)
    return notification(told, entry("Patient/1", whole=True))


def untopical(told: Resource) -> Resource:
    """The status without the topic, which an empty notification should not name."""
    return {**told, "parameter": [one for one in told["parameter"] if one["name"] != "topic"]}


def searchset(*found: Resource) -> Resource:
    """An answer of ``$status``."""
    entries = [
        {"fullUrl": f"urn:uuid:{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in found
    ]
    told = {"entry": entries} if entries else {}
    return {"resourceType": "Bundle", "type": "searchset", "total": len(found), **told}


def token() -> Resource:
    """An answer of ``$get-ws-binding-token``."""
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "token", "valueString": "secret"},
            {"name": "expiration", "valueDateTime": "2026-02-03T12:00:00Z"},
            {"name": "subscription", "valueString": "1"},
            {"name": "websocket-url", "valueUrl": "wss://broker.example/fhir/ws"},
        ],
    }


def server() -> Resource:
    """The CapabilityStatement of one that has nothing but Subscriptions."""
    operations = [
        {"name": name, "definition": f"{IG}/OperationDefinition/backport-subscription-{name}"}
        for name in ("status", "events", "get-ws-binding-token")
    ]
    topics = {
        "url": f"{_PROFILES}/capabilitystatement-subscriptiontopic-canonical",
        "valueCanonical": TOPIC,
    }
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-02-03",
        "kind": "instance",
        "implementation": {"description": "A server"},
        "instantiates": [f"{IG}/CapabilityStatement/backport-subscription-server-r4"],
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": "Subscription",
                        "extension": [topics],
                        "supportedProfile": [SUBSCRIPTION],
                        "interaction": [
                            {"code": code} for code in ("read", "create", "update", "delete")
                        ],
                        "searchParam": [
                            {"name": "url", "type": "uri"},
                            {"name": "status", "type": "token"},
                        ],
                        "operation": operations,
                    }
                ],
            }
        ],
    }
