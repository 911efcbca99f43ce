"""Our own profile's elements: which fact stands where, per event (docs/profile.md, *Events*)."""

from collections.abc import Mapping
from typing import Any, Final

from fhir_mappings import (
    applying,
    asking,
    care_team,
    consents,
    courses,
    deadlines,
    measures,
    meetings,
    planning,
)
from fhir_mappings.codes import (
    MUNICIPAL_NEED,
    PARTY_FUNCTION,
    READ_BY_PERSON,
    REPORT_WANTED,
    STAY_KIND,
    TASK_DETAIL,
)
from fhir_mappings.elements import (
    ATTACHMENT,
    IDENTIFIER,
    IDENTIFIERS,
    LINKS,
    MOMENT,
    NARRATIVE,
    PARTY,
    REFERENCES,
    At,
    Extension,
    Field,
    Municipality,
    Shape,
    coded,
    concepts,
    flag,
)
from fhir_mappings.periods import Bound
from fhir_mappings.slots import Coded, Either, Input
from pathways.events import RULES, EventCode, Family
from pathways.facts import Facts, Need, ReportFacts, StayKind


def _detail(code: str, *names: str) -> Input:
    return Input(TASK_DETAIL, code, names)


_STAY: Final[Shape] = {
    "Encounter": (
        Field("encounter_class", At("class", "code")),
        Field("stay_kind", Coded("type", STAY_KIND, many=True), coded(StayKind)),
        Field("municipal_need", Extension(MUNICIPAL_NEED, "valueCode"), coded(Need)),
        Field("report_wanted", Extension(REPORT_WANTED, "valueBoolean")),
        Field("begins", Bound("start"), MOMENT),
        Field("ends", Bound("end"), MOMENT),
        Field("provider", At("serviceProvider"), PARTY),
        Field("ward", At("location", 0, "location", "display")),
        Field("disposition", At("hospitalization", "dischargeDisposition", "text")),
        Field("identifiers", At("identifier"), IDENTIFIERS),
        Field("episodes", At("episodeOfCare"), REFERENCES),
    ),
    "Task": (
        Field("expected_ready", _detail("expected-ready", "valueDateTime", "valueDate"), MOMENT),
        Field("departs", _detail("departure", "valueDateTime", "valueDate"), MOMENT),
        Field("transport", _detail("transport", "valueString")),
        Field("medicines_days", _detail("medicines-days", "valuePositiveInt")),
        Field("equipment", _detail("equipment", "valueString")),
        Field("key", _detail("key", "valueString")),
        Field(
            "can_receive",
            Coded("businessStatus", TASK_DETAIL),
            flag("can-receive", "cannot-receive"),
        ),
        Field("receive_from", At("executionPeriod", "start"), MOMENT),
        Field("note", At("note", 0, "text")),
    ),
    "Patient": (Field("deceased", At("deceasedDateTime"), MOMENT),),
}
_REPORT: Final[Shape] = {
    "DocumentReference": (
        Field("title", Either(At("description"), At("type", "text"))),
        Field("text", At("content", 0, "attachment"), ATTACHMENT),
        Field("identifiers", At("identifier"), IDENTIFIERS),
    ),
    "Composition": (
        Field("title", At("title")),
        Field("text", At("section"), NARRATIVE),
        Field("identifiers", At("identifier"), IDENTIFIER),
    ),
}
_REFERRAL: Final[Shape] = {
    "ServiceRequest": (
        Field("title", At("code", "text")),
        Field("priority", At("priority")),
        Field("reason", At("reasonCode", 0, "text")),
        Field("requester", At("requester"), PARTY),
        Field("performer", At("performer", 0), PARTY),
        Field("scheduled", At("occurrenceDateTime"), MOMENT),
        Field("identifiers", At("identifier"), IDENTIFIERS),
        Field("note", At("note", 0, "text")),
    ),
    "Task": (
        Field("reason_code", At("statusReason", "coding", 0, "code")),
        Field("proposed", _detail("proposed-performer", "valueReference"), PARTY),
    ),
}
_BROKER_TASK: Final[Shape] = {
    "Task": (
        Field("about", At("focus", "identifier", "value")),
        Field("note", At("note", 0, "text")),
    )
}
_OF_FAMILY: Final[Mapping[Family, Shape]] = {
    Family.STAY: _STAY,
    Family.EMERGENCY: _STAY,
    Family.REFERRAL: _REFERRAL,
    Family.CHOICE: _REFERRAL,
}
_OF_EVENT: Final[Mapping[EventCode, Shape]] = {
    EventCode.REFERRAL_COMPLETED: {
        **_REFERRAL,
        "Composition": (Field("report", At("section"), NARRATIVE),),
    },
    EventCode.PERSON_SHEET: {
        "Composition": (
            Field("sheet_title", At("title")),
            Field("sheet", At("section"), NARRATIVE),
        )
    },
    EventCode.SERVICE_OVERVIEW: {
        "Composition": (
            Field("services", At("event", 0, "code"), concepts(PARTY_FUNCTION)),
            Field("overview", At("section"), NARRATIVE),
        )
    },
    EventCode.RELATIVE_REGISTERED: {},  # one resource per relative: ``relatives``
    EventCode.MUNICIPALITY_CHANGED: {
        "Patient": (
            Field("home_municipality", Municipality("home")),
            Field("stay_municipality", Municipality("temp")),
        )
    },
    EventCode.IDENTITY_LINKED: {"Patient": (Field("linked", At("link"), LINKS),)},
    EventCode.IDENTITY_UNLINKED: {"Patient": (Field("unlinked", At("link"), LINKS),)},
    EventCode.ACKNOWLEDGEMENT: {
        "MessageHeader": (
            Field("about", At("response", "identifier")),
            Field("response", At("response", "code")),
            Field("read_by_person", Extension(READ_BY_PERSON, "valueBoolean")),
        ),
        "OperationOutcome": (
            Field("note", Either(At("issue", 0, "details", "text"), At("issue", 0, "diagnostics"))),
        ),
    },
    EventCode.MISADDRESSED: _BROKER_TASK,
    EventCode.GLASS_BROKEN: _BROKER_TASK,
}


_ELSEWHERE: Final[Mapping[EventCode, Shape]] = {
    **asking.SHAPES,
    **courses.SHAPES,
    **applying.SHAPES,
    **deadlines.SHAPES,
    **planning.SHAPES,
    **meetings.SHAPES,
    **measures.SHAPES,
    **care_team.SHAPES,
    **consents.SHAPES,
}
"""Families whose elements stand in a module of their own."""


def _shape(code: EventCode) -> Shape:
    rule = RULES[code]
    if code in _ELSEWHERE:
        return _ELSEWHERE[code]
    if rule.facts is ReportFacts:
        return _REPORT
    return _OF_EVENT[code] if code in _OF_EVENT else _OF_FAMILY.get(rule.family, {})


SHAPES: Final[Mapping[EventCode, Shape]] = {code: _shape(code) for code in EventCode}
"""Which facts stand in which resource, for every event."""


def build(code: EventCode, told: Mapping[str, Any]) -> Facts:
    """The facts of an event from what its resources told."""
    return RULES[code].facts(**told)
