"""PID, PD1 and MRG: whom a message is about."""

from collections.abc import Mapping
from datetime import date
from typing import Final

from fhir_mappings.hl7v2 import datatypes, times
from fhir_mappings.hl7v2.facts import provider
from fhir_mappings.hl7v2.segments import Content, Segment, Value
from fhir_mappings.identifiers import check_patient
from fhir_mappings.options import Options
from fhir_mappings.times import Unreadable
from pathways.messages import Patient
from pathways.parties import Identifier
from pathways.refusals import Reason

_GENDERS: Final[Mapping[str, str]] = {
    "F": "female",
    "M": "male",
    "U": "unknown",
    **dict.fromkeys(("O", "A", "N", "X"), "other"),
}
"""PID-8 (table 0001) in FHIR's administrative genders."""


def read(content: Content, options: Options) -> Patient | None:
    """The one patient; none, two, or one without a number are refused, as is a number that cannot be right."""
    found = content.of("PID")
    if not found:
        content.fault("required", "the message has no PID", "PID", Reason.PATIENT)
        return None
    for other in found[1:]:
        text = "the message is about two patients"
        content.fault("invariant", text, other.where(), Reason.PATIENT)
    pid = found[0]
    identifiers = _identifiers(pid)
    if not identifiers:
        text = "the patient has no identifier"
        content.fault("required", text, pid.where(3), Reason.PATIENT)
    _check(content, identifiers, pid.where(3), options)
    name = _name(pid.values(5))
    municipality, district = _home(pid)
    return Patient(
        identifiers=identifiers,
        family=name.at(1),
        given=datatypes.given_names(name),
        birth_date=_birth_date(pid.at(7)),
        gender=_GENDERS.get(pid.at(8) or ""),
        municipality=municipality,
        district=district,
        gp=datatypes.organisation(content.first("PD1").value(3)) or provider(content, "PP"),
    )


def merged(content: Content, patient: Patient | None, options: Options) -> tuple[Identifier, ...]:
    """The numbers in MRG-1: those that the patient was known by, too. At least one is not in PID-3."""
    mrg = content.first("MRG")
    found = tuple(one for value in mrg.values(1) if (one := datatypes.person_id(value)))
    _check(content, found, mrg.where(1), options)
    known = patient.identifiers if patient else ()
    others = tuple(one for one in dict.fromkeys(found) if one not in known)
    if not others:
        text = "a merge names the number that is given up"
        content.fault("required", text, mrg.where(1), Reason.PATIENT)
    return others


def _identifiers(pid: Segment) -> tuple[Identifier, ...]:
    """PID-3, and where older versions have others: PID-2, PID-4, and the national number in PID-19."""
    values = [*pid.values(3), *pid.values(2), *pid.values(4)]
    found = [one for value in values if (one := datatypes.person_id(value))]
    national = (pid.at(19) or "").replace(" ", "")
    if datatypes.is_number(national, 11):
        found.append(datatypes.norwegian_id(national))
    return tuple(dict.fromkeys(found))


def _check(
    content: Content, identifiers: tuple[Identifier, ...], where: str, options: Options
) -> None:
    listed = [{"system": one.system, "value": one.value} for one in identifiers]
    wrong = check_patient(
        listed, where, accept_synthetic=options.accept_synthetic, year=options.received.year
    )
    if wrong:
        content.fault(wrong.code, wrong.text, where, Reason.PATIENT)


def _name(names: list[Value]) -> Value:
    """The legal name, else the first."""
    legal = (name for name in names if name.at(7) == "L")
    return next(iter((*legal, *names)), Value())


def _birth_date(stamp: str | None) -> date | None:
    """A birth date without day is left out."""
    try:
        return times.day(stamp) if stamp else None
    except Unreadable:
        return None


def _home(pid: Segment) -> tuple[str | None, str | None]:
    """Kommunenummer and bydel: county and census tract of the home address (XAD), or of the first."""
    addresses = pid.values(11)
    home = next(
        (one for one in addresses if one.at(7) in ("H", "P", "L")), next(iter(addresses), Value())
    )
    number = home.at(9) or pid.at(12)
    district = home.at(10)
    return (
        number if datatypes.is_number(number, 4) else None,
        district if datatypes.is_number(district, 6) else None,
    )
