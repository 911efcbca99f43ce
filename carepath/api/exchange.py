"""What every interaction does with requests and responses: bodies, media types, who asks, versions."""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api import negotiation
from carepath.api.context import context_of
from carepath.api.errors import FHIR_JSON, Refused, bad_parameter
from carepath.api.negotiation import Format, media_type
from carepath.identity.scopes import allow
from carepath.service.viewers import rights, without_reading
from carepath.store.disclosures import Disclosures
from carepath.store.resources import Stored, Viewer
from carepath.store.times import now
from fhir_mappings.search_parameters import PARAMETERS
from fhir_mappings.xml import is_xml
from pathways.access import CITIZENS, Actor, Role
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


def actor_of(request: Request) -> Actor:
    """Who asks: as signed in; in open mode whom the request names, or else the operator."""
    if not context_of(request).open_mode:
        signed_in: Actor = (
            request.state.actor
        )  # set by the guard at the door: without it, nobody gets this far
        return signed_in
    return taken_at_its_word(request)


def taken_at_its_word(request: Request) -> Actor:
    """Whom the request names, in open mode."""
    named = request.headers.getlist(ORGANISATION)
    key = named[0] if named else None
    if key is not None and not (is_key(key) and len(named) == 1):
        raise bad_parameter(ORGANISATION, "a directory key: letters, digits, '.', '_' and '-'")
    return Actor(role=Role.OPEN, party=key)


def signed_in(request: Request) -> Actor | None:
    """Who signed in; ``None``: nobody does, in open mode."""
    return None if context_of(request).open_mode else actor_of(request)


def readable(request: Request) -> frozenset[str] | None:
    """The types that a client's scopes let it read, so that no others come with them; ``None``: all."""
    actor = signed_in(request)
    if actor is None or actor.client is None:
        return None
    return frozenset(type_ for type_ in PARAMETERS if allow(actor.scopes, type_, "r"))


def acting_organisation(request: Request) -> str | None:
    """The key whose grants and feed count; ``None``, in open mode only, is the operator, who sees everything."""
    return actor_of(request).reader


def sees_every_unit(request: Request) -> bool:
    """Whether who asks runs the broker: figures and metadata are of all organisations then."""
    actor = actor_of(request)
    return actor.role is Role.OPERATOR or (actor.role is Role.OPEN and actor.party is None)


def viewer_of(request: Request) -> Viewer:
    """Who looks, and that it is now."""
    actor, disclosed = actor_of(request), disclosures_of(request)
    if actor.role in CITIZENS:  # read by ``seeing``, before anything is asked for
        sights = request.scope.get("state", {}).get("sights", ())
        disclosed.because.update(rights(sights))
        return Viewer(actor.reader, now(), sights=sights, disclosed=disclosed)
    return without_reading(context_of(request).database.keys, actor, now(), disclosed)


def disclosures_of(request: Request) -> Disclosures:
    """What is given out of patients to who asks: the access log is written of it (``audited``)."""
    state: dict[str, Any] = request.scope.setdefault("state", {})
    found: Disclosures = state.setdefault("disclosed", Disclosures())
    return found


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
