"""A FHIR Subscription: what a client asks for, read; how it stands, written into it.

In R4 with the Backport, ``criteria`` is a topic's canonical and extensions say the rest.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription.html
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from fhir_mappings import structure
from fhir_mappings.bundle import JSON
from fhir_mappings.channels import read_channel
from fhir_mappings.codes import BACKPORT, SUBSCRIPTION_TOPIC
from fhir_mappings.filters import Known, read_filters
from fhir_mappings.times import Unreadable, instant
from pathways.refusals import Issue, Reason, Refusal
from pathways.subscriptions import Subscription, SubscriptionStatus, Topic

FILTER_CRITERIA: Final = f"{BACKPORT}/backport-filter-criteria"
CANONICALS: Final[Mapping[str, Topic]] = {f"{SUBSCRIPTION_TOPIC}/{topic}": topic for topic in Topic}
"""The topics that can be subscribed to, by their canonical URLs."""

_OF_R5: Final = ("topic", "filterBy", "channelType", "content", "contentType", "heartbeatPeriod")
_ASKABLE: Final = (SubscriptionStatus.REQUESTED, SubscriptionStatus.OFF)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for: requested or off."""

    status: SubscriptionStatus
    subscription: Subscription


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a Subscription is judged by: who is known, when it is, and what is wrong with an endpoint, if anything."""

    known: Known
    now: datetime
    endpoint_problem: Callable[[str], str | None]


def read(resource: JSON, rules: Rules) -> Asked | Refusal:
    """What is asked for, or everything that is wrong with it, each with its place. Never raises."""
    if faults := tuple(_of_r5(resource)) or structure.check_resource(resource):
        return Refusal(Reason.INVALID, faults)
    issues: list[Issue] = []
    topic = _topic(resource, issues)
    filters = read_filters(_criteria(resource), rules.known, issues)
    channel = read_channel(resource["channel"], rules.endpoint_problem, issues)
    ends = _ends(resource, rules.now, issues)
    status = _status(resource, issues)
    if topic is None or channel is None or issues:
        return Refusal(Reason.INVALID, tuple(issues))
    wanted = Subscription(topic=topic, filters=filters, channel=channel, ends=ends)
    return Asked(status, wanted)


def standing(resource: JSON, status: SubscriptionStatus, error: str | None) -> JSON:
    """The resource with its status, and what went wrong if anything did: both are the server's to say."""
    told = {name: value for name, value in resource.items() if name not in {"error", "_error"}}
    return {**told, "status": str(status), **({"error": error} if error else {})}


def _of_r5(resource: JSON) -> Iterator[Issue]:
    text = (
        "this is how R5 writes it: in R4 the topic's canonical stands in criteria, the channel in channel,"
        " and filters and content in the extensions of Subscriptions R5 Backport 1.1.0"
    )
    for name in _OF_R5:
        if name in resource:
            yield Issue("not-supported", text, f"Subscription.{name}")


def _topic(resource: JSON, issues: list[Issue]) -> Topic | None:
    topic = CANONICALS.get(resource.get("criteria", ""))
    if topic is None:
        text = f"not a topic of this server: one of {', '.join(CANONICALS)}"
        issues.append(Issue("not-supported", text, "Subscription.criteria"))
    return topic


def _criteria(resource: JSON) -> Iterator[tuple[str, Any]]:
    """Each filter criterion with its place."""
    for index, extension in enumerate(resource.get("_criteria", {}).get("extension", ())):
        if extension.get("url") == FILTER_CRITERIA:
            where = f"Subscription.criteria.extension[{index}]"
            yield f"{where}.valueString", extension.get("valueString")


def _ends(resource: JSON, now: datetime, issues: list[Issue]) -> datetime | None:
    told = resource.get("end")
    if told is None:
        return None
    try:
        ends = instant(told)
    except Unreadable as problem:
        issues.append(Issue("value", f"this {problem}", "Subscription.end"))
        return None
    if ends <= now:
        issues.append(Issue("business-rule", "this moment has passed", "Subscription.end"))
    return ends


def _status(resource: JSON, issues: list[Issue]) -> SubscriptionStatus:
    status = SubscriptionStatus(resource.get("status", SubscriptionStatus.ERROR))
    if status not in _ASKABLE:
        text = "ask for requested, or off; active and error are the server's to say"
        issues.append(Issue("business-rule", text, "Subscription.status"))
    return status
