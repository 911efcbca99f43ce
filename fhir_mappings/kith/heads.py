"""What is around a message that is sent: who to whom, about whom, in MsgHead 1.2 or in the older messages without one.

A party stands in levels, the house first; the last has the address that answers go to. Structure: MsgHead-v1_2.xsd,
Henvisning-v1.1.xsd and Epikrise-v1.2.xsd, as far as the reader of the same messages asks for it.
"""

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree
from lxml.builder import ElementMaker

from fhir_mappings.kith import names
from fhir_mappings.kith.local_times import local_text
from fhir_mappings.kith.reading import Element
from fhir_mappings.letters import Letter, Line
from pathways.messages import Author, Message, Patient
from pathways.parties import PartyRef


def maker(namespace: str) -> ElementMaker:
    """Makes elements of one namespace, which needs no prefix in them."""
    return ElementMaker(namespace=namespace, nsmap={None: namespace})


M: Final = maker(names.MSGHEAD)
_TYPE_OF_PARTY: Final = {system: type_ for type_, system in names.PARTY_IDS.items()}
_TYPE_OF_PERSON: Final = {system: type_ for type_, system in names.PERSON_IDS.items()}
_OTHER_NUMBER: Final = "XXX"  # 8116: annet
_NO_NAME: Final = "Ukjent"
_SEX: Final = {told: code for code, told in names.GENDERS.items()}
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to write."""


def written(root: Element) -> bytes:
    """The message as it is sent."""
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def clean(text: str) -> str:
    """A text without what XML cannot say."""
    return _FORBIDDEN.sub("", text)


def msg_head(
    kind: str, message: Message, letter: Letter, content: Element, conversation: str | None = None
) -> Element:
    """A message of type ``kind`` (8279). ``conversation``: the id of its first message, where there is another."""
    info = M.MsgInfo(
        M.Type(V=kind, DN=names.TYPES[kind]),
        M.MIGversion("v1.2 2006-05-24"),
        M.GenDate(local_text(message.written, letter.zone)),
        M.MsgId(clean(message.id)),
    )
    if message.test:
        info.append(M.ProcessingStatus(V="D", DN="Debugging"))
    if first := conversation or message.target:
        parent = M.RefToParent(clean(message.target or first))
        info.append(M.ConversationRef(parent, M.RefToConversation(clean(first))))
    info.append(M.Sender(_organisation(letter.sender)))
    info.append(M.Receiver(_organisation(letter.receiver)))
    if message.patient:
        info.append(_patient(message.patient))
    issued = M.IssueDate(V=local_text(message.written, letter.zone))
    document = M.RefDoc(issued, M.MsgType(V="XML", DN="XML-instans"), M.Content(content))
    return M.MsgHead(info, M.Document(document))


def role(made: ElementMaker, told: Author) -> Iterator[Element]:
    """What the person behind a message is to the patient."""
    if told.role:
        yield made.RoleToPatient(OT=clean(told.role))


def person(made: ElementMaker, told: Author) -> Iterator[Element]:
    """The name and phone number of the person behind a message."""
    *given, family = clean(told.name or "").split() or [_NO_NAME]
    yield made.FamilyName(family)
    if given:
        yield made.GivenName(" ".join(given))
    if told.phone:
        yield made.TeleCom(made.TeleAddress(V=f"tel:{clean(told.phone)}"))


# --- parties


def own_name(line: Line) -> str:
    """What the last level is called by itself: a name that is read says the house first."""
    told = line[-1].name or _NO_NAME
    house = f"{line[0].name}, " if len(line) > 1 and line[0].name else ""
    return clean(told.removeprefix(house))


def numbers(party: PartyRef) -> list[tuple[str, str]]:
    """The numbers that a party is known by (9051): type and number."""
    known = ((_TYPE_OF_PARTY.get(one.system), one.value) for one in party.identifiers)
    return [(type_, clean(value)) for type_, value in known if type_]


def _organisation(line: Line) -> Element:
    house, *units = line
    element = _level(house, clean(house.name or _NO_NAME))
    if units:
        element.append(_level(line[-1], own_name(line)))
    return element


def _level(party: PartyRef, name: str) -> Element:
    element = M.Organisation(M.OrganisationName(name))
    for type_, number in numbers(party):
        element.append(M.Ident(M.Id(number), M.TypeId(V=type_, S=names.PARTY_NUMBERS)))
    return element


# --- the patient


def person_numbers(patient: Patient) -> list[tuple[str, str]]:
    """The numbers of a person (8116): type and number, the national ones first."""
    told = [
        (_TYPE_OF_PERSON.get(one.system, _OTHER_NUMBER), clean(one.value))
        for one in patient.identifiers
    ]
    return sorted(told, key=lambda one: one[0] == _OTHER_NUMBER)


def _patient(patient: Patient) -> Element:
    first, *more = patient.given or ("",)
    element = M.Patient(M.FamilyName(clean(patient.family or _NO_NAME)))
    for name, text in (("MiddleName", " ".join(more)), ("GivenName", first)):
        if text:
            element.append(M(name, clean(text)))
    if patient.birth_date:
        element.append(M.DateOfBirth(patient.birth_date.isoformat()))
    if patient.gender in _SEX:
        element.append(M.Sex(V=_SEX[patient.gender]))
    for type_, number in person_numbers(patient):
        element.append(M.Ident(M.Id(number), M.TypeId(V=type_, S=names.PERSON_NUMBERS)))
    if address := [*_address(patient)]:
        element.append(M.Address(M.Type(V="H", DN="Bostedsadresse"), *address))
    return element


def _address(patient: Patient) -> Iterator[Element]:
    if patient.municipality:
        yield M.County(V=clean(patient.municipality))
    if patient.district:
        yield M.CityDistr(V=clean(patient.district))
