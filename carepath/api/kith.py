"""POST /kith/messages: the door for Norwegian XML, which answers with the AppRec.

The statuses are those that its senders know: 200 taken in, 400 refused, 409 the same id with other content, 415 not
XML by its Content-Type. An AppRec is never answered with one, and neither is what we failed at: send it again.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.errors import FHIR_JSON
from carepath.api.exchange import actor_of, signed_in, whole_body
from carepath.api.negotiation import media_type
from carepath.service import Answer, Submission
from carepath.service.answers import refused, reply
from fhir_mappings import formats, xml
from fhir_mappings.kith import apprec, messages
from fhir_mappings.options import Options
from pathways.refusals import Reason, Refusal, refuse

TYPES: Final = (formats.KITH_XML, "text/xml")
_STATUS: Final[Mapping[int, int]] = {202: 200, 403: 400, 404: 400, 413: 400, 422: 400}
"""What its senders are told instead of the statuses of FHIR."""
_NOT_XML: Final = refuse(
    Reason.MALFORMED, "not-supported", f"send Content-Type: {TYPES[0]}", "http.post"
)


async def kith_messages(request: Request) -> Response:
    """The answer is definitive: what it says is committed."""
    context = context_of(request)
    organisation = actor_of(request).party  # a citizen sends as no organisation
    source = await whole_body(request, context.max_bytes)
    if media_type(request.headers.get("content-type", "")).name not in TYPES:
        return await run_in_threadpool(_said, source, refused(_NOT_XML), 415)
    if formats.media_type(source) != formats.KITH_XML:
        return await run_in_threadpool(_not_ours, source)
    with context.metrics.seconds.time():
        answer = await context.gather.submit(
            Submission(source, formats.KITH_XML, organisation, actor=signed_in(request))
        )
    context.metrics.messages.labels(answer.verdict).inc()
    return await run_in_threadpool(_said, source, answer)


def _not_ours(source: bytes) -> Response:
    """What is wrong with bytes whose root, if they have one, is that of none of these messages."""
    found = messages.read(source, Options(received=datetime.now(UTC)))
    return _said(source, refused(found if isinstance(found, Refusal) else _NOT_XML))


def _said(source: bytes, answer: Answer, status: int | None = None) -> Response:
    """The answer in the words of this door. Reads the message's head, which may be long: not for the event loop."""
    status = status or _STATUS.get(answer.status, answer.status)
    if status >= 500:
        return Response(answer.body, status, media_type=FHIR_JSON)
    if xml.root_name(source) == "AppRec":
        body = answer.body if status >= 400 else None
        return Response(body, status if body else 204, media_type=FHIR_JSON if body else None)
    told = apprec.write(source, reply(answer, source, datetime.now(UTC)))
    return Response(told, status, media_type=formats.KITH_XML)
