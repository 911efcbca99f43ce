"""MedCom's and Da Vinci's messages, made up, for the tests of their dialects."""

from datetime import UTC, datetime
from typing import Any

import orjson

from fhir_mappings import codes
from fhir_mappings.inbound import Options, read
from pathways.messages import Message
from pathways.moments import Moment
from pathways.refusals import Refusal

JSON = dict[str, Any]

OPTIONS = Options(received=datetime(2027, 1, 1, tzinfo=UTC))
START, END = "2026-03-01T12:00:00+01:00", "2026-03-07T09:45:30+01:00"
WRITTEN = "2026-03-07T10:00:00+01:00"
CORE = "http://medcomfhir.dk/ig/core/StructureDefinition/medcom-core"


def moment(text: str) -> Moment:
    """An instant."""
    return Moment(datetime.fromisoformat(text))


def bundle(event: JSON, focus: JSON | None, *more: JSON, **header: Any) -> JSON:
    """A message Bundle with a sender, a receiver and a Patient."""
    whole = {
        "resourceType": "MessageHeader",
        "id": "m2",
        "eventCoding": event,
        "source": {"endpoint": "urn:oid:1.2.3"},
        "sender": {"reference": "Organization/ward"},
        "destination": [
            {
                "endpoint": "urn:oid:4.5.6",
                "receiver": {"reference": "Organization/town"},
            }
        ],
        **header,
    }
    if focus:
        whole["focus"] = [{"reference": f"{focus['resourceType']}/{focus['id']}"}]
    organizations = [
        {"resourceType": "Organization", "id": id_, "name": id_} for id_ in ("ward", "town")
    ]
    resources = [whole, *([focus] if focus else []), *organizations, *more]
    return {
        "resourceType": "Bundle",
        "id": "b1",
        "type": "message",
        "timestamp": WRITTEN,
        "entry": [
            {"fullUrl": f"{one['resourceType']}/{one['id']}", "resource": one} for one in resources
        ],
    }


def patient(**said: Any) -> JSON:
    """The Patient."""
    number = [{"system": codes.CPR, "value": "2509479989"}]
    return {"resourceType": "Patient", "id": "p", "identifier": number, **said}


def encounter(**said: Any) -> JSON:
    """A stay with an episode."""
    return {
        "resourceType": "Encounter",
        "id": "e",
        "status": "in-progress",
        "class": {"code": "IMP"},
        "subject": {"reference": "Patient/p"},
        "episodeOfCare": [{"identifier": {"system": "urn:x", "value": "ep1"}}],
        "period": {"start": START, "end": END},
        **said,
    }


def provenance(activity: str, *entities: JSON, target: str = "m2", id_: str = "pr") -> JSON:
    """A step of the message's history, this one's unless told otherwise."""
    made = {
        "resourceType": "Provenance",
        "id": id_,
        "target": [{"reference": f"MessageHeader/{target}"}],
        "occurredDateTime": WRITTEN,
        "recorded": WRITTEN,
        "activity": {"coding": [{"system": codes.MEDCOM_ACTIVITY, "code": activity}]},
        "agent": [{"who": {"reference": "Organization/ward"}}],
    }
    return made | ({"entity": list(entities)} if entities else {})


def earlier(id_: str = "m1", role: str = "revision") -> JSON:
    """An entity that names an earlier message."""
    return {"role": role, "what": {"reference": f"MessageHeader/{id_}"}}


def medcom(code: str) -> JSON:
    """One of MedCom's events."""
    return {"system": codes.MEDCOM_EVENT, "code": code}


def notification(*more: JSON, about: JSON | None = None, who: JSON | None = None) -> JSON:
    """A HospitalNotification."""
    event = medcom("hospital-notification-message")
    return bundle(event, about or encounter(), who or patient(), *more)


def accepted(whole: JSON) -> Message:
    """The message in a Bundle."""
    found = read(orjson.dumps(whole), OPTIONS)
    assert isinstance(found, Message), found
    return found


def refused(whole: JSON) -> Refusal:
    """The refusal of a Bundle."""
    found = read(orjson.dumps(whole), OPTIONS)
    assert isinstance(found, Refusal)
    return found
