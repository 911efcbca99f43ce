"""GET /events: a receiver's feed as server-sent events, resumable by number.

A stream holds one page at a time and reads the next when the last has been sent, so a slow reader costs no
memory. Streams that look at the same moment read together (``delivery.live``).
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncIterator

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import acting_organisation, actor_of, is_key, viewer_of
from carepath.api.standing import Withdrawable, standing_of
from carepath.store import feed
from carepath.store.disclosures import Disclosures
from pathways.access import CITIZENS

_KEEP_ALIVE = 15  # seconds


async def events(request: Request) -> Response:
    """The feed from ``Last-Event-ID`` or ``?since=`` on; without either, what comes from now on."""
    context, receiver, viewer = context_of(request), _receiver(request), viewer_of(request)
    if viewer.masked and actor_of(request).role not in CITIZENS:
        raise HTTPException(403, "what the feed says is not for this role: see $mailbox")
    since, newest = _since(request), await context.ask(feed.last, receiver)
    if request.headers.get("last-event-id") and since is not None:
        context.relay.handed(receiver, min(since, newest))  # also where we died before noting it
    if since is None:
        since = newest
    return Withdrawable(
        _stream(context, receiver, since, viewer.disclosed),
        context=context,
        readers=viewer.readers,
        standing=standing_of(request, context),
        ping=_KEEP_ALIVE,
    )


def _receiver(request: Request) -> str:
    acting, named = acting_organisation(request), request.query_params.get("org")
    if not named or named == acting:
        return acting or feed.OPERATOR
    if not context_of(request).open_mode:
        raise HTTPException(403, "not the feed of who asks")
    if named != feed.OPERATOR and not is_key(named):
        raise bad_parameter("org", "a directory key: letters, digits, '.', '_' and '-'")
    if acting is not None:
        raise bad_parameter("org", "not the feed of the organisation that asks")
    return named


def _since(request: Request) -> int | None:
    """``Last-Event-ID`` counts more: a browser that reconnects sends it, and ``since`` again."""
    name, given = "Last-Event-ID", request.headers.get("last-event-id")
    if not given:
        name, given = "since", request.query_params.get("since")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise bad_parameter(name, "a number of the feed, from 0")
    return int(given)


async def _stream(
    context: Context, receiver: str, since: int, disclosed: Disclosures
) -> AsyncIterator[bytes]:
    """Everything after ``since``, then what follows. A page whose last event was taken has been handed over."""
    with (
        context.live.listening(receiver) as news,
        context.metrics.streams.track_inprogress(),
    ):
        yield b": connected\n\n"
        while True:
            news.clear()
            page = await context.live.page(receiver, since)
            for patient, id_ in page.of:
                disclosed.tell(patient, "Bundle", (id_,))
            for number, event in page.events:
                yield event
                since = number
            if page.events:
                context.relay.handed(receiver, since)
            if not page.more:
                await news.wait()
