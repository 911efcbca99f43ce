"""FHIR R4 in XML, both ways (https://hl7.org/fhir/R4/xml.html): inside all is FHIR JSON, XML is for the doors."""

import orjson

from fhir_mappings.xml_parsing import is_xml, root_name
from fhir_mappings.xml_reading import to_json
from fhir_mappings.xml_writing import from_json, to_xml
from pathways.refusals import Refusal

__all__ = ["as_json", "from_json", "is_xml", "root_name", "to_json", "to_xml"]


def as_json(source: bytes) -> bytes | Refusal:
    """FHIR JSON that says what ``source`` says in XML; decimals keep their digits. Refusals as ``to_json``."""
    found = to_json(source, decimal=_digits)
    return found if isinstance(found, Refusal) else orjson.dumps(found)


def _digits(text: str) -> orjson.Fragment:
    return orjson.Fragment(text)
