"""Which field of a message stands where in its resources: one row per field, one table per family.

It is the writing half of Carepath's profile (docs/profile.md, *Events*); skeletons hold what FHIR requires besides.
"""

from collections.abc import Mapping
from typing import Final

from carepath_client.care_rows import CARE, WHOLE, says
from carepath_client.codes import (
    ACT_CODE,
    ASKED_BY,
    DISCLOSURE,
    MUNICIPAL_NEED,
    PARTY_FUNCTION,
    READ_BY_PERSON,
    REPORT_WANTED,
    SETTLED_WITH,
    STAY_KIND,
    TASK_DETAIL,
)
from carepath_client.elements import (
    JSON,
    Refer,
    Row,
    as_identifiers,
    as_moment,
    as_reference,
    as_references,
    as_section,
    at,
    concept,
    detail,
    extension,
    identifier,
)
from carepath_client.messages import (
    Acknowledgement,
    CarerUnavailable,
    Inquiry,
    Message,
    Move,
    PersonSheet,
    Referral,
    Relatives,
    Report,
    ServiceOverview,
    Stay,
)

_STAY: Final = {
    "Encounter": (
        Row("encounter_class", at("class"), lambda _, code: {"system": ACT_CODE, "code": code}),
        Row("stay_kind", at("type", 0), lambda _, code: concept(STAY_KIND, code)),
        Row("municipal_need", extension(MUNICIPAL_NEED, "valueCode")),
        Row("report_wanted", extension(REPORT_WANTED, "valueBoolean")),
        Row("begins", at("period", "start"), as_moment),
        Row("ends", at("period", "end"), as_moment),
        Row("provider", at("serviceProvider"), as_reference),
        Row("ward", at("location", 0, "location", "display")),
        Row("disposition", at("hospitalization", "dischargeDisposition", "text")),
        Row("stay", at("identifier"), as_identifiers),
        Row("episode", at("episodeOfCare"), as_references),
    ),
    "Task": (
        Row("expected_ready", detail("expected-ready", "valueDateTime"), as_moment),
        Row("departs", detail("departure", "valueDateTime"), as_moment),
        Row("transport", detail("transport", "valueString")),
        Row("medicines_days", detail("medicines-days", "valuePositiveInt")),
        Row("equipment", detail("equipment", "valueString")),
        Row("key", detail("key", "valueString")),
        Row(
            "can_receive",
            at("businessStatus"),
            lambda _, can: concept(TASK_DETAIL, "can-receive" if can else "cannot-receive"),
        ),
        Row("receive_from", at("executionPeriod", "start"), as_moment),
        Row("note", at("note", 0, "text")),
    ),
    "Patient": (Row("deceased", at("deceasedDateTime"), as_moment),),
}
_REPORT: Final = {
    "Encounter": (
        Row("stay", at("identifier"), as_identifiers),
        Row("episode", at("episodeOfCare"), as_references),
    ),
    "Composition": (
        Row("title", at("title")),
        Row("text", at("section"), as_section),
        Row("document", at("identifier"), lambda _, value: identifier(value)),
    ),
}
_REFERRAL: Final = {
    "ServiceRequest": (
        Row("referral", at("identifier"), as_identifiers),
        Row("title", at("code", "text")),
        Row("priority", at("priority")),
        Row("reason", at("reasonCode", 0, "text")),
        Row("requester", at("requester"), as_reference),
        Row("performer", at("performer", 0), as_reference),
        Row("scheduled", at("occurrenceDateTime"), as_moment),
        Row("note", at("note", 0, "text")),
    ),
    "Task": (
        Row("reason_code", at("statusReason", "coding", 0, "code")),
        Row("proposed", detail("proposed-performer", "valueReference"), as_reference),
    ),
    "Composition": (Row("report", at("section"), as_section),),
}
_INQUIRY: Final = {
    "Communication": (
        Row("conversation", at("identifier"), as_identifiers),
        Row("topic", at("topic", "text")),
        Row("text", at("payload", 0, "contentString")),
        Row("asker", extension(ASKED_BY, "valueString")),
        Row("owner", at("recipient", 0), as_reference),
        Row("reason", at("reasonCode", 0, "text")),
        Row("disclosure", extension(DISCLOSURE, "valueCode")),
        Row("settled_with", extension(SETTLED_WITH, "valueString")),
        Row("promise", at("about", 0), lambda _, id_: {"reference": f"Task/{id_}"}),
    ),
}
_UNAVAILABLE: Final = {
    "Task": (
        Row("text", at("description")),
        Row("owner", at("owner"), as_reference),
        Row("since", detail("since", "valueDateTime"), as_moment),
        Row("until", detail("until", "valueDateTime"), as_moment),
        Row("fallback", detail("fallback-plan", "valueString")),
        Row("conversation", at("identifier"), as_identifiers),
    ),
}
_SHEET: Final = {
    "Composition": (Row("title", at("title")), Row("text", at("section"), as_section)),
}
_OVERVIEW: Final = {
    "Composition": (
        *_SHEET["Composition"],
        Row(
            "services",
            at("event", 0, "code"),
            lambda _, codes: [concept(PARTY_FUNCTION, code) for code in codes],
        ),
    ),
}
_ACKNOWLEDGEMENT: Final = {
    "MessageHeader": (
        Row("about", at("response", "identifier")),
        Row("response", at("response", "code")),
        Row("read_by_person", extension(READ_BY_PERSON, "valueBoolean")),
    ),
    "OperationOutcome": (Row("note", at("issue", 0, "details", "text")),),
}

ROWS: Final[Mapping[type[Message], Mapping[str, tuple[Row, ...]]]] = {
    Stay: _STAY,
    Report: _REPORT,
    Referral: _REFERRAL,
    Inquiry: _INQUIRY,
    CarerUnavailable: _UNAVAILABLE,
    PersonSheet: _SHEET,
    ServiceOverview: _OVERVIEW,
    Relatives: {},  # one resource for each
    Move: {},  # the patient's addresses
    Acknowledgement: _ACKNOWLEDGEMENT,
    **CARE,
}
"""By family and FHIR type, in the order in which the resources are written."""


def put_fields(message: Message, kind: str, refer: Refer, resource: JSON) -> bool:
    """Put what the message says into a resource of this type; whether it says anything."""
    said = says(message, kind)
    for row in ROWS[type(message)].get(kind, ()):
        value = getattr(message, row.field)
        if value not in (None, ()):
            row.put(resource, row.form(refer, value))
            said = True
    if whole := WHOLE.get((type(message), kind)):
        whole(message, refer, resource)
    return said
