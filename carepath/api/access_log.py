"""GET /fhir/Patient/{id}/$access-log and /fhir/AuditEvent: who received and who read what, and why; newest first.

Each line is an AuditEvent (IHE BALP) that says in words, too, what it tells. https://hl7.org/fhir/R4/auditevent.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath import texts
from carepath.api.bundles import searchset
from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import actor_of, check_accepted, disclosures_of, fhir_response
from carepath.api.operation_parameters import asked, count, single
from carepath.api.parameters import span
from carepath.api.results import MOST
from carepath.service.access_list import named, readable, said
from carepath.store import audit
from carepath.store.database import Connection
from carepath.store.times import micros, now
from fhir_mappings.audit import audit_event
from pathways.access_log import Line

JSON = dict[str, Any]
_PAGE: Final = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")
_PATIENT: Final = re.compile(r"(?:Patient/)?([A-Za-z0-9\-.]{1,64})")
_DATE: Final = re.compile(r"(eq|ge|gt|le|lt)?(.*)", re.DOTALL)


async def access_log_(request: Request) -> Response:
    """200 with a searchset in the caller's language; 404 for a patient whose log one may not read."""
    values = await asked(request, "_since", "_count", "_page")
    since = single(values, "_since")
    first = micros(span("_since", since)[0]) if since else None
    patient = request.path_params["id"]
    used = [("_since", since)] if since else []
    path = f"Patient/{patient}/$access-log"
    return await _answer(request, path, used, values, (patient, first, None))


async def audit_events(request: Request) -> Response:
    """200 with a searchset: by ``patient`` and ``date``, of those whose log one may read."""
    values = await asked(request, "patient", "date", "_count", "_page")
    told = single(values, "patient")
    match = _PATIENT.fullmatch(told) if told is not None else None
    if told is not None and match is None:
        raise bad_parameter("patient", "the id of a Patient")
    first, after = _dates(values["date"])
    used = [("patient", told)] if told else []
    pairs = [*used, *(("date", one) for one in values["date"])]
    return await _answer(
        request, "AuditEvent", pairs, values, (match[1] if match else None, first, after)
    )


async def audit_event_(request: Request) -> Response:
    """200 with one; 404 for one that is not there, or that one may not read."""
    check_accepted(request)
    context, id_ = context_of(request), request.path_params["id"]
    language = texts.language(request.headers.get("accept-language"))

    def found(conn: Connection) -> JSON | None:
        allowed = readable(conn, context.database.keys, actor_of(request), now())
        line = allowed and audit.show(conn, context.database.keys, id_, allowed)
        return _shown(request, conn, [line], language)[0] if line else None

    resource = await context.ask(found)
    if resource is None:
        raise HTTPException(404)
    return _told(resource, language)


async def _answer(
    request: Request,
    path: str,
    used: Sequence[tuple[str, str]],
    values: Mapping[str, list[str]],
    wanted: tuple[str | None, int | None, int | None],
) -> Response:
    check_accepted(request)
    context, (patient, first, after) = context_of(request), wanted
    most, page = count(values, most=MOST), single(values, "_page")
    if page is not None and not _PAGE.fullmatch(page):
        raise bad_parameter("_page", "this is no link to a next page of ours")
    language = texts.language(request.headers.get("accept-language"))

    def found(conn: Connection) -> JSON | None:
        allowed = readable(conn, context.database.keys, actor_of(request), now(), patient)
        if allowed is None:
            return None
        limits = replace(allowed, since=first, until=after)
        lines = audit.listed(conn, context.database.keys, limits, limit=most + 1, before=page)
        shown = _shown(request, conn, lines[:most], language)
        links = {"self": _url(context, path, used, page)}
        if len(lines) > len(shown) > 0:
            links["next"] = _url(context, path, used, lines[most - 1].id)
        entries = [
            {
                "fullUrl": f"{context.base_url}/AuditEvent/{one['id']}",
                "resource": one,
                "search": {"mode": "match"},
            }
            for one in shown
        ]
        return searchset(entries, total=None, links=links)

    bundle = await context.ask(found)
    if bundle is None:
        raise HTTPException(404)
    return _told(bundle, language)


def _shown(request: Request, conn: Connection, lines: Sequence[Line], language: str) -> list[JSON]:
    """The lines as resources; to read the log is to read of the patient, and leaves a line of its own."""
    names, base_url = named(conn), context_of(request).base_url
    for line in lines:
        disclosures_of(request).tell(line.patient, "AuditEvent", (line.id,))
    told = audit.with_reasons(conn, lines)
    return [audit_event(line, base_url, said(line, names, language).text) for line in told]


def _told(resource: JSON, language: str) -> Response:
    response = fhir_response(resource)
    response.headers["Content-Language"] = language
    return response


def _url(context: Context, path: str, used: Sequence[tuple[str, str]], page: str | None) -> str:
    query = urlencode([*used, *([("_page", page)] if page else [])], safe=":")
    return f"{context.base_url}/{path}{f'?{query}' if query else ''}"


def _dates(given: Sequence[str]) -> tuple[int | None, int | None]:
    """From when, and until before when, in microseconds; several dates all hold."""
    first: list[int] = []
    after: list[int] = []
    for one in given:
        match = _DATE.fullmatch(one)
        assert match is not None  # noqa: S101 -- it takes anything
        begin, end = (micros(moment) for moment in span("date", match[2]))
        kind = match[1] or "eq"
        first += {"eq": [begin], "ge": [begin], "gt": [end]}.get(kind, [])
        after += {"eq": [end], "le": [end], "lt": [begin]}.get(kind, [])
    return max(first, default=None), min(after, default=None)
