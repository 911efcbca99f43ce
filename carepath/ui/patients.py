"""The first page: patients with recent activity, and the search that puts no identifier into an address."""

from typing import Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from carepath.ui.door import visit_of
from carepath.ui.rendering import HEADERS, page
from carepath.ui.values import Data

MAX_FORM: Final = 4096  # bytes; an identifier is far shorter


async def patients(data: Data, request: Request) -> Response:
    """GET /: the patients with recent activity, newest first, and the search form."""
    return await _patients(data, request)


async def find(data: Data, request: Request) -> Response:
    """POST /: to the page of the patient with the identifier in the form."""
    body = await _form(request)
    wanted = body.get("identifier", [""])[0].strip()
    found = await run_in_threadpool(data.find, visit_of(request), wanted) if wanted else None
    if found is None:
        return await _patients(data, request, status=404, problem="page.unknown-identifier")
    return RedirectResponse(f"/patients/{found}", status_code=303, headers=HEADERS)


async def _patients(
    data: Data, request: Request, status: int = 200, problem: str | None = None
) -> Response:
    rows = await run_in_threadpool(data.patients, visit_of(request))
    return page(request, "patients.html", status=status, rows=rows, problem=problem)


async def _form(request: Request) -> dict[str, list[str]]:
    """The fields of an urlencoded form; none when it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            return {}
    return parse_qs(body.decode("utf-8", "replace"))
