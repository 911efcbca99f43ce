"""Who sends and who receives: a communication party stands in levels, and its own HER-id is that of the last.

MsgHead has Organisation with Organisation or HealthcareProfessional inside; the older messages and AppRec have
HCP/Inst with Dept or HCPerson. The first level is the house, an HF or a municipality.
"""

from dataclasses import dataclass
from typing import Final

from fhir_mappings.kith.names import PARTY_IDS
from fhir_mappings.kith.reading import Element, Reading, said, split
from pathways.messages import Author
from pathways.parties import Identifier, PartyRef

_ALONE: Final = "HealthcareProfessional"


@dataclass(frozen=True, slots=True)
class Level:
    """One level. ``kind``: Inst, Dept, HCPerson or HCProf, as AppRec has them; ``ids``: type and number."""

    kind: str
    name: str | None
    ids: tuple[tuple[str, str], ...]

    @property
    def party(self) -> PartyRef:
        """The level as a party by itself."""
        known = tuple(
            Identifier(PARTY_IDS[type_], id_) for type_, id_ in self.ids if type_ in PARTY_IDS
        )
        return PartyRef(known, self.name)


def levels(reading: Reading, parent: Element | None) -> tuple[Level, ...]:
    """The levels inside ``Sender``, ``Receiver``, ``HCP`` …, the house first."""
    organisation = reading.one(parent, "Organisation")
    if organisation is not None:
        return _of_organisation(reading, organisation, "Inst")
    for name in ("HCP/Inst", "HCP/HCProf", "Inst", "HCProf", _ALONE):
        if (found := reading.one(parent, name)) is not None:
            return _of_inst(reading, found)
    return ()


def party(told: tuple[Level, ...]) -> PartyRef:
    """Whom the levels mean: the last that has a number of its own, by the names of all up to there."""
    numbered = [at for at, level in enumerate(told) if level.party.identifiers]
    last = numbered[-1] if numbered else len(told) - 1
    names = dict.fromkeys(level.name for level in told[: last + 1] if level.name)
    return PartyRef(told[last].party.identifiers if told else (), ", ".join(names) or None)


def house(told: tuple[Level, ...]) -> PartyRef:
    """The organisation that they belong to."""
    return told[0].party if told else PartyRef()


def author(reading: Reading, person: Element | None) -> Author:
    """A person by name, with the first phone number and the role."""
    if person is None:
        return Author()
    given = [reading.text(person, name) for name in ("GivenName", "MiddleName", "FamilyName")]
    name = " ".join(filter(None, given)) or reading.text(person, "Name")
    phones = [said(one) for one in reading.all(person, "TeleCom/TeleAddress")]
    phone = next(
        (one.removeprefix("tel:") for one in phones if one and one.startswith("tel:")), None
    )
    role = reading.name(person, "RoleToPatient") or reading.name(
        person, "TypeHealthcareProfessional"
    )
    return Author(name, phone, role)


def _of_organisation(reading: Reading, element: Element, kind: str) -> tuple[Level, ...]:
    ids = tuple(_id(reading, ident) for ident in reading.all(element, "Ident"))
    own = Level(kind, reading.text(element, "OrganisationName"), tuple(filter(all, ids)))
    inner = reading.one(element, "Organisation")
    if inner is not None:
        return (own, *_of_organisation(reading, inner, "Dept"))
    person = reading.one(element, "HealthcareProfessional")
    return (own, *_of_person(reading, person)) if person is not None else (own,)


def _of_person(reading: Reading, person: Element) -> tuple[Level, ...]:
    ids = tuple(_id(reading, ident) for ident in reading.all(person, "Ident"))
    return (Level("HCPerson", author(reading, person).name, tuple(filter(all, ids))),)


def _id(reading: Reading, ident: Element) -> tuple[str, str]:
    return reading.text(ident, "TypeId") or "", reading.text(ident, "Id") or ""


def _of_inst(reading: Reading, element: Element) -> tuple[Level, ...]:
    ids = filter(all, (_id(reading, element),))
    kind = split(element)[1]
    own = Level("HCProf" if kind == _ALONE else kind, reading.text(element, "Name"), tuple(ids))
    for name in ("Dept", "HCPerson"):
        if (inner := reading.one(element, name)) is not None:
            return (own, *_of_inst(reading, inner))
    return (own,)
