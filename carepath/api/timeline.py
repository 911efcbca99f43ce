"""GET /fhir/Patient/{id}/$timeline?asOf=: what happened to the patient, oldest first.

One Provenance for each entry, then the resources of the patient's matters as they stood at that time.
"""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath import texts
from carepath.api import bundles
from carepath.api.context import Context, context_of
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.parameters import span
from carepath.store import queries, resources
from carepath.store.resources import Stored, Viewer
from carepath.store.times import micros
from fhir_mappings.entries import provenance
from pathways.timeline import Entry

Known = tuple[list[Entry], list[Stored]]


async def timeline(request: Request) -> Response:
    """200 with a searchset in the caller's language; 404 for a patient who is not, or whom one may not see."""
    check_accepted(request)
    context, patient = context_of(request), request.path_params["id"]
    asked = request.query_params.get("asOf")
    as_of = _known_by(asked) if asked else None
    language = texts.language(request.headers.get("accept-language"))
    url = f"{context.base_url}/Patient/{patient}/$timeline"
    self_url = f"{url}?{urlencode({'asOf': asked})}" if asked else url

    viewer = viewer_of(request)

    def told(conn: Any) -> Response | None:
        known = _known(conn, patient, viewer, as_of)
        return known and fhir_response(_bundle(context, known, language, self_url))

    # written on the thread, too: a long one holds up nobody else
    response = await context.ask_as(viewer, told)
    if response is None:
        raise HTTPException(404)
    response.headers["Content-Language"] = language
    return response


def _known_by(asked: str) -> int:
    """The last microsecond of the time asked for: a day is whole."""
    _, after = span("asOf", asked)
    return micros(after - timedelta(microseconds=1))


def _known(conn: Any, patient: str, viewer: Viewer, as_of: int | None) -> Known | None:
    if not queries.exists_patient(conn, patient, viewer):
        return None
    linked = queries.closure(conn, (patient,))
    until = viewer.now if as_of is None else as_of
    entries = queries.timeline(conn, linked, viewer, as_of=until)
    return entries, resources.focus(conn, linked, viewer, as_of=until)


def _bundle(context: Context, known: Known, language: str, self_url: str) -> dict[str, Any]:
    entries, focus = known
    matches = [_match(context, entry, language) for entry in entries]
    included = [bundles.entry(context.base_url, found, "include") for found in focus]
    return bundles.searchset([*matches, *included], total=len(matches), links={"self": self_url})


def _match(context: Context, entry: Entry, language: str) -> dict[str, Any]:
    text = texts.render(entry.text_key, entry.params, language)
    return {
        "fullUrl": f"{context.base_url}/Provenance/{entry.id}",
        "resource": provenance(entry, text, context.base_url),
        "search": {"mode": "match"},
    }
