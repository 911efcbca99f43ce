"""What a subscriber is told: how its Subscription stands, and which events there are.

A status is a Parameters resource; a notification is a history Bundle whose first entry is one.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription-status-r4.html
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription-notification-r4.html
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import orjson

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import BACKPORT, SUBSCRIPTION_ERROR, SUBSCRIPTION_TOPIC
from fhir_mappings.outcome import outcome
from fhir_mappings.times import instant_text
from pathways.messages import stable_id
from pathways.refusals import Issue
from pathways.subscriptions import Content, NotificationType, SubscriptionStatus, Topic

_STATUS_PROFILE: Final = f"{BACKPORT}/backport-subscription-status-r4"
_NOTIFICATION_PROFILE: Final = f"{BACKPORT}/backport-subscription-notification-r4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a Subscription stands at ``at``. ``count``: its events so far; ``error``: a code of subscription-error."""

    id: str
    topic: Topic
    status: SubscriptionStatus
    content: Content
    count: int
    error: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """An event: what it is about, and the message that says so unless it is that; URLs relative to the base."""

    number: int
    at: datetime
    focus: str
    context: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """What an event refers to (``url`` as in ``Told``): 200 with the resource in FHIR JSON, or why there is none."""

    url: str
    status: str = "200"
    body: bytes | None = None
    why: Issue | None = None


def status(
    base_url: str, kind: NotificationType, standing: Standing, told: Iterable[Told] = ()
) -> JSON:
    """The status as Parameters; its id is the same for the same moment."""
    topic = f"{SUBSCRIPTION_TOPIC}/{standing.topic}"
    named = {"topic": topic} if standing.content is not Content.EMPTY else {}
    parameters = [
        {
            "name": "subscription",
            "valueReference": {"reference": f"{base_url}/Subscription/{standing.id}"},
        },
        *({"name": name, "valueCanonical": url} for name, url in named.items()),
        {"name": "status", "valueCode": str(standing.status)},
        {"name": "type", "valueCode": str(kind)},
        {"name": "events-since-subscription-start", "valueString": str(standing.count)},
        *(_event(base_url, standing.content, event) for event in told),
        *_errors(standing),
    ]
    return {
        "resourceType": "Parameters",
        "id": stable_id("status", standing.id, kind, instant_text(standing.at)),
        "meta": {"profile": [_STATUS_PROFILE]},
        "parameter": parameters,
    }


def notification(
    base_url: str,
    kind: NotificationType,
    standing: Standing,
    told: Sequence[Told] = (),
    shown: Iterable[Shown] = (),
) -> JSON:
    """The Bundle, to be written by ``orjson``. ``shown`` has what ``told`` refers to, each once."""
    first = status(base_url, kind, standing, told)
    entries = [
        {
            "fullUrl": f"urn:uuid:{first['id']}",
            "resource": first,
            "request": {"method": "GET", "url": f"{base_url}/Subscription/{standing.id}/$status"},
            "response": {"status": "200"},
        }
    ]
    if standing.content is not Content.EMPTY:
        entries += [_entry(base_url, standing.content, one) for one in shown]
    return {
        "resourceType": "Bundle",
        "id": stable_id("notification", first["id"], *(str(event.number) for event in told)),
        "meta": {"profile": [_NOTIFICATION_PROFILE]},
        "type": "history",
        "timestamp": instant_text(standing.at),
        "entry": entries,
    }


def _event(base_url: str, content: Content, event: Told) -> JSON:
    referred = [("focus", event.focus), ("additional-context", event.context)]
    if content is Content.EMPTY:
        referred = []
    return {
        "name": "notification-event",
        "part": [
            {"name": "event-number", "valueString": str(event.number)},
            {"name": "timestamp", "valueInstant": instant_text(event.at)},
            *(
                {"name": name, "valueReference": {"reference": f"{base_url}/{url}"}}
                for name, url in referred
                if url is not None
            ),
        ],
    }


def _errors(standing: Standing) -> Iterable[JSON]:
    if standing.status is SubscriptionStatus.ERROR and standing.error:
        coding = {"system": SUBSCRIPTION_ERROR, "code": standing.error}
        yield {"name": "error", "valueCodeableConcept": {"coding": [coding]}}


def _entry(base_url: str, content: Content, one: Shown) -> JSON:
    """What is referred to, as a read of it now would answer; with full-resource the resource itself."""
    url = f"{base_url}/{one.url}"
    response: JSON = {"status": one.status}
    if one.why is not None:
        response["outcome"] = outcome((one.why,))
    entry: JSON = {
        "fullUrl": url,
        "request": {"method": "GET", "url": url},
        "response": response,
    }
    if content is Content.FULL_RESOURCE and one.body is not None:
        entry["resource"] = orjson.Fragment(one.body)
    return entry
