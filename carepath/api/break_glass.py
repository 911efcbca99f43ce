"""POST /fhir/Patient/$break-glass: a clinician reads of a patient of whom they were told nothing, and says why.

Parameters: ``identifier`` (valueIdentifier), ``reason`` (valueCode, ``pathways.glass.GlassReason``), ``text``
(valueString). The only place where the reason for looking is asked; everywhere else role and relation tell it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.bodies import resource
from carepath.api.context import Context, context_of
from carepath.api.errors import Refused
from carepath.api.exchange import actor_of, check_accepted, disclosures_of, fhir_response
from carepath.service.glass import Telling, break_glass
from carepath.store.glass import Broken
from fhir_mappings import structure
from fhir_mappings.references import about
from fhir_mappings.times import instant_text
from pathways.access import Actor
from pathways.glass import GlassReason
from pathways.parties import Identifier
from pathways.refusals import Reason, Refusal, refuse

JSON = dict[str, Any]


async def break_glass_(request: Request) -> Response:
    """200 with Parameters: the patient, until when it lasts, and the id under which it is checked afterwards."""
    check_accepted(request)
    context, actor = context_of(request), actor_of(request)
    asked = await resource(request, "Parameters")
    if faults := structure.check_resource(dict(asked)):
        raise Refused(Refusal(Reason.INVALID, faults))
    found = await run_in_threadpool(_broken, context, actor, _asked(asked))
    if found is None:
        raise HTTPException(404)
    if isinstance(found, Refusal):
        raise Refused(found)
    disclosures_of(request).tell(found.patient, "Patient", (found.patient,))
    return fhir_response(_parameters(found))


def _broken(
    context: Context, actor: Actor, asked: tuple[Identifier, GlassReason, str]
) -> Broken | Refusal | None:
    told = Telling(context.base_url, context.mail)
    now = datetime.now(UTC)
    with context.database.write() as conn:
        return break_glass(conn, context.database.keys, actor, *asked, now, told)


def _asked(parameters: Mapping[str, Any]) -> tuple[Identifier, GlassReason, str]:
    """What is asked for. Raises ``Refused``."""
    given = {one.get("name"): one for one in parameters.get("parameter", ())}
    who = given.get("identifier", {}).get("valueIdentifier") or {}
    if not (who.get("system") and who.get("value")):
        raise _missing("identifier", "a valueIdentifier with system and value")
    reason = given.get("reason", {}).get("valueCode")
    if reason not in {*GlassReason}:
        raise _missing("reason", f"a valueCode: {', '.join(GlassReason)}")
    words = given.get("text", {}).get("valueString")
    if not words:
        raise _missing("text", "a valueString: why, in words")
    return Identifier(who["system"], who["value"]), GlassReason(reason), words


def _missing(name: str, wanted: str) -> Refused:
    where = f"Parameters.parameter.where(name='{name}')"
    return Refused(refuse(Reason.INVALID, "required", f"this parameter needs {wanted}", where))


def _parameters(broken: Broken) -> JSON:
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "patient", "valueReference": about("Patient", broken.patient)},
            {"name": "until", "valueInstant": instant_text(broken.until)},
            {"name": "glass", "valueId": broken.id},
        ],
    }
