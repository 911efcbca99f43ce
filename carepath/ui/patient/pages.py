"""One patient's page, and the live updates that say that it has changed."""

from dataclasses import replace
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from carepath import texts
from carepath.ui.door import visit_of
from carepath.ui.patient.view import View, thinned
from carepath.ui.picture.zoom import PICTURE, Asked
from carepath.ui.rendering import HEADERS, language_of, page
from carepath.ui.streaming import updates
from carepath.ui.values import Data, PatientPage
from carepath.ui.words import Words


async def patient(data: Data, request: Request) -> Response:
    """GET /patients/{id}?from=&to=&asOf=: who has the patient, and the timeline as a picture and as a list.

    ``step`` is the slider's: so many of the moments at which something became known. It leads to that ``asOf``.
    """
    try:
        asked = _asked(request.query_params)
        step = int(request.query_params.get("step") or -1)
    except (ValueError, OverflowError):
        return page(request, "problem.html", status=400, problem="page.bad-time")
    visit = visit_of(request)
    shown = await run_in_threadpool(data.page, visit, request.path_params["id"], asked.as_of)
    if shown is None:
        return page(request, "problem.html", status=404, problem="page.unknown")
    if step >= 0:
        return RedirectResponse(_stepped(shown, asked, step), status_code=303, headers=HEADERS)
    return await run_in_threadpool(_drawn, request, shown, asked)


def _drawn(request: Request, shown: PatientPage, asked: Asked) -> Response:
    """The page; a long one is made on a worker thread, too."""
    language = language_of(request)
    view = View(shown, asked, Words(language, shown.parties))
    return page(request, "patient.html", shown=shown, asked=asked, view=view)


def _stepped(shown: PatientPage, asked: Asked, step: int) -> str:
    """The address of that moment; the last one is now."""
    known = thinned(shown.known)
    as_of = known[step] if step < len(known) - 1 else None
    return replace(asked, as_of=as_of).address(asked.begins, asked.ends, PICTURE)


async def changes(data: Data, request: Request) -> Response:
    """GET /patients/{id}/changes: server-sent events that say *that* the page changed, never what."""
    visit, key = visit_of(request), request.path_params["id"]

    def version() -> str | None:
        newest = data.received(visit, key)
        return newest.isoformat() if newest else None

    if await run_in_threadpool(version) is None:
        return page(request, "problem.html", status=404, problem="page.unknown")
    return updates(request, data.changed, version)


def _asked(query: QueryParams) -> Asked:
    """Times without a zone are local, as a form's date field gives them."""
    begins, ends = _instant(query.get("from", "")), _instant(query.get("to", ""))
    if begins and ends and begins >= ends:
        raise ValueError("from is not before to")
    return Asked(begins, ends, _instant(query.get("asOf", "")))


def _instant(asked: str) -> datetime | None:
    """``asOf`` as an instant; without a zone it is local time, as a form's date field gives it."""
    if not asked:
        return None
    read = datetime.fromisoformat(asked)
    return (read if read.tzinfo else read.replace(tzinfo=texts.ZONE)).astimezone(UTC)
