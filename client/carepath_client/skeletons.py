"""The elements that FHIR R4 requires of each resource we write, where no field stands for them."""

from collections.abc import Callable, Mapping
from typing import Final

from carepath_client.care import Course, Meeting
from carepath_client.codes import ACT_CODE, CONSENT_SCOPE, PATHWAY_EVENT
from carepath_client.elements import JSON, UNKNOWN, concept, moment
from carepath_client.messages import (
    Message,
    PersonSheet,
    Referral,
    Report,
    ServiceOverview,
    Stay,
)

_STAY_STATUS: Final[Mapping[str, str]] = {
    "leave-start": "onleave",
    "discharge": "finished",
    "death": "finished",
    "received-home": "finished",
}
_TASK_STATUS: Final[Mapping[str, str]] = {
    "early-notice": "requested",
    "discharge-ready": "requested",
    "discharge-ready-withdrawn": "cancelled",
    "offer-ready": "ready",
    "capacity-answer": "accepted",
    "received-home": "completed",
    "hospital-choice": "requested",
    "hospital-choice-confirmed": "accepted",
    "redirect-proposed": "received",
    "referral": "requested",
    "referral-received": "received",
    "referral-accepted": "accepted",
    "referral-rejected": "rejected",
    "referral-forwarded": "requested",
    "referral-scheduled": "in-progress",
    "referral-completed": "completed",
    "referral-withdrawn": "cancelled",
    "carer-unavailable": "requested",
    "coordination-need": "requested",
    "measure-proposed": "requested",
    "measure-promised": "accepted",
    "measure-started": "in-progress",
    "measure-delayed": "accepted",
    "measure-done": "completed",
    "measure-dropped": "cancelled",
    "measure-evaluated": "completed",
    "follow-up": "in-progress",
    "application": "requested",
    "interim-answer": "received",
    "decision": "completed",
    "complaint": "requested",
    "complaint-forwarded": "in-progress",
    "service-ending": "completed",
}
_EPISODE_STATUS: Final[Mapping[str, str]] = {
    "first-contact-booked": "planned",
    "course-ended": "finished",
}
_ENDED: Final = ("consent-withdrawn", "objection-withdrawn")
_ORDER_STATUS: Final[Mapping[str, str]] = {
    "referral-completed": "completed",
    "referral-withdrawn": "revoked",
}
_WITHDRAWN: Final = "entered-in-error"
_COMPOSITION_STATUS: Final[Mapping[str, str]] = {"revise": "amended", "cancel": _WITHDRAWN}


def is_needed(kind: str, message: Message) -> bool:
    """Whether the event needs a resource of this type even where no field says anything in it."""
    if kind == "Task":
        return message.event in _TASK_STATUS
    if kind == "AppointmentResponse":
        return message.activity == "reply"
    if kind == "Appointment":
        return isinstance(message, Meeting) or message.event == "first-contact-booked"
    if kind == "Composition":
        return isinstance(message, Report | PersonSheet | ServiceOverview)
    return kind != "Encounter" or isinstance(message, Stay)


def _encounter(message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]) -> JSON:
    if not isinstance(message, Stay):
        return {"status": "unknown", "subject": about, "class": UNKNOWN}
    withdrawn = message.activity == "cancel" and message.event == "admission"
    status = _WITHDRAWN if withdrawn else _STAY_STATUS.get(message.event, "in-progress")
    unclassed = {} if message.encounter_class else {"class": UNKNOWN}
    return {"status": status, "subject": about, **unclassed}


def _task(message: Message, about: JSON, sender: JSON, written: Mapping[str, JSON]) -> JSON:
    focus = written.get("ServiceRequest" if isinstance(message, Referral) else "Encounter")
    return {
        **({"focus": focus} if focus else {}),
        "status": _TASK_STATUS.get(message.event, "in-progress"),
        "intent": "order",
        "code": concept(PATHWAY_EVENT, message.event),
        "for": about,
        "authoredOn": moment(message.written),
        "requester": sender,
    }


def _service_request(
    message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]
) -> JSON:
    return {
        "status": _ORDER_STATUS.get(message.event, "active"),
        "intent": "order",
        "subject": about,
        "authoredOn": moment(message.written),
    }


def _communication(
    message: Message, about: JSON, sender: JSON, _written: Mapping[str, JSON]
) -> JSON:
    return {
        "status": _WITHDRAWN if message.activity == "cancel" else "completed",
        "subject": about,
        "sender": sender,
        "sent": moment(message.written),
    }


def _composition(message: Message, about: JSON, sender: JSON, written: Mapping[str, JSON]) -> JSON:
    elements: JSON = {
        "status": _COMPOSITION_STATUS.get(message.activity, "final"),
        "type": concept(PATHWAY_EVENT, message.event),
        "subject": about,
        "date": moment(message.written),
        "author": [sender],
    }
    if getattr(message, "title", None) is None or isinstance(message, Referral):
        elements["_title"] = UNKNOWN
    return elements | ({"encounter": written["Encounter"]} if "Encounter" in written else {})


def _episode(message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]) -> JSON:
    return {"status": _EPISODE_STATUS.get(message.event, "active"), "patient": about}


def _appointment(
    message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]
) -> JSON:
    status = "accepted" if isinstance(message, Course) else "needs-action"
    return {"status": "proposed", "participant": [{"actor": about, "status": status}]}


def _response(_message: Message, _about: JSON, sender: JSON, written: Mapping[str, JSON]) -> JSON:
    """An Organization does not answer (R4): its service does, which is contained."""
    service = {"resourceType": "HealthcareService", "id": "actor", "providedBy": sender}
    return {
        "contained": [service],
        "appointment": written["Appointment"],
        "actor": {"reference": "#actor"},
        "participantStatus": "needs-action",
    }


def _care_team(_message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]) -> JSON:
    return {"status": "active", "subject": about}


def _care_plan(message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]) -> JSON:
    status = _WITHDRAWN if message.activity == "cancel" else "active"
    return {"status": status, "intent": "plan", "subject": about}


def _consent(message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]) -> JSON:
    permits = message.event.startswith("consent")
    return {
        "status": "inactive" if message.event in _ENDED else "active",
        "scope": concept(CONSENT_SCOPE, "patient-privacy"),
        "patient": about,
        "dateTime": moment(message.written),
        "policyRule": concept(ACT_CODE, "OPTIN" if permits else "OPTOUT"),
        "provision": {"type": "permit" if permits else "deny"},
    }


SKELETONS: Final[Mapping[str, Callable[[Message, JSON, JSON, Mapping[str, JSON]], JSON]]] = {
    "Encounter": _encounter,
    "Task": _task,
    "ServiceRequest": _service_request,
    "Communication": _communication,
    "Composition": _composition,
    "EpisodeOfCare": _episode,
    "Appointment": _appointment,
    "AppointmentResponse": _response,
    "CareTeam": _care_team,
    "CarePlan": _care_plan,
    "Consent": _consent,
}
"""By FHIR type: of the message, its patient, its sender and what was written before, by type."""
