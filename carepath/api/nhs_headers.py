"""What BaRS puts into the headers of a request (*Transactional integrity*, NHSDigital/booking-and-referral-fhir-api).

Who names a target speaks BaRS by its own rules: such a request is refused without its two ids. Who sends the same
message without any of these headers is taken in as everybody else.
"""

import base64
import binascii
from typing import Any, Final

import orjson
from starlette.requests import Request

from carepath.api.mirror import IDS, is_uuid
from pathways.refusals import Issue, Reason, Refusal

TARGET: Final = "NHSD-Target-Identifier"


def speaks(request: Request) -> bool:
    """Whether the request is one of BaRS."""
    return TARGET in request.headers


def objection(request: Request) -> Refusal | None:
    """What is wrong with the headers of a request of BaRS."""
    issues = [issue for name in IDS if (issue := _of_id(request, name))]
    if not _is_identifier(request.headers[TARGET]):
        text = "a Base64 encoded JSON object with system and value"
        issues.append(Issue("value", text, f"http.{TARGET}"))
    return Refusal(Reason.MALFORMED, tuple(issues)) if issues else None


def _of_id(request: Request, name: str) -> Issue | None:
    given = request.headers.get(name)
    if given is None:
        return Issue("required", "BaRS needs this header: a UUID", f"http.{name}")
    return None if is_uuid(given) else Issue("invalid", "a UUID", f"http.{name}")


def _is_identifier(encoded: str) -> bool:
    try:
        found: Any = orjson.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return False
    return isinstance(found, dict) and all(
        isinstance(found.get(name), str) for name in ("system", "value")
    )
