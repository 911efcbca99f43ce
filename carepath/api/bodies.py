"""Resources in request bodies: FHIR JSON or XML, by their media type, in the one form that everything inside has."""

from typing import Any, Final

from starlette.requests import Request

from carepath.api.errors import Refused
from carepath.api.exchange import body_format, check_is, whole_body
from fhir_mappings import formats
from pathways.refusals import Refusal

LIMIT: Final = 256 * 1024
"""Bytes of a resource that is no message."""


async def resource(request: Request, kind: str) -> dict[str, Any]:
    """The resource of this type in the body. Raises 413, 415 and ``Refused``."""
    format_ = body_format(request)
    body = await whole_body(request, LIMIT)
    check_is(format_, body, kind)
    found = formats.parse(body, kind)
    if isinstance(found, Refusal):
        raise Refused(found)
    return found
