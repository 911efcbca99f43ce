"""The patient of a message: one, with a number, and a name."""

from datetime import date
from typing import Final

from fhir_mappings import times
from fhir_mappings.codes import DNR, FNR
from fhir_mappings.identifiers import check_patient
from fhir_mappings.kith.names import GENDERS, PERSON_IDS
from fhir_mappings.kith.reading import Element, Reading, place
from fhir_mappings.options import Options
from pathways.messages import Patient
from pathways.parties import Identifier
from pathways.refusals import Issue, Reason

_NUMBERS: Final = frozenset((FNR, DNR))


def the_patient(reading: Reading, parent: Element, options: Options) -> Patient | None:
    """The one ``Patient`` inside ``parent``; none, two, or one without a number are faults."""
    found = reading.all(parent, "Patient")
    if not found:
        reading.lacks(parent, "Patient", Reason.PATIENT)
        return None
    for other in found[1:]:
        text = "The message has two patients."
        reading.fault("invariant", text, other, reason=Reason.PATIENT)
    return _patient(reading, found[0], options)


def _patient(reading: Reading, element: Element, options: Options) -> Patient:
    ids = _identifiers(reading, element, options)
    family, given = _name(reading, element)
    if family is None:
        missing = "Name" if reading.one(element, "OffId") is not None else "FamilyName"
        reading.lacks(element, missing, Reason.PATIENT)
    address = next(iter(_addresses(reading, element)), None)
    county = reading.text(address, "County") or ""
    return Patient(
        identifiers=ids,
        family=family,
        given=given,
        birth_date=_birth_date(reading.text(element, "DateOfBirth")),
        gender=GENDERS.get(reading.text(element, "Sex") or ""),
        municipality=county if len(county) == 4 and county.isdigit() else None,
        district=reading.text(address, "CityDistr"),
        gp=None,
    )


def _identifiers(reading: Reading, element: Element, options: Options) -> tuple[Identifier, ...]:
    """MsgHead's Ident, or the older OffId; both may have several, of one person."""
    told = [
        (reading.text(ident, "TypeId"), reading.one(ident, "Id"))
        for ident in reading.all(element, "Ident")
    ]
    told += [(reading.text(element, "TypeOffId"), one) for one in reading.all(element, "OffId")]
    found: dict[Identifier, Element] = {}
    for type_, at in told:
        if at is not None and (value := (at.text or "").strip()):
            found.setdefault(_identifier(type_ or "", value), at)
    if not found:
        missing = "OffId" if reading.one(element, "TypeOffId") is not None else "Ident/Id"
        reading.lacks(element, missing, Reason.PATIENT)
    for ident in reading.all(element, "Ident"):
        reading.needed(ident, "TypeId")
    for one, at in found.items():
        _check(reading, one, at, options)
    _check_one_person(reading, found)
    return tuple(found)


def _identifier(type_: str, value: str) -> Identifier:
    """Many systems call every number of eleven digits a fødselsnummer: the first digit tells a D-number."""
    system = PERSON_IDS.get(type_, "")
    return Identifier(DNR if system == FNR and value[0] in "4567" else system, value)


def _check(reading: Reading, one: Identifier, at: Element, options: Options) -> None:
    wrong = check_patient(
        ({"system": one.system, "value": one.value},),
        "",
        accept_synthetic=options.accept_synthetic,
        year=options.received.year,
    )
    if wrong:
        reading.note(Issue(wrong.code, wrong.text, place(at)), Reason.PATIENT)


def _check_one_person(reading: Reading, found: dict[Identifier, Element]) -> None:
    """Two numbers of one kind are two persons; a D-number is followed by a fødselsnummer, and they are one."""
    seen: set[str] = set()
    for one, at in found.items():
        if one.system in _NUMBERS and one.system in seen:
            text = "The patient has two numbers of the same kind."
            reading.fault("invariant", text, at, reason=Reason.PATIENT)
        seen.add(one.system)


def _name(reading: Reading, element: Element) -> tuple[str | None, tuple[str, ...]]:
    """Family and given names; the older messages write ``Family, Given``."""
    family = reading.text(element, "FamilyName")
    parts = [reading.text(element, name) for name in ("GivenName", "MiddleName")]
    if family is None and (whole := reading.text(element, "Name")):
        last, _, first = whole.partition(",")
        return last.strip() or None, tuple(first.split())
    return family, tuple(filter(None, parts))


def _addresses(reading: Reading, element: Element) -> list[Element]:
    """The home address first (3401: H)."""
    found = reading.all(element, "Address")
    return sorted(found, key=lambda one: reading.text(one, "Type") not in ("H", "HP", None))


def _birth_date(text: str | None) -> date | None:
    try:
        return times.day(text) if text else None
    except times.Unreadable:
        return None
