"""A stay as it stands: its Encounter, the EpisodeOfCare it belongs to, and what it asks of the municipality.

The pathway around a stay is an EpisodeOfCare with the thread's id: the sender's episode ids are its identifiers,
and stays with the same episode id are one thread (``pathways.threads``). It is seen by those who may see the stay,
so nobody learns from it that the patient is in care elsewhere, too.
"""

from collections.abc import Mapping
from typing import Final

from fhir_mappings import periods
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import ACT_CODE, DATA_ABSENT, PARTY_FUNCTION, PATHWAY_EVENT
from fhir_mappings.elements import Writing, as_identifier, write_fields
from fhir_mappings.options import OSLO
from fhir_mappings.profile import SHAPES
from fhir_mappings.references import about, instant, party
from pathways.events import EventCode
from pathways.facts import StayFacts, known_as
from pathways.parties import Function
from pathways.pathway import Task, Thread
from pathways.transitions import Status

_STATUS: Final[Mapping[Status, str]] = {
    Status.IN_PROGRESS: "in-progress",
    Status.READY: "in-progress",
    Status.ON_LEAVE: "onleave",
    Status.FINISHED: "finished",
    Status.DECEASED: "finished",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
_EPISODE: Final[Mapping[Status, str]] = {
    Status.FINISHED: "finished",
    Status.DECEASED: "finished",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
_SHAPE: Final = SHAPES[EventCode.ADMISSION]


def resources(thread: Thread, writing: Writing) -> list[JSON]:
    """The Encounter, its EpisodeOfCare, and the Task if there is one."""
    facts = known_as(StayFacts, thread.facts)
    encounter = _encounter(thread, facts, writing)
    made = [encounter, _episode(thread, facts, encounter)]
    return [*made, _task(thread, thread.task, facts, writing)] if thread.task else made


def _encounter(thread: Thread, facts: StayFacts, writing: Writing) -> JSON:
    resource: JSON = {
        "resourceType": "Encounter",
        "id": thread.id,
        "status": _STATUS.get(thread.status, "unknown"),
        "class": {"system": ACT_CODE} if facts.encounter_class else _unknown(),
        "subject": about("Patient", thread.patient),
    }
    write_fields(writing, _SHAPE["Encounter"], facts, resource)
    if facts.begins and facts.ends:
        periods.set_right(resource["period"], facts.begins, facts.ends, OSLO)
    whole = about("EpisodeOfCare", thread.id)
    resource["episodeOfCare"] = [
        {**whole, **named} for named in resource.get("episodeOfCare") or [{}]
    ]
    return resource


def _unknown() -> JSON:
    return {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


def _episode(thread: Thread, facts: StayFacts, encounter: JSON) -> JSON:
    """Active until the stay has ended; whoever is responsible for the stay manages it."""
    resource: JSON = {"resourceType": "EpisodeOfCare", "id": thread.id}
    if facts.episodes:
        resource["identifier"] = [as_identifier(one) for one in facts.episodes]
    resource |= {
        "status": _EPISODE.get(thread.status, "active"),
        "patient": about("Patient", thread.patient),
        **party("managingOrganization", thread.owner),
    }
    return resource | ({"period": encounter["period"]} if "period" in encounter else {})


def _task(thread: Thread, task: Task, facts: StayFacts, writing: Writing) -> JSON:
    """Can the municipality receive the patient, and from when. Its statuses are Task codes."""
    case_office = {"system": PARTY_FUNCTION, "code": str(Function.CASE_OFFICE)}
    resource: JSON = {
        "resourceType": "Task",
        "id": thread.id,
        "status": str(task.status),
        "intent": "order",
        "code": {"coding": [{"system": PATHWAY_EVENT, "code": str(EventCode.DISCHARGE_READY)}]},
        "focus": about("Encounter", thread.id),
        "for": about("Patient", thread.patient),
        "encounter": about("Encounter", thread.id),
        **instant("authoredOn", task.begun),
        **instant("lastModified", task.updated),
        **party("requester", task.requester),
        "performerType": [{"coding": [case_office]}],
        **party("owner", task.owner),
    }
    write_fields(writing, _SHAPE["Task"], facts, resource)
    return resource
