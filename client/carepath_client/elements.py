"""Which field of a message stands where in its resources: one row per field, one table per family.

It is the writing half of Carepath's profile (docs/profile.md, *Events*); skeletons hold what FHIR requires besides.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import escape
from typing import Any, Final, TypeAlias

from carepath_client.codes import (
    ACT_CODE,
    DATA_ABSENT,
    MUNICIPAL_NEED,
    PARTY_FUNCTION,
    READ_BY_PERSON,
    REPORT_WANTED,
    SETTLED_WITH,
    STAY_KIND,
    TASK_DETAIL,
    XHTML,
)
from carepath_client.messages import (
    Acknowledgement,
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
from carepath_client.values import Identifier, Party

JSON: TypeAlias = dict[str, Any]
Refer: TypeAlias = Callable[[Party], JSON]
"""Puts an organisation into the Bundle and gives the Reference to it."""

UNKNOWN: Final[JSON] = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its name, where its value is put, and how it is written."""

    field: str
    put: Callable[[JSON, Any], None]
    form: Callable[[Refer, Any], Any] = lambda _, value: value


# --- how: values as FHIR writes them


def moment(when: datetime | date) -> str:
    """A FHIR dateTime: a time in UTC, or a day."""
    if isinstance(when, datetime):
        return when.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return when.isoformat()


def identifier(one: Identifier) -> JSON:
    """A FHIR Identifier."""
    return {"system": one.system, "value": one.value} if one.system else {"value": one.value}


def narrative(text: str) -> JSON:
    """Plain text as a Narrative that keeps its line breaks and spaces."""
    style = "white-space: pre-wrap"
    div = f'<div xmlns="{XHTML}" style="{style}">{escape(text, quote=False)}</div>'
    return {"status": "additional", "div": div}


def concept(system: str, code: str) -> JSON:
    """A CodeableConcept of one code."""
    return {"coding": [{"system": system, "code": code}]}


def _moment(_: Refer, value: datetime | date) -> str:
    return moment(value)


def _party(refer: Refer, value: Party) -> JSON:
    return refer(value)


def _ids(_: Refer, value: Identifier) -> list[JSON]:
    return [identifier(value)]


def _references(_: Refer, value: Identifier) -> list[JSON]:
    return [{"identifier": identifier(value)}]


def _section(_: Refer, value: str) -> list[JSON]:
    return [{"text": narrative(value)}]


# --- where: places in a resource


def _at(*steps: str | int) -> Callable[[JSON, Any], None]:
    """A path; ``0`` makes a list of one."""

    def put(resource: JSON, value: Any) -> None:
        for step in reversed(steps[1:]):
            value = [value] if isinstance(step, int) else {step: value}
        _merge(resource, str(steps[0]), value)

    return put


def _merge(resource: JSON, name: str, value: Any) -> None:
    known = resource.get(name)
    resource[name] = known | value if isinstance(known, dict) else value


def _extension(url: str, kind: str) -> Callable[[JSON, Any], None]:
    def put(resource: JSON, value: Any) -> None:
        resource.setdefault("extension", []).append({"url": url, kind: value})

    return put


def _detail(code: str, kind: str) -> Callable[[JSON, Any], None]:
    """A Task's ``input``; a day stands as a date."""

    def put(resource: JSON, value: Any) -> None:
        named = "valueDate" if kind == "valueDateTime" and "T" not in value else kind
        detail = {"type": concept(TASK_DETAIL, code), named: value}
        resource.setdefault("input", []).append(detail)

    return put


_STAY: Final = {
    "Encounter": (
        Row("encounter_class", _at("class"), lambda _, code: {"system": ACT_CODE, "code": code}),
        Row("stay_kind", _at("type", 0), lambda _, code: concept(STAY_KIND, code)),
        Row("municipal_need", _extension(MUNICIPAL_NEED, "valueCode")),
        Row("report_wanted", _extension(REPORT_WANTED, "valueBoolean")),
        Row("begins", _at("period", "start"), _moment),
        Row("ends", _at("period", "end"), _moment),
        Row("provider", _at("serviceProvider"), _party),
        Row("ward", _at("location", 0, "location", "display")),
        Row("disposition", _at("hospitalization", "dischargeDisposition", "text")),
        Row("stay", _at("identifier"), _ids),
        Row("episode", _at("episodeOfCare"), _references),
    ),
    "Task": (
        Row("expected_ready", _detail("expected-ready", "valueDateTime"), _moment),
        Row("departs", _detail("departure", "valueDateTime"), _moment),
        Row("transport", _detail("transport", "valueString")),
        Row("medicines_days", _detail("medicines-days", "valuePositiveInt")),
        Row("equipment", _detail("equipment", "valueString")),
        Row("key", _detail("key", "valueString")),
        Row(
            "can_receive",
            _at("businessStatus"),
            lambda _, can: concept(TASK_DETAIL, "can-receive" if can else "cannot-receive"),
        ),
        Row("receive_from", _at("executionPeriod", "start"), _moment),
        Row("note", _at("note", 0, "text")),
    ),
    "Patient": (Row("deceased", _at("deceasedDateTime"), _moment),),
}
_REPORT: Final = {
    "Encounter": (
        Row("stay", _at("identifier"), _ids),
        Row("episode", _at("episodeOfCare"), _references),
    ),
    "Composition": (
        Row("title", _at("title")),
        Row("text", _at("section"), _section),
        Row("document", _at("identifier"), lambda _, value: identifier(value)),
    ),
}
_REFERRAL: Final = {
    "ServiceRequest": (
        Row("referral", _at("identifier"), _ids),
        Row("title", _at("code", "text")),
        Row("priority", _at("priority")),
        Row("reason", _at("reasonCode", 0, "text")),
        Row("requester", _at("requester"), _party),
        Row("performer", _at("performer", 0), _party),
        Row("scheduled", _at("occurrenceDateTime"), _moment),
        Row("note", _at("note", 0, "text")),
    ),
    "Task": (
        Row("reason_code", _at("statusReason", "coding", 0, "code")),
        Row("proposed", _detail("proposed-performer", "valueReference"), _party),
    ),
}
_INQUIRY: Final = {
    "Communication": (
        Row("conversation", _at("identifier"), _ids),
        Row("topic", _at("topic", "text")),
        Row("text", _at("payload", 0, "contentString")),
        Row("owner", _at("recipient", 0), _party),
        Row("settled_with", _extension(SETTLED_WITH, "valueString")),
    ),
}
_SHEET: Final = {
    "Composition": (Row("title", _at("title")), Row("text", _at("section"), _section)),
}
_OVERVIEW: Final = {
    "Composition": (
        *_SHEET["Composition"],
        Row(
            "services",
            _at("event", 0, "code"),
            lambda _, codes: [concept(PARTY_FUNCTION, code) for code in codes],
        ),
    ),
}
_ACKNOWLEDGEMENT: Final = {
    "MessageHeader": (
        Row("about", _at("response", "identifier")),
        Row("response", _at("response", "code")),
        Row("read_by_person", _extension(READ_BY_PERSON, "valueBoolean")),
    ),
    "OperationOutcome": (Row("note", _at("issue", 0, "details", "text")),),
}

ROWS: Final[Mapping[type[Message], Mapping[str, tuple[Row, ...]]]] = {
    Stay: _STAY,
    Report: _REPORT,
    Referral: _REFERRAL,
    Inquiry: _INQUIRY,
    PersonSheet: _SHEET,
    ServiceOverview: _OVERVIEW,
    Relatives: {},  # one resource for each
    Move: {},  # the patient's addresses
    Acknowledgement: _ACKNOWLEDGEMENT,
}
"""By family and FHIR type, in the order in which the resources are written."""


def put_fields(message: Message, kind: str, refer: Refer, resource: JSON) -> bool:
    """Put what the message says into a resource of this type; whether it says anything."""
    said = False
    for row in ROWS[type(message)].get(kind, ()):
        value = getattr(message, row.field)
        if value not in (None, ()):
            row.put(resource, row.form(refer, value))
            said = True
    return said
