"""GET and POST /fhir/Subscription/{id}/$status, /fhir/Subscription/$status and /fhir/Subscription/{id}/$events.

https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-status.html
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-events.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.bundles import searchset
from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.operation_parameters import asked
from carepath.delivery.notifications import MOST_COUNT, bundle, disclosed, parts, standing
from carepath.service import subscriptions as service
from carepath.store import resources, subscriptions
from carepath.store.database import Connection
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Subscribed
from carepath.store.times import instant, now
from fhir_mappings import notification as fhir
from pathways.subscriptions import Content, NotificationType, SubscriptionStatus

JSON = dict[str, Any]

SINCE: Final = "eventsSinceNumber"
UNTIL: Final = "eventsUntilNumber"
_CONTENT: Final = "content"


async def status(request: Request) -> Response:
    """200 with a searchset of one status; 404 for what one may not see, 410 for what is gone."""
    check_accepted(request)
    await asked(request)  # read, and ignored as the standard has it
    context, viewer = context_of(request), viewer_of(request)
    id_ = request.path_params["id"]
    await _end(context)
    one = await context.ask_as(viewer, seen, id_, viewer)
    return fhir_response(_statuses(context.base_url, [one], viewer.now, f"/{id_}/$status"))


async def statuses(request: Request) -> Response:
    """200 with a searchset: a status for each Subscription that is asked for and that the caller may see."""
    check_accepted(request)
    context, viewer = context_of(request), viewer_of(request)
    told = await asked(request, "id", "status")
    wanted = _wanted(told["status"])
    await _end(context)
    found = await context.ask_as(viewer, subscriptions.listed, viewer, told["id"] or None)
    shown = [one for one in found if not wanted or one.status in wanted]
    used = urlencode([(name, value) for name in ("id", "status") for value in told[name]])
    path = f"/$status?{used}" if used else "/$status"
    return fhir_response(_statuses(context.base_url, shown, viewer.now, path))


async def events(request: Request) -> Response:
    """200 with a history: the status, then the events asked for; the link ``next`` goes on where the page ends."""
    check_accepted(request)
    context, viewer = context_of(request), viewer_of(request)
    told = await asked(request, SINCE, UNTIL, _CONTENT)
    since, until = _number(told, SINCE), _number(told, UNTIL)
    hint = _content(told[_CONTENT])
    await _end(context)

    if viewer.masked:
        raise HTTPException(403, "what Subscriptions tell is not for this role: see $status")

    def read(conn: Connection) -> Response:
        one = _less(seen(conn, request.path_params["id"], viewer), hint)
        return fhir_response(_events(conn, context.base_url, one, (since, until), viewer))

    return await context.ask_as(viewer, read)  # written on the thread, too


async def status_by_parameters(request: Request) -> Response:
    """The same, asked for with POST."""
    return await status(request)


async def statuses_by_parameters(request: Request) -> Response:
    """The same, asked for with Parameters."""
    return await statuses(request)


async def events_by_parameters(request: Request) -> Response:
    """The same, asked for with Parameters."""
    return await events(request)


def seen(conn: Connection, id_: str, viewer: Viewer) -> Subscribed:
    """The Subscription. Raises 404 for what one may not see, 410 for what is gone."""
    found = subscriptions.listed(conn, viewer, [id_])
    if found:
        return found[0]
    gone = resources.read(conn, "Subscription", id_, viewer) is not None
    raise HTTPException(410, "this Subscription is gone") if gone else HTTPException(404)


async def _end(context: Context) -> None:
    """Whatever is over is off before anybody hears how it stands."""

    def run() -> None:
        at = now()
        with context.database.read() as conn:
            over = subscriptions.ended(conn, at)
        if over:
            with context.database.write() as conn:
                service.end(conn, context.database.keys, instant(at))

    await run_in_threadpool(run)


# --- $status


def _wanted(codes: Sequence[str]) -> frozenset[SubscriptionStatus]:
    try:
        return frozenset(map(SubscriptionStatus, codes))
    except ValueError:
        raise bad_parameter("status", f"any of {', '.join(SubscriptionStatus)}") from None


def _statuses(base_url: str, found: Sequence[Subscribed], at: int, path: str) -> JSON:
    """Of events that were not asked for, a status tells only how many there are."""
    made = [
        fhir.status(base_url, NotificationType.QUERY_STATUS, standing(one, at)) for one in found
    ]
    entries = [
        {"fullUrl": f"urn:uuid:{one['id']}", "resource": one, "search": {"mode": "match"}}
        for one in made
    ]
    links = {"self": f"{base_url}/Subscription{path}"}
    return searchset(entries, total=len(entries), links=links)


# --- $events


def _number(told: Mapping[str, Sequence[str]], name: str) -> int | None:
    given = told[name]
    if not given:
        return None
    if len(given) > 1 or not (given[0].isascii() and given[0].isdigit() and len(given[0]) < 19):
        raise bad_parameter(name, "one number of an event")
    return int(given[0])


def _content(given: Sequence[str]) -> Content | None:
    try:
        return Content(given[0]) if given else None
    except ValueError:
        raise bad_parameter(_CONTENT, f"one of {', '.join(Content)}") from None


def _less(one: Subscribed, hint: Content | None) -> Subscribed:
    """As much as the hint says, and no more than was subscribed to."""
    order = [*Content]
    channel = one.subscription.channel
    if hint is None or order.index(hint) >= order.index(channel.content):
        return one
    less = replace(one.subscription, channel=replace(channel, content=hint))
    return replace(one, subscription=less)


def _events(
    conn: Connection,
    base_url: str,
    one: Subscribed,
    within: tuple[int | None, int | None],
    viewer: Viewer,
) -> JSON:
    """A page of events from the first to the last of ``within``, both included; from the first, to the newest."""
    since, until = within
    at, before = now(), max((since or 1) - 1, 0)
    found = subscriptions.events_of(conn, one, before, at, upto=until, limit=MOST_COUNT)
    told = parts(conn, base_url, one.reader, one.subscription.channel.content, found, at)
    viewer.disclosed.add(disclosed(told))
    made = bundle(base_url, one, NotificationType.QUERY_EVENT, found, told, at)
    last = one.numbered if until is None else min(until, one.numbered)
    links = {"self": _url(base_url, one, since, until)}
    if found and found[-1].number < last:
        links["next"] = _url(base_url, one, found[-1].number + 1, until)
    shown = [{"relation": relation, "url": url} for relation, url in links.items()]
    return {**{name: made[name] for name in made if name != "entry"}, "link": shown} | {
        "entry": made["entry"]
    }


def _url(base_url: str, one: Subscribed, since: int | None, until: int | None) -> str:
    content = one.subscription.channel.content
    given = {SINCE: since, UNTIL: until, _CONTENT: content}
    used = urlencode({name: value for name, value in given.items() if value is not None})
    return f"{base_url}/Subscription/{one.id}/$events?{used}"
