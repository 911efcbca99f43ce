"""GET and POST /fhir/Subscription/$get-ws-binding-token and /fhir/Subscription/{id}/$get-ws-binding-token.

A token says whose Subscriptions a websocket may be bound to, for some minutes; nobody but us can read or make one.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/OperationDefinition-backport-subscription-get-ws-binding-token.html
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cryptography.exceptions import InvalidTag
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import Context, context_of
from carepath.api.errors import Refused
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.operation_parameters import asked
from carepath.api.standing import standing_of
from carepath.api.subscription_operations import seen
from carepath.store import subscriptions
from carepath.store.blind import Keys
from carepath.store.database import Connection
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Subscribed
from carepath.store.times import instant
from fhir_mappings.times import instant_text
from pathways.refusals import Reason, refuse
from pathways.subscriptions import ChannelType, SubscriptionStatus

WEBSOCKET: Final = "/fhir/websocket"
MOST: Final = 500
"""Subscriptions in one token."""
LASTS: Final = 10 * 60 * 1_000_000  # µs
_PURPOSE: Final = b"websocket binding"


@dataclass(frozen=True, slots=True)
class Token:
    """What may be bound: Subscriptions that ``reader`` may see (``None``: the operator), until a moment in µs."""

    ids: tuple[str, ...]
    reader: str | None
    until: int


async def binding(request: Request) -> Response:
    """200 with a token for the Subscription; 404 for what one may not see, 422 for what no websocket can tell."""
    check_accepted(request)
    await asked(request)  # read, and ignored as the standard has it
    return await _answer(request, [request.path_params["id"]])


async def binding_by_parameters(request: Request) -> Response:
    """The same, asked for with POST."""
    return await binding(request)


async def bindings(request: Request) -> Response:
    """200 with a token for the Subscriptions that are named, or for all that the caller has for websockets."""
    check_accepted(request)
    return await _answer(request, (await asked(request, "id"))["id"])


async def bindings_by_parameters(request: Request) -> Response:
    """The same, asked for with Parameters."""
    return await bindings(request)


async def _answer(request: Request, ids: Sequence[str]) -> Response:
    context, viewer = context_of(request), viewer_of(request)
    if viewer.masked:
        raise HTTPException(403, "what Subscriptions tell is not for this role: see $status")
    found = await context.ask_as(viewer, _named if ids else _all, viewer, [*dict.fromkeys(ids)])
    token = Token(tuple(one.id for one in found), viewer.reader, viewer.now + LASTS)
    text = sealed(context.database.keys, token)
    context.live.rights.remember(text, standing_of(request, context), token.until)
    return fhir_response(_parameters(context, token, text))


def _named(conn: Connection, viewer: Viewer, ids: Sequence[str]) -> list[Subscribed]:
    found = [seen(conn, id_, viewer) for id_ in ids[: MOST + 1]]
    for one in found:
        if one.subscription.channel.type is not ChannelType.WEBSOCKET:
            raise _refused("business-rule", "the channel of this Subscription is not a websocket")
        if one.status is SubscriptionStatus.OFF:
            raise _refused("business-rule", "this Subscription is off: ask for it anew with PUT")
    return _few(found)


def _all(conn: Connection, viewer: Viewer, _ids: Sequence[str]) -> list[Subscribed]:
    found = [
        one
        for one in subscriptions.listed(conn, viewer)
        if one.subscription.channel.type is ChannelType.WEBSOCKET
        and one.status is not SubscriptionStatus.OFF
    ]
    if not found:
        raise _refused("not-found", "there is no Subscription whose channel is a websocket")
    return _few(found)


def _few(found: list[Subscribed]) -> list[Subscribed]:
    if len(found) > MOST:
        raise _refused("too-costly", f"a token is for {MOST} Subscriptions at most: name fewer")
    return found


def _refused(code: str, text: str) -> Refused:
    return Refused(refuse(Reason.INVALID, code, text, "http.id"))


def _parameters(context: Context, token: Token, text: str) -> dict[str, Any]:
    scheme, _, address = context.address.partition("://")
    url = f"{'wss' if scheme == 'https' else 'ws'}://{address}{WEBSOCKET}"
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "token", "valueString": text},
            {"name": "expiration", "valueDateTime": instant_text(instant(token.until))},
            *({"name": "subscription", "valueString": id_} for id_ in token.ids),
            {"name": "websocket-url", "valueUrl": url},
        ],
    }


# --- the token itself


def sealed(keys: Keys, token: Token) -> str:
    """The token as its bearer gets it."""
    text = orjson.dumps([token.ids, token.reader, token.until]).decode()
    return urlsafe_b64encode(keys.seal(text, _PURPOSE)).decode().rstrip("=")


def unsealed(keys: Keys, text: str, now: int) -> Token | None:
    """What it says; ``None`` when it is none of ours, or no longer."""
    try:
        told = keys.unseal(urlsafe_b64decode(text + "=" * (-len(text) % 4)), _PURPOSE)
    except (ValueError, InvalidTag):
        return None
    ids, reader, until = orjson.loads(told)
    return Token(tuple(ids), reader, until) if now < until else None
