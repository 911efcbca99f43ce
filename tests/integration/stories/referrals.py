"""Referrals, choices of hospital, and questions."""

from datetime import datetime
from typing import Final, Unpack

from tests.integration.stories import systems
from tests.integration.stories.envelope import Envelope, Parts, bundle, concept, with_defaults
from tests.integration.stories.people import (
    HOSPITAL,
    LEGEVAKT,
    NURSING,
    Matter,
    Organisation,
    Resource,
    organisation_number,
)
from tests.integration.stories.stays import task, task_input

REFERRALS: Final = "https://hospital.example/referrals"
CONVERSATIONS: Final = "https://hospital.example/conversations"

_TASK_STATUS = {
    "hospital-choice-confirmed": "accepted",
    "redirect-proposed": "rejected",
    "referral-received": "received",
    "referral-accepted": "accepted",
    "referral-rejected": "rejected",
    "referral-scheduled": "in-progress",
    "referral-completed": "completed",
    "referral-withdrawn": "cancelled",
}
_REQUEST_STATUS = {"referral-completed": "completed", "referral-withdrawn": "revoked"}


def referral(
    matter: Matter,
    event: str = "referral",
    *,
    performer: Organisation = HOSPITAL,
    proposed: Organisation | None = None,
    scheduled: datetime | None = None,
    **envelope: Unpack[Envelope],
) -> Resource:
    """A referral or a choice of hospital, or what came of it (``event``); asked of ``performer``."""
    answers = event in _TASK_STATUS and event != "referral-withdrawn"
    said = with_defaults(envelope, *((performer, LEGEVAKT) if answers else (LEGEVAKT, performer)))

    def build(parts: Parts) -> Resource:
        patient = parts.add(matter.patient)
        request = parts.add(_service_request(matter, event, patient, performer, scheduled))
        detail: Resource = {}
        if event == "referral-rejected":
            detail["statusReason"] = concept(systems.TASK_DETAIL, "wrong-receiver")
        if proposed:
            reference = {"identifier": organisation_number(proposed), "display": proposed.name}
            detail["input"] = [task_input("proposed-performer", "Reference", reference)]
        parts.add(task(event, _TASK_STATUS.get(event, "requested"), request, patient, detail))
        return request

    return bundle(event, said, build)


def _service_request(
    matter: Matter,
    event: str,
    patient: Resource,
    performer: Organisation,
    scheduled: datetime | None,
) -> Resource:
    occurrence = {"occurrenceDateTime": scheduled.isoformat()} if scheduled else {}
    return {
        "resourceType": "ServiceRequest",
        "identifier": [{"system": REFERRALS, "value": matter.id}],
        "status": _REQUEST_STATUS.get(event, "active"),
        "intent": "order",
        "priority": "stat" if "hospital" in event else "urgent",
        "code": {"text": "Assessment and treatment"},
        "subject": patient,
        **occurrence,
        "authoredOn": matter.begins.isoformat(),
        "requester": {"identifier": organisation_number(LEGEVAKT), "display": LEGEVAKT.name},
        "performer": [{"identifier": organisation_number(performer), "display": performer.name}],
        "reasonCode": [{"text": "Fever and breathlessness, not managing at home"}],
        "note": [{"text": "Lives alone on the third floor."}],
    }


def inquiry(
    matter: Matter,
    event: str = "inquiry",
    *,
    text: str = "Who gives the antibiotics on Sunday?",
    settled_with: str | None = None,
    **envelope: Unpack[Envelope],
) -> Resource:
    """A question, or what is done with it (``event``: inquiry-forwarded, reply, settled-by-phone)."""
    pair = (HOSPITAL, NURSING) if event == "reply" else (NURSING, HOSPITAL)
    said = with_defaults(envelope, *pair)
    number = {"system": CONVERSATIONS, "value": matter.id}
    about: Resource = {"inResponseTo": [{"type": "Communication", "identifier": number}]}
    if settled_with:
        about["extension"] = [{"url": systems.SETTLED_WITH, "valueString": settled_with}]

    def build(parts: Parts) -> Resource:
        owner = said["receivers"][0]
        communication = {
            "resourceType": "Communication",
            "identifier": [number],
            "status": "completed",
            "topic": {"text": "Medicines"},
            "subject": parts.add(matter.patient),
            "sent": said["happened"].isoformat(),
            "recipient": [{"identifier": organisation_number(owner), "display": owner.name}],
            "payload": [{"contentString": text}],
        }
        return parts.add(communication | (about if event != "inquiry" else {}))

    return bundle(event, said, build)


def reply(
    matter: Matter, text: str = "The hospital pharmacy delivers it.", **envelope: Unpack[Envelope]
) -> Resource:
    """The answer to ``inquiry(matter)``."""
    return inquiry(matter, "reply", text=text, **envelope)
