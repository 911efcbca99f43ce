"""Deliveries and operations: who is told what and how it goes, what was parked, and how to connect.

For an organisation's administrator, of their own and its units; for the operator, of all. What can be done there is in
``operations.changes``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from carepath.service import changes
from carepath.ui.door import Door, visit_of
from carepath.ui.forms import Form
from carepath.ui.operations.connect import Guide
from carepath.ui.operations.data import MOST, Operations
from carepath.ui.operations.words import figures, reason_of, tags
from carepath.ui.rendering import language_of, page
from carepath.ui.words import Words
from pathways.access import Operation, may

DONE: Final = frozenset(
    {"pause", "resume", "replay", "ask-anew", "drop"}
    | {"retry-accepted", "retry-duplicate", "retry-parked", "retry-refused", "already"}
)
"""What the page says was done, after it was: the last part of the texts' keys."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What these pages need: what they show and change, and where others reach us."""

    operations: Operations
    guide: Guide


Endpoint = Callable[[Desk, Request], Awaitable[Response]]


def guarded(door: Door, desk: Desk, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
    """The page, for those who may have deliveries made again (the matrix's column of that name)."""

    async def for_operations(request: Request) -> Response:
        if not may(request.state.actor.role, Operation.REPLAY):
            return page(request, "problem.html", status=403, problem="operations.not-yours")
        return await endpoint(desk, request)

    return door.guarded(for_operations, patients=False)


def routes(desk: Desk, door: Door) -> list[Route]:
    """What can be looked at."""
    made = partial(guarded, door, desk)
    at = "/operations"
    return [
        Route(at, made(overview), name="operations"),
        Route(f"{at}/deliveries/{{key}}", made(deliveries), name="deliveries"),
        Route(f"{at}/parked", made(parked), name="parked"),
        Route(f"{at}/parked/{{id}}", made(parked_one), name="parked-one"),
        Route(f"{at}/connect", made(connect), name="connect"),
    ]


async def overview(desk: Desk, request: Request) -> Response:
    """GET /operations: who is told what, and for the operator what the figures say."""
    shown = await run_in_threadpool(desk.operations.overview, visit_of(request))
    told = figures(shown.figures) if shown.figures else []
    marks = partial(tags, now=datetime.now(UTC))
    return page(
        request, "operations.html", shown=shown, tags=marks, figures=told, lasting=_lasting(request)
    )


async def deliveries(desk: Desk, request: Request) -> Response:
    """GET /operations/deliveries/{key}: all ways in which one of them is told."""
    return await delivery_page(desk, request)


async def delivery_page(
    desk: Desk, request: Request, form: Form | None = None, sent: str = "", status: int = 200
) -> Response:
    """The page. ``form``: as it was sent, with what is wrong with it; ``sent``: which of the page's forms."""
    key = request.path_params["key"]
    found = await run_in_threadpool(desk.operations.subscriber, visit_of(request), key)
    if found is None:
        return page(request, "problem.html", status=404, problem="operations.unknown")
    return page(
        request,
        "operations-delivery.html",
        status=status,
        one=found.one,
        standing=found,
        tags=partial(tags, now=datetime.now(UTC)),
        lasting=_lasting(request),
        filled=form or Form(),
        empty=Form(),
        sent=sent,
        new_form=changes.new_form,
        done=_done(request),
    )


async def parked(desk: Desk, request: Request) -> Response:
    """GET /operations/parked?all=1: what could not be placed, without what it says."""
    everything = "all" in request.query_params
    ask = partial(desk.operations.parked, visit_of(request), everything=everything)
    rows = await run_in_threadpool(ask)
    return page(
        request,
        "operations-parked.html",
        rows=rows,
        most=MOST,
        everything=everything,
        reason=reason_of,
    )


async def parked_one(desk: Desk, request: Request) -> Response:
    """GET /operations/parked/{id}?message=whole: one of them, masked unless it may be read and is asked for."""
    return await parked_page(desk, request)


async def parked_page(
    desk: Desk, request: Request, form: Form | None = None, status: int = 200
) -> Response:
    """The page. ``form``: as it was sent, with what is wrong with it."""
    whole = request.query_params.get("message") == "whole"
    ask = partial(desk.operations.parked_one, visit_of(request), request.path_params["id"])
    found = await run_in_threadpool(partial(ask, whole=whole))
    if found is None:
        return page(request, "problem.html", status=404, problem="operations.parked.unknown")
    return page(
        request,
        "operations-message.html",
        status=status,
        shown=found,
        reason=reason_of,
        form=form or Form(),
        new_form=changes.new_form,
        done=_done(request),
    )


async def connect(desk: Desk, request: Request) -> Response:
    """GET /operations/connect?organisation=: commands, with the organisation's own key."""
    known = await run_in_threadpool(desk.operations.organisations, visit_of(request))
    asked = request.query_params.get("organisation", "")
    own = request.state.actor.party
    wanted = [one for one in known if one.key == (asked or own)]
    if asked and not wanted:
        return page(request, "problem.html", status=404, problem="operations.unknown")
    chosen = next(iter(wanted or known), None)
    return page(request, "operations-connect.html", guide=desk.guide, known=known, chosen=chosen)


def _lasting(request: Request) -> Callable[[float], str]:
    """Seconds in words."""
    words = Words(language_of(request), {})
    return lambda seconds: words.lasting(timedelta(seconds=round(seconds)))


def _done(request: Request) -> str | None:
    done = request.query_params.get("done")
    return done if done in DONE else None
