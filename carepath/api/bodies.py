"""Resources in request bodies: FHIR JSON or XML, by their media type, in the one form that everything inside has."""

from typing import Any, Final

from starlette.requests import Request

from carepath.api.errors import Refused
from carepath.api.exchange import body_format, check_is, whole_body
from carepath.api.negotiation import Format
from fhir_mappings import reading, xml
from pathways.refusals import Reason, Refusal, refuse

LIMIT: Final = 256 * 1024
"""Bytes of a resource that is no message."""


async def resource(request: Request, kind: str) -> dict[str, Any]:
    """The resource of this type in the body. Raises 413, 415 and ``Refused``."""
    format_ = body_format(request)
    body = await whole_body(request, LIMIT)
    check_is(format_, body, kind)
    found = _xml(body, kind) if format_ is Format.XML else reading.parse(body, kind)
    if isinstance(found, Refusal):
        raise Refused(found)
    return found


def _xml(body: bytes, kind: str) -> dict[str, Any] | Refusal:
    found = xml.to_json(body, kind)
    if isinstance(found, Refusal) or found["resourceType"] == kind:
        return found
    text = f"expected a {kind}, got {found['resourceType']}"
    return refuse(Reason.INVALID, "invalid", text, kind)
