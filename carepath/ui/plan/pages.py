"""A patient's plans: what is next, where, who is responsible, and what has changed."""

from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from carepath.ui.door import Door, visit_of
from carepath.ui.plan import change
from carepath.ui.plan.view import PlanView
from carepath.ui.rendering import language_of, page
from carepath.ui.values import Data
from carepath.ui.words import Words

NAMES: Final = frozenset({"plan", "edit-plan", "keep-plan"})
"""The names of the routes."""


def routes(data: Data, door: Door) -> list[BaseRoute]:
    """The addresses of a patient's plans."""
    there = "/patients/{id}/plan"
    return [
        Route(there, door.guarded(partial(plan, data)), methods=["GET"], name="plan"),
        *change.routes(data, door),
    ]


async def plan(data: Data, request: Request) -> Response:
    """GET /patients/{id}/plan: as far as whoever looks may see it."""
    return await run_in_threadpool(_plan, data, request)


def _plan(data: Data, request: Request) -> Response:
    visit, key = visit_of(request), request.path_params["id"]
    found = data.writing.plans(visit, key)
    if found is None:
        return page(request, "problem.html", status=404, problem="page.unknown")
    language = language_of(request)
    words = Words(language, found.shown.parties)
    done = request.query_params.get("done")
    view = PlanView(key, found, words, visit.actor)
    return page(request, "plan.html", view=view, done=done if done in _DONE else None)


_DONE: Final = frozenset(("kept", "kept-nothing"))
"""What the page says was done: the last part of the texts' keys."""
