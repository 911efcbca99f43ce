"""Notifications: a Subscription's events as its subscriber gets them, whatever channel they travel by.

The resources are read when the notification is made, with the right to see them tried then. Times are microseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from carepath.delivery.content import resource
from carepath.service.viewers import receiver
from carepath.store import disclosures as ids
from carepath.store import resources, subscriptions
from carepath.store.database import Connection
from carepath.store.feed import RESTORED, Item
from carepath.store.resources import Stored
from carepath.store.subscriptions import Event, Subscribed
from carepath.store.times import instant
from fhir_mappings import notification as fhir
from fhir_mappings.notification import Shown, Standing, Told
from fhir_mappings.resources import focus
from fhir_mappings.xml import from_json
from pathways.events import RULES
from pathways.refusals import Issue
from pathways.subscriptions import Content, NotificationType, Topic

USUAL_COUNT: Final = 20
"""Events in one notification where the subscriber names no number."""
MOST_COUNT: Final = 100
"""Events in one notification, whatever number the subscriber names."""


@dataclass(frozen=True, slots=True)
class Part:
    """What an event says to whoever gets that much of the feed: what it is about, and what is shown of it.

    ``patient``: of whom it tells anything at all.
    """

    focus: str
    context: str | None
    shown: tuple[Shown, ...]
    patient: str | None = None


def next_events(
    conn: Connection, one: Subscribed, now: int, since: int | None = None
) -> list[Event]:
    """What the next notification carries: the events after ``since``, else after what was delivered."""
    begin = one.delivered if since is None else since
    return subscriptions.events_of(conn, one, begin, now, limit=most(one))


def most(one: Subscribed) -> int:
    """How many events its notifications carry."""
    return min(one.subscription.channel.max_count or USUAL_COUNT, MOST_COUNT)


def notification(
    conn: Connection,
    base_url: str,
    one: Subscribed,
    kind: NotificationType,
    events: Sequence[Event],
    now: int,
) -> bytes:
    """The Bundle in FHIR JSON. ``base_url``: our FHIR address; ``events`` in order, of this Subscription."""
    told = parts(conn, base_url, one.reader, one.subscription.channel.content, events, now)
    return written(base_url, one, kind, events, told, now)


def written(
    base_url: str,
    one: Subscribed,
    kind: NotificationType,
    events: Sequence[Event],
    told: Sequence[Part],
    now: int,
) -> bytes:
    """The same of parts that were read already, each of the event at its place."""
    return orjson.dumps(bundle(base_url, one, kind, events, told, now))


def bundle(
    base_url: str,
    one: Subscribed,
    kind: NotificationType,
    events: Sequence[Event],
    told: Sequence[Part],
    now: int,
) -> dict[str, Any]:
    """The same before ``orjson`` writes it."""
    said = [
        Told(event.number, event.item.created, part.focus, part.context)
        for event, part in zip(events, told, strict=True)
    ]
    shown = {one.url: one for part in told for one in part.shown}
    return fhir.notification(base_url, kind, standing(one, now, events), said, shown.values())


def as_asked(one: Subscribed, body: bytes) -> bytes:
    """A notification in the format that the channel names."""
    xml = "xml" in one.subscription.channel.media_type.partition(";")[0]
    return from_json(body) if xml else body


def is_whole_feed(one: Subscribed) -> bool:
    """Whether who has taken it has been handed everything in the feed that concerns a patient."""
    wanted = one.subscription
    every = wanted.topic is Topic.PATHWAY_UPDATE and not wanted.filters
    return every and wanted.channel.content is Content.FULL_RESOURCE


def standing(one: Subscribed, now: int, events: Sequence[Event] = ()) -> Standing:
    """What its status says. ``events`` may be newer than ``one``."""
    return Standing(
        id=one.id,
        topic=one.subscription.topic,
        status=one.status,
        content=one.subscription.channel.content,
        count=max(one.numbered, *(event.number for event in events), 0),
        error=one.error,
        at=instant(now),
    )


# --- what the events are about


def parts(
    conn: Connection,
    base_url: str,
    reader: str | None,
    content: Content,
    events: Sequence[Event],
    now: int,
) -> list[Part]:
    """A part for each event, the same in every Subscription of this reader with this content.

    The resources are read in one query. ``reader``: whose feed it is, ``None`` for the operator's.
    """
    if content is Content.EMPTY:
        return [_NOTHING] * len(events)
    places = [_place(event) for event in events]
    found = {
        (stored.type, stored.id): stored
        for stored in resources.each(conn, {*filter(None, places)}, receiver(reader, now))
    }
    made: list[Part] = []
    for event, place in zip(events, places, strict=True):
        message = _message(content, event.item, base_url)
        matter = found.get(place) if place else None
        if matter is None:  # not to be looked at: then it is not named either
            made.append(Part(message.url, None, (message,), event.item.of))
        else:
            shown = _matter(matter)
            made.append(Part(shown.url, message.url, (shown, message), event.item.patient))
    return made


def disclosed(told: Sequence[Part]) -> dict[str, ids.Shown]:
    """What these tell of each patient: for the access log."""
    collected = ids.Disclosures()
    for part in told:
        for url in filter(None, (part.focus, part.context)):
            type_, _, id_ = url.partition("/")
            collected.tell(part.patient, type_, (id_,))
    return collected.taken()


_NOTHING: Final = Part("", None, ())


def _place(event: Event) -> tuple[str, str] | None:
    """Type and id of what shows the matter; none when the message is all there is."""
    patient = event.item.patient
    if patient is None:
        return None
    if event.code is None or event.thread is None:
        return "Patient", patient
    family = RULES[event.code].family
    type_, _, id_ = focus(family, event.thread, patient, event.event).partition("/")
    return type_, id_


def _matter(stored: Stored) -> Shown:
    url = f"{stored.type}/{stored.id}"
    return Shown(url, "410", why=_GONE) if stored.deleted else Shown(url, body=stored.body)


def _message(content: Content, item: Item, base_url: str) -> Shown:
    url = f"Bundle/{item.id}"
    if item.withheld:
        return Shown(url, "403", why=WITHHELD)
    if item.kind == RESTORED:
        return Shown(url, "410", why=ANEW)
    if item.expired:
        return Shown(url, "410", why=EXPIRED)
    return Shown(url, body=resource(item, base_url) if content is Content.FULL_RESOURCE else None)


_GONE: Final = Issue("deleted", "this is gone; its history is not")
WITHHELD: Final = Issue("forbidden", "this may no longer be seen", severity="information")
EXPIRED: Final = Issue(
    "deleted", "what this message said is no longer kept; its entry still stands"
)
ANEW: Final = Issue(
    "informational",
    "the broker was made again from a backup: numbers before this one may be missing, and what follows"
    " may repeat what they told",
    severity="information",
)
