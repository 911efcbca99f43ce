"""The elements that FHIR R4 requires of each resource we write, where no field stands for them."""

from collections.abc import Callable, Mapping
from typing import Final

from carepath_client.codes import PATHWAY_EVENT
from carepath_client.elements import JSON, UNKNOWN, concept, moment
from carepath_client.messages import Message, Referral, Stay

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
}
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
    return kind != "Encounter" or isinstance(message, Stay)


def _encounter(message: Message, about: JSON, _sender: JSON, _written: Mapping[str, JSON]) -> JSON:
    if not isinstance(message, Stay):
        return {"status": "unknown", "subject": about, "class": UNKNOWN}
    withdrawn = message.activity == "cancel" and message.event == "admission"
    status = _WITHDRAWN if withdrawn else _STAY_STATUS.get(message.event, "in-progress")
    unclassed = {} if message.encounter_class else {"class": UNKNOWN}
    return {"status": status, "subject": about, **unclassed}


def _task(message: Message, about: JSON, sender: JSON, written: Mapping[str, JSON]) -> JSON:
    focus = written["ServiceRequest" if isinstance(message, Referral) else "Encounter"]
    return {
        "status": _TASK_STATUS.get(message.event, "in-progress"),
        "intent": "order",
        "code": concept(PATHWAY_EVENT, message.event),
        "focus": focus,
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
    return elements | ({"encounter": written["Encounter"]} if "Encounter" in written else {})


SKELETONS: Final[Mapping[str, Callable[[Message, JSON, JSON, Mapping[str, JSON]], JSON]]] = {
    "Encounter": _encounter,
    "Task": _task,
    "ServiceRequest": _service_request,
    "Communication": _communication,
    "Composition": _composition,
}
"""By FHIR type: of the message, its patient, its sender and what was written before, by type."""
