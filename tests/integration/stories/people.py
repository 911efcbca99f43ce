"""Who the stories are about: organisations as messages name them, and synthetic patients."""

import itertools
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

from tests.integration.stories import systems

Resource: TypeAlias = dict[str, Any]

OSLO: Final = ZoneInfo("Europe/Oslo")


@dataclass(frozen=True)
class Organisation:
    """A party as messages name it: organisation number (synthetic, check digit right) and name."""

    number: str
    name: str


HOSPITAL = Organisation("314270010", "Solvik sykehus, medisinsk sengepost 2")
OTHER_HOSPITAL = Organisation("314271386", "Nordfjell sykehus, akuttmottak")
LEGEVAKT = Organisation("314272757", "Fjordby legevakt")
NURSING = Organisation("314274121", "Fjordby kommune, sykepleietjenesten")
CASE_OFFICE = Organisation("314275497", "Fjordby kommune, tildelingskontoret")
GP = Organisation("314276868", "Torget legesenter")


def organisation_number(organisation: Organisation) -> Resource:
    """The Identifier that names it."""
    return {"system": systems.ORGANISATION_NUMBER, "value": organisation.number}


_GIVEN = ("Åse", "Ola", "Ingrid", "Per", "Solveig", "Arne", "Ragnhild", "Bjørn", "Máret", "Niillas")
_FAMILY = ("Bergø", "Næss", "Sæther", "Lund", "Haugen", "Eira", "Dahl", "Vik", "Moen", "Fossum")
_numbers = itertools.count(secrets.randbelow(1_000_000))
_DAYS = (date(1999, 12, 31) - date(1930, 1, 1)).days


def _check_digit(digits: str, weights: tuple[int, ...]) -> int:
    """Mod 11; 10 means that there is no such number."""
    return -sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11


def national_id(born: date, serial: int) -> str | None:
    """The synthetic fødselsnummer (month + 80) of ``born`` and ``serial``, if there is one."""
    nine = f"{born:%d}{born.month + 80}{born:%y}{serial:03d}"
    first = _check_digit(nine, (3, 7, 6, 1, 8, 9, 4, 5, 2))
    second = _check_digit(f"{nine}{first}"[:10], (5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
    return None if 10 in (first, second) else f"{nine}{first}{second}"


def person(number: int | None = None, *, municipality: str = "4640") -> Resource:
    """Person ``number`` of two million, always the same; without it one not used before in this process."""
    number = next(_numbers) if number is None else number
    block, day = divmod(number, _DAYS)
    born = date(1930, 1, 1) + timedelta(days=day)
    serials = (block * 5 % 500 + step for step in range(5))
    value = next(found for serial in serials if (found := national_id(born, serial)))
    return {
        "resourceType": "Patient",
        "identifier": [{"system": systems.FNR, "value": value}],
        "name": [
            {
                "use": "official",
                "family": _FAMILY[number // 10 % 10],
                "given": [_GIVEN[number % 10]],
            }
        ],
        "gender": "male" if int(value[8]) % 2 else "female",
        "birthDate": born.isoformat(),
        "address": [address("home", municipality)],
        "generalPractitioner": [{"identifier": organisation_number(GP), "display": GP.name}],
    }


def address(use: str, municipality: str) -> Resource:
    """An Address in a municipality (kommunenummer)."""
    coding = {"system": systems.MUNICIPALITY, "code": municipality}
    extension = [{"url": systems.MUNICIPALITY_CODE, "valueCoding": coding}]
    return {"use": use, "line": ["Strandgata 4"], "_district": {"extension": extension}}


@dataclass(frozen=True)
class Matter:
    """One matter of one patient: a stay, a referral, a question. ``id`` is what its messages share."""

    patient: Resource = field(default_factory=person)
    begins: datetime = field(default_factory=lambda: datetime.now(OSLO) - timedelta(days=3))
    id: str = field(default_factory=lambda: str(uuid4()))
