"""FHIR Subscriptions as clients ask for them."""

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

from fhir_mappings.codes import BACKPORT, SUBSCRIPTION_TOPIC
from fhir_mappings.filters import Known
from fhir_mappings.subscription import Asked, Rules, read
from pathways.refusals import Refusal

JSON = dict[str, Any]

BASE = "https://broker.example/fhir"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ORGANISATIONS = {(None, "hospital"): "hospital", ("urn:x", "7"): "hospital"}


def extension(name: str, **value: Any) -> JSON:
    """One of the Backport's."""
    return {"url": f"{BACKPORT}/{name}", **value}


def subscription(*criteria: str, topic: str = "pathway-update", **channel: Any) -> JSON:
    """A rest-hook Subscription with these filter criteria; elements of the channel can be replaced."""
    content = extension("backport-payload-content", valueCode=channel.pop("content", "id-only"))
    whole: JSON = {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "to be told",
        "criteria": f"{SUBSCRIPTION_TOPIC}/{topic}",
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://ehr.example/hook",
            "payload": "application/fhir+json",
            "_payload": {"extension": [content]},
            **channel,
        },
    }
    if criteria:
        filters = [extension("backport-filter-criteria", valueString=text) for text in criteria]
        whole["_criteria"] = {"extension": filters}
    return whole


def changed(resource: JSON, path: str, value: Any = None) -> JSON:
    """A copy with one element set, or left out."""
    copy = deepcopy(resource)
    at, *names = copy, *path.split(".")
    for name in names[:-1]:
        at = at[name]
    if value is None:
        del at[names[-1]]
    else:
        at[names[-1]] = value
    return copy


def judged(resource: JSON) -> Asked | Refusal:
    """What becomes of it; endpoints have to begin with https."""
    rules = Rules(
        known=Known(BASE, lambda system, value: ORGANISATIONS.get((system, value))),
        now=NOW,
        endpoint_problem=lambda url: None if url.startswith("https://") else "is wrong",
    )
    return read(resource, rules)


def places(resource: JSON) -> list[str | None]:
    """Where the faults are."""
    refusal = judged(resource)
    assert isinstance(refusal, Refusal)
    return [issue.where for issue in refusal.issues]
