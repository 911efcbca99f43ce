"""The pages under ``/``: patients with recent activity, and one patient's timeline, live.

The pages ask for data through ``Data`` and know neither the store nor the API. A patient is found by
identifier through a POST form, so no national id ever stands in a URL. Everything is read-only; there is no
inline script or style, so the content policy can forbid both.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sse_starlette import EventSourceResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from carepath import texts
from pathways.moments import Moment
from pathways.pathway import Header, Thread
from pathways.timeline import Entry

HERE: Final = Path(__file__).parent
MAX_FORM: Final = 4096  # bytes; an identifier is far shorter
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self';"
        " base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",  # with none, the search form would have no Origin
    "Vary": "Accept-Language",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientRow:
    """A patient in the list. ``received`` is when the newest event came in; aware UTC."""

    id: str
    header: Header
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientPage:
    """Everything one patient's page shows; ``entries`` oldest first, as ``$timeline`` gives them.

    ``names`` gives the directory's name for every key that ``Thread.owner`` holds.
    """

    header: Header
    received: datetime
    threads: Sequence[Thread]
    entries: Sequence[Entry]
    names: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """What the pages ask for. All but ``changed`` run in a worker thread.

    ``page`` takes a patient id and an as-of instant (``None`` is now) and gives ``None`` for an unknown
    patient; ``find`` takes ``system|value`` or a bare value and gives a patient id; ``received`` gives when
    the patient's newest event came in; ``changed`` waits until something was committed (true), or some
    seconds (false).
    """

    patients: Callable[[], Sequence[PatientRow]]
    find: Callable[[str], str | None]
    page: Callable[[str, datetime | None], PatientPage | None]
    received: Callable[[str], datetime | None]
    changed: Callable[[], Coroutine[Any, Any, bool]]


def routes(data: Data) -> list[BaseRoute]:
    """All pages, their live updates and their static files."""
    return [
        Route("/", partial(patients, data), methods=["GET"], name="patients"),
        Route("/", partial(find, data), methods=["POST"]),
        Route("/patients/{id}", partial(patient, data), methods=["GET"], name="patient"),
        Route("/patients/{id}/changes", partial(changes, data), methods=["GET"]),
        Mount("/static", StaticFiles(directory=HERE / "static"), name="static"),
    ]


async def patients(data: Data, request: Request) -> Response:
    """GET /: the patients with recent activity, newest first, and the search form."""
    return await _patients(data, request)


async def find(data: Data, request: Request) -> Response:
    """POST /: to the page of the patient with the identifier in the form."""
    body = await _form(request)
    wanted = body.get("identifier", [""])[0].strip()
    found = await run_in_threadpool(data.find, wanted) if wanted else None
    if found is None:
        return await _patients(data, request, status=404, problem="page.unknown-identifier")
    return RedirectResponse(f"/patients/{found}", status_code=303, headers=HEADERS)


async def patient(data: Data, request: Request) -> Response:
    """GET /patients/{id}?asOf=: one patient's matters and timeline, oldest first."""
    asked = request.query_params.get("asOf", "")
    try:
        as_of = _instant(asked)
    except ValueError:
        return _page(request, "problem.html", status=400, problem="page.bad-time")
    shown = await run_in_threadpool(data.page, request.path_params["id"], as_of)
    if shown is None:
        return _page(request, "problem.html", status=404, problem="page.unknown")
    return _page(request, "patient.html", shown=shown, as_of=as_of, asked=asked)


async def changes(data: Data, request: Request) -> Response:
    """GET /patients/{id}/changes: server-sent events that say *that* the page changed, never what."""
    newest = await run_in_threadpool(data.received, request.path_params["id"])
    if newest is None:
        return _page(request, "problem.html", status=404, problem="page.unknown")
    return EventSourceResponse(_versions(data, request.path_params["id"]), headers=HEADERS)


async def _versions(data: Data, patient_id: str) -> AsyncIterator[dict[str, str]]:
    """The page's version at once, then each new one."""
    sent = None
    while True:
        waiting = asyncio.create_task(data.changed())
        try:
            await asyncio.sleep(0)  # it listens before we look, so nothing is missed in between
            newest = await run_in_threadpool(data.received, patient_id)
            if newest is not None and newest != sent:
                yield {"data": newest.isoformat()}
            sent = newest
            await waiting
        finally:
            waiting.cancel()


async def _patients(
    data: Data, request: Request, status: int = 200, problem: str | None = None
) -> Response:
    rows = await run_in_threadpool(data.patients)
    return _page(request, "patients.html", status=status, rows=rows, problem=problem)


async def _form(request: Request) -> dict[str, list[str]]:
    """The fields of an urlencoded form; none when it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            return {}
    return parse_qs(body.decode("utf-8", "replace"))


def _instant(asked: str) -> datetime | None:
    """``asOf`` as an instant; without a zone it is local time, as a form's date field gives it."""
    if not asked:
        return None
    read = datetime.fromisoformat(asked)
    return (read if read.tzinfo else read.replace(tzinfo=texts.ZONE)).astimezone(UTC)


def _page(request: Request, template: str, *, status: int = 200, **values: object) -> Response:
    """A template rendered in the reader's language."""
    language = texts.language(request.headers.get("accept-language"))

    def text(
        key: str, params: Mapping[str, str | Moment] | None = None, **more: str | Moment
    ) -> str:
        return texts.render(key, {**(params or {}), **more}, language)

    def moment(value: Moment | datetime) -> str:
        return texts.moment(value if isinstance(value, Moment) else Moment(value), language)

    html = (
        _templates()
        .get_template(template)
        .render(values, language=language, text=text, moment=moment)
    )
    return HTMLResponse(html, status, {**HEADERS, "Content-Language": language})


def _name(header: Header) -> str:
    """The patient's full name, empty when nobody has told it."""
    return " ".join(part for name in ("given", "family") if (part := header.told(name)))


@cache
def _templates() -> Environment:
    """The templates; what a sender wrote is escaped, a name that is missing is a fault."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["name"] = _name
    return made
