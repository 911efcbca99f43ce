"""The required bindings of FHIR R4 (4.0.1) for the fields of the resources in use, in full.

``fhir.resources`` checks none of them, and cuts long lists short. Source: each element's required value set
on hl7.org/fhir/R4. Besides, the names of elements that are a boolean, a number or a time wherever they
stand: ``fhir.resources`` takes ``"true"`` for true and a number for a date.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

Codes: TypeAlias = frozenset[str]


def _codes(listed: str) -> Codes:
    return frozenset(listed.split())


_GENDER = _codes("male female other unknown")
_PRIORITY = _codes("routine urgent asap stat")
_REQUEST_STATUS = _codes("draft active on-hold revoked completed entered-in-error unknown")
_REQUEST_INTENT = _codes(
    "proposal plan directive order original-order reflex-order filler-order instance-order option"
)
_EVENT_STATUS = _codes(
    "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
)
_ENCOUNTER_STATUS = _codes(
    "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown"
)
_EPISODE_STATUS = _codes("planned waitlist active onhold finished cancelled entered-in-error")
_DOCUMENT_STATUS = _codes("preliminary final amended entered-in-error")
_RELATION = _codes("replaces transforms signs appends")
_SPAN_UNIT = _codes("s min h d wk mo a")

BINDINGS: Final[Mapping[str, Mapping[str, Codes]]] = {
    # data types
    "Address": {
        "use": _codes("home work temp old billing"),
        "type": _codes("postal physical both"),
    },
    "ContactPoint": {
        "system": _codes("phone fax email pager url sms other"),
        "use": _codes("home work temp old mobile"),
    },
    "HumanName": {"use": _codes("usual official temp nickname anonymous old maiden")},
    "Identifier": {"use": _codes("usual official temp secondary old")},
    "Narrative": {"status": _codes("generated extensions additional empty")},
    "Quantity": {"comparator": _codes("< <= >= >")},
    "Timing.repeat": {"durationUnit": _SPAN_UNIT, "periodUnit": _SPAN_UNIT},
    # resources and what is inside them
    "Appointment": {
        "status": _codes(
            "proposed pending booked arrived fulfilled cancelled noshow entered-in-error "
            "checked-in waitlist"
        )
    },
    "Appointment.participant": {
        "required": _codes("required optional information-only"),
        "status": _codes("accepted declined tentative needs-action"),
    },
    "AppointmentResponse": {
        "participantStatus": _codes("accepted declined tentative needs-action")
    },
    "Bundle": {
        "type": _codes(
            "document message transaction transaction-response batch batch-response history "
            "searchset collection"
        )
    },
    "Bundle.entry.search": {"mode": _codes("match include outcome")},
    "CarePlan": {
        "status": _REQUEST_STATUS,
        "intent": _codes("proposal plan order option"),
    },
    "CareTeam": {"status": _codes("proposed active suspended inactive entered-in-error")},
    "Communication": {"status": _EVENT_STATUS, "priority": _PRIORITY},
    "CommunicationRequest": {"status": _REQUEST_STATUS, "priority": _PRIORITY},
    "Composition": {"status": _DOCUMENT_STATUS},
    "Composition.attester": {"mode": _codes("personal professional legal official")},
    "Composition.relatesTo": {"code": _RELATION},
    "Composition.section": {"mode": _codes("working snapshot changes")},
    "Consent.provision": {"type": _codes("deny permit")},
    "Consent.provision.data": {"meaning": _codes("instance related dependents authoredby")},
    "Consent": {
        "status": _codes("draft proposed active rejected inactive entered-in-error"),
    },
    "DocumentReference": {
        "status": _codes("current superseded entered-in-error"),
        "docStatus": _DOCUMENT_STATUS,
    },
    "DocumentReference.relatesTo": {"code": _RELATION},
    "Encounter": {"status": _ENCOUNTER_STATUS},
    "Encounter.location": {"status": _codes("planned active reserved completed")},
    "Encounter.statusHistory": {"status": _ENCOUNTER_STATUS},
    "EpisodeOfCare": {"status": _EPISODE_STATUS},
    "EpisodeOfCare.statusHistory": {"status": _EPISODE_STATUS},
    "Goal": {
        "lifecycleStatus": _codes(
            "proposed planned accepted active on-hold completed cancelled entered-in-error rejected"
        )
    },
    "Location": {
        "status": _codes("active suspended inactive"),
        "mode": _codes("instance kind"),
    },
    "MessageHeader.response": {"code": _codes("ok transient-error fatal-error")},
    "OperationOutcome.issue": {
        "severity": _codes("fatal error warning information"),
        "code": _codes(
            "invalid structure required value invariant security login unknown expired forbidden "
            "suppressed processing not-supported duplicate multiple-matches not-found deleted "
            "too-long code-invalid extension too-costly business-rule conflict transient "
            "lock-error no-store exception timeout incomplete throttled informational"
        ),
    },
    "Patient": {"gender": _GENDER},
    "Patient.contact": {"gender": _GENDER},
    "Patient.link": {"type": _codes("replaced-by replaces refer seealso")},
    "Practitioner": {"gender": _GENDER},
    "Provenance.entity": {"role": _codes("derivation revision quotation source removal")},
    "RelatedPerson": {"gender": _GENDER},
    "ServiceRequest": {
        "status": _REQUEST_STATUS,
        "intent": _REQUEST_INTENT,
        "priority": _PRIORITY,
    },
    "Subscription": {"status": _codes("requested active error off")},
    "Subscription.channel": {"type": _codes("rest-hook websocket email sms message")},
    "Task": {
        "status": _codes(
            "draft requested received accepted rejected ready cancelled in-progress on-hold "
            "failed completed entered-in-error"
        ),
        "intent": (_REQUEST_INTENT - {"directive"}) | {"unknown"},
        "priority": _PRIORITY,
    },
}

DATA_TYPES: Final[Mapping[str, str]] = {
    "address": "Address",
    "identifier": "Identifier",
    "name": "HumanName",
    "repeat": "Timing.repeat",
    "telecom": "ContactPoint",
    "text": "Narrative",
    "valueAddress": "Address",
    "valueContactPoint": "ContactPoint",
    "valueHumanName": "HumanName",
    "valueIdentifier": "Identifier",
    "valueQuantity": "Quantity",
}
"""The type of an element that is an object, where its name tells the type in every R4 resource."""

BOOLEANS: Final = _codes(
    "active allDay asNeededBoolean deceasedBoolean doNotPerform experimental inactive "
    "multipleBirthBoolean preferred reportedBoolean userSelected valueBoolean"
)
NUMBERS: Final = _codes(
    "altitude count countMax dimensions factor latitude longitude minutesDuration "
    "multipleBirthInteger offset periodMax durationMax frequencyMax rank reliableCache sequence size "
    "valueDecimal valueInteger valuePositiveInt valueUnsignedInt"
)
TIMES: Final = _codes(
    "abatementDateTime authored authoredOn birthDate created date dateAsserted deceasedDateTime "
    "effectiveDateTime end issued lastModified lastUpdated occurredDateTime occurrenceDateTime "
    "onsetDateTime performedDateTime received recorded recordedDate sent start time timestamp "
    "valueDate valueDateTime valueInstant valueTime"
)
