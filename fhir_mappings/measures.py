"""Measures and follow-ups: the elements of our own profile, and the Task that shows one as it stands.

https://hl7.org/fhir/R4/task.html
"""

from collections.abc import Mapping
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PATHWAY_EVENT, TASK_DETAIL
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    PARTY,
    REFERENCES,
    At,
    Field,
    Shape,
    Writing,
    write_fields,
)
from fhir_mappings.references import about, instant, party
from fhir_mappings.slots import Input
from pathways.events import RULES, EventCode, Family
from pathways.facts import FollowUpFacts, MeasureFacts, known_as
from pathways.pathway import Thread
from pathways.transitions import Status

_TIMES: Final = ("valueDateTime", "valueDate")


def _detail(code: str, *names: str, among: str = "input") -> Input:
    return Input(TASK_DETAIL, code, names, among)


_DUE: Final = At("restriction", "period", "end")
_MEASURE: Final = (
    Field("title", At("description")),
    Field("proposer", _detail("proposer", "valueString")),
    Field("refers", _detail("referrer", "valueReference"), PARTY),
    Field("owner", At("owner"), PARTY),
    Field("owner_name", _detail("owner-name", "valueString")),
    Field("follows_up", _detail("follows-up", "valueReference"), PARTY),
    Field("due", _DUE, MOMENT),
    Field("evaluate_by", _detail("evaluate-by", *_TIMES), MOMENT),
    Field("evaluation", _detail("evaluation", "valueString", among="output")),
    Field("reason", At("statusReason", "text")),
    Field("note", At("note", 0, "text")),
    Field("plan", At("basedOn"), REFERENCES),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
_FOLLOW_UP: Final = (
    Field("title", At("description")),
    Field("owner", At("owner"), PARTY),
    Field("owner_name", _detail("owner-name", "valueString")),
    Field("interval_days", _detail("interval-days", "valuePositiveInt")),
    Field("talked", _detail("talked", *_TIMES, among="output"), MOMENT),
    Field("note", At("note", 0, "text")),
    Field("until", _DUE, MOMENT),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
SHAPES: Final[Mapping[EventCode, Shape]] = {
    EventCode.FOLLOW_UP: {"Task": _FOLLOW_UP},
    **{code: {"Task": _MEASURE} for code, rule in RULES.items() if rule.family is Family.MEASURE},
}
_STATUS: Final[Mapping[Status, str]] = {
    Status.PROPOSED: "requested",
    Status.PROMISED: "accepted",
    Status.IN_PROGRESS: "in-progress",
    Status.DELAYED: "accepted",
    Status.COMPLETED: "completed",
    Status.EVALUATED: "completed",
    Status.CANCELLED: "cancelled",
    Status.ACTIVE: "in-progress",
    Status.ENDED: "completed",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
CODES: Final[Mapping[EventCode, str]] = {
    EventCode.MEASURE_PROPOSED: "requested",
    EventCode.MEASURE_PROMISED: "accepted",
    EventCode.MEASURE_STARTED: "in-progress",
    EventCode.MEASURE_DELAYED: "accepted",
    EventCode.MEASURE_DONE: "completed",
    EventCode.MEASURE_DROPPED: "cancelled",
    EventCode.MEASURE_EVALUATED: "completed",
    EventCode.FOLLOW_UP: "in-progress",
}
"""``Task.status`` after each event."""


def measure(thread: Thread, writing: Writing) -> list[JSON]:
    """Its Task; ``planning.linked`` says which CarePlan it belongs to."""
    facts = known_as(MeasureFacts, thread.facts)
    task = _task(thread, EventCode.MEASURE_PROMISED)
    write_fields(writing, _MEASURE, facts, task)
    return [task | party("owner", thread.owner)]


def follow_up(thread: Thread, writing: Writing) -> list[JSON]:
    """Its Task, which goes on from one contact to the next."""
    facts = known_as(FollowUpFacts, thread.facts)
    task = _task(thread, EventCode.FOLLOW_UP)
    write_fields(writing, _FOLLOW_UP, facts, task)
    return [task | party("owner", thread.owner)]


def _task(thread: Thread, code: EventCode) -> JSON:
    """``businessStatus`` tells apart what Task's codes do not: promised and delayed, done and evaluated."""
    standing = {"coding": [{"system": TASK_DETAIL, "code": str(thread.status)}]}
    return {
        "resourceType": "Task",
        "id": thread.id,
        "status": _STATUS.get(thread.status, "requested"),
        "businessStatus": standing,
        "intent": "plan",
        "code": {"coding": [{"system": PATHWAY_EVENT, "code": str(code)}]},
        "for": about("Patient", thread.patient),
        **instant("authoredOn", thread.begun),
        **instant("lastModified", thread.updated),
        **party("requester", thread.sender),
    }
