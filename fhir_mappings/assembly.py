"""A Bundle in the making: entries, the references to them, and the envelope around the event."""

import re
from collections.abc import Mapping
from datetime import tzinfo
from typing import Final
from uuid import UUID

from fhir_mappings import labels, languages
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import (
    BROKER_NAME,
    DESTINATION_USE,
    DISTRICT,
    MUNICIPALITY,
    MUNICIPALITY_CODE,
    PATHWAY_ACTIVITY,
    PATHWAY_EVENT,
    URBAN_DISTRICT,
    URI,
)
from fhir_mappings.elements import Writing, as_identifier
from fhir_mappings.times import instant_text, moment_text
from pathways.events import Activity
from pathways.facts import PersonFacts
from pathways.messages import Author, Destination, Message, Patient, stable_id
from pathways.parties import PartyRef

FHIR_ID: Final = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_ENTITY_ROLES: Final[Mapping[Activity, str]] = {
    Activity.NEW: "derivation",
    Activity.REVISE: "revision",
    Activity.CANCEL: "removal",
    Activity.FORWARD: "source",
    Activity.REPLY: "derivation",
}


class Assembly:
    """The entries written so far. Ids follow from the message's own, so that writing again gives the same."""

    def __init__(self, message: Message, base_url: str, zone: tzinfo) -> None:
        self.message = message
        self.base_url = base_url
        self.entries: list[JSON] = []
        self.writing = Writing(zone, self.refer)
        self._parties: dict[PartyRef, JSON] = {}

    def add(self, kind: str, role: str, elements: JSON) -> JSON:
        """A new entry; gives the Reference to it. ``role`` tells those of one type apart."""
        id_ = stable_id(self.message.id, kind, role)
        return self.put({"resourceType": kind, "id": id_} | elements, f"urn:uuid:{id_}")

    def put(self, resource: JSON, url: str) -> JSON:
        """An entry with a ``fullUrl`` of its own."""
        self.entries.append({"fullUrl": url, "resource": resource})
        return {"reference": url}

    def refer(self, party: PartyRef) -> JSON:
        """The Reference to a party's Organization, which is written once."""
        if party not in self._parties:
            role = str(len(self._parties))
            self._parties[party] = self.add("Organization", role, _organisation(party))
        return self._parties[party]

    def sender(self) -> JSON:
        """The Reference to the sender; by its address when it has neither id nor name."""
        sender = self.message.sender
        if is_named(sender):
            return self.refer(sender)
        address = sender.endpoint or self.base_url
        return {"type": "Organization", "identifier": {"system": URI, "value": address}}


def is_named(party: PartyRef) -> bool:
    """Whether an Organization can stand for the party (org-1: an identifier or a name)."""
    return bool(party.identifiers or party.name)


def _organisation(party: PartyRef) -> JSON:
    elements: JSON = {}
    if party.identifiers:
        elements["identifier"] = [as_identifier(one) for one in party.identifiers]
    if name := party.name or (None if party.identifiers else party.endpoint):
        elements["name"] = name
    if party.endpoint:
        elements["telecom"] = [{"system": "url", "value": party.endpoint}]
    return elements


# --- the header


def header(bundle: Assembly) -> tuple[JSON, JSON]:
    """Write the MessageHeader, which has to be the first entry: the resource, and the Reference to it.

    ``fullUrl`` carries the id: HAPI clients take it from there.
    """
    message, base_url = bundle.message, bundle.base_url
    id_ = message.id if FHIR_ID.fullmatch(message.id) else stable_id(message.id, "MessageHeader")
    url = f"urn:uuid:{id_}" if _is_uuid(id_) else f"{base_url}/MessageHeader/{id_}"
    resource: JSON = {"resourceType": "MessageHeader", "id": id_}
    labels.put_markings(resource, message.markings)
    reference = bundle.put(resource, url)
    resource["eventCoding"] = {"system": PATHWAY_EVENT, "code": str(message.code)}
    if told := [_destination(bundle, one) for one in message.destinations]:
        resource["destination"] = told
    if is_named(message.sender):
        resource["sender"] = bundle.sender()
        resource["source"] = {"name": BROKER_NAME, "endpoint": base_url}
    else:
        resource["source"] = {"endpoint": message.sender.endpoint or base_url}
    return resource, reference


def _destination(bundle: Assembly, one: Destination) -> JSON:
    element: JSON = {"endpoint": one.party.endpoint or bundle.base_url}
    if one.copy:
        element["extension"] = [{"url": DESTINATION_USE, "valueCode": "cc"}]
    if is_named(one.party):
        element["receiver"] = bundle.refer(one.party)
    return element


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


# --- the provenance


def provenance(bundle: Assembly, about: JSON) -> None:
    """Write the Provenance that says when, who and what for the header that ``about`` refers to."""
    message = bundle.message
    elements: JSON = {
        "target": [about],
        "occurredDateTime": moment_text(message.happened, bundle.writing.zone),
        "recorded": instant_text(message.written),
        "activity": {"coding": [{"system": PATHWAY_ACTIVITY, "code": str(message.activity)}]},
        "agent": [_agent(bundle, message.author)],
    }
    if message.target is not None:
        what = {"type": "MessageHeader", "identifier": {"value": message.target}}
        elements["entity"] = [{"role": _ENTITY_ROLES[message.activity], "what": what}]
    bundle.add("Provenance", "own", elements)


def _agent(bundle: Assembly, author: Author) -> JSON:
    if author == Author():
        return {"who": bundle.sender()}
    return {"who": _person(bundle, author), "onBehalfOf": bundle.sender()}


def _person(bundle: Assembly, author: Author) -> JSON:
    name = {"name": [{"text": author.name}]} if author.name else {}
    phone = {"telecom": [{"system": "phone", "value": author.phone}]} if author.phone else {}
    if author.role is None:
        return bundle.add("Practitioner", "author", name | phone)
    role: JSON = {"code": [{"text": author.role}]} | phone
    if author.name:
        role["practitioner"] = bundle.add("Practitioner", "author", name)
    return bundle.add("PractitionerRole", "author", role)


# --- the patient


def patient(bundle: Assembly, described: Patient) -> JSON:
    """Write the Patient; gives the resource, to which facts may be added."""
    elements: JSON = {"identifier": [as_identifier(one) for one in described.identifiers]}
    labels.put_protection(elements, described.protection)
    if name := _name(described):
        elements["name"] = [{"use": "official"} | name]
    if described.gender:
        elements["gender"] = described.gender
    if described.birth_date:
        elements["birthDate"] = described.birth_date.isoformat()
    if address := _address(described):
        elements["address"] = [{"use": _use(bundle.message)} | address]
    languages.put(elements, described.language, described.interpreter)
    if described.gp:
        elements["generalPractitioner"] = [bundle.refer(described.gp)]
    bundle.add("Patient", "the", elements)
    resource: JSON = bundle.entries[-1]["resource"]
    return resource


def _name(described: Patient) -> JSON:
    name: JSON = {}
    if described.family:
        name["family"] = described.family
    if described.given:
        name["given"] = list(described.given)
    return name


def _address(described: Patient) -> JSON:
    address: JSON = {}
    if described.district:
        coding = {"system": DISTRICT, "code": described.district}
        address["extension"] = [{"url": URBAN_DISTRICT, "valueCoding": coding}]
    if described.municipality:
        coding = {"system": MUNICIPALITY, "code": described.municipality}
        address["_district"] = {"extension": [{"url": MUNICIPALITY_CODE, "valueCoding": coding}]}
    return address


def _use(message: Message) -> str:
    """Where the only municipality told is that of the stay, the address is temporary."""
    facts = message.facts
    if not isinstance(facts, PersonFacts) or facts.home_municipality is not None:
        return "home"
    return "home" if facts.stay_municipality is None else "temp"
