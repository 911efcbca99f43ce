"""The elements that FHIR R4 requires of each resource we write, where no fact stands for them.

Each function takes what it may need: the message and the References to its patient, its sender and what was
written before. A required element of which nothing is known says so (data-absent-reason).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fhir_mappings import consents, measures, meetings
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import ACT_CODE, DATA_ABSENT, PATHWAY_EVENT
from fhir_mappings.times import instant_text
from pathways.events import Activity, EventCode
from pathways.facts import MeetingFacts, ReportFacts, StayFacts
from pathways.messages import Message


@dataclass(frozen=True, slots=True)
class Scene:
    """What the resources of one message refer to; ``written`` are those before, by type."""

    message: Message
    patient: JSON | None
    sender: JSON
    written: Mapping[str, JSON]


_UNKNOWN: Final = {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}

_STAY_STATUS: Final[Mapping[EventCode, str]] = {
    EventCode.LEAVE_START: "onleave",
    EventCode.DISCHARGE: "finished",
    EventCode.DEATH: "finished",
    EventCode.RECEIVED_HOME: "finished",
}
_TASK_STATUS: Final[Mapping[EventCode, str]] = {
    EventCode.EARLY_NOTICE: "requested",
    EventCode.DISCHARGE_READY: "requested",
    EventCode.DISCHARGE_READY_WITHDRAWN: "cancelled",
    EventCode.OFFER_READY: "ready",
    EventCode.CAPACITY_ANSWER: "accepted",
    EventCode.RECEIVED_HOME: "completed",
    EventCode.HOSPITAL_CHOICE: "requested",
    EventCode.HOSPITAL_CHOICE_CONFIRMED: "accepted",
    EventCode.REDIRECT_PROPOSED: "received",
    EventCode.REFERRAL: "requested",
    EventCode.REFERRAL_RECEIVED: "received",
    EventCode.REFERRAL_ACCEPTED: "accepted",
    EventCode.REFERRAL_REJECTED: "rejected",
    EventCode.REFERRAL_FORWARDED: "requested",
    EventCode.REFERRAL_SCHEDULED: "in-progress",
    EventCode.REFERRAL_COMPLETED: "completed",
    EventCode.REFERRAL_WITHDRAWN: "cancelled",
    EventCode.MISADDRESSED: "requested",
    EventCode.GLASS_BROKEN: "requested",
    **measures.CODES,
    EventCode.REMINDER: "requested",
    EventCode.DEADLINE_MISSED: "requested",
    EventCode.CARER_UNAVAILABLE: "requested",
    EventCode.COORDINATION_NEED: "requested",
    EventCode.APPLICATION: "requested",
    EventCode.INTERIM_ANSWER: "received",
    EventCode.DECISION: "completed",
    EventCode.COMPLAINT: "requested",
    EventCode.SERVICE_ENDING: "completed",
}
_EPISODE_STATUS: Final[Mapping[EventCode, str]] = {
    EventCode.FIRST_CONTACT_BOOKED: "planned",
    EventCode.COURSE_ENDED: "finished",
}
_ORDER_STATUS: Final[Mapping[EventCode, str]] = {
    EventCode.REFERRAL_COMPLETED: "completed",
    EventCode.REFERRAL_WITHDRAWN: "revoked",
}
_COMPOSITION_STATUS: Final[Mapping[Activity, str]] = {
    Activity.REVISE: "amended",
    Activity.CANCEL: "entered-in-error",
}


def skeleton(kind: str, scene: Scene) -> JSON:
    """The required elements of a resource of this type."""
    return _SKELETONS[kind](scene)


def _encounter(scene: Scene) -> JSON:
    message = scene.message
    is_withdrawn = message.activity is Activity.CANCEL and message.code is EventCode.ADMISSION
    status = "entered-in-error" if is_withdrawn else _STAY_STATUS.get(message.code, "in-progress")
    elements: JSON = {"status": status, "subject": scene.patient}
    if not isinstance(message.facts, StayFacts):
        return elements | {"status": "unknown", "class": _UNKNOWN}
    known = message.facts.encounter_class is not None
    return elements | {"class": {"system": ACT_CODE} if known else _UNKNOWN}


def _task(scene: Scene) -> JSON:
    message = scene.message
    elements: JSON = {
        "status": _TASK_STATUS.get(message.code, "in-progress"),
        "intent": "order",
        "code": _event(message),
        "authoredOn": instant_text(message.written),
        "requester": scene.sender,
    }
    if scene.patient:  # KE is not told whom a misaddressed message is about
        elements["for"] = scene.patient
    about = scene.written.get("Encounter") or scene.written.get("ServiceRequest")
    return elements | {"focus": dict(about)} if about else elements


def _episode_of_care(scene: Scene) -> JSON:
    return {"status": _EPISODE_STATUS.get(scene.message.code, "active"), "patient": scene.patient}


def _care_plan(scene: Scene) -> JSON:
    withdrawn = scene.message.activity is Activity.CANCEL
    return {
        "status": "entered-in-error" if withdrawn else "active",
        "intent": "plan",
        "subject": scene.patient,
    }


def _response(scene: Scene) -> JSON:
    return meetings.response(dict(scene.written["Appointment"]), scene.sender)


def _appointment(scene: Scene) -> JSON:
    if isinstance(scene.message.facts, MeetingFacts):
        return meetings.skeleton(scene.message.facts, scene.patient)
    return {"status": "proposed", "participant": [{"actor": scene.patient, "status": "accepted"}]}


def _service_request(scene: Scene) -> JSON:
    message = scene.message
    return {
        "status": _ORDER_STATUS.get(message.code, "active"),
        "intent": "order",
        "subject": scene.patient,
        "authoredOn": instant_text(message.written),
    }


def _communication(scene: Scene) -> JSON:
    message = scene.message
    withdrawn = message.activity is Activity.CANCEL
    return {
        "status": "entered-in-error" if withdrawn else "completed",
        "subject": scene.patient,
        "sender": scene.sender,
        "sent": instant_text(message.written),
    }


def _composition(scene: Scene) -> JSON:
    message, facts = scene.message, scene.message.facts
    elements: JSON = {
        "status": _COMPOSITION_STATUS.get(message.activity, "final"),
        "type": _event(message),
        "subject": scene.patient,
        "date": instant_text(message.written),
        "author": [scene.sender],
    }
    title = facts.title if isinstance(facts, ReportFacts) else getattr(facts, "sheet_title", None)
    if title is None:
        elements["_title"] = _UNKNOWN
    if "Encounter" in scene.written:
        elements["encounter"] = scene.written["Encounter"]
    return elements


def _outcome(scene: Scene) -> JSON:
    failed = getattr(scene.message.facts, "response", None) not in ("ok", None)
    severity, code = ("error", "processing") if failed else ("information", "informational")
    return {"issue": [{"severity": severity, "code": code}]}


def _event(message: Message) -> JSON:
    return {"coding": [{"system": PATHWAY_EVENT, "code": str(message.code)}]}


def _care_team(scene: Scene) -> JSON:
    return {"status": "active", "subject": scene.patient}


def _consent(scene: Scene) -> JSON:
    message = scene.message
    return {
        **consents.required(message.code),
        "patient": scene.patient,
        "dateTime": instant_text(message.written),
    }


_SKELETONS: Final[Mapping[str, Callable[[Scene], JSON]]] = {
    "CareTeam": _care_team,
    "Consent": _consent,
    "Encounter": _encounter,
    "EpisodeOfCare": _episode_of_care,
    "Appointment": _appointment,
    "AppointmentResponse": _response,
    "CarePlan": _care_plan,
    "Task": _task,
    "ServiceRequest": _service_request,
    "Communication": _communication,
    "Composition": _composition,
    "OperationOutcome": _outcome,
}
