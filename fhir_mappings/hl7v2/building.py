"""HL7 v2 data types out: HD, CX, XPN, XCN, XON, EI, TS (2.A) as segments have them, in version 2.5.1.

A field is a text, a tuple of components, or a list of repetitions; a component is a text or a tuple of
sub-components. The inverse of ``datatypes``.
"""

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final, TypeAlias

from fhir_mappings import codes
from pathways.messages import Patient
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef

Component: TypeAlias = "str | tuple[str, ...]"
Field: TypeAlias = "str | tuple[Component, ...] | list[tuple[Component, ...]]"

_ESCAPED: Final = str.maketrans(
    {"\\": "\\E\\", "|": "\\F\\", "^": "\\S\\", "~": "\\R\\", "&": "\\T\\", "\n": "\\.br\\"}
)
_UNSPEAKABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_REGISTERS: Final = frozenset((codes.ORGANISATION_NUMBER, codes.HER_ID, codes.RESH, codes.SOR))
_NUMBER_TYPES: Final[Mapping[str, str]] = {codes.FNR: "NNNOR", codes.DNR: "NNNOR"}
_SEX: Final = {"female": "F", "male": "M", "unknown": "U", "other": "O"}


def segment(name: str, *fields: Field) -> str:
    """A segment, without what is empty at its end."""
    return "|".join((name, *map(_field, fields))).rstrip("|")


def _field(field: Field) -> str:
    if isinstance(field, str):
        return escaped(field)
    if isinstance(field, list):
        return "~".join(map(_field, field))
    return "^".join(map(_component, field)).rstrip("^")


def _component(component: Component) -> str:
    if isinstance(component, str):
        return escaped(component)
    return "&".join(map(escaped, component)).rstrip("&")


def escaped(text: str) -> str:
    """A text whose separators separate nothing (2.7); what has no place in a message is left out."""
    told = _UNSPEAKABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return told.translate(_ESCAPED)


# --- times


def stamp(at: Moment | datetime | None, zone: tzinfo) -> str:
    """A TS: a day of ``zone``, or an instant to the tenth of a millisecond, with its offset."""
    if at is None:
        return ""
    if isinstance(at, Moment) and at.day:
        return at.at.astimezone(zone).strftime("%Y%m%d")
    local = (at.at if isinstance(at, Moment) else at).astimezone(zone)
    fraction = f".{local.microsecond // 100:04d}" if local.microsecond >= 100 else ""
    return f"{local:%Y%m%d%H%M%S}{fraction}{local:%z}"


# --- numbers and parties


def facility(party: PartyRef | None) -> tuple[str, ...]:
    """An HD: a registered number with its register; else the OID, UUID or URI; else the name."""
    if party is None:
        return ("",)
    for one in party.identifiers:
        if one.system in _REGISTERS:
            return (one.value, *_universal(one.system))
    for one in party.identifiers:
        if one.system == codes.URI and (told := _universal(one.value)):
            return (party.name or "", *told)
    named = (one.value for one in party.identifiers if one.system == codes.HL7_FACILITY)
    return (next(named, None) or party.name or party.endpoint or "",)


def number(one: Identifier, kind: str = "") -> tuple[Component, ...]:
    """A CX: the number, its assigning authority, and what kind of number it is (table 0203)."""
    authority = _universal(one.system)
    told = ("", *authority) if authority else ""
    return (one.value.removeprefix("urn:uuid:"), "", "", told, _NUMBER_TYPES.get(one.system, kind))


def entity(one: Identifier) -> tuple[str, ...]:
    """An EI: the number of a referral or a report."""
    universal = _universal(one.system)
    return (one.value, "", *universal) if universal else (one.value,)


def organisation(party: PartyRef) -> tuple[Component, ...]:
    """An XON: name, and the registered number in component 10."""
    known = next((one for one in party.identifiers if one.system in _REGISTERS), None)
    if known is None:
        return (party.name or facility(party)[0],)
    authority = ("", *_universal(known.system))
    return (party.name or "", "", "", "", "", authority, "", "", "", known.value)


def _universal(system: str) -> tuple[str, ...]:
    """A URI as universal id and its kind (table 0301); nothing for a system of the sender's own."""
    for prefix, kind in (("urn:oid:", "ISO"), ("urn:uuid:", "UUID")):
        if system.startswith(prefix):
            return (system.removeprefix(prefix), kind)
    return (system, "URI") if ":" in system else ()


# --- people


def name(patient: Patient) -> tuple[str, ...]:
    """An XPN: family name, the first given name, the others; the legal name."""
    first, *more = patient.given or ("",)
    return (patient.family or "", first, " ".join(more), "", "", "", "L")


def person(told: str | None) -> tuple[str, ...]:
    """An XCN of somebody of whom only the name is known."""
    *given, family = (told or "").split() or [""]
    return ("", family, " ".join(given))


def sex(patient: Patient) -> str:
    """PID-8 (table 0001)."""
    return _SEX.get(patient.gender or "", "")


def home(patient: Patient) -> tuple[Component, ...]:
    """An XAD of which only kommunenummer (9) and bydel (10) are told; H: at home."""
    if not (patient.municipality or patient.district):
        return ("",)
    place = (patient.municipality or "", patient.district or "")
    return ("", "", "", "", "", "", "H", "", *place)
