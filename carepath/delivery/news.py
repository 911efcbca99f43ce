"""What connected subscribers are told: all who look at the same moment share what is read and rendered.

A thousand Subscriptions of one feed that get the same message differ in their numbers only. So events are looked up
together, and what they show is made once for each receiver and level of content.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, TypeAlias

from carepath.delivery.notifications import (
    Part,
    as_asked,
    disclosed,
    is_whole_feed,
    most,
    parts,
    written,
)
from carepath.store import feed, following, subscriptions
from carepath.store.database import Connection
from carepath.store.disclosures import Shown
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Event, Subscribed
from pathways.subscriptions import ChannelType, Content, NotificationType, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class Bound:
    """A Subscription whose subscriber has everything up to ``since``; ``beat``: it is to hear something anyway."""

    id: str
    since: int
    beat: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """A notification in the format that is asked for; ``upto``: the newest event its subscriber has then.

    ``handed``: the number in the receiver's feed up to which it has everything then; 0 when that cannot be said.
    ``tells``: of each patient, for the access log.
    """

    one: Subscribed
    body: bytes
    upto: int
    handed: int = 0
    tells: Mapping[str, Shown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class News:
    """What is next for one subscriber: at most one notification for each Subscription. ``more`` follows at once.

    ``live``: Subscriptions that go on, by id; others' too.
    """

    told: Sequence[Told]
    more: bool
    live: Mapping[str, Subscribed]


_ROOM: Final = 250_000  # bytes of content; many clients take no message of more than a megabyte
_ROOM_OF_ALL: Final = 16_000_000  # bytes of content that are rendered at once
Asked: TypeAlias = tuple[Bound, ...]
"""What one subscriber follows; the first is served first."""
_Page: TypeAlias = Mapping[Bound, Sequence[Any]]
_Events: TypeAlias = Mapping[Bound, Sequence[Event]]


def followed(conn: Connection, viewer: Viewer, ids: Iterable[str]) -> dict[str, Subscribed]:
    """Those of ``ids`` that go on, by id: websockets that the viewer may see, neither off nor over."""
    return {
        one.id: one
        for one in subscriptions.listed(conn, viewer, [*ids])
        if one.subscription.channel.type is ChannelType.WEBSOCKET
        and one.status is not SubscriptionStatus.OFF
        and not one.over(viewer.now)
    }


def news(conn: Connection, base_url: str, asked: Sequence[Asked], now: int) -> dict[Asked, News]:
    """What each of these is to be told, with the right to see it tried at ``now``."""
    bound = {*chain.from_iterable(asked)}
    live = followed(conn, Viewer(None, now), {one.id for one in bound})
    pages = _pages(asked, live, _rows(conn, live, bound))
    events = _events(conn, live, pages.values(), now)
    shown = _shown(conn, base_url, live, events, now)
    return {
        one: News(
            told=[*_told(base_url, live, {each: events[each] for each in page}, shown, now)],
            more=any(_goes_on(live[each.id], each, page) for each in one if each.id in live),
            live=live,
        )
        for one, page in pages.items()
    }


# --- which events


def _rows(
    conn: Connection, live: Mapping[str, Subscribed], bound: Iterable[Bound]
) -> Mapping[Bound, Sequence[Any]]:
    """Rows of the events that are next. Those that are equally late are looked up together, as most are."""
    late: dict[int, list[Bound]] = {}
    for one in bound:
        if one.id in live and (events := live[one.id].numbered - one.since) > 0:
            late.setdefault(events, []).append(one)
    rows: dict[Bound, Sequence[Any]] = {}
    for events, some in late.items():
        limit = max(most(live[one.id]) for one in some)
        found = following.newest(conn, [one.id for one in some], events, limit)
        for one in some:  # there are none where numbers jump, after a restore
            limit = most(live[one.id])
            rows[one] = found[one.id][:limit] or subscriptions.places(
                conn, one.id, one.since, limit=limit
            )
    return rows


def _pages(
    asked: Sequence[Asked], live: Mapping[str, Subscribed], rows: Mapping[Bound, Sequence[Any]]
) -> Mapping[Asked, _Page]:
    """A page for each, none after those that have all the room together: the others ask again at once."""
    pages: dict[Asked, _Page] = {}
    room = _ROOM_OF_ALL
    for one in asked:
        pages[one] = _page(one, live, rows) if room > 0 else {}
        room -= sum(row.bytes for found in pages[one].values() for row in found)
    return pages


def _page(
    asked: Asked, live: Mapping[str, Subscribed], rows: Mapping[Bound, Sequence[Any]]
) -> _Page:
    """Rows for as many as there is room for; the first is always told something."""
    page: dict[Bound, Sequence[Any]] = {}
    room = _ROOM
    for bound in asked:
        if bound.id in live and room > 0:
            page[bound] = _fitting(rows.get(bound, ()), room)
            room -= sum(row.bytes for row in page[bound])
    return page


def _fitting(rows: Sequence[Any], room: int) -> Sequence[Any]:
    """The first rows, none after those that fill the room."""
    for place, row in enumerate(rows):
        if room <= 0:
            return rows[:place]
        room -= row.bytes
    return rows


def _goes_on(one: Subscribed, bound: Bound, page: _Page) -> bool:
    """Whether there is more for it than the page has."""
    if bound not in page:
        return one.numbered > bound.since
    return bool(page[bound]) and page[bound][-1].number < one.numbered


# --- what they say


def _events(
    conn: Connection, live: Mapping[str, Subscribed], pages: Iterable[_Page], now: int
) -> _Events:
    """The events of all pages; an item of a feed is read once."""
    rows = {bound: rows for page in pages for bound, rows in page.items()}
    wanted: dict[str, set[str]] = {}
    for bound, found in rows.items():
        wanted.setdefault(live[bound.id].receiver, set()).update(row.item for row in found)
    items = {
        receiver: feed.items(conn, receiver, ids, now) for receiver, ids in wanted.items() if ids
    }
    return {
        bound: [
            subscriptions.made(row.number, items[live[bound.id].receiver][row.item], row)
            for row in found
        ]
        for bound, found in rows.items()
    }


_Shown: TypeAlias = Mapping[tuple[str, Content, str], Part]
"""By receiver, content and the event's item."""


def _shown(
    conn: Connection, base_url: str, live: Mapping[str, Subscribed], found: _Events, now: int
) -> _Shown:
    wanted: dict[tuple[str | None, str, Content], dict[str, Event]] = {}
    for bound, events in found.items():
        one = live[bound.id]
        kind = (one.reader, one.receiver, one.subscription.channel.content)
        wanted.setdefault(kind, {}).update({event.item.id: event for event in events})
    return {
        (receiver, content, item): part
        for (reader, receiver, content), events_ in wanted.items()
        for item, part in zip(
            events_, parts(conn, base_url, reader, content, [*events_.values()], now), strict=True
        )
    }


def _told(
    base_url: str, live: Mapping[str, Subscribed], found: _Events, shown: _Shown, now: int
) -> Iterable[Told]:
    for bound, events in found.items():
        one = live[bound.id]
        if events:
            content = one.subscription.channel.content
            told = [shown[one.receiver, content, event.item.id] for event in events]
            kind = NotificationType.EVENT_NOTIFICATION
            body = as_asked(one, written(base_url, one, kind, events, told, now))
            handed = events[-1].item.number if is_whole_feed(one) else 0
            yield Told(one, body, events[-1].number, handed, disclosed(told))
        elif bound.beat:
            kind = NotificationType.HEARTBEAT
            body = as_asked(one, written(base_url, one, kind, (), (), now))
            yield Told(one, body, bound.since)
