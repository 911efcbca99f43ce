"""What every interaction does with requests and responses: bodies, media types, who asks, versions."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api import negotiation
from carepath.api.errors import FHIR_JSON, Refused, bad_parameter
from carepath.api.negotiation import Format, media_type
from carepath.store.resources import Stored, Viewer
from carepath.store.times import now
from fhir_mappings.xml import is_xml
from pathways.refusals import Reason, refuse

ORGANISATION: Final = "X-Carepath-Org"


def asked_format(request: Request) -> Format | None:
    """The format to answer in, that of the request's body unless said otherwise; ``None``: the caller takes neither."""
    default = negotiation.sent(request.headers.get("content-type", "")) or Format.JSON
    return negotiation.wanted(*_asks(request), default)


def named_formats(request: Request) -> frozenset[Format]:
    """The formats that a caller takes who wants FHIR and nothing else; empty for all other callers."""
    return negotiation.named(*_asks(request))


def _asks(request: Request) -> tuple[str | None, str | None]:
    """Accept and ``_format``."""
    return ", ".join(request.headers.getlist("accept")) or None, format_parameter(request)


def format_parameter(request: Request) -> str | None:
    """``_format``, from a form or else the address."""
    return _general(request, "_format")


def is_pretty(request: Request) -> bool:
    """Whether the answer is to be indented, for people (https://hl7.org/fhir/R4/http.html#pretty)."""
    return _general(request, "_pretty") == "true"


def _general(request: Request, name: str) -> str | None:
    """A parameter of every interaction, from a form or else the address."""
    form: Mapping[str, str] = getattr(request.state, "form", {})
    return form.get(name, request.query_params.get(name))


def check_form(request: Request, form: Mapping[str, str]) -> None:
    """A form's general parameters count as those of the address do. Raises 406 as ``check_accepted``."""
    request.state.form = form
    check_accepted(request)


def check_accepted(request: Request) -> None:
    """Raise 406 unless the caller takes FHIR R4 in JSON or XML; ``_format`` counts more than ``Accept``."""
    if asked_format(request) is None:
        raise HTTPException(
            406, f"only {Format.JSON} and {Format.XML} are offered here, of FHIR 4.0"
        )


def check_content_type(request: Request, wanted: str, *others: str) -> str:
    """The media type of the body without parameters. Raises 415 when it is not one of these."""
    given = media_type(request.headers.get("content-type", "")).name
    if given not in {wanted, *others}:
        raise HTTPException(415, f"send Content-Type: {wanted}")
    return given


def body_format(request: Request) -> Format:
    """The format of a resource in the body. Raises 415 when it is not FHIR R4 in JSON or XML."""
    found = negotiation.sent(request.headers.get("content-type", ""))
    if found is None:
        text = f"send Content-Type: {Format.JSON} or {Format.XML}, of FHIR 4.0, in UTF-8"
        raise HTTPException(415, text)
    return found


def check_is(format_: Format, body: bytes, kind: str) -> None:
    """Raise ``Refused`` when the body is of another format than it is said to be. ``kind``: what should be in it."""
    if (format_ is Format.XML) != is_xml(body):
        name = "XML" if format_ is Format.XML else "JSON"
        raise Refused(
            refuse(Reason.MALFORMED, "structure", f"not {name}, which it is said to be", kind)
        )


def verbatim(request: Request) -> None:
    """What this request is answered with stays as it is: it is somebody's own bytes, not a resource of ours."""
    request.state.verbatim = True


def is_verbatim(request: Request) -> bool:
    """Whether the answer is not to be changed."""
    return getattr(request.state, "verbatim", False)


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
    named = request.headers.getlist(ORGANISATION)
    key = named[0] if named else None
    if key is not None and not (is_key(key) and len(named) == 1):
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
