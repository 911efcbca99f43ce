"""Consents and objections as FHIR Consents: what is permitted is a ``permit``, what is objected to a ``deny``.

The same in messages and as it stands (docs/profile.md, *Events*). Each is about one organisation, one relative or
everybody; what stands for an entry has the event's id, so whoever was told of it may see it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any, Final

from fhir_mappings import times
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import (
    ACT_CODE,
    CONSENT_KIND,
    CONSENT_SCOPE,
    DATA_ABSENT,
    ORAL_CONSENT,
    PARTICIPATION,
)
from fhir_mappings.elements import (
    ATTACHMENT,
    IDENTIFIERS,
    MOMENT,
    PARTY,
    At,
    Extension,
    Field,
    Kind,
    Place,
    Reading,
    Shape,
    Slot,
    write_fields,
)
from fhir_mappings.elements import coded as code_of
from fhir_mappings.options import OSLO
from fhir_mappings.parties import human_name, party
from fhir_mappings.periods import Bound, in_order, make_comparable
from fhir_mappings.references import about, writing
from fhir_mappings.slots import Coded
from pathways.events import EventCode
from pathways.facts import ConsentFacts, ConsentKind
from pathways.parties import Directory, PartyRef
from pathways.pathway import Thread
from pathways.states import Consents, Provision
from pathways.timeline import Entry

_PERSON: Final = "RelatedPerson"


# --- slots


@dataclass(frozen=True, slots=True)
class _Provision:
    """A slot of ``provision``."""

    inner: Slot

    @property
    def path(self) -> str:
        """Where it stands."""
        return f"provision.{self.inner.path}"

    def find(self, resource: JSON) -> list[Any]:
        """What stands there."""
        return self.inner.find(resource.get("provision") or {})

    def put(self, resource: JSON, value: Any) -> None:
        """Put it there."""
        self.inner.put(resource.setdefault("provision", {}), value)


@dataclass(frozen=True, slots=True)
class _Actor:
    """Whom it is for: the one ``actor``."""

    path: str = "actor.reference"

    def find(self, resource: JSON) -> list[Any]:
        """The References to all actors: it is for one, or for everybody."""
        return [one["reference"] for one in resource.get("actor", ()) if "reference" in one]

    def put(self, resource: JSON, value: Any) -> None:
        """Set it."""
        receiver = {"coding": [{"system": PARTICIPATION, "code": "IRCP"}]}
        resource["actor"] = [{"role": receiver, "reference": value}]


def _read_party(reading: Reading, value: JSON, place: Place) -> PartyRef | None:
    """An organisation; of a relative nothing."""
    return None if value.get("type") == _PERSON else party(reading.parts, value, place.resource)


def _read_person(reading: Reading, value: JSON, place: Place) -> str | None:
    """A relative's name."""
    found = reading.parts.resolve(value, place.resource)
    if found is not None:
        return human_name(found) if found["resourceType"] == _PERSON else None
    return value.get("display") if value.get("type") == _PERSON else None


_NAME: Final = Kind(_read_person, lambda _, value: {"type": _PERSON, "display": value})
_NAMED: Final = Kind(_read_party, PARTY.write)


# --- shapes


_SHAPE: Final[Shape] = {
    "Consent": (
        Field("consent", Coded("category", CONSENT_KIND, many=True), code_of(ConsentKind)),
        Field("party", _Provision(_Actor()), _NAMED),
        Field("person", _Provision(_Actor()), _NAME),
        Field("document", _Provision(At("data", 0, "reference", "identifier", "value"))),
        Field("since", _Provision(Bound("start")), MOMENT),
        Field("until", _Provision(Bound("end")), MOMENT),
        Field("oral", Extension(ORAL_CONSENT, "valueBoolean")),
        Field("note", At("sourceAttachment"), ATTACHMENT),
        Field("identifiers", At("identifier"), IDENTIFIERS),
    )
}
_PERMITS: Final[Mapping[EventCode, bool]] = {
    EventCode.CONSENT_GIVEN: True,
    EventCode.CONSENT_WITHDRAWN: True,
    EventCode.OBJECTION_REGISTERED: False,
    EventCode.OBJECTION_WITHDRAWN: False,
}
_ENDS: Final = frozenset((EventCode.CONSENT_WITHDRAWN, EventCode.OBJECTION_WITHDRAWN))
SHAPES: Final[Mapping[EventCode, Shape]] = dict.fromkeys(_PERMITS, _SHAPE)


def required(code: EventCode) -> JSON:
    """The elements that FHIR requires of the Consent of an event."""
    permits = _PERMITS[code]
    policy = {"system": ACT_CODE, "code": "OPTIN" if permits else "OPTOUT"}
    return {
        "status": "inactive" if code in _ENDS else "active",
        "scope": {"coding": [{"system": CONSENT_SCOPE, "code": "patient-privacy"}]},
        "category": [{"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}],
        "policyRule": {"coding": [policy]},
        "provision": {"type": "permit" if permits else "deny"},
    }


def finished(resource: JSON, facts: ConsentFacts, zone: tzinfo) -> None:
    """With the meaning that ``data`` requires, and a Period that can be compared."""
    provision = resource["provision"]
    for data in provision.get("data", ()):
        data["meaning"] = "instance"
        data["reference"]["type"] = "MessageHeader"
    if facts.since and facts.until:
        make_comparable(provision["period"], facts.since, facts.until, zone)


# --- as it stands


def of_entry(entry: Entry, thread: Thread, directory: Directory, *, stands: bool) -> JSON:
    """The Consent that an entry states, as it is now: in force, ended, or never meant."""
    facts = entry.facts if isinstance(entry.facts, ConsentFacts) else ConsentFacts()
    state = thread.facts if isinstance(thread.facts, Consents) else Consents()
    provision = next((one for one in state.provisions if one.record == entry.id), None)
    resource: JSON = {
        "resourceType": "Consent",
        "id": entry.id,
        **required(entry.code),
        "patient": about("Patient", entry.patient),
        "dateTime": times.moment_text(entry.happened, OSLO),
        "organization": [about("Organization", entry.sender)],
    }
    if not stands:
        resource["status"] = "entered-in-error"
    elif provision is None or provision.until != facts.until:
        resource["status"] = "inactive"
    said = _in_force(facts, provision) if provision else facts
    shape = SHAPES[entry.code]["Consent"]
    write_fields(writing(directory, entry.happened.at), shape, said, resource)
    finished(resource, said, OSLO)
    return resource


def _in_force(facts: ConsentFacts, known: Provision) -> ConsentFacts:
    """From when until when, as it came to be."""
    until = known.until
    if until and not in_order(known.since, until, OSLO):
        until = known.since
    return replace(facts, since=known.since, until=until)
