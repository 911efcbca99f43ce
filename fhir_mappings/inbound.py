"""Bytes to a message, whatever they are written in: FHIR in any dialect and format, Norwegian XML, HL7 v2, signals."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from fhir_mappings import formats
from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.dialects import mns
from fhir_mappings.dialects.dialect import Dialect
from fhir_mappings.dialects.table import DIALECTS
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
    """A FHIR message Bundle, in the dialect that its event's code system names; or a signal of MNS."""
    bundle = formats.parse(source)
    if isinstance(bundle, Refusal):
        return bundle
    if mns.is_notification(bundle):
        return mns.notification(bundle, options, source)
    dialect = _spoken(bundle)
    found = _checked(bundle, dialect, options, source)
    if isinstance(found, Refusal) and dialect:
        return replace(found, format=dialect.name)
    return found


READERS: Final[Mapping[str, Reader]] = {
    formats.FHIR_JSON: fhir,
    formats.FHIR_XML: fhir,
    formats.KITH_XML: kith,
    formats.HL7_V2: hl7v2,
    formats.CLOUD_EVENT: mns.read,
}
"""Who reads what, by ``formats.media_type``."""


def _checked(
    bundle: JSON, dialect: Dialect | None, options: Options, source: bytes
) -> Message | Refusal:
    if issues := check(bundle):
        return Refusal(Reason.INVALID, issues)
    parts = Resources(bundle)
    if dialect is None:
        where = parts.where(parts.header, "eventCoding")
        return refuse(
            Reason.UNKNOWN_EVENT, "not-supported", "The event is of no known system.", where
        )
    return dialect.read(parts, options, source)


def _spoken(bundle: JSON) -> Dialect | None:
    """The dialect that it bears the event of, whatever else may be wrong with it."""
    try:
        system = bundle["entry"][0]["resource"]["eventCoding"]["system"]
    except (LookupError, TypeError):
        return None
    return _DIALECTS.get(system) if isinstance(system, str) else None


_DIALECTS: Final = {dialect.system: dialect for dialect in DIALECTS}
