"""Applications and what is decided: the elements of our own profile, and the Task that shows one as it stands."""

from collections.abc import Mapping
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PATHWAY_EVENT, TASK_DETAIL
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    NARRATIVE,
    PARTY,
    At,
    Field,
    Shape,
    Writing,
    coded,
    write_fields,
)
from fhir_mappings.references import about, instant, party
from fhir_mappings.slots import Coded, Input
from pathways.events import RULES, EventCode, Family
from pathways.facts import ApplicationFacts, Outcome, known_as
from pathways.pathway import Thread
from pathways.transitions import Status


def _time(name: str, code: str) -> Field:
    return Field(name, Input(TASK_DETAIL, code, ("valueDateTime", "valueDate")), MOMENT)


_TASK: Final = (
    Field("service", At("description")),
    Field("applicant", Input(TASK_DETAIL, "applicant", ("valueString",))),
    Field("owner", At("owner"), PARTY),
    Field("outcome", Coded("businessStatus", TASK_DETAIL), coded(Outcome)),
    Field("reason", At("statusReason", "text")),
    _time("valid_from", "valid-from"),
    _time("valid_to", "valid-to"),
    _time("appeal_by", "appeal-by"),
    Field("expected", At("restriction", "period", "end"), MOMENT),
    _time("ends", "service-ends"),
    Field("replaced_by", Input(TASK_DETAIL, "replaced-by", ("valueString",))),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
_SHAPE: Final[Shape] = {
    "Task": _TASK,
    "Composition": (Field("text", At("section"), NARRATIVE),),
}
SHAPES: Final[Mapping[EventCode, Shape]] = {
    code: _SHAPE for code, rule in RULES.items() if rule.family is Family.APPLICATION
}
_STATUS: Final[Mapping[Status, str]] = {
    Status.REQUESTED: "requested",
    Status.RECEIVED: "received",
    Status.GRANTED: "completed",
    Status.REFUSED: "completed",
    Status.CONTESTED: "in-progress",
    Status.ENDING: "completed",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}


def resources(thread: Thread, writing: Writing) -> list[JSON]:
    """The Task: what was decided is its ``businessStatus``."""
    task: JSON = {
        "resourceType": "Task",
        "id": thread.id,
        "status": _STATUS.get(thread.status, "received"),
        "intent": "order",
        "code": {"coding": [{"system": PATHWAY_EVENT, "code": str(EventCode.APPLICATION)}]},
        "for": about("Patient", thread.patient),
        **instant("authoredOn", thread.begun),
        **instant("lastModified", thread.updated),
        **party("requester", thread.sender),
    }
    facts = known_as(ApplicationFacts, thread.facts)
    write_fields(writing, _TASK, facts, task)
    return [task | party("owner", thread.owner)]
