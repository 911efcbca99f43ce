"""GET /fhir/metadata: what this server can do.

https://hl7.org/fhir/R4/http.html#capabilities
"""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.exchange import check_accepted, fhir_response
from fhir_mappings.capability import statement

_STARTED = datetime.now(UTC)


async def metadata(request: Request) -> Response:
    """200 with the CapabilityStatement; its date is when the server started."""
    check_accepted(request)
    context = context_of(request)
    told = statement(
        base_url=context.base_url,
        version=context.version,
        date=_STARTED,
        token_url=context.entrance.assertions.audience if context.entrance else None,
    )
    return fhir_response(told)
