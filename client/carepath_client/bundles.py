"""A message as a FHIR Bundle in Carepath's own profile (docs/profile.md). The same message gives the same Bundle."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID, uuid5

from carepath_client.codes import (
    ACT_REASON,
    CAREPATH,
    DESTINATION_USE,
    DISTRICT,
    MUNICIPALITY,
    MUNICIPALITY_CODE,
    PATHWAY_ACTIVITY,
    PATHWAY_EVENT,
    RELATIVE_AUTHORITY,
    RELATIVE_ROLE,
    TEST,
    URBAN_DISTRICT,
)
from carepath_client.elements import JSON, UNKNOWN, concept, identifier, moment
from carepath_client.messages import Acknowledgement, Message, Move, Relatives
from carepath_client.rows import ROWS, put_fields
from carepath_client.skeletons import SKELETONS, is_needed
from carepath_client.values import Author, Party, Patient, Relative

_NAMESPACE: Final = UUID("6f0c8a52-3f3b-5f0e-9d0a-7a1c1b1d2e4f")
_ENTITY_ROLES: Final[Mapping[str, str]] = {
    "new": "derivation",
    "revise": "revision",
    "cancel": "removal",
    "forward": "source",
    "reply": "derivation",
}


def bundle(message: Message) -> JSON:
    """The Bundle, a JSON object of its own for whoever asks."""
    return _Assembly(message).bundle()


class _Assembly:
    """The entries written so far. Their ids follow from the message's."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.entries: list[JSON] = []
        self._parties: dict[Party, JSON] = {}

    def bundle(self) -> JSON:
        """Header first, then what the event is about, then who did what, when."""
        message = self.message
        header, reference = self._header()
        self.sender = self.refer(message.sender)
        header["sender"] = self.sender
        told = [(one, "primary") for one in message.receivers]
        told += [(one, "cc") for one in message.copies]
        if told:
            header["destination"] = [self._destination(one, use) for one, use in told]
        self._focus(header)
        self._provenance(reference)
        tagged = {"meta": {"tag": [{"system": ACT_REASON, "code": TEST}]}} if message.test else {}
        return {
            "resourceType": "Bundle",
            "id": self._id("Bundle", "own"),
            **tagged,
            "type": "message",
            "timestamp": moment(message.written),
            "entry": self.entries,
        }

    def add(self, kind: str, role: str, elements: JSON) -> JSON:
        """A new entry; gives the Reference to it. ``role`` tells those of one type apart."""
        id_ = self._id(kind, role)
        return self._put({"resourceType": kind, "id": id_} | elements, f"urn:uuid:{id_}")

    def refer(self, party: Party) -> JSON:
        """The Reference to a party's Organization, which is written once."""
        if party not in self._parties:
            self._parties[party] = self.add(
                "Organization", str(len(self._parties)), _organization(party)
            )
        return self._parties[party]

    def _put(self, resource: JSON, url: str) -> JSON:
        self.entries.append({"fullUrl": url, "resource": resource})
        return {"reference": url}

    def _id(self, kind: str, role: str) -> str:
        return str(uuid5(_NAMESPACE, f"{self.message.id}/{kind}/{role}"))

    # --- the envelope

    def _header(self) -> tuple[JSON, JSON]:
        """``fullUrl`` carries the id: HAPI's clients take it from there."""
        message = self.message
        header: JSON = {
            "resourceType": "MessageHeader",
            "id": message.id,
            "eventCoding": {"system": PATHWAY_EVENT, "code": message.event},
            "source": _address(message.sender),
        }
        known = f"urn:uuid:{message.id}"
        url = known if _is_uuid(message.id) else f"{CAREPATH}/MessageHeader/{message.id}"
        return header, self._put(header, url)

    def _destination(self, party: Party, use: str) -> JSON:
        told = {"url": DESTINATION_USE, "valueCode": use}
        return {"extension": [told], **_address(party), "receiver": self.refer(party)}

    def _provenance(self, header: JSON) -> None:
        message = self.message
        elements: JSON = {
            "target": [header],
            "recorded": moment(message.written),
            "activity": concept(PATHWAY_ACTIVITY, message.activity),
            "agent": [self._agent(message.author)],
        }
        if message.happened is not None:
            elements["occurredDateTime"] = moment(message.happened)
        if message.target is not None:
            what = {"type": "MessageHeader", "identifier": {"value": message.target}}
            elements["entity"] = [{"role": _ENTITY_ROLES[message.activity], "what": what}]
        self.add("Provenance", "own", elements)

    def _agent(self, author: Author | None) -> JSON:
        if author is None:
            return {"who": self.sender}
        phone = {"telecom": [{"system": "phone", "value": author.phone}]} if author.phone else {}
        who = self.add("Practitioner", "author", {"name": [{"text": author.name}], **phone})
        if author.role:
            role = {"practitioner": who, "code": [{"text": author.role}], **phone}
            who = self.add("PractitionerRole", "author", role)
        return {"who": who, "onBehalfOf": self.sender}

    # --- what the event is about

    def _focus(self, header: JSON) -> None:
        message = self.message
        about = self._patient(message.patient) if message.patient else {}
        if isinstance(message, Acknowledgement):
            self._acknowledge(header)
        elif isinstance(message, Relatives):
            header["focus"] = [
                self.add("RelatedPerson", str(number), {"patient": about} | _relative(one))
                for number, one in enumerate(message.relatives)
            ]
        elif isinstance(message, Move):
            header["focus"] = [about]
        else:
            header["focus"] = self._resources(about)

    def _resources(self, about: JSON) -> list[JSON]:
        """Those of the family's table that say something, each referring to those before; the focus."""
        message, written = self.message, dict[str, JSON]()
        for kind in ROWS[type(message)]:
            if kind not in SKELETONS:
                continue
            elements = SKELETONS[kind](message, about, self.sender, written)
            if put_fields(message, kind, self.refer, elements) or is_needed(kind, message):
                written[kind] = self.add(kind, "focus", elements)
        if "Composition" in written and "Task" not in written:
            return [written["Composition"]]
        return list(written.values())

    def _acknowledge(self, header: JSON) -> None:
        put_fields(self.message, "MessageHeader", self.refer, header)
        failed = header["response"]["code"] != "ok"
        severity, code = ("error", "processing") if failed else ("information", "informational")
        outcome: JSON = {"issue": [{"severity": severity, "code": code}]}
        said: JSON = {}
        if put_fields(self.message, "OperationOutcome", self.refer, said) or failed:
            for issue in said.get("issue", ()):
                outcome["issue"][0] |= issue
            header["response"]["details"] = self.add("OperationOutcome", "focus", outcome)

    def _patient(self, patient: Patient) -> JSON:
        elements: JSON = {"identifier": [identifier(one) for one in patient.known_by]}
        name = {"family": patient.family, "given": list(patient.given)}
        if told := {part: said for part, said in name.items() if said}:
            elements["name"] = [{"use": "official", **told}]
        if patient.gender:
            elements["gender"] = patient.gender
        if patient.birth_date:
            elements["birthDate"] = patient.birth_date.isoformat()
        if addresses := _addresses(patient, self.message):
            elements["address"] = addresses
        if patient.gp:
            elements["generalPractitioner"] = [self.refer(patient.gp)]
        put_fields(self.message, "Patient", self.refer, elements)
        return self.add("Patient", "the", elements)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _address(party: Party) -> JSON:
    """FHIR requires an endpoint: where there is none, that is said."""
    return {"endpoint": party.endpoint} if party.endpoint else {"_endpoint": UNKNOWN}


def _organization(party: Party) -> JSON:
    elements: JSON = {}
    if ids := [identifier(one) for one in party.known_by]:
        elements["identifier"] = ids
    if party.name:
        elements["name"] = party.name
    if party.endpoint:
        elements["telecom"] = [{"system": "url", "value": party.endpoint}]
    return elements


def _relative(one: Relative) -> JSON:
    elements: JSON = {"name": [{"text": one.name}]}
    concepts: list[JSON] = [{"text": one.relationship}] if one.relationship else []
    concepts += (concept(RELATIVE_ROLE, role) for role in one.roles)
    if concepts:
        elements["relationship"] = concepts
    if one.phone:
        elements["telecom"] = [{"system": "phone", "value": one.phone}]
    if one.born:
        elements["birthDate"] = one.born.isoformat()
    if one.authority:
        elements["extension"] = [{"url": RELATIVE_AUTHORITY, "valueString": one.authority}]
    return elements


def _addresses(patient: Patient, message: Message) -> list[JSON]:
    """Where the patient lives; a move says it anew."""
    told = {"home": patient.municipality, "temp": None}
    if isinstance(message, Move):
        told = {"home": message.home_municipality, "temp": message.stay_municipality}
    addresses = {use: _municipality(number) for use, number in told.items() if number}
    if patient.district:
        coding = {"system": DISTRICT, "code": patient.district}
        home = addresses.setdefault("home", {})
        home["extension"] = [{"url": URBAN_DISTRICT, "valueCoding": coding}]
    return [{"use": use, **address} for use, address in addresses.items()]


def _municipality(number: str) -> JSON:
    coding = {"system": MUNICIPALITY, "code": number}
    return {"_district": {"extension": [{"url": MUNICIPALITY_CODE, "valueCoding": coding}]}}
