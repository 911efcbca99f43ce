"""The first page: patients with recent activity, and the search that puts no identifier into an address."""

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from carepath.ui.door import visit_of
from carepath.ui.forms import form_of
from carepath.ui.patient.glass import may_break
from carepath.ui.rendering import HEADERS, page
from carepath.ui.values import Data
from pathways.access import CITIZENS


async def patients(data: Data, request: Request) -> Response:
    """GET /: the patients with recent activity, newest first, and the search form; people go to their own page."""
    if visit_of(request).actor.role in CITIZENS:
        return RedirectResponse("/pathway", status_code=303, headers=HEADERS)
    return await _patients(data, request)


async def find(data: Data, request: Request) -> Response:
    """POST /: to the page of the patient with the identifier in the form."""
    wanted = (await form_of(request)).one("identifier")
    found = await run_in_threadpool(data.find, visit_of(request), wanted) if wanted else None
    if found is None:
        return await _patients(data, request, status=404, problem="page.unknown-identifier")
    return RedirectResponse(f"/patients/{found}", status_code=303, headers=HEADERS)


async def _patients(
    data: Data, request: Request, status: int = 200, problem: str | None = None
) -> Response:
    rows = await run_in_threadpool(data.patients, visit_of(request))
    breaks_glass = may_break(visit_of(request).actor)
    return page(
        request,
        "patients.html",
        status=status,
        rows=rows,
        problem=problem,
        breaks_glass=breaks_glass,
    )
