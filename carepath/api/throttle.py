"""How much one client may ask for, and one address while nobody there has signed in: 429, and when to come again.

Whoever is believed is
counted by who they are, so that a neighbour behind the same address takes nothing from them. What goes out by itself,
to rest-hooks, Kafka and people, is not asked for and never counted.
https://www.rfc-editor.org/rfc/rfc6585#section-4
"""

import hashlib
from ipaddress import IPv6Address, ip_address
from typing import Final

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carepath.api.allowance import Throttle
from carepath.api.errors import outcome_response
from carepath.api.exchange import ORGANISATION
from carepath.identity.entrance import TOKEN
from pathways.access import Actor
from pathways.refusals import Issue

ALWAYS: Final = frozenset({"/livez", "/readyz", "/metrics"})
"""What watches over us must not be kept from it."""
_STATIC: Final = "/static/"
_DOORS: Final = (TOKEN, "/sign-in")
"""Where it is found out who calls: what is shown there as proof counts for nothing yet."""
_STREAMS: Final = ("/events", "/changes")
_LATER: Final = 10  # seconds after which there may be room for another stream


class Strangers:
    """ASGI middleware before the guard: limits who is not signed in, by their address.

    Who shows nothing is counted at once; who shows something, when it turns out that it was not believed.
    """

    def __init__(self, app: ASGIApp, *, throttle: Throttle) -> None:
        self._app, self._throttle = app, throttle

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or its answer; or refuse it."""
        if scope["type"] not in {"http", "websocket"} or _is_free(scope["path"]):
            await self._app(scope, receive, send)
        elif _shows_something(scope):
            state = scope.setdefault("state", {})
            await self._app(scope, receive, _Unless(scope, state, receive, send, self._throttle))
        else:
            after = await self._throttle.address(address_of(scope))
            refused = None if after is None else too_many(scope["path"], after)
            await (refused or self._app)(scope, receive, send)


class _Unless:
    """Lets an answer through, unless it is one too many to somebody who was not believed."""

    def __init__(
        self,
        scope: Scope,
        state: dict[str, object],
        receive: Receive,
        send: Send,
        throttle: Throttle,
    ) -> None:
        self._scope, self._state = scope, state
        self._receive, self._send, self._throttle = receive, send, throttle
        self._refused = False

    async def __call__(self, message: Message) -> None:
        started = message["type"] in {"http.response.start", "websocket.http.response.start"}
        if started and "actor" not in self._state:
            after = await self._throttle.address(address_of(self._scope))
            if after is not None:
                self._refused = True
                refusal = too_many(self._scope["path"], after)
                await refusal(self._scope, self._receive, self._send)
        if not self._refused:
            await self._send(message)


class Clients:
    """ASGI middleware behind the guard: limits clients, and how many streams each has open."""

    def __init__(self, app: ASGIApp, *, throttle: Throttle, open_mode: bool) -> None:
        self._app, self._throttle, self._open_mode = app, throttle, open_mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        if scope["type"] not in {"http", "websocket"} or _is_free(scope["path"]):
            await self._app(scope, receive, send)
            return
        key = self._key(scope)
        after = await self._throttle.client(key) if key else None
        if after is not None:
            await too_many(scope["path"], after)(scope, receive, send)
        elif scope["type"] == "websocket" or scope["path"].endswith(_STREAMS):
            await self._stream(key or address_of(scope), scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _stream(self, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._throttle.begin_stream(key):
            await too_many(scope["path"], _LATER)(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._throttle.end_stream(key)

    def _key(self, scope: Scope) -> str | None:
        """What tells a client from the others; ``None``: a stranger, who has been counted."""
        headers = Headers(scope=scope)
        if self._open_mode:
            return (
                f"organisation {headers[ORGANISATION]}"
                if ORGANISATION in headers
                else address_of(scope)
            )
        actor = scope.get("state", {}).get("actor")
        if isinstance(actor, Actor):
            return f"client {actor.client}" if actor.client else f"person {actor.person}"
        cookie = headers.get("cookie")  # at the pages, whose own door comes later
        return f"session {hashlib.sha256(cookie.encode()).hexdigest()}" if cookie else None


def too_many(path: str, after: int) -> Response:
    """429: an OperationOutcome, or OAuth's error from where tokens come. ``after``: seconds."""
    headers = {"Retry-After": str(after)}
    text = f"too many requests: ask again in {after} s"
    if path == TOKEN:
        told = {"error": "temporarily_unavailable", "error_description": text}
        return Response(orjson.dumps(told), 429, headers, "application/json")
    return outcome_response(429, (Issue("throttled", text, "http.client"),), headers)


def _is_free(path: str) -> bool:
    return path in ALWAYS or path.startswith(_STATIC)


def _shows_something(scope: Scope) -> bool:
    shown = any(name in {b"authorization", b"cookie"} for name, _ in scope["headers"])
    return shown and not scope["path"].startswith(_DOORS)


def address_of(scope: Scope) -> str:
    """The peer's address; of IPv6 the network that one subscriber has (RFC 6177), who can take any address in it."""
    client = scope.get("client")
    host = client[0] if client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return f"address {host}"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"address {int(address) >> 64:x}::/64"
    return f"address {address}"
