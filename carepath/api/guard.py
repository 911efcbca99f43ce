"""The guard at the door, where clients and people sign in: who calls, and whether they may ask for this at all.

Nothing is open but what has a row that says so (``rights.NEEDS``); pages have a door of their own
(``carepath.ui.door``). What somebody gets of what they may ask for is decided further in, entry by entry.
https://www.rfc-editor.org/rfc/rfc6750#section-3
"""

from collections.abc import Collection, Iterable, Mapping
from ipaddress import ip_address
from types import FunctionType
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from carepath.api.context import Context
from carepath.api.errors import on_store_fault, outcome_response
from carepath.api.exchange import ORGANISATION, is_key
from carepath.api.rights import NEEDS, Need
from carepath.identity.callers import Shown
from carepath.identity.jose import RSA_OR_EC
from carepath.identity.refusals import Fault, NotBelieved, OutOfReach
from carepath.store.database import DatabaseError
from pathways.access import Actor, Operation, may
from pathways.refusals import Issue

log = structlog.get_logger()

_REALM: Final = 'realm="carepath"'
_OWN_DOOR: Final = Need(Operation.PUBLIC)
_FORBIDDEN: Final = frozenset({Fault.SCOPE_SMALL, Fault.ROLE, Fault.NOT_THEIRS})
"""Who it is, is known: another token would not help, or only a wider one."""


class Guard:
    """ASGI middleware: 401, 403 or 421 with an OperationOutcome; else ``request.state`` says who calls.

    ``pages``: the names of routes that have a door of their own, where people sign in with a browser.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        context: Context,
        routes: Iterable[BaseRoute],
        pages: Collection[str],
    ) -> None:
        self._app, self._context = app, context
        self._routes, self._pages = tuple(routes), pages
        self._own_host = urlsplit(context.address).hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        refused = None
        if scope["type"] in {"http", "websocket"}:
            refused = await self._refused(scope)
        await (refused or self._app)(scope, receive, send)

    async def _refused(self, scope: Scope) -> Response | None:
        """The answer to whoever may not go on; ``None``: they may."""
        found = self._route(scope)
        if found is None:
            return None  # there is nothing at this address
        need, of_address = found
        if need is None:
            return _outcome(403, "forbidden", "this address is not open to anybody")
        if need.operation is Operation.PUBLIC:
            return None
        if not self._is_for_us(scope):
            return _outcome(421, "processing", "this server has another name", "http.Host")
        return await self._stranger(scope, need, of_address)

    async def _stranger(self, scope: Scope, need: Need, of_address: str | None) -> Response | None:
        """The answer to whoever is not believed or may not; ``None``: ``request.state`` says who calls."""
        try:
            actor = await self._actor(scope)
            _check(actor, need, of_address)
        except NotBelieved as fault:
            self._count(fault.fault)
            return _answer(fault)
        except OutOfReach:
            self._count("issuer-out-of-reach")
            text = "who vouches for you cannot be reached: try again"
            return _outcome(503, "transient", text, headers={"Retry-After": "10"})
        except DatabaseError as fault:
            return await on_store_fault(Request(scope), fault)
        HTTPConnection(scope).state.actor = actor
        return None

    def _route(self, scope: Scope) -> tuple[Need | None, str | None] | None:
        """What the address needs, and the type in it; ``None``: nothing is there."""
        for route in self._routes:
            match, found = route.matches(scope)
            if match is Match.FULL:
                endpoint = found.get("endpoint")
                if isinstance(endpoint, FunctionType) and endpoint in NEEDS:
                    return NEEDS[endpoint], found["path_params"].get("type")
                has_own_door = getattr(route, "name", None) in self._pages
                return (_OWN_DOOR if has_own_door else None), None
        return None

    async def _actor(self, scope: Scope) -> Actor:
        """Who calls; ``state.standing`` tells open streams whether what signed them in still holds."""
        connection = HTTPConnection(scope)
        headers, entrance = connection.headers, self._context.entrance
        asked = headers.getlist(ORGANISATION)
        if len(asked) > 1 or (asked and not is_key(asked[0])):
            raise NotBelieved(Fault.NOT_THEIRS, f"{ORGANISATION} is no directory key")
        organisation = asked[0] if asked else None
        if "authorization" in headers and entrance is not None:
            shown = Shown(
                authorization=tuple(headers.getlist("authorization")),
                proofs=tuple(headers.getlist("dpop")),
                method=scope["method"],
                url=f"{self._context.address}{scope['path']}",
                organisation=organisation,
            )
            caller = await entrance.callers.caller(shown)
            connection.state.standing = caller.standing
            return caller.actor
        return await self._by_session(connection, organisation)

    async def _by_session(self, connection: HTTPConnection, organisation: str | None) -> Actor:
        """A person at a page, by the cookie."""
        sessions = self._context.sessions
        found = await sessions(connection) if sessions else None
        if found is None:
            raise NotBelieved(Fault.NO_TOKEN, "sign in: see .well-known/smart-configuration")
        if organisation not in (None, found.party):
            raise NotBelieved(Fault.NOT_THEIRS, "a person acts for where they work only")
        return found

    def _is_for_us(self, scope: Scope) -> bool:
        """Whether Host names us: by our name, as this machine, or by an address, which no foreign name can be."""
        host = _host(Headers(scope=scope).get("host", ""))
        return host in (self._own_host, "localhost") or _is_address(host)

    def _count(self, reason: str) -> None:
        self._context.metrics.refused_sign_ins.labels(reason).inc()
        log.warning("caller refused", reason=reason)


def _check(actor: Actor, need: Need, of_address: str | None) -> None:
    """Raise ``NotBelieved`` where the role or the scopes do not reach."""
    if not may(actor.role, need.operation):
        raise NotBelieved(Fault.ROLE, "this is not for the role that you have")
    missing = need.missing(actor, of_address)
    if missing is not None:
        raise NotBelieved(Fault.SCOPE_SMALL, f"this needs the scope {missing}")


def _answer(fault: NotBelieved) -> Response:
    """What whoever is refused is told: 403 where they are known, else 401 with how to sign in."""
    if fault.fault in _FORBIDDEN:
        wider = fault.fault is Fault.SCOPE_SMALL  # another token would help
        asked = f'Bearer {_REALM}, error="{fault.error}", error_description="{fault.description}"'
        headers = {"WWW-Authenticate": asked} if wider else {}
        return _outcome(403, "forbidden", fault.description, headers=headers)
    code = "expired" if fault.fault is Fault.TOKEN_EXPIRED else "login"
    response = _outcome(401, code, fault.description)
    for challenge in _challenges(fault):
        response.headers.append("WWW-Authenticate", challenge)
    return response


def _challenges(fault: NotBelieved) -> Iterable[str]:
    """Bearer for our own tokens; DPoP for those of issuers that bind theirs (RFC 9449 §7.1)."""
    said = (
        f', error="{fault.error}", error_description="{fault.description}"' if fault.error else ""
    )
    proof = fault.error == "invalid_dpop_proof" or fault.fault is Fault.TOKEN_BOUND
    if not proof:
        yield f"Bearer {_REALM}{said}"
    yield f'DPoP {_REALM}{said}, algs="{" ".join(RSA_OR_EC)}"'


def _outcome(
    status: int,
    code: str,
    text: str,
    where: str = "http.Authorization",
    headers: Mapping[str, str] | None = None,
) -> Response:
    told = {"Cache-Control": "no-store", **(headers or {})}
    return outcome_response(status, (Issue(code, text, where),), told)


def _host(header: str) -> str | None:
    try:
        return urlsplit(f"//{header}").hostname
    except ValueError:
        return None


def _is_address(host: str | None) -> bool:
    try:
        return ip_address(host or "") is not None
    except ValueError:
        return False
