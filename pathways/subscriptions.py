"""Subscriptions: which of the updates in a receiver's feed a subscriber wants, and how.

A Subscription is a filter over one receiver's feed, with numbers of its own. It never shows more than the feed.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pathways.events import RULES, EventCode, Family


class Topic(StrEnum):
    """What can be subscribed to; the last part of the topic's canonical URL."""

    PATHWAY_UPDATE = "pathway-update"  # everything
    STAY = "stay"
    REFERRAL = "referral"
    COORDINATION = "coordination"
    DEADLINE = "deadline"


class SubscriptionStatus(StrEnum):
    """R4's codes. A client asks for ``requested`` or ``off``; the others are the broker's to give."""

    REQUESTED = "requested"  # the endpoint has not yet answered the handshake
    ACTIVE = "active"
    ERROR = "error"  # counted on; sent again after the client has asked anew
    OFF = "off"  # neither counted nor sent


class Content(StrEnum):
    """How much a notification says."""

    EMPTY = "empty"
    ID_ONLY = "id-only"
    FULL_RESOURCE = "full-resource"


class NotificationType(StrEnum):
    """What a status, alone or in a notification, is told for."""

    HANDSHAKE = "handshake"
    HEARTBEAT = "heartbeat"
    EVENT_NOTIFICATION = "event-notification"
    QUERY_STATUS = "query-status"
    QUERY_EVENT = "query-event"


class ChannelType(StrEnum):
    """How notifications travel."""

    REST_HOOK = "rest-hook"
    WEBSOCKET = "websocket"


class FilterName(StrEnum):
    """What can be asked of an update."""

    PATIENT = "patient"  # patient keys
    IDENTIFIER = "patient.identifier"
    EVENT = "event"  # event codes
    ORGANIZATION = "organization"  # directory key of the sender
    MUNICIPALITY = "municipality"  # kommunenummer that has the duty for the patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """Times are in seconds; ``None`` asks for none, or for what is usual.

    ``headers``: ``Name: value``, sent with each notification. ``timeout``: the longest time for one delivery.
    ``heartbeat``: something is sent at least so often. ``max_count``: events in one notification at most.
    """

    type: ChannelType
    endpoint: str | None
    headers: tuple[str, ...]
    media_type: str
    content: Content
    heartbeat: int | None
    timeout: int | None
    max_count: int | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Any of the values. A value is text as ``Update.values`` has it."""

    name: FilterName
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What is subscribed to: all filters together, until ``ends`` (with zone)."""

    topic: Topic
    filters: tuple[Filter, ...]
    channel: Channel
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Update:
    """A place in a feed as filters see it: for each filter the values that it has."""

    code: EventCode
    values: Mapping[FilterName, frozenset[str]]


def wants(subscription: Subscription, update: Update) -> bool:
    """Whether the update is one of those subscribed to."""
    if subscription.topic is not Topic.PATHWAY_UPDATE and subscription.topic is not topic(
        update.code
    ):
        return False
    return all(update.values[one.name] & {*one.values} for one in subscription.filters)


def topic(code: EventCode) -> Topic:
    """The narrowest topic that an event belongs to."""
    return _NARROW.get(RULES[code].family, Topic.PATHWAY_UPDATE)


_NARROW: Mapping[Family, Topic] = {
    Family.STAY: Topic.STAY,
    Family.EMERGENCY: Topic.STAY,
    Family.REFERRAL: Topic.REFERRAL,
    Family.CHOICE: Topic.REFERRAL,
    Family.INQUIRY: Topic.COORDINATION,
    Family.PERSON: Topic.COORDINATION,
    Family.COURSE: Topic.COORDINATION,
    Family.COORDINATION: Topic.COORDINATION,
    Family.PLAN: Topic.COORDINATION,
    Family.MEETING: Topic.COORDINATION,
    Family.MEASURE: Topic.COORDINATION,
    Family.FOLLOW_UP: Topic.COORDINATION,
    Family.APPLICATION: Topic.COORDINATION,
    Family.CONSENT: Topic.COORDINATION,
    Family.DEADLINE: Topic.DEADLINE,
}
