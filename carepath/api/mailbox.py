"""GET /fhir/$mailbox and POST /fhir/$confirm: a receiver's feed for those who would rather fetch it.

What is there is given again and again until it is confirmed, and never after that. As in ``$events``, the Bundle is
a history: a place whose message may not be seen or is no longer kept stands there with its number, and says why.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import Context, context_of
from carepath.api.errors import Refused, bad_parameter
from carepath.api.exchange import (
    acting_organisation,
    check_accepted,
    fhir_response,
    viewer_of,
)
from carepath.api.operation_parameters import asked
from carepath.api.results import DEFAULT_COUNT, MOST
from carepath.delivery import notifications
from carepath.delivery.content import event_code, resource
from carepath.store import feed
from carepath.store import mailbox as store
from carepath.store.feed import OPERATOR, PARKED, Item
from carepath.store.mailbox import PLACE, UPTO, Mailbox
from carepath.store.times import now
from fhir_mappings.codes import FEED_NUMBER
from fhir_mappings.outcome import outcome
from pathways.refusals import Issue, Reason, refuse
from schemas.envelopes import EXPIRED, RESTORED, WITHHELD

_DIGITS = 18  # of a number of a feed


async def mailbox(request: Request) -> Response:
    """200 with a history Bundle of what is not confirmed, oldest first; ``total`` is all of it.

    ``_after`` reads on without confirming; the link to the next page has it.
    """
    check_accepted(request)
    count, after = min(_number(request, "_count", DEFAULT_COUNT), MOST), _number(request, "_after")
    context, receiver, viewer = context_of(request), _receiver(request), viewer_of(request)

    def told(conn: Any) -> Response:
        box = store.mailbox(conn, receiver)
        found = store.page(conn, receiver, box, after, now(), limit=count) if count else []
        if viewer.masked:
            found = [feed.masked(item) for item in found]
        for item in found:
            viewer.disclosed.tell(item.of, "Bundle", (item.id,))
        return fhir_response(_bundle(context.base_url, box, found, count=count, after=after))

    # written on the thread, too: a long one holds up nobody else
    return await context.ask_as(viewer, told)


async def confirm(request: Request) -> Response:
    """200 with Parameters: how far it is confirmed, and how many wait. 409 for less, 422 for no such number."""
    check_accepted(request)
    context, receiver = context_of(request), _receiver(request)
    upto = await _upto(request)
    told = await run_in_threadpool(_confirmed, context, receiver, upto)
    context.relay.wake()  # it may have left the feed alone because we had it locked
    return fhir_response(_parameters(told))


def _receiver(request: Request) -> str:
    return acting_organisation(request) or OPERATOR


def _number(request: Request, name: str, default: int = 0) -> int:
    given = request.query_params.get(name, str(default))
    if not _is_number(given):
        raise bad_parameter(name, "a whole number from 0")
    return int(given)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


# --- what is there


def _bundle(
    base_url: str, box: Mailbox, found: list[Item], *, count: int, after: int
) -> dict[str, Any]:
    links = {"self": _url(base_url, count, after)}
    if found and found[-1].number < box.last:
        links["next"] = _url(base_url, count, found[-1].number)
    bundle = {
        "resourceType": "Bundle",
        "type": "history",
        "total": box.waiting,
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
    }
    entries = [_entry(item, base_url) for item in found]
    return {**bundle, "entry": entries} if entries else bundle


def _url(base_url: str, count: int, after: int) -> str:
    used = {"_count": count} | ({"_after": after} if after else {})
    return f"{base_url}/$mailbox?{urlencode(used)}"


def _entry(item: Item, base_url: str) -> dict[str, Any]:
    """A place with its number; ``request`` is how its message is read again, ``response`` how that ends (bdl-3, -4)."""
    url = f"{base_url}/Bundle/{item.id}"
    status, why = _WITHOUT.get(event_code(item), ("200", None))
    told = _resource(item, base_url) if why is None else None
    response: dict[str, Any] = {"status": status, "lastModified": item.created}
    return {
        "extension": [{"url": FEED_NUMBER, "valueString": str(item.number)}],
        "fullUrl": url,
        **({"resource": orjson.Fragment(told)} if told else {}),
        "request": {"method": "GET", "url": url},
        "response": response | ({"outcome": outcome((why,))} if why else {}),
    }


def _resource(item: Item, base_url: str) -> bytes | None:
    """The message; what the operator is told of parked messages is none, and is wrapped."""
    if item.kind != PARKED or item.body is None:
        return resource(item, base_url)
    data = base64.b64encode(item.body).decode()
    binary = {"resourceType": "Binary", "id": item.id, "contentType": "application/json"}
    return orjson.dumps({**binary, "data": data})


_WITHOUT: Final[Mapping[str, tuple[str, Issue]]] = {
    WITHHELD: ("403", notifications.WITHHELD),
    EXPIRED: ("410", notifications.EXPIRED),
    RESTORED: ("410", notifications.ANEW),
}


# --- what is worked off


async def _upto(request: Request) -> int:
    """The number that ``upto`` names. Raises ``Refused``."""
    told = (await asked(request, UPTO))[UPTO]
    if len(told) != 1 or not _is_number(told[0]):
        text = "one parameter, upto: the number of the last message worked off"
        raise Refused(refuse(Reason.INVALID, "value", text, PLACE))
    return int(told[0])


def _confirmed(context: Context, receiver: str, upto: int) -> Mailbox:
    """Raises ``Refused``."""
    with context.database.write() as conn:
        refusal = store.confirm(conn, receiver, upto, now())
        if refusal is not None:
            raise Refused(refusal)
        return store.mailbox(conn, receiver)


def _parameters(box: Mailbox) -> dict[str, Any]:
    told = [
        {"name": "confirmed", "valueString": str(box.confirmed)},
        {"name": "waiting", "valueUnsignedInt": box.waiting},
    ]
    return {"resourceType": "Parameters", "parameter": told}
