"""Breaking the glass, a step of its own: of whom one was told nothing, and why one has to look (``pathways.glass``)."""

from datetime import timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from carepath import texts
from carepath.service import typed
from carepath.service.composing import named
from carepath.ui.door import visit_of
from carepath.ui.forms import Form, form_of
from carepath.ui.rendering import HEADERS, language_of, page
from carepath.ui.values import Data
from pathways.access import Actor, Operation, may
from pathways.glass import FEWEST_LETTERS, LASTS, GlassReason
from pathways.refusals import Cause


def may_break(actor: Actor) -> bool:
    """Whether it is for them: clinicians who have signed in as themselves."""
    return may(actor.role, Operation.BREAK_GLASS) and actor.person is not None


async def glass(_data: Data, request: Request) -> Response:
    """GET /break-glass: what it means, and the form."""
    return _form(request, Form())


async def break_glass(data: Data, request: Request) -> Response:
    """POST /break-glass: to the patient's page; or the form again, with what is wrong beside it."""
    form = await form_of(request)
    form.problems.update(_problems(form))
    if form.problems:
        return _form(request, form, 422)
    number = named(typed.number(form.one("identifier")))
    reason = GlassReason(form.one("reason"))
    found = await run_in_threadpool(
        data.break_glass, visit_of(request), number, reason, form.one("words")
    )
    if isinstance(found, str):
        return RedirectResponse(f"/patients/{found}", status_code=303, headers=HEADERS)
    if found is None:
        form.problems["identifier"] = "page.unknown-identifier"
        return _form(request, form, 404)
    why = next(one.cause for one in found.issues if one.cause)
    return _form(request, form, 403, f"refusal.{why}")


def _problems(form: Form) -> dict[str, str]:
    """What is wrong with which field, as keys of texts."""
    wrong = {
        "identifier": not form.one("identifier"),
        "reason": form.one("reason") not in {*GlassReason},
        "words": len("".join(form.one("words").split())) < FEWEST_LETTERS,
    }
    return {name: f"glass.needs-{name}" for name, holds in wrong.items() if holds}


def _form(request: Request, form: Form, status: int = 200, problem: str | None = None) -> Response:
    if not may_break(visit_of(request).actor):
        return page(
            request, "problem.html", status=403, problem=f"refusal.{Cause.GLASS_NOT_FOR_YOU}"
        )
    language = language_of(request)
    for name, key in form.problems.items():
        form.problems[name] = texts.render(key, {}, language)
    values = {
        "form": form,
        "problem": problem,
        "reasons": [
            (one, texts.render(f"glass.because-{one}", {}, language)) for one in GlassReason
        ],
        "hours": str(LASTS // timedelta(hours=1)),
    }
    return page(request, "glass.html", status=status, **values)
