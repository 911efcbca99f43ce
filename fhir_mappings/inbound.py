"""Bytes of a FHIR message Bundle, in any dialect and either format, to a message."""

from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.dialects import DIALECTS
from fhir_mappings.formats import parse
from fhir_mappings.options import Options
from fhir_mappings.structure import check
from pathways.messages import Message
from pathways.refusals import Reason, Refusal, refuse

__all__ = ["Options", "read"]


def read(source: bytes, options: Options) -> Message | Refusal:
    """The message in ``source``, or everything that is wrong with it. Never raises for what was sent."""
    bundle = parse(source)
    if isinstance(bundle, Refusal):
        return bundle
    if issues := check(bundle):
        return Refusal(Reason.INVALID, issues)
    return _in_dialect(bundle, options, source)


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
