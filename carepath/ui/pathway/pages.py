"""The pages of people themselves: what comes, and what they do about it (issue 9; ``docs/adr/0023``)."""

from collections.abc import Awaitable, Callable
from functools import partial
from itertools import groupby
from typing import Final
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from carepath import texts
from carepath.service.drafts import withdrawal
from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.pathway.acts import Act, offered
from carepath.ui.pathway.data import LINES
from carepath.ui.pathway.draft import draft_of
from carepath.ui.pathway.ground import Ground
from carepath.ui.pathway.knowing import Knowing
from carepath.ui.pathway.view import OwnView
from carepath.ui.rendering import HEADERS, language_of, page
from carepath.ui.streaming import updates
from carepath.ui.values import ME, SOMEONE, Data, Done, Fate, Sent
from carepath.ui.words import Words
from pathways.access import CITIZENS, Basis
from pathways.refusals import Reason

Endpoint = Callable[[Data, Request], Awaitable[Response]]

SENT: Final = "sent"
WAITS: Final = "waits"
ALL: Final = "all"
NAMES: Final = frozenset(
    {"pathways", "pathway", "pathway-changes", "pathway-log", "pathway-ask", "pathway-do"}
    | {"pathway-withdraw"}
)
"""Of the routes."""


def routes(data: Data, door: Door) -> list[BaseRoute]:
    """The addresses of the pages of people themselves."""

    def at(path: str, name: str, endpoint: Endpoint, method: str = "GET") -> Route:
        guarded = door.guarded(partial(endpoint, data))
        return Route(f"/pathway{path}", guarded, methods=[method], name=name)

    return [
        at("", "pathways", people),
        at("/withdraw", "pathway-withdraw", withdraw, "POST"),
        at("/{id}", "pathway", pathway),
        at("/{id}/changes", "pathway-changes", changes),
        at("/{id}/log", "pathway-log", log),
        at("/{id}/do/{code}", "pathway-ask", ask),
        at("/{id}/do/{code}", "pathway-do", do, "POST"),
    ]


async def people(data: Data, request: Request) -> Response:
    """GET /pathway: to one's own page; to choose, for who has several people to look after."""
    visit = visit_of(request)
    if visit.actor.role not in CITIZENS:
        return _not_theirs(request)
    found = await run_in_threadpool(data.own.people, visit)
    if not found:
        return _to(ME, request.url.query)
    own = next((one for one in found if one.sight.basis is Basis.SELF), None)
    if own and len(found) == 1 and ALL not in request.query_params:
        return _to(own.sight.patient, request.url.query)
    sent = await _sent(data, request)
    return page(
        request,
        "pathway-people.html",
        people=found,
        own=own,
        sent=sent,
        me=ME,
        someone=SOMEONE,
        words=Words(language_of(request), {}),
    )


async def pathway(data: Data, request: Request) -> Response:
    """GET /pathway/{id}: of oneself or one of one's own; ``me`` is oneself, ``someone`` whoever one asks about."""
    if visit_of(request).actor.role not in CITIZENS:
        return _not_theirs(request)
    key = request.path_params["id"]
    if key == ME and (own := await _own(data, request)):
        return _to(own, request.url.query)
    found = await _page(data, request, key)
    if found is None or key == SOMEONE:
        return page(request, "problem.html", status=404, problem="own.unknown")
    sent = await _sent(data, request)
    return await run_in_threadpool(_drawn, request, found, sent)


def _drawn(request: Request, ground: Ground, sent: Sent | None) -> Response:
    view = OwnView(ground)
    waits = WAITS in request.query_params
    return page(
        request,
        "pathway.html",
        own=ground.page,
        view=view,
        knowing=Knowing(ground),
        words=ground.words,
        sent=sent,
        waits=waits,
    )


async def changes(data: Data, request: Request) -> Response:
    """GET /pathway/{id}/changes: server-sent events that say *that* the page changed, never what."""
    version = partial(data.own.version, visit_of(request), request.path_params["id"])
    if await run_in_threadpool(version) is None:
        return page(request, "problem.html", status=404, problem="own.unknown")
    return updates(request, data.changed, version)


async def log(data: Data, request: Request) -> Response:
    """GET /pathway/{id}/log?before=: who received and who read what, and why; newest first."""
    visit, key = visit_of(request), request.path_params["id"]
    before = request.query_params.get("before")
    language = language_of(request)
    lines = await run_in_threadpool(data.own.log, visit, key, language, before)
    if lines is None:
        return page(request, "problem.html", status=404, problem="own.unknown")
    more = lines[LINES - 1].id if len(lines) > LINES else None
    told = groupby(lines[:LINES], key=lambda one: (one.at.astimezone(texts.ZONE).date(), one.said))
    days = [(first, len(rest) + 1) for _, (first, *rest) in told]
    return page(request, "pathway-log.html", lines=days, more=more, key=key)


async def ask(data: Data, request: Request) -> Response:
    """GET /pathway/{id}/do/{code}: the questions; ``matter`` and ``which`` are chosen already."""
    found = await _asked(data, request)
    if isinstance(found, Response):
        return found
    ground, act = found
    chosen = {name: [text] for name, text in request.query_params.items()}
    first = {one.name: [one.value] for one in act.fields(ground) if one.value}
    return _form(request, ground, act, Form({**first, **chosen}))


async def do(data: Data, request: Request) -> Response:
    """POST /pathway/{id}/do/{code}: send it, and back to the page; or the form again, with what is wrong beside it."""
    found = await _asked(data, request)
    if isinstance(found, Response):
        return found
    ground, act = found
    form = await form_of(request)
    draft = draft_of(visit_of(request).actor, ground, act, form)
    if form.problems:
        return _form(request, ground, act, form, status=422)
    done = await data.send(visit_of(request), draft)
    kept = done.fate in (Fate.DONE, Fate.WAITS) or await _sent(data, request, draft.id)
    if not kept:  # with another id: who was refused may try again
        anew = Form({name: told for name, told in form.fields.items() if name != "id"})
        return _form(request, ground, act, anew, status=422, done=done)
    key = done.patient or ("" if ground.page.key == SOMEONE else ground.page.key)
    return _to(key, urlencode({WAITS: "1"} if done.fate is Fate.WAITS else {SENT: draft.id}))


async def withdraw(data: Data, request: Request) -> Response:
    """POST /pathway/withdraw: what they sent does not hold; everybody who was told hears so."""
    form, visit = await form_of(request), visit_of(request)
    sent = await run_in_threadpool(data.own.sent, visit, form.one(SENT))
    draft = withdrawal(sent.record, sent.matter) if sent else None
    done_before = draft is not None and await _sent(data, request, draft.id)
    if sent is None or draft is None or not (sent.can_be_taken_back or done_before):
        return page(request, "problem.html", status=404, problem="own.nothing-to-take-back")
    done = await data.send(visit, draft)
    if done.fate is Fate.REFUSED:
        return page(request, "problem.html", status=409, problem="own.not-taken-back")
    return _to(sent.record.patient, urlencode({SENT: draft.id}))


def _form(
    request: Request,
    ground: Ground,
    act: Act,
    form: Form,
    *,
    status: int = 200,
    done: Done | None = None,
) -> Response:
    why = _refused(form, act, ground, done, language_of(request)) if done else ""
    said = {name: ground.words.text(key) for name, key in form.problems.items()}
    return page(
        request,
        "pathway-act.html",
        status=status,
        act=act,
        own=ground.page,
        view=OwnView(ground),
        fields=act.fields(ground),
        form=Form(form.fields, said),
        id=form.id,
        why=why,
    )


def _refused(form: Form, act: Act, ground: Ground, done: Done, language: str) -> str:
    """Why it was not sent; beside the field, where it is one that is wrong."""
    reason = done.refusal.reason if done.refusal else None
    names = {field.name for field in act.fields(ground)}
    if reason is Reason.PATIENT and "number" in names:
        form.problems["number"] = "own.problem.number"
    elif reason is Reason.UNKNOWN_RECEIVER and "municipality" in names:
        form.problems["municipality"] = "own.problem.municipality"
    return done.why(language)


async def _asked(data: Data, request: Request) -> tuple[Ground, Act] | Response:
    """Whom it is about and what is to be done, if that is offered to them."""
    if visit_of(request).actor.role not in CITIZENS:
        return _not_theirs(request)
    key = request.path_params["id"]
    if key == ME and (own := await _own(data, request)):
        key = own
    ground = await _page(data, request, key)
    acts = await run_in_threadpool(offered, ground) if ground else []
    act = next((one for one in acts if one.code == request.path_params["code"]), None)
    if ground is None or act is None:
        return page(request, "problem.html", status=404, problem="own.unknown")
    return ground, act


async def _page(data: Data, request: Request, key: str) -> Ground | None:
    found = await run_in_threadpool(data.own.page, visit_of(request), key)
    if found is None:
        return None
    return Ground(found, Words(language_of(request), found.shown.parties))


async def _own(data: Data, request: Request) -> str | None:
    """The id of who signed in, where anything is known of them."""
    found = await run_in_threadpool(data.own.people, visit_of(request))
    return next((one.sight.patient for one in found if one.sight.basis is Basis.SELF), None)


async def _sent(data: Data, request: Request, message: str | None = None) -> Sent | None:
    message = message or request.query_params.get(SENT)
    if not message:
        return None
    return await run_in_threadpool(data.own.sent, visit_of(request), message)


def _to(key: str, query: str) -> Response:
    there = f"/pathway/{key}".rstrip("/")
    return RedirectResponse(f"{there}?{query}" if query else there, 303, headers=HEADERS)


def _not_theirs(request: Request) -> Response:
    return page(request, "problem.html", status=403, problem="own.not-theirs")
