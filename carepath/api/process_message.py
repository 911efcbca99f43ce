"""POST /fhir/$process-message: the one door in.

https://hl7.org/fhir/R4/messageheader-operation-process-message.html
"""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from carepath.api import later, nhs_headers
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
from carepath.api.negotiation import Format, media_type
from carepath.service import Answer, Submission, Verdict
from carepath.service.answers import in_dialect, refused
from fhir_mappings import formats
from fhir_mappings.dialects.bars import DIALECT as BARS


async def process_message(request: Request) -> Response:
    """The answer is definitive: what it says is committed. The body is the response message or an outcome.

    With ``async=true``: 200 without body, and the response message goes to the sender's registered endpoint.
    """
    check_accepted(request)
    is_signal = media_type(request.headers.get("content-type", "")).name == formats.CLOUD_EVENT
    format_ = Format.JSON if is_signal else body_format(request)
    asked = later.asked(request)
    context = context_of(request)
    dialect = BARS if nhs_headers.speaks(request) else None
    if dialect and (wrong := nhs_headers.objection(request)):
        return _said(replace(refused(wrong), format=dialect.name))
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
    if answer.verdict is Verdict.ACCEPTED:
        return Response(answer.body, answer.status, media_type=FHIR_JSON)
    return _said(replace(answer, format=dialect.name) if dialect else answer)


def _said(answer: Answer) -> Response:
    """In the words of the dialect that was spoken."""
    status, body = in_dialect(answer)
    return Response(body, status, media_type=FHIR_JSON)
