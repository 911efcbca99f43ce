"""What can be searched for, by type: the one table that indexing, reading, OpenAPI and the CapabilityStatement use.

https://hl7.org/fhir/R4/searchparameter-registry.html

Only what Carepath writes is here, and nothing that tells who a person is: no name, birth date, address or phone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from fhir_mappings.codes import ACT_CODE, CAREPATH

_HL7: Final = "http://hl7.org/fhir"
_DEFINITIONS: Final = f"{_HL7}/SearchParameter"


class Kind(StrEnum):
    """A type of search parameter that is offered."""

    TOKEN = "token"  # noqa: S105 -- FHIR's word
    STRING = "string"
    DATE = "date"
    REFERENCE = "reference"
    URI = "uri"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One search parameter. ``paths`` are the elements it looks at, from the resource's root, with dots between.

    Without paths, it is in a column of every resource: ``_id``, ``_lastUpdated``, whose it is (``PERSON``).
    ``system`` is what a plain code belongs to, ``targets`` are the types that a reference leads to. ``truth``: the
    values are true and false; ``whether``: true when there is such an element that is not false.
    """

    kind: Kind
    definition: str
    paths: tuple[str, ...] = ()
    system: str = ""
    targets: tuple[str, ...] = ()
    whether: bool = False
    truth: bool = False


PERSON: Final = ("patient", "subject")
"""References to the patient, who is known of every resource; those linked to them count as the same person."""
IDENTIFIER: Final = "identifier"
"""The token whose values are kept as keyed hashes only."""


def _token(definition: str, path: str, *more: str, system: str = "") -> Parameter:
    paths = (path, *more)
    return Parameter(kind=Kind.TOKEN, definition=_url(definition), paths=paths, system=system)


def _truth(definition: str, *paths: str, whether: bool = False) -> Parameter:
    url = _url(definition)
    return Parameter(kind=Kind.TOKEN, definition=url, paths=paths, whether=whether, truth=True)


def _date(definition: str, *paths: str) -> Parameter:
    return Parameter(kind=Kind.DATE, definition=_url(definition), paths=paths)


def _reference(definition: str, path: str, *targets: str) -> Parameter:
    url = _url(definition)
    return Parameter(kind=Kind.REFERENCE, definition=url, paths=(path,), targets=targets)


def _person(definition: str) -> Parameter:
    return Parameter(kind=Kind.REFERENCE, definition=_url(definition), targets=("Patient",))


def _string(definition: str, *paths: str) -> Parameter:
    return Parameter(kind=Kind.STRING, definition=_url(definition), paths=paths)


def _url(name: str) -> str:
    return f"{_DEFINITIONS}/{name}"


_EVERY: Final[Mapping[str, Parameter]] = {
    "_id": Parameter(kind=Kind.TOKEN, definition=_url("Resource-id")),
    "_lastUpdated": Parameter(kind=Kind.DATE, definition=_url("Resource-lastUpdated")),
}
_CLINICAL_PATIENT: Final = _person("clinical-patient")
_CLINICAL_IDENTIFIER: Final = _token("clinical-identifier", "identifier")
_DUE: Final = Parameter(
    kind=Kind.DATE,
    definition=f"{CAREPATH}/SearchParameter/Task-due",
    paths=("restriction.period.end",),
)
"""Our own: R4 has none for when a Task is to be done."""

PARAMETERS: Final[Mapping[str, Mapping[str, Parameter]]] = {
    "Patient": {
        **_EVERY,
        "identifier": _token("Patient-identifier", "identifier"),
        "gender": _token("individual-gender", "gender", system=f"{_HL7}/administrative-gender"),
        "deceased": _truth("Patient-deceased", "deceasedBoolean", "deceasedDateTime", whether=True),
        "general-practitioner": _reference(
            "Patient-general-practitioner", "generalPractitioner", "Organization"
        ),
    },
    "Encounter": {
        **_EVERY,
        "identifier": _CLINICAL_IDENTIFIER,
        "patient": _CLINICAL_PATIENT,
        "subject": _person("Encounter-subject"),
        "status": _token("Encounter-status", "status", system=f"{_HL7}/encounter-status"),
        "class": _token("Encounter-class", "class", system=ACT_CODE),
        "type": _token("clinical-type", "type"),
        "date": _date("clinical-date", "period"),
        "service-provider": _reference(
            "Encounter-service-provider", "serviceProvider", "Organization"
        ),
        "episode-of-care": _reference(
            "Encounter-episode-of-care", "episodeOfCare", "EpisodeOfCare"
        ),
    },
    "EpisodeOfCare": {
        **_EVERY,
        "identifier": _CLINICAL_IDENTIFIER,
        "patient": _CLINICAL_PATIENT,
        "status": _token("EpisodeOfCare-status", "status", system=f"{_HL7}/episode-of-care-status"),
        "date": _date("clinical-date", "period"),
        "organization": _reference(
            "EpisodeOfCare-organization", "managingOrganization", "Organization"
        ),
    },
    "ServiceRequest": {
        **_EVERY,
        "identifier": _CLINICAL_IDENTIFIER,
        "patient": _CLINICAL_PATIENT,
        "subject": _person("ServiceRequest-subject"),
        "status": _token("ServiceRequest-status", "status", system=f"{_HL7}/request-status"),
        "intent": _token("ServiceRequest-intent", "intent", system=f"{_HL7}/request-intent"),
        "priority": _token(
            "ServiceRequest-priority", "priority", system=f"{_HL7}/request-priority"
        ),
        "authored": _date("ServiceRequest-authored", "authoredOn"),
        "occurrence": _date("ServiceRequest-occurrence", "occurrenceDateTime"),
        "requester": _reference("ServiceRequest-requester", "requester", "Organization"),
        "performer": _reference("ServiceRequest-performer", "performer", "Organization"),
    },
    "Task": {
        **_EVERY,
        "identifier": _token("Task-identifier", "identifier"),
        "patient": _person("Task-patient"),
        "subject": _person("Task-subject"),
        "status": _token("Task-status", "status", system=f"{_HL7}/task-status"),
        "business-status": _token("Task-business-status", "businessStatus"),
        "intent": _token("Task-intent", "intent", system=f"{_HL7}/task-intent"),
        "code": _token("Task-code", "code"),
        "performer": _token("Task-performer", "performerType"),
        "focus": _reference(
            "Task-focus",
            "focus",
            *("Encounter", "ServiceRequest", "Communication", "EpisodeOfCare", "CareTeam"),
            *("Appointment", "Task"),
        ),
        "encounter": _reference("Task-encounter", "encounter", "Encounter"),
        "based-on": _reference("Task-based-on", "basedOn", "CarePlan"),
        "period": _date("Task-period", "executionPeriod"),
        "due": _DUE,
        "authored-on": _date("Task-authored-on", "authoredOn"),
        "modified": _date("Task-modified", "lastModified"),
        "requester": _reference("Task-requester", "requester", "Organization"),
        "owner": _reference("Task-owner", "owner", "Organization"),
    },
    "CareTeam": {
        **_EVERY,
        "patient": _CLINICAL_PATIENT,
        "subject": _person("CareTeam-subject"),
        "status": _token("CareTeam-status", "status", system=f"{_HL7}/care-team-status"),
    },
    "Consent": {
        **_EVERY,
        "identifier": _CLINICAL_IDENTIFIER,
        "patient": _CLINICAL_PATIENT,
        "status": _token("Consent-status", "status", system=f"{_HL7}/consent-state-codes"),
        "scope": _token("Consent-scope", "scope"),
        "category": _token("Consent-category", "category"),
        "date": _date("clinical-date", "dateTime"),
        "period": _date("Consent-period", "provision.period"),
        "actor": _reference("Consent-actor", "provision.actor.reference", "Organization"),
        "organization": _reference("Consent-organization", "organization", "Organization"),
    },
    "CarePlan": {
        **_EVERY,
        "identifier": _CLINICAL_IDENTIFIER,
        "patient": _CLINICAL_PATIENT,
        "subject": _person("CarePlan-subject"),
        "status": _token("CarePlan-status", "status", system=f"{_HL7}/request-status"),
        "intent": _token("CarePlan-intent", "intent", system=f"{_HL7}/care-plan-intent"),
        "date": _date("clinical-date", "period"),
        "activity-reference": _reference(
            "CarePlan-activity-reference", "activity.reference", "Task"
        ),
    },
    "Appointment": {
        **_EVERY,
        "identifier": _token("Appointment-identifier", "identifier"),
        "patient": _person("Appointment-patient"),
        "status": _token("Appointment-status", "status", system=f"{_HL7}/appointmentstatus"),
        "appointment-type": _token("Appointment-appointment-type", "appointmentType"),
        "date": _date("Appointment-date", "start"),
    },
    "Communication": {
        **_EVERY,
        "identifier": _token("Communication-identifier", "identifier"),
        "patient": _person("Communication-patient"),
        "subject": _person("Communication-subject"),
        "status": _token("Communication-status", "status", system=f"{_HL7}/event-status"),
        "sent": _date("Communication-sent", "sent"),
        "sender": _reference("Communication-sender", "sender", "Organization"),
        "recipient": _reference("Communication-recipient", "recipient", "Organization"),
    },
    "RelatedPerson": {
        **_EVERY,
        "patient": _person("RelatedPerson-patient"),
        "active": _truth("RelatedPerson-active", "active"),
    },
    "Composition": {
        **_EVERY,
        "identifier": _CLINICAL_IDENTIFIER,
        "patient": _CLINICAL_PATIENT,
        "subject": _person("Composition-subject"),
        "status": _token("Composition-status", "status", system=f"{_HL7}/composition-status"),
        "type": _token("clinical-type", "type"),
        "date": _date("clinical-date", "date"),
        "context": _token("Composition-context", "event.code"),
        "encounter": _reference("clinical-encounter", "encounter", "Encounter"),
        "related-ref": _reference(
            "Composition-related-ref", "relatesTo.targetReference", "Composition"
        ),
        "author": _reference("Composition-author", "author", "Organization"),
    },
    "Provenance": {
        **_EVERY,
        "patient": _person("Provenance-patient"),
        "target": _reference(
            "Provenance-target",
            "target",
            *("Patient", "Encounter", "ServiceRequest", "Communication", "Composition"),
            *("CarePlan", "Appointment", "Task", "CareTeam", "Consent", "EpisodeOfCare"),
        ),
        "recorded": _date("Provenance-recorded", "recorded"),
        "when": _date("Provenance-when", "occurredDateTime"),
        "agent": _reference("Provenance-agent", "agent.who", "Organization"),
        "agent-role": _token("Provenance-agent-role", "agent.role"),
    },
    "Organization": {
        **_EVERY,
        "identifier": _token("Organization-identifier", "identifier"),
        "name": _string("Organization-name", "name", "alias"),
        "type": _token("Organization-type", "type"),
        "partof": _reference("Organization-partof", "partOf", "Organization"),
        "active": _truth("Organization-active", "active"),
    },
    "Subscription": {
        **_EVERY,
        "url": Parameter(
            kind=Kind.URI, definition=_url("Subscription-url"), paths=("channel.endpoint",)
        ),
        "status": _token("Subscription-status", "status", system=f"{_HL7}/subscription-status"),
        "type": _token(
            "Subscription-type", "channel.type", system=f"{_HL7}/subscription-channel-type"
        ),
        "criteria": _string("Subscription-criteria", "criteria"),
        "payload": _token("Subscription-payload", "channel.payload"),
    },
}
"""Every search parameter by type and name."""


def references(type_: str) -> Mapping[str, Parameter]:
    """The parameters of a type that lead to other resources."""
    known = PARAMETERS[type_].items()
    return {name: one for name, one in known if one.kind is Kind.REFERENCE}


def chains(name: str, parameter: Parameter) -> bool:
    """Whether a reference can be followed by ``.identifier``."""
    return name in PERSON or "Organization" in parameter.targets


def sortable(type_: str) -> frozenset[str]:
    """What searches of a type can be sorted by: dates, plain codes and names."""
    kept = {name for name, one in PARAMETERS[type_].items() if one.kind in _ORDERED}
    return frozenset(kept - {IDENTIFIER})


_ORDERED: Final = (Kind.DATE, Kind.TOKEN, Kind.STRING)


def includes(type_: str) -> tuple[str, ...]:
    """The values of ``_include`` that are offered, besides those that say what type is meant."""
    led = references(type_)
    return ("*", *(f"{type_}:{name}" for name in led)) if led else ()


def revincludes(type_: str) -> tuple[str, ...]:
    """The values of ``_revinclude`` that are offered, in the same way."""
    found = tuple(
        f"{source}:{name}"
        for source in PARAMETERS
        for name, one in references(source).items()
        if type_ in one.targets
    )
    return ("*", *found) if found else ()
