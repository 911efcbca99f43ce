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
    MATTER_FAMILY,
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
from pathways.events import EventCode, Family
from pathways.facts import ConsentFacts, ConsentKind, known_as
from pathways.parties import Directory, PartyRef
from pathways.pathway import Thread
from pathways.states import Consents, Provision
from pathways.timeline import Entry

_PERSON: Final = "RelatedPerson"
_PROFESSIONAL: Final = "Practitioner"


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
    """An organisation; of a person nothing."""
    if value.get("type") in (_PERSON, _PROFESSIONAL):
        return None
    found = reading.parts.resolve(value, place.resource)
    alone = found is not None and found["resourceType"] == _PROFESSIONAL
    return None if alone else party(reading.parts, value, place.resource)


def _called(type_: str) -> Kind:
    """The name of a person of this type."""

    def read(reading: Reading, value: JSON, place: Place) -> str | None:
        found = reading.parts.resolve(value, place.resource)
        if found is not None:
            return human_name(found) if found["resourceType"] == type_ else None
        return value.get("display") if value.get("type") == type_ else None

    return Kind(read, lambda _, value: {"type": type_, "display": value})


def _read_matters(reading: Reading, value: list[JSON], place: Place) -> tuple[str, ...] | None:
    """The kinds of matters it covers; one that we do not know is a fault: it would cover all without it."""
    ours = [one.get("code", "") for one in value if one.get("system") == MATTER_FAMILY]
    if not {*ours} <= {*Family}:
        text = f"Unknown code; known are: {', '.join(Family)}."
        reading.parts.fault("code-invalid", text, place.resource, place.path)
    return tuple(sorted({*ours} & {*Family})) or None


_MATTERS: Final = Kind(
    _read_matters, lambda _, value: [{"system": MATTER_FAMILY, "code": code} for code in value]
)
_NAMED: Final = Kind(_read_party, PARTY.write)


# --- shapes


_SHAPE: Final[Shape] = {
    "Consent": (
        Field("consent", Coded("category", CONSENT_KIND, many=True), code_of(ConsentKind)),
        Field("party", _Provision(_Actor()), _NAMED),
        Field("person", _Provision(_Actor()), _called(_PERSON)),
        Field("professional", _Provision(_Actor()), _called(_PROFESSIONAL)),
        Field("covers", _Provision(At("class")), _MATTERS),
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
    facts = known_as(ConsentFacts, entry.facts)
    state = known_as(Consents, thread.facts)
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
