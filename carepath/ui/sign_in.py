"""Signing in and out, and choosing whom to act as."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from carepath.identity.people import CITIZEN, NotAPerson, person_of
from carepath.identity.sign_in import LASTS, Attempt, Refused, SignInFault, opened, own_path
from carepath.ui.door import SignIn
from carepath.ui.forms import form_of
from carepath.ui.rendering import HEADERS, language_of, page

_NEXT: Final = "next"


def routes(sign_in: SignIn) -> list[BaseRoute]:
    """The addresses of signing in. None of them shows anything about a patient."""
    return [
        Route("/sign-in", partial(begin, sign_in), methods=["GET"], name="sign-in"),
        Route(
            "/sign-in/callback",
            partial(callback, sign_in),
            methods=["GET"],
            name="sign-in-callback",
        ),
        Route("/act-as", partial(choices, sign_in), methods=["GET"], name="choices"),
        Route("/act-as", partial(choose, sign_in), methods=["POST"], name="choose"),
        Route("/sign-out", partial(sign_out, sign_in), methods=["POST"], name="sign-out"),
        Route("/signed-out", signed_out, methods=["GET"], name="signed-out"),
    ]


async def begin(sign_in: SignIn, request: Request) -> Response:
    """GET /sign-in?next=: to the issuer, with all that its answer has to fit."""
    back = own_path(request.query_params.get(_NEXT))
    if sign_in.is_other_name(request):
        there = f"{sign_in.address}/sign-in?{urlencode({_NEXT: back})}"
        return RedirectResponse(there, 303, headers=HEADERS)
    attempt = Attempt(back, datetime.now(UTC).timestamp())
    language = language_of(request)
    try:
        where = await sign_in.issuer.leave_for(attempt, language)
    except Refused as refused:
        return sign_in.refuse(request, refused.fault, attempt.next)
    response = RedirectResponse(where, 303, headers=HEADERS)
    sealed = attempt.sealed(sign_in.sessions.database.keys)
    sign_in.put(response, sign_in.attempt_cookie(attempt.state), sealed, LASTS)
    return response


async def callback(sign_in: SignIn, request: Request) -> Response:
    """GET /sign-in/callback: the issuer's answer, which is good once, in the browser that asked."""
    answer = _once(request)
    state = answer.get("state", "")
    name = sign_in.attempt_cookie(state)
    keys, now = sign_in.sessions.database.keys, datetime.now(UTC)
    back = "/"
    try:
        attempt = opened(request.cookies.get(name), state, keys, now)
        back = attempt.next
        response = await _welcome(sign_in, request, answer, attempt)
    except Refused as refused:
        response = sign_in.refuse(request, refused.fault, back)
    sign_in.take(response, name)
    return response


async def _welcome(
    sign_in: SignIn, request: Request, answer: Mapping[str, str], attempt: Attempt
) -> Response:
    """A session under a new secret. Raises ``Refused``."""
    now = datetime.now(UTC)
    claims = await sign_in.issuer.finish(answer, attempt, now.timestamp())
    try:
        person = person_of(
            sign_in.issuer.registration.issuer,
            claims,
            accept_synthetic=sign_in.accept_synthetic,
            year=now.year,
        )
    except NotAPerson:
        raise Refused(SignInFault.CLAIMS) from None
    former = request.cookies.get(sign_in.cookie)
    begun = await run_in_threadpool(sign_in.sessions.begin, person, now, former)
    if begun is None:
        raise Refused(SignInFault.NOBODY)
    secret, session = begun
    chosen = attempt.next if session.actor else f"/act-as?{urlencode({_NEXT: attempt.next})}"
    response = RedirectResponse(chosen, 303, headers=HEADERS)
    sign_in.put(response, sign_in.cookie, secret, sign_in.sessions.limits.lasting)
    return response


async def choices(sign_in: SignIn, request: Request) -> Response:
    """GET /act-as?next=: where somebody works, and themselves, to choose from."""
    session = await sign_in.session(request)
    back = own_path(request.query_params.get(_NEXT))
    if session is None:
        return RedirectResponse(f"/sign-in?{urlencode({_NEXT: back})}", 303, headers=HEADERS)
    request.state.who = session
    return page(request, "act-as.html", session=session, next=back, citizen=CITIZEN)


async def choose(sign_in: SignIn, request: Request) -> Response:
    """POST /act-as: act as one of them from now on."""
    if sign_in.is_foreign(request):
        return sign_in.refuse(request, SignInFault.CROSS_SITE)
    form = await form_of(request)
    back = own_path(form.one(_NEXT))
    secret, now = request.cookies.get(sign_in.cookie, ""), datetime.now(UTC)
    renewed = await run_in_threadpool(sign_in.sessions.choose, secret, form.one("acting"), now)
    if renewed is None:
        return RedirectResponse(f"/act-as?{urlencode({_NEXT: back})}", 303, headers=HEADERS)
    response = RedirectResponse(back, 303, headers=HEADERS)
    sign_in.put(response, sign_in.cookie, renewed, sign_in.sessions.limits.lasting)
    return response


async def sign_out(sign_in: SignIn, request: Request) -> Response:
    """POST /sign-out: here, then at the issuer.

    The way on is a refresh: a form of ours may not lead to another site, says the content policy.
    """
    if sign_in.is_foreign(request):
        return sign_in.refuse(request, SignInFault.CROSS_SITE)
    secret = request.cookies.get(sign_in.cookie)
    await run_in_threadpool(sign_in.sessions.end, secret, datetime.now(UTC))
    onward = await sign_in.issuer.sign_out_at()
    response = page(request, "signed-out.html", onward=onward)
    if onward:
        response.headers["Refresh"] = f"0; url={onward}"
    sign_in.take(response, sign_in.cookie)
    return response


async def signed_out(request: Request) -> Response:
    """GET /signed-out: where the issuer sends people who have signed out there."""
    return page(request, "signed-out.html", onward=None)


def _once(request: Request) -> dict[str, str]:
    """The parameters that are said once; what is said twice is not to be trusted (RFC 6749 §3.1)."""
    told: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        told[name] = None if name in told else value
    return {name: value for name, value in told.items() if value is not None}
