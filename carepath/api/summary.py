"""GET /fhir/Patient/{id}/$summary: the handover document, for whoever has a part in the pathway."""

from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath import texts
from carepath.api.context import context_of
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.store import parties, queries
from carepath.store.blind import Keys
from carepath.store.handover import handover
from carepath.store.resources import Viewer
from fhir_mappings.summary import Handover, document
from pathways.events import RULES

_REPORTS = tuple(code.value for code, rule in RULES.items() if rule.report)


async def summary(request: Request) -> Response:
    """200 with a document Bundle as of now, in the caller's language; 404 for whom one may not see."""
    check_accepted(request)
    context, patient = context_of(request), request.path_params["id"]
    viewer = viewer_of(request)
    known = await context.ask_as(viewer, _known, context.database.keys, patient, viewer)
    if known is None:
        raise HTTPException(404)
    language = texts.language(request.headers.get("accept-language"))
    made = document(known, at=datetime.now(UTC), base_url=context.base_url, language=language)
    response = fhir_response(made)
    response.headers["Content-Language"] = language
    return response


def _known(conn: Any, keys: Keys, patient: str, viewer: Viewer) -> Handover | None:
    if not queries.exists_patient(conn, patient, viewer) or not viewer.may_know(patient):
        return None
    linked = queries.closure(conn, (patient,))
    known = handover(conn, keys, linked, patient, _REPORTS, viewer)
    return Handover(
        patient=patient,
        identifiers=known.identifiers,
        header=known.header,
        threads=known.threads,
        reports=known.reports,
        directory=parties.directory(conn),
    )
