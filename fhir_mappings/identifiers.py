"""Identifiers: one spelling per system, and the check digits of the Norwegian numbers and of NHS numbers.

Everything that is not one of those is accepted as such: the sender knows its numbers best. A wrong check digit
is refused, as it would put one person's message on another's timeline. Rules: Skatteetaten's description of
fødselsnummer and D-nummer, and of the control digits from 2032; the NHS Data Dictionary's of NHS numbers.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, TypeAlias

from fhir_mappings import codes
from pathways.parties import Identifier
from pathways.refusals import Issue

_ALIASES: Final = {
    codes.FNR_ALIAS: codes.FNR,
    codes.HER_ID_ALIAS: codes.HER_ID,
    codes.MUNICIPALITY_ALIAS: codes.MUNICIPALITY,
    codes.ODS_ALIAS: codes.ODS,
    codes.DOS_SERVICE_ALIAS: codes.DOS_SERVICE,
}
_FIRST: Final = (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)
_SECOND: Final = (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_ORGANISATION: Final = (3, 2, 7, 6, 5, 4, 3, 2, 1)
_NHS: Final = (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_SYNTHETIC: Final = (40, 65, 80)
"""Added to the month of a made-up number: by NAV's and Skatteetaten's older sets, by some systems, by Tenor."""

_CENTURIES: Final = (
    (0, 499, 1900, range(100)),
    (500, 749, 1800, range(54, 100)),
    (500, 999, 2000, range(40)),
    (900, 999, 1900, range(40, 100)),
)
"""From and to which three digits somebody was born in a century, in which of its years."""

FIRST_YEAR_OF_NEW_DIGITS: Final = 2032
"""From then the first control digit may leave 0 to 3; until then only 0. The second never changes."""


def canonical(system: str) -> str:
    """The one URI we use for this identifier system."""
    return _ALIASES.get(system, system)


Identifiers: TypeAlias = Sequence[Mapping[str, Any]]
"""``Resource.identifier``, as JSON."""


def check_patient(
    identifiers: Identifiers, where: str, *, accept_synthetic: bool, year: int
) -> Issue | None:
    """The first wrong fødselsnummer, D-number or NHS number. ``year`` is that of arrival, for the control digits."""
    for index, identifier in enumerate(identifiers):
        system, value = canonical(identifier.get("system", "")), identifier.get("value")
        if value is None:
            continue
        if system == codes.NHS_NUMBER:
            wrong = _wrong_nhs(value, accept_synthetic)
        elif system in {codes.FNR, codes.DNR}:
            wrong = _wrong(value, system == codes.DNR, accept_synthetic, year)
        else:
            continue
        if wrong:
            return Issue("value", wrong, f"{where}.identifier[{index}].value")
    return None


def national(number: str) -> Identifier:
    """A national id with its system: the first digit of a D-number has 4 added."""
    return Identifier(codes.DNR if number[:1] >= "4" else codes.FNR, number)


def is_possible(one: Identifier, year: int) -> bool:
    """Whether the control digits of a person's number hold in that year; a made-up one's, too."""
    told = [{"system": one.system, "value": one.value}]
    return check_patient(told, "", accept_synthetic=True, year=year) is None


def check_organisation(identifiers: Identifiers, where: str) -> Issue | None:
    """The first wrong organisation number (Enhetsregisteret, mod 11)."""
    for index, identifier in enumerate(identifiers):
        value = identifier.get("value")
        if identifier.get("system") != codes.ORGANISATION_NUMBER or value is None:
            continue
        if not _is_organisation(value):
            text = "not an organisation number: nine digits, the last a control digit"
            return Issue("value", text, f"{where}.identifier[{index}].value")
    return None


def _is_organisation(value: str) -> bool:
    digits = _digits(value, 9)
    return digits is not None and _remainder(digits, _ORGANISATION) == 0


def _wrong(value: str, d_number: bool, accept_synthetic: bool, year: int) -> str | None:
    """What is wrong with a fødselsnummer (or D-number), in words that do not quote it."""
    name = "D-number" if d_number else "fødselsnummer"
    digits = _digits(value, 11)
    if digits is None:
        return f"a {name} has eleven digits"
    allowed = 3 if year >= FIRST_YEAR_OF_NEW_DIGITS else 0
    if _remainder(digits, _FIRST) > allowed or _remainder(digits, _SECOND) != 0:
        return f"a control digit of the {name} is wrong"
    day = int(value[:2]) - (40 if d_number else 0)
    month, synthetic = _month(int(value[2:4]))
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return f"the date in the {name} does not exist"
    if synthetic and not accept_synthetic:
        return f"a synthetic {name} is not accepted here"
    return None


def birth_date(identifier: Identifier) -> date | None:
    """What a fødselsnummer or D-number says of when somebody was born; ``None`` where it says nothing.

    The three digits after the date tell the century (Skatteetaten, until 2032).
    """
    digits = _digits(identifier.value, 11)
    if digits is None or identifier.system not in (codes.FNR, codes.DNR):
        return None
    value, d_number = identifier.value, identifier.system == codes.DNR
    day = int(value[:2]) - (40 if d_number else 0)
    month, _ = _month(int(value[2:4]))
    short, told = int(value[4:6]), int(value[6:9])
    for first, last, century, years in _CENTURIES:
        if first <= told <= last and short in years:
            try:
                return date(century + short, month, day)
            except ValueError:
                return None
    return None


def _wrong_nhs(value: str, accept_synthetic: bool) -> str | None:
    """What is wrong with an NHS number; made-up ones, BaRS's own among them, may have any control digit."""
    digits = _digits(value, 10)
    if digits is None:
        return "an NHS number has ten digits"
    if _remainder(digits, _NHS) and not accept_synthetic:
        return "the control digit of the NHS number is wrong"
    return None


def _month(written: int) -> tuple[int, bool]:
    """The month, and whether the number is synthetic."""
    for added in _SYNTHETIC:
        if 1 <= written - added <= 12:
            return written - added, True
    return written, False


def _digits(value: str, length: int) -> list[int] | None:
    if len(value) != length or not value.isascii() or not value.isdigit():
        return None
    return [int(digit) for digit in value]


def _remainder(digits: Sequence[int], weights: Sequence[int]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False)) % 11
