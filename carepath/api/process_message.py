"""POST /fhir/$process-message: the one door in.

https://hl7.org/fhir/R4/messageheader-operation-process-message.html
"""

from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.errors import FHIR_JSON, Refused
from carepath.api.exchange import (
    JSON_TYPES,
    acting_organisation,
    check_accepted,
    check_content_type,
    whole_body,
)
from carepath.service import Submission
from pathways.refusals import Reason, refuse


async def process_message(request: Request) -> Response:
    """The answer is definitive: what it says is committed. The body is the response message or an outcome."""
    check_accepted(request)
    media_type = check_content_type(request, FHIR_JSON, *JSON_TYPES)
    _check_synchronous(request)
    context = context_of(request)
    source = await whole_body(request, context.max_bytes)
    organisation = acting_organisation(request)
    with context.metrics.seconds.time():
        answer = await context.gather.submit(Submission(source, media_type, organisation))
    context.metrics.messages.labels(answer.verdict).inc()
    return Response(answer.body, answer.status, media_type=FHIR_JSON)


def _check_synchronous(request: Request) -> None:
    """Asynchronous answers go to registered endpoints only, and none can be registered yet."""
    asked = request.query_params.get("async", "false")
    if asked == "false" and "response-url" not in request.query_params:
        return
    text = "answers are given at once: leave out 'async' and 'response-url'"
    code = "not-supported" if asked in {"true", "false"} else "value"
    raise Refused(refuse(Reason.INVALID, code, text, "http.async"))
