"""A FHIR Subscription is read as the Backport has it, and refused with the place of every fault."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.subscription import Asked, standing
from pathways.refusals import Refusal
from pathways.subscriptions import ChannelType, Content, SubscriptionStatus, Topic
from tests.unit.asked import NOW, changed, extension, judged, places, subscription

CHANNEL = "Subscription.channel"


def test_everything_that_can_be_asked_for() -> None:
    """Topic, channel, content, headers, limits and end."""
    limits = [
        extension("backport-heartbeat-period", valueUnsignedInt=60),
        extension("backport-timeout", valueUnsignedInt=5),
        extension("backport-max-count", valuePositiveInt=10),
        {"url": "https://elsewhere.example/unknown", "valueString": "let be"},
    ]
    ends = NOW + timedelta(days=1)
    whole = subscription(
        topic="referral",
        content="full-resource",
        header=["Authorization: Bearer abc", "X-Empty:"],
        payload="application/fhir+xml; fhirVersion=4.0; charset=utf-8",
        extension=limits,
    )
    asked = judged({**whole, "end": ends.isoformat()})

    assert isinstance(asked, Asked)
    wanted, channel = asked.subscription, asked.subscription.channel
    assert (asked.status, wanted.topic, wanted.ends) == ("requested", Topic.REFERRAL, ends)
    assert (channel.type, channel.endpoint) == (ChannelType.REST_HOOK, "https://ehr.example/hook")
    assert channel.headers == ("Authorization: Bearer abc", "X-Empty:")
    assert channel.media_type == "application/fhir+xml; fhirVersion=4.0; charset=utf-8"
    assert (channel.content, channel.heartbeat) == (Content.FULL_RESOURCE, 60)
    assert (channel.timeout, channel.max_count) == (5, 10)


def test_a_websocket_needs_no_endpoint() -> None:
    """Its client opens it."""
    asked = judged(changed(subscription(type="websocket"), "channel.endpoint"))

    assert isinstance(asked, Asked)
    assert asked.subscription.channel.endpoint is None


def test_off_may_be_asked_for() -> None:
    """It is there and sends nothing."""
    asked = judged(changed(subscription(), "status", "off"))

    assert isinstance(asked, Asked)
    assert asked.status is SubscriptionStatus.OFF


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        ("criteria", "https://elsewhere.example/topic", "Subscription.criteria"),
        ("criteria", "Encounter?patient=Patient/1", "Subscription.criteria"),
        ("criteria", None, "Subscription.criteria"),
        ("status", "active", "Subscription.status"),
        ("status", "error", "Subscription.status"),
        ("status", "paused", "Subscription.status"),
        ("status", None, "Subscription.status"),
        ("reason", None, "Subscription.reason"),
        ("channel", None, "Subscription.channel"),
        ("end", "2026-11-22T11:00:00Z", "Subscription.end"),
        ("end", "2026-11-23T11:00:00", "Subscription.end"),
        ("end", "2026-11-23", "Subscription.end"),
        ("end", "0001-01-01T00:00:00+14:00", "Subscription.end"),
        ("channel.type", "email", f"{CHANNEL}.type"),
        ("channel.type", "pigeon", f"{CHANNEL}.type"),
        (
            "channel._type",
            {"extension": [extension("backport-channel-type", valueCoding={"code": "zulip"})]},
            f"{CHANNEL}.type.extension[0]",
        ),
        ("channel.endpoint", None, f"{CHANNEL}.endpoint"),
        ("channel.endpoint", "http://ehr.example/hook", f"{CHANNEL}.endpoint"),
        ("channel.payload", "text/plain", f"{CHANNEL}.payload"),
        ("channel.payload", "application/fhir+json; fhirVersion=5.0", f"{CHANNEL}.payload"),
        ("channel.payload", "application/fhir+json; charset=latin-1", f"{CHANNEL}.payload"),
        ("channel.payload", "application/fhir+json; profile=x", f"{CHANNEL}.payload"),
        ("channel.payload", None, f"{CHANNEL}.payload"),
        ("channel._payload", None, f"{CHANNEL}.payload"),
        ("channel.header", ["no colon"], f"{CHANNEL}.header[0]"),
        ("channel.header", ["X: a\r\nY: b"], f"{CHANNEL}.header[0]"),
        ("channel.header", ["X: 1", "Host: ehr.example"], f"{CHANNEL}.header[1]"),
        ("channel.header", ["content-TYPE: text/plain"], f"{CHANNEL}.header[0]"),
        ("channel.header", ["X: blåbær"], f"{CHANNEL}.header[0]"),
        ("channel.header", ["X: 1"] * 21, f"{CHANNEL}.header"),
        ("unknownElement", "x", "Subscription.unknownElement"),
        ("topic", "https://carepath.example/fhir/SubscriptionTopic/stay", "Subscription.topic"),
        ("filterBy", [{}], "Subscription.filterBy"),
    ],
)
def test_each_fault_is_named_by_its_place(path: str, value: Any, where: str) -> None:
    """One fault, one issue."""
    assert places(changed(subscription(), path, value)) == [where]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backport-heartbeat-period", {"valueUnsignedInt": 0}),
        ("backport-heartbeat-period", {"valueUnsignedInt": 10_000_000}),
        ("backport-heartbeat-period", {"valueString": "60"}),
        ("backport-timeout", {"valueUnsignedInt": 301}),
        ("backport-max-count", {"valueUnsignedInt": 5}),
    ],
)
def test_limits_are_numbers_within_limits(name: str, value: dict[str, Any]) -> None:
    """Also of the right type."""
    (where,) = places(subscription(extension=[extension(name, **value)]))

    assert where is not None
    assert where.startswith(f"{CHANNEL}.extension[0].value")


def test_a_limit_is_said_once() -> None:
    """Which of two would count, nobody knows."""
    timeout = extension("backport-timeout", valueUnsignedInt=5)
    wrong = subscription(extension=[timeout, timeout])

    assert places(wrong) == [f"{CHANNEL}.extension[1]"]


def test_a_filter_is_a_text() -> None:
    """Other extensions beside it are let be."""
    told = [
        {"url": "https://elsewhere.example", "valueString": "let be"},
        extension("backport-filter-criteria", valueCode="event"),
    ]
    wrong = {**subscription(), "_criteria": {"extension": told}}

    assert places(wrong) == ["Subscription.criteria.extension[1].valueString"]


def test_content_is_said_once() -> None:
    """Neither never, nor twice, nor in a code that nobody knows."""
    content = extension("backport-payload-content", valueCode="empty")
    for told in ([content, content], [{"url": "https://elsewhere.example", "valueCode": "empty"}]):
        wrong = changed(subscription(), "channel._payload", {"extension": told})
        assert places(wrong) == [f"{CHANNEL}.payload"]
    unknown = subscription(content="everything")
    assert places(unknown) == [f"{CHANNEL}.payload.extension[0].valueCode"]


def test_all_faults_are_told_at_once() -> None:
    """A client mends them together."""
    wrong = subscription("nobody=1", payload="text/plain", topic="weather", type="sms")

    assert places(wrong) == [
        "Subscription.criteria",
        "Subscription.criteria.extension[0].valueString",
        f"{CHANNEL}.type",
        f"{CHANNEL}.payload",
    ]


def test_how_it_stands_is_written_into_it() -> None:
    """What went wrong is there as long as it is."""
    broken = standing(subscription(), SubscriptionStatus.ERROR, "nobody answers")
    mended = standing(broken, SubscriptionStatus.ACTIVE, None)

    assert (broken["status"], broken["error"]) == ("error", "nobody answers")
    assert mended == {**subscription(), "status": "active"}


WHOLE = {
    **subscription("event=admission", header=["X: 1"], extension=[extension("backport-timeout")]),
    "end": "2027-01-01T00:00:00Z",
    "_reason": {"extension": [{"url": "urn:x", "valueString": "x"}]},
}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["url", "extension", "valueCode", "valueString", "id", "x"]), inner
        )
    ),
    max_leaves=5,
)


def nodes(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a resource: what holds it, and its name or index there."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for name, inner in inside:
        yield value, name
        if isinstance(inner, dict | list):
            yield from nodes(inner)


@given(st.data())
def test_nothing_that_can_stand_there_is_a_fault_of_ours(data: st.DataObject) -> None:
    """Any JSON at any place, or none: it is read or refused, and every fault has its place."""
    resource = deepcopy(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        everywhere = [at for at in nodes(resource) if at[1] != "resourceType"]
        if not everywhere:
            break
        holder, name = data.draw(st.sampled_from(everywhere))
        if data.draw(st.booleans()):
            holder[name] = data.draw(values)
        else:
            del holder[name]
    told = judged(resource)

    assert isinstance(told, Asked | Refusal)
    if isinstance(told, Refusal):
        assert all(issue.where and issue.where.startswith("Subscription") for issue in told.issues)
