"""Bytes to a message, whatever they are written in: FHIR in any dialect and either format, Norwegian XML, HL7 v2."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from fhir_mappings import formats
from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.dialects import DIALECTS
from fhir_mappings.hl7v2.messages import read as hl7v2
from fhir_mappings.kith.messages import read as kith
from fhir_mappings.options import Options
from fhir_mappings.structure import check
from pathways.messages import Message
from pathways.refusals import Reason, Refusal, refuse

__all__ = ["Options", "read"]

Reader: TypeAlias = Callable[[bytes, Options], Message | Refusal]


def read(source: bytes, options: Options) -> Message | Refusal:
    """The message in ``source``, or everything that is wrong with it. Never raises for what was sent."""
    return READERS[formats.media_type(source)](source, options)


def fhir(source: bytes, options: Options) -> Message | Refusal:
    """A FHIR message Bundle, in the dialect that its event's code system names."""
    bundle = formats.parse(source)
    if isinstance(bundle, Refusal):
        return bundle
    if issues := check(bundle):
        return Refusal(Reason.INVALID, issues)
    return _in_dialect(bundle, options, source)


READERS: Final[Mapping[str, Reader]] = {
    formats.FHIR_JSON: fhir,
    formats.FHIR_XML: fhir,
    formats.KITH_XML: kith,
    formats.HL7_V2: hl7v2,
}
"""Who reads what, by ``formats.media_type``."""


def _in_dialect(bundle: JSON, options: Options, source: bytes) -> Message | Refusal:
    parts = Resources(bundle)
    system = parts.header.get("eventCoding", {}).get("system", "")
    dialect = DIALECTS.get(system)
    if dialect is None:
        where = parts.where(parts.header, "eventCoding")
        return refuse(
            Reason.UNKNOWN_EVENT, "not-supported", "The event is of no known system.", where
        )
    return dialect(parts, options, source)
