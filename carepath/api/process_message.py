"""POST /fhir/$process-message: the one door in.

https://hl7.org/fhir/R4/messageheader-operation-process-message.html
"""

from starlette.requests import Request
from starlette.responses import Response

from carepath.api import later
from carepath.api.context import context_of
from carepath.api.errors import FHIR_JSON
from carepath.api.exchange import (
    actor_of,
    body_format,
    check_accepted,
    check_is,
    signed_in,
    whole_body,
)
from carepath.service import Submission


async def process_message(request: Request) -> Response:
    """The answer is definitive: what it says is committed. The body is the response message or an outcome.

    With ``async=true``: 200 without body, and the response message goes to the sender's registered endpoint.
    """
    check_accepted(request)
    format_ = body_format(request)
    asked = later.asked(request)
    context = context_of(request)
    source = await whole_body(request, context.max_bytes)
    check_is(format_, source, "Bundle")
    organisation = actor_of(request).party  # a citizen sends as no organisation
    addressee = await later.addressee(context, source, asked) if asked else None
    with context.metrics.seconds.time():
        answer = await context.gather.submit(
            Submission(source, format_, organisation, actor=signed_in(request))
        )
    context.metrics.messages.labels(answer.verdict).inc()
    if addressee and answer.event_id:
        await later.owe(context, addressee, answer)
        return Response(status_code=200)
    return Response(answer.body, answer.status, media_type=FHIR_JSON)
