"""Where somebody is signed in, on which machine ever, and signing out there (OWASP ASVS 5.0, 7.5.2)."""

from datetime import UTC, datetime
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from carepath.identity.sign_in import SignInFault
from carepath.ui.door import SignIn
from carepath.ui.forms import form_of
from carepath.ui.rendering import HEADERS, page

AT = "/sessions"


def routes(sign_in: SignIn) -> list[BaseRoute]:
    """The page, and its forms. Nothing on it is about a patient."""
    return [
        Route(AT, partial(sessions, sign_in), methods=["GET"], name="sessions"),
        Route(AT, partial(end_there, sign_in), methods=["POST"], name="end-sessions"),
    ]


async def sessions(sign_in: SignIn, request: Request) -> Response:
    """GET /sessions: each of them, with when it began, when it was used last and whom they act as there."""
    session = await sign_in.session(request)
    if session is None:
        return RedirectResponse(f"/sign-in?next={AT}", 303, headers=HEADERS)
    request.state.who = session
    secret, now = request.cookies[sign_in.cookie], datetime.now(UTC)
    found = await run_in_threadpool(sign_in.sessions.standing, secret, now)
    return page(request, "sessions.html", standing=found, places=session.places, now=now)


async def end_there(sign_in: SignIn, request: Request) -> Response:
    """POST /sessions, ``end`` once for each: signed out there, at once, open pages included.

    The one that asks goes on: it has a button of its own on every page.
    """
    if sign_in.is_foreign(request):
        return sign_in.refuse(request, SignInFault.CROSS_SITE, AT)
    form = await form_of(request)
    secret = request.cookies.get(sign_in.cookie, "")
    now = datetime.now(UTC)
    await run_in_threadpool(sign_in.sessions.end_there, secret, form.many("end"), now)
    return RedirectResponse(AT, 303, headers=HEADERS)
