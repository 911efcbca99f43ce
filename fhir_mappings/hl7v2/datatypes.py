"""HL7 v2's data types as ours: CX, HD, EI, XON, XPN, XCN (2.A), in the shapes of all versions from 2.3 to 2.8.

An authority that is only named (no universal id) counts with its sender: two hospitals may call theirs the same.
"""

from collections.abc import Mapping
from typing import Final

from fhir_mappings import codes
from fhir_mappings.hl7v2.segments import Value
from fhir_mappings.identifiers import canonical, check_organisation
from pathways.parties import Identifier, PartyRef

_UNIVERSAL: Final[Mapping[str, str]] = {
    "ISO": "urn:oid:{}",
    "UUID": "urn:uuid:{}",
    "GUID": "urn:uuid:{}",
    "URI": "{}",
    "DNS": "https://{}",
}
"""Kinds of universal ids (table 0301) as URIs; the others are local."""
_REGISTERS: Final = (codes.ORGANISATION_NUMBER, codes.HER_ID, codes.RESH, codes.SOR)
_NORWEGIAN: Final = frozenset(("NNNOR", "FNR", "DNR", "NI", "NN"))
_NATIONAL: Final[Mapping[str, str]] = {
    "FHN": codes.FHN,
    "DUF": codes.DUF,
    "NNDNK": codes.CPR,
    "NHS": codes.NHS_NUMBER,
}
_NOT_OF_A_PERSON: Final = frozenset(("AN", "VN", "XX"))  # table 0203: account, visit, organisation


# --- identifiers


def person_id(value: Value) -> Identifier | None:
    """A CX of a person; ``None`` when it is empty, or the number of an account, a visit or an organisation."""
    number, kind = value.at(1), value.at(5) or ""
    if number is None or kind in _NOT_OF_A_PERSON:
        return None
    system, name = _authority(value, 4), value.at(4) or ""
    if system:
        return Identifier(system, number)
    if _NORWEGIAN.intersection((name, kind)) and is_number(number, 11):
        return norwegian_id(number)
    for told in (name, kind):
        if told in _NATIONAL:
            return Identifier(_NATIONAL[told], number)
    return Identifier("", f"{name}:{number}" if name else number)


def norwegian_id(number: str) -> Identifier:
    """A fødselsnummer, or the D-number that it is when 4 was added to its first digit."""
    return Identifier(codes.DNR if number[0] > "3" else codes.FNR, number)


def is_number(text: str | None, length: int) -> bool:
    """Whether it is so many digits."""
    return text is not None and len(text) == length and text.isascii() and text.isdigit()


def matter_id(value: Value) -> Identifier | None:
    """A CX of a visit or an account."""
    number = value.at(1)
    return None if number is None else Identifier(_authority(value, 4), number)


def entity_id(value: Value) -> Identifier | None:
    """An EI: of a referral or a report."""
    number = value.at(1)
    if number is None:
        return None
    return Identifier(_system(value.at(3), value.at(4)), number)


def _authority(value: Value, component: int) -> str:
    """The URI of an assigning authority; empty when only a name is given."""
    return _system(value.at(component, 2), value.at(component, 3))


def _system(universal: str | None, kind: str | None) -> str:
    shape = _UNIVERSAL.get((kind or "ISO").upper())
    return canonical(shape.format(universal)) if universal and shape else ""


# --- organisations


def facility(name: str | None, universal: str | None, kind: str | None) -> PartyRef | None:
    """An HD: an organisation by a number of its own, or by the name that the sender gives it.

    A number stands as the namespace with its register as universal id, or below the register's OID.
    """
    known = _registered(name, universal, kind) or _numbered(name)
    if known:
        return PartyRef((known,), None if known.value == name else name)
    if system := _system(universal, kind):
        return PartyRef((Identifier(codes.URI, system),), name)
    told = name or universal
    return PartyRef((Identifier(codes.HL7_FACILITY, told),), told) if told else None


def _registered(name: str | None, universal: str | None, kind: str | None) -> Identifier | None:
    system = _system(universal, kind)
    for register in _REGISTERS:
        if system == register and name:
            return Identifier(register, name)
        if system.startswith(f"{register}."):
            return Identifier(register, system.removeprefix(f"{register}."))
    return None


def _numbered(name: str | None) -> Identifier | None:
    """A name that is an organisation number."""
    if name is None or not is_number(name, 9):
        return None
    number = {"system": codes.ORGANISATION_NUMBER, "value": name}
    return None if check_organisation((number,), "") else Identifier(number["system"], name)


def organisation(value: Value) -> PartyRef | None:
    """An XON: its number (component 10; 3 before 2.5) of the authority, else its name."""
    name, number = value.at(1), value.at(10) or value.at(3)
    universal = value.at(6, 2)
    if number is None:
        return facility(name, None, None)
    found = _registered(number, universal, value.at(6, 3)) or _numbered(number)
    if found:
        return PartyRef((found,), name)
    system = _authority(value, 6) or codes.HL7_FACILITY
    return PartyRef((Identifier(system, number),), name)


# --- people


def given_names(value: Value) -> tuple[str, ...]:
    """The given names of an XPN: the first, and those after it."""
    return tuple(name for name in (value.at(2), *(value.at(3) or "").split()) if name)


def full_name(value: Value, first: int = 1) -> str | None:
    """The name in an XPN, or in an XCN, where it begins with component 2, as one text."""
    words = (value.at(first + 1), value.at(first + 2), value.at(first))
    return " ".join(word for word in words if word) or None


def phone(value: Value) -> str | None:
    """An XTN: as written, unformatted (2.7), or its area code and number."""
    apart = " ".join(part for part in (value.at(6), value.at(7)) if part)
    return value.at(1) or value.at(12) or apart or None


def coded_text(value: Value) -> str | None:
    """A CE or CWE in words: its text, else the original text, else the code."""
    return value.at(2) or value.at(9) or value.at(1)
