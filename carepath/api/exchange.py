"""What every interaction does with requests and responses: bodies, media types, who asks, versions."""

from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import now
from carepath.api.errors import FHIR_JSON, bad_parameter
from carepath.store.resources import Stored, Viewer

JSON_TYPES: Final = frozenset(
    {"application/fhir+json", "application/json", "application/json+fhir"}
)
_ACCEPTED: Final = JSON_TYPES | {"*/*", "application/*", "text/json"}
_FORMATS: Final = JSON_TYPES | {"json", "text/json"}
ORGANISATION: Final = "X-Carepath-Org"


def check_accepted(request: Request) -> None:
    """Raise 406 unless the caller takes FHIR JSON; ``_format`` counts more than ``Accept``."""
    asked = request.query_params.get("_format")
    if asked is not None:
        fits = asked.split(";")[0].strip().replace("fhir json", "fhir+json") in _FORMATS
    else:
        accept = request.headers.get("accept") or "*/*"
        fits = any(_takes(part) for part in accept.lower().split(","))
    if not fits:
        raise HTTPException(406, f"only {FHIR_JSON} is offered here")


def check_content_type(request: Request, wanted: str, *others: str) -> str:
    """The media type of the body without parameters. Raises 415 when it is not one of these."""
    given = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if given not in {wanted, *others}:
        raise HTTPException(415, f"send Content-Type: {wanted}")
    return given


async def whole_body(request: Request, limit: int) -> bytes:
    """The body. Raises 413 as soon as it is known to be longer than ``limit`` bytes."""
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise _too_large(limit)
    return bytes(body)


def acting_organisation(request: Request) -> str | None:
    """The directory key of who asks; ``None`` is the operator."""
    key = request.headers.get(ORGANISATION)
    if key is not None and not is_key(key):
        raise bad_parameter(ORGANISATION, "a directory key: letters, digits, '.', '_' and '-'")
    return key


def viewer_of(request: Request) -> Viewer:
    """Who looks, and that it is now."""
    return Viewer(acting_organisation(request), now())


def is_key(text: str) -> bool:
    """Whether ``text`` could be a directory key."""
    plain = text.translate(_PUNCTUATION)
    return 0 < len(text) <= 64 and (plain == "" or (plain.isascii() and plain.isalnum()))


def resource_response(request: Request, found: Stored) -> Response:
    """A resource with its version; 304 when the caller has that one already."""
    headers = {
        "ETag": f'W/"{found.version}"',
        "Last-Modified": format_datetime(found.updated, usegmt=True),
        "Cache-Control": "private, no-cache",
    }
    if _is_known(request, found):
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=FHIR_JSON)


def fhir_response(resource: object) -> Response:
    """A resource made for this answer."""
    return Response(orjson.dumps(resource), media_type=FHIR_JSON)


_PUNCTUATION = str.maketrans("", "", "._-")


def _takes(part: str) -> bool:
    media_type, *parameters = (piece.strip() for piece in part.split(";"))
    return media_type in _ACCEPTED and not any(
        p.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for p in parameters
    )


def _too_large(limit: int) -> HTTPException:
    text = f"the body may have at most {limit} bytes"
    return HTTPException(413, text, headers={"Connection": "close"})


def _is_known(request: Request, found: Stored) -> bool:
    """If-None-Match decides where it is given, else If-Modified-Since (RFC 9110 §13.2.2)."""
    tags = request.headers.get("if-none-match")
    if tags is not None:
        known = {tag.strip().removeprefix("W/").strip('"') for tag in tags.split(",")}
        return bool(known & {"*", str(found.version)})
    since = _http_date(request.headers.get("if-modified-since"))
    return since is not None and found.updated.replace(microsecond=0) <= since


def _http_date(text: str | None) -> datetime | None:
    """A date that cannot be read counts as none, as RFC 9110 §13.1.3 says."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None
