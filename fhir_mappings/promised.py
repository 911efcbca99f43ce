"""A promise as a FHIR Task: what is owed in a matter, by whom, to whom, until when, and what became of it."""

from collections.abc import Mapping
from typing import Final

from fhir_mappings import resources
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import PROMISE_KIND, PROMISE_STATUS, TASK_DETAIL
from fhir_mappings.references import about, party
from fhir_mappings.times import instant_text
from pathways.events import Family
from pathways.promises import PromiseState
from pathways.watched import Watched

_CLOSED: Final[Mapping[PromiseState, str]] = {
    PromiseState.KEPT: "completed",
    PromiseState.WITHDRAWN: "cancelled",
}


def task(one: Watched, family: Family) -> JSON:
    """The Task of a promise in a matter of this family; whoever may see the matter may see it."""
    focus = resources.focus(family, one.thread, one.patient, one.course.opened_by)
    resource: JSON = {
        "resourceType": "Task",
        "id": one.id,
        "status": _CLOSED.get(one.state, "in-progress" if one.holder else "requested"),
        "intent": "order",
        "code": {"coding": [{"system": PROMISE_KIND, "code": str(one.kind)}]},
        "focus": {"reference": focus},
        "for": about("Patient", one.patient),
        "authoredOn": instant_text(one.opened),
        **party("requester", one.other),
        **party("owner", one.responsible),
        "restriction": {"period": {"end": instant_text(one.due)}},
        "executionPeriod": _period(one),
    }
    if status := _status(one):
        resource["businessStatus"] = {"coding": [{"system": PROMISE_STATUS, "code": status}]}
    if one.holder:
        holder = {"coding": [{"system": TASK_DETAIL, "code": "holder"}]}
        resource["input"] = [{"type": holder, "valueString": one.holder}]
    return resource


def _period(one: Watched) -> JSON:
    """Since when it is owed, until it provably was not; what was done before it was asked for began with that."""
    if one.proof is None:
        return {"start": instant_text(one.opened)}
    start = min(one.opened, one.proof)
    return {"start": instant_text(start), "end": instant_text(one.proof)}


def _status(one: Watched) -> str | None:
    if one.is_open:
        return "overdue" if one.is_overdue else None
    return {True: "kept-in-time", False: "kept-late", None: None}[one.kept_in_time]
