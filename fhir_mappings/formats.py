"""FHIR in either of its formats: which one it is, and what it says as parsed JSON."""

from typing import Final

from fhir_mappings import reading, xml
from fhir_mappings.bundle import JSON
from pathways.refusals import Reason, Refusal, refuse

FHIR_JSON: Final = "application/fhir+json"
FHIR_XML: Final = "application/fhir+xml"


def media_type(source: bytes) -> str:
    """What the bytes are, whatever somebody calls them: XML begins with a bracket that no JSON begins with."""
    return FHIR_XML if xml.is_xml(source) else FHIR_JSON


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
