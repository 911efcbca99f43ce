"""GET /fhir/$quiet?weeks=: who has a plan, a decision or a follow-up, and heard from nobody for so long."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.operation_parameters import asked, count, single, whole_number
from carepath.store.quiet import Quiet, quiet
from fhir_mappings import resources
from fhir_mappings.references import about
from fhir_mappings.times import instant_text

JSON = dict[str, Any]
WEEKS: Final = 4
MOST_WEEKS: Final = 520
MOST: Final = 500


async def quiet_(request: Request) -> Response:
    """200 with Parameters: one ``person`` for each, those of the longest silence first."""
    check_accepted(request)
    values = await asked(request, "weeks", "_count")
    weeks, most = single(values, "weeks"), count(values, most=MOST)
    wanted = WEEKS if weeks is None else whole_number("weeks", weeks)
    if not 0 < wanted <= MOST_WEEKS:
        raise bad_parameter("weeks", f"a number of weeks from 1 to {MOST_WEEKS}")
    now = datetime.now(UTC)
    before = now - timedelta(weeks=wanted)
    viewer = viewer_of(request)
    found = await context_of(request).ask_as(viewer, quiet, viewer, before, now)
    for one in found[:most]:
        viewer.disclosed.tell(one.patient, "Patient", (one.patient,))
    return fhir_response(_parameters(found[:most], len(found), before))


def _parameters(shown: Sequence[Quiet], total: int, before: datetime) -> JSON:
    told = [
        {"name": "since", "valueInstant": instant_text(before)},
        {"name": "total", "valueInteger": total},
        *({"name": "person", "part": _person(one)} for one in shown),
    ]
    return {"resourceType": "Parameters", "parameter": told}


def _person(one: Quiet) -> list[JSON]:
    last = [{"name": "last", "valueInstant": instant_text(one.last)}] if one.last else []
    matters = (resources.focus(t.family, t.id, t.patient, t.id) for t in one.matters)
    return [
        {"name": "patient", "valueReference": about("Patient", one.patient)},
        *last,
        *({"name": "matter", "valueReference": {"reference": focus}} for focus in matters),
    ]
