"""What is fuzzed: everything that reads a stranger's bytes, and what is made of what they were taken for."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from carepath import texts
from carepath.api import exchange
from carepath.api.errors import Refused
from carepath.api.parameters import Asking
from carepath.api.results import parse as parse_search
from carepath.delivery.targets import Reach, problem
from carepath.store.resources import Stored
from fhir_mappings import formats, inbound, outbound, subscription, xml
from fhir_mappings.dialects.dialect import Told
from fhir_mappings.dialects.table import NAMED
from fhir_mappings.filters import Known
from fhir_mappings.hl7v2 import messages as hl7v2
from fhir_mappings.hl7v2.acknowledgement import acknowledgements
from fhir_mappings.kith import apprec
from fhir_mappings.kith import messages as kith
from fhir_mappings.options import Options
from fhir_mappings.reply import Reply
from fhir_mappings.search_parameters import PARAMETERS
from fhir_mappings.subscription import Rules
from pathways.messages import Message
from pathways.refusals import Refusal

BASE: Final = "http://127.0.0.1:8000/fhir"
NOW: Final = datetime(2026, 11, 22, 4, tzinfo=UTC)
CORPUS: Final = Path(__file__).parent / "corpus"
_OPTIONS: Final = Options(received=NOW, base_url=BASE)
_RULES: Final = Rules(
    known=Known(base_url=BASE, organization=lambda _system, value: value[:9] or None),
    now=NOW,
    endpoint_problem=lambda url: problem(url, reach=Reach(loopback=True)),
)
_STORED: Final = Stored("Patient", "p", 2, NOW, False, b"{}")
_TYPES: Final = (*PARAMETERS,)

_LARGE: Final = 20_000

Target = Callable[[bytes], Refusal | None]
"""Reads one input; the refusal, when there was one. Anything raised is a fault."""


def message_json(data: bytes) -> Refusal | None:
    """A message in JSON, as it comes to the door; what is accepted can be told on, in both formats."""
    read = inbound.read(data, _OPTIONS)
    if isinstance(read, Refusal):
        _in_dialect(read)
        return read
    _told_on(read)
    if formats.media_type(data) == formats.FHIR_JSON:
        xml.from_json(formats.as_json(data))
    return None


def _in_dialect(refusal: Refusal) -> None:
    """The refusal in the words of the dialect that was spoken, as the door says it."""
    dialect = NAMED.get(refusal.format or "")
    if dialect and dialect.answer:
        dialect.answer(Told(status=422, issues=refusal.issues, unread=True))


def message_xml(data: bytes) -> Refusal | None:
    """A message in XML; whatever is read says the same when it is written and read again."""
    found = xml.to_json(data)
    if isinstance(found, Refusal):
        return found
    again = xml.to_json(xml.to_xml(found))
    assert again == found, "other than it was when written and read again"
    as_json = xml.as_json(data)
    assert not isinstance(as_json, Refusal)
    assert orjson.loads(as_json) == found
    read = inbound.read(data, _OPTIONS)
    if isinstance(read, Refusal):
        return read
    _told_on(read)
    return None


def message_kith(data: bytes) -> Refusal | None:
    """A Norwegian message, whatever it begins with; it is answered, and what is accepted can be told on."""
    read = kith.read(data, _OPTIONS)
    issues = read.issues if isinstance(read, Refusal) else ()
    apprec.write(data, Reply(id="r", code="ok", issues=issues, at=NOW))
    if isinstance(read, Refusal):
        return read
    _told_on(read)
    return None


def message_hl7v2(data: bytes) -> Refusal | None:
    """HL7 v2 as it comes out of a frame; whatever was sent is answered, and what is accepted can be told on."""
    read = hl7v2.read(data, _OPTIONS)
    issues = read.issues if isinstance(read, Refusal) else ()
    for ack in acknowledgements(data, Reply(id="r", code="fatal-error", issues=issues, at=NOW)):
        assert ack.startswith(b"MSH"), "no acknowledgement"
        assert not {*ack} & {0x00, 0x0A, 0x0B, 0x1C}, "breaks its frame"
    if isinstance(read, Refusal):
        return read
    _told_on(read)
    return None


def _told_on(message: Message) -> None:
    """What is forwarded, in both formats."""
    xml.to_xml(outbound.write(message, base_url=BASE))


def search(data: bytes) -> Refusal | None:
    """A query string; its first byte says of which type, and whether strictly."""
    first = data[0] if data else 0
    type_, strict = _TYPES[first % len(_TYPES)], first < 128
    pairs = parse_qsl(data[1:].decode(errors="replace"), keep_blank_values=True)
    try:
        parse_search(type_, pairs, strict=strict, asking=Asking(base_url=BASE, now=NOW))
    except Refused as fault:
        return fault.refusal
    return None


def subscribing(data: bytes) -> Refusal | None:
    """A Subscription in either format; what is understood can be written down."""
    resource = formats.parse(data, "Subscription")
    if isinstance(resource, Refusal):
        return resource
    read = subscription.read(resource, _RULES)
    if isinstance(read, Refusal):
        return read
    orjson.dumps(subscription.standing(resource, read.status, "x"))
    return None


_LINES: Final = (
    "accept",
    "content-type",
    "prefer",
    "x-carepath-org",
    "if-none-match",
    "if-modified-since",
    "accept-language",
)


def headers(data: bytes) -> Refusal | None:
    """Headers, a line each, and the query string in the last: formats, who asks, conditions, languages."""
    *lines, query = data.split(b"\n", len(_LINES))
    named = [(name.encode(), line) for name, line in zip(_LINES, lines, strict=False)]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "headers": named}
    request = Request(scope | {"query_string": query})
    texts.language(request.headers.get("accept-language"))
    exchange.named_formats(request)
    exchange.resource_response(request, _STORED)
    for reads in (exchange.check_accepted, exchange.body_format, exchange.taken_at_its_word):
        try:
            reads(request)
        except Refused as fault:
            return fault.refusal
        except HTTPException as fault:
            if fault.status_code not in {406, 415}:
                raise
    return None


TARGETS: Final[Mapping[str, Target]] = {
    "json": message_json,
    "xml": message_xml,
    "hl7v2": message_hl7v2,
    "kith": message_kith,
    "search": search,
    "subscription": subscribing,
    "headers": headers,
}


def seeds(target: str) -> list[bytes]:
    """What others are made from: the target's corpus in the order of its names, but for what is large."""
    kept = (file.read_bytes() for file in sorted((CORPUS / target).iterdir()))
    return [data for data in kept if len(data) < _LARGE]
