"""What a stranger's bytes are, by how they begin; and of FHIR in either of its formats, what it says as parsed JSON."""

import json
import re
from typing import Final

import orjson

from fhir_mappings import reading, xml
from fhir_mappings.bundle import JSON
from pathways.refusals import Reason, Refusal, refuse

FHIR_JSON: Final = "application/fhir+json"
FHIR_XML: Final = "application/fhir+xml"
KITH_XML: Final = "application/xml"
"""Norwegian messages: KITH's and the Directorate of Health's, which have no media type of their own."""

HL7_V2: Final = "application/hl7-v2"
"""As it is written on lines (ER7). It has no registered media type; this is what HAPI calls it."""

CLOUD_EVENT: Final = "application/cloudevents+json"
"""Signals of MNS, also the JSON of before, which is none: https://cloudevents.io/."""

_SIGNAL: Final = re.compile(rb'"(?:specversion|nhsNumber)"\s*:')
_MSH: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*MSH[^A-Za-z0-9]")
_KITH: Final = frozenset(("MsgHead", "AppRec", "Message"))
"""Their roots. No resource of FHIR has such a name."""


def media_type(source: bytes) -> str:
    """What the bytes are, whatever somebody calls them: XML begins with a bracket that no JSON begins with."""
    if not xml.is_xml(source):
        signal = b'"resourceType"' not in source and _SIGNAL.search(source)
        return CLOUD_EVENT if signal else HL7_V2 if _MSH.match(source) else FHIR_JSON
    return KITH_XML if xml.root_name(source) in _KITH else FHIR_XML


def parse(source: bytes, kind: str = "Bundle") -> JSON | Refusal:
    """The resource of type ``kind`` in ``source``, as parsed JSON. Never raises, whatever the bytes.

    Refusals as ``reading.parse`` and ``xml.to_json``.
    """
    if not xml.is_xml(source):
        return reading.parse(source, kind)
    found = xml.to_json(source, kind)
    if isinstance(found, Refusal) or found["resourceType"] == kind:
        return found
    text = f"expected a {kind}, got {found['resourceType']}"
    return refuse(Reason.INVALID, "invalid", text, kind)


def as_json(source: bytes) -> bytes:
    """A sound resource as FHIR JSON: what came in JSON byte for byte, what came in XML with the same digits."""
    if not xml.is_xml(source):
        return source
    found = xml.as_json(source)
    return source if isinstance(found, Refusal) else found


def indented(source: bytes) -> bytes:
    """Sound FHIR JSON for people; decimals keep their digits."""
    told = json.loads(source, parse_float=orjson.Fragment)
    return orjson.dumps(told, option=orjson.OPT_INDENT_2)
