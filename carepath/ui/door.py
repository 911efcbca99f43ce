"""The door of the pages: who is signed in, as whom; and that a form was sent by a page of ours.

Every page stands behind ``Door.guarded``. Without an issuer the pages are open in open mode, and closed otherwise.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import urlencode, urlsplit

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from carepath.identity.addresses import is_loopback
from carepath.identity.oidc import Issuer
from carepath.identity.sessions import Session, Sessions
from carepath.identity.sign_in import SignInFault, own_path
from carepath.store.disclosures import Disclosures
from carepath.ui.forms import Form, form_of
from carepath.ui.navigation import places
from carepath.ui.rendering import HEADERS, page
from carepath.ui.values import Visit
from pathways.access import Actor, Operation, Role, may

Endpoint = Callable[[Request], Awaitable[Response]]

SAFE: Final = frozenset({"GET", "HEAD"})
"""They change nothing (RFC 9110 §9.2.1)."""
EVERYBODY: Final = Actor(role=Role.OPEN)
"""Whoever looks in open mode: the operator."""
_OPEN: Final = "carepath"
"""How our cookies begin, where there is no TLS."""
_OURS: Final = frozenset({"same-origin", "none"})
_LOG: Final = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """How people sign in. ``address``: where we are reached, without a slash at its end.

    ``count`` is told of every refusal; ``accept_synthetic``: also who has a made-up national id.
    """

    issuer: Issuer
    sessions: Sessions
    address: str
    count: Callable[[SignInFault], object]
    accept_synthetic: bool

    @property
    def is_secure(self) -> bool:
        """Whether we are reached over TLS."""
        return urlsplit(self.address).scheme == "https"

    @property
    def cookie(self) -> str:
        """What the session's cookie is called: with TLS no other host and no lesser connection can set it."""
        return "__Host-carepath" if self.is_secure else _OPEN

    def attempt_cookie(self, state: str) -> str:
        """Each attempt has a cookie of its own: somebody may begin in two windows."""
        return f"{self.cookie}-{state[:12]}"

    def put(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        """Give the browser a cookie that scripts cannot read and other sites' forms do not send."""
        _put(response, name, value, lasts, secure=self.is_secure)

    def take(self, response: Response, name: str) -> None:
        """Take a cookie away."""
        response.delete_cookie(name, secure=self.is_secure, httponly=True, samesite="lax")

    async def actor(self, connection: HTTPConnection) -> Actor | None:
        """Who asks anything of us with a session's cookie; ``None``: nobody, or another site in their name."""
        session = await self.session(connection)
        if session is None or session.actor is None or self.is_foreign(connection):
            return None
        connection.state.actor = session.actor
        connection.state.standing = self.sessions.stands(connection.cookies[self.cookie])
        return session.actor

    async def session(self, connection: HTTPConnection) -> Session | None:
        """Whose session the cookie names."""
        secret = connection.cookies.get(self.cookie)
        return await run_in_threadpool(self.sessions.find, secret, datetime.now(UTC))

    def is_foreign(self, connection: HTTPConnection) -> bool:
        """Whether something that changes anything was not sent by a page of ours (``docs/adr/0015``).

        Every browser of today says so itself in Sec-Fetch-Site; an older one, in Origin. Who says neither is none.
        """
        if connection.scope.get("method") in SAFE:
            return False
        site = connection.headers.get("sec-fetch-site")
        origin = connection.headers.get("origin")
        if site is not None:
            return site not in _OURS
        return origin != "{0.scheme}://{0.netloc}".format(urlsplit(self.address))

    def is_other_name(self, request: Request) -> bool:
        """Whether this machine was called by another of its names: cookies are kept for one of them."""
        own = urlsplit(self.address).hostname or ""
        told = request.url.hostname or ""
        return told != own and is_loopback(told) and is_loopback(own)

    def refuse(self, request: Request, fault: SignInFault, next_: str = "/") -> Response:
        """A page that says what happened, and nothing of what was shown."""
        self.count(fault)
        _LOG.info("sign-in refused", reason=fault)
        status = _STATUS.get(fault, 400)
        values = {"text_key": _TEXTS.get(fault, "sign-in.untrusted"), "next": own_path(next_)}
        return page(request, "sign-in-problem.html", status=status, fault=fault, **values)


_STATUS: Final = {
    SignInFault.NOBODY: 403,
    SignInFault.DENIED: 403,
    SignInFault.CROSS_SITE: 403,
    SignInFault.OUT_OF_REACH: 503,
    SignInFault.METADATA: 502,
    SignInFault.ISSUER_ERROR: 502,
}
_TEXTS: Final = {
    SignInFault.STATE: "sign-in.interrupted",
    SignInFault.CODE: "sign-in.interrupted",
    SignInFault.NONCE: "sign-in.interrupted",
    SignInFault.EXPIRED: "sign-in.interrupted",
    SignInFault.DENIED: "sign-in.denied",
    SignInFault.NOBODY: "sign-in.nobody",
    SignInFault.LEVEL: "sign-in.level",
    SignInFault.CROSS_SITE: "sign-in.cross-site",
    SignInFault.OUT_OF_REACH: "sign-in.away",
    SignInFault.METADATA: "sign-in.away",
    SignInFault.ISSUER_ERROR: "sign-in.away",
}


@dataclass(frozen=True, slots=True)
class Door:
    """``sign_in``: where people sign in; ``None``: nowhere, and then only open mode lets anybody see anything."""

    sign_in: SignIn | None
    open_mode: bool

    def cookie(self, name: str) -> str:
        """What a cookie of that name is called."""
        return f"{self.sign_in.cookie if self.sign_in else _OPEN}-{name}"

    def put(self, response: Response, name: str, value: str, lasts: timedelta) -> None:
        """Give the browser something to keep, as the session is kept."""
        is_secure = self.sign_in is not None and self.sign_in.is_secure
        _put(response, self.cookie(name), value, lasts, secure=is_secure)

    def take(self, response: Response, name: str) -> None:
        """Take it away again."""
        is_secure = self.sign_in is not None and self.sign_in.is_secure
        response.delete_cookie(self.cookie(name), secure=is_secure, httponly=True, samesite="lax")

    def guarded(self, endpoint: Endpoint, *, patients: bool = True) -> Endpoint:
        """The page, for whom it is for. ``patients``: only those may see it who may read of patients at all."""

        async def guarded(request: Request) -> Response:
            stopped = await self._stopped(request, patients)
            return stopped or await endpoint(request)

        return guarded

    async def _stopped(self, request: Request, patients: bool) -> Response | None:
        """What is answered instead of the page, if it is not for them; else ``request.state`` says who they are."""
        if self.sign_in is not None:
            return await _not_in(self.sign_in, request, patients)
        if not self.open_mode:
            return page(request, "problem.html", status=403, problem="sign-in.none")
        if (
            request.method not in SAFE
            and request.headers.get("sec-fetch-site", "none") not in _OURS
        ):
            return page(request, "problem.html", status=403, problem="sign-in.cross-site")
        request.state.actor = EVERYBODY
        return None


async def _not_in(sign_in: SignIn, request: Request, patients: bool) -> Response | None:
    if sign_in.is_foreign(request):
        return sign_in.refuse(request, SignInFault.CROSS_SITE)
    session = await sign_in.session(request)
    if session is None:
        return await _signed_out(request)
    request.state.who = session
    if session.actor is None:
        return _sent_to("/act-as", request)
    request.state.actor = session.actor
    secret = request.cookies[sign_in.cookie]
    request.state.standing = sign_in.sessions.stands(secret)
    request.state.holds = partial(sign_in.sessions.holds, secret)
    own = places(session.actor)
    if patients and own and request.url.path == "/" and own[0].path != "/":  # who has no patients
        return RedirectResponse(own[0].path, 303, headers=HEADERS)
    if patients and not may(session.actor.role, Operation.READ):
        return page(request, "problem.html", status=403, problem="page.no-patients")
    return None


def _put(response: Response, name: str, value: str, lasts: timedelta, *, secure: bool) -> None:
    seconds = int(lasts.total_seconds())
    response.set_cookie(name, value, max_age=seconds, secure=secure, httponly=True, samesite="lax")


def visit_of(request: Request) -> Visit:
    """Who looks, behind the door."""
    disclosed = getattr(request.state, "disclosed", None)
    return Visit(request.state.actor, Disclosures() if disclosed is None else disclosed)


async def still_stands(request: Request) -> bool:
    """Whether who looks is still who they were, when the page stays open."""
    holds: Callable[[], bool] | None = getattr(request.state, "holds", None)
    return holds is None or await run_in_threadpool(holds)


async def _signed_out(request: Request) -> Response:
    """To sign in, and back. What a form was filled in with stays on a page, to be sent again once that is done."""
    filled = Form() if request.method in SAFE else await form_of(request)
    if not filled.fields:
        return _sent_to("/sign-in", request)
    url = request.url
    again = f"{url.path}?{url.query}" if url.query else url.path
    return page(request, "signed-out-form.html", status=401, filled=filled, again=again)


def _sent_to(where: str, request: Request) -> Response:
    """To sign in or choose, and back; a stream cannot go anywhere, and its page then asks anew."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(status_code=401, headers=HEADERS)
    url = request.url
    back = "/"
    if request.method in SAFE:
        back = own_path(f"{url.path}?{url.query}" if url.query else url.path)
    return RedirectResponse(f"{where}?{urlencode({'next': back})}", 303, headers=HEADERS)
