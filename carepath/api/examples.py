"""One message and its answers, for the documents that describe them. Nobody in it exists."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import ORGANISATION_NUMBER
from fhir_mappings.outbound import write
from fhir_mappings.outcome import outcome
from fhir_mappings.receipt import receipt
from pathways.events import EventCode
from pathways.facts import Need, StayFacts, StayKind
from pathways.messages import Author, Destination, Message, Patient, stable_id
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from pathways.refusals import Issue

BASE_URL: Final = "https://carepath.example/fhir"
_AT: Final = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=1)))
_STAY: Final = Identifier("urn:oid:2.16.578.1.34.1000", "stay-1")
_HOSPITAL: Final = PartyRef(
    (Identifier(ORGANISATION_NUMBER, "999999018"),), "Slagen sykehus", "https://slagen.example/fhir"
)
_MUNICIPALITY: Final = PartyRef(
    (Identifier(ORGANISATION_NUMBER, "999999506"),), "Solvik kommune", "https://solvik.example/fhir"
)
_MESSAGE: Final = Message(
    id=stable_id("example", "message"),
    format="carepath",
    envelope=stable_id("example", "bundle"),
    content=b"",
    code=EventCode.ADMISSION,
    sender=_HOSPITAL,
    author=Author("Kari Lunde", "80 00 09 02", "lege"),
    happened=Moment(_AT),
    written=_AT + timedelta(minutes=4),
    destinations=(Destination(_MUNICIPALITY),),
    patient=Patient(
        identifiers=(Identifier("https://slagen.example/patients", "p-1"),),
        family="Bråten",
        given=("Solveig",),
        birth_date=_AT.date().replace(year=1942),
        gender="female",
        municipality="9901",
    ),
    facts=StayFacts(
        encounter_class="IMP",
        stay_kind=StayKind.HOSPITAL,
        municipal_need=Need.YES,
        begins=Moment(_AT),
        provider=_HOSPITAL,
        ward="Lunge 2",
        identifiers=(_STAY,),
    ),
)


def message() -> JSON:
    """An admission, as its sender writes it."""
    made = write(_MESSAGE, base_url=BASE_URL)
    made["entry"][0]["resource"]["source"] = {"name": "EPJ", "endpoint": _HOSPITAL.endpoint}
    return made


def taken_in() -> JSON:
    """What its sender is answered."""
    at = (_MESSAGE.written + timedelta(seconds=1)).astimezone(UTC)
    id_ = stable_id("example", "receipt")
    return receipt(_MESSAGE, id=id_, code="ok", issues=(), at=at, base_url=BASE_URL)


def refused() -> JSON:
    """What its sender would be answered had it named the event wrongly."""
    where = "Bundle.entry[0].resource.eventCoding.code"
    return outcome((Issue("code-invalid", "there is no event 'admision'", where),))


def broken() -> JSON:
    """What a clinician says who reads of a patient without having been told."""
    who = {"system": "https://slagen.example/patients", "value": "p-1"}
    return {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "identifier", "valueIdentifier": who},
            {"name": "reason", "valueCode": "emergency"},
            {"name": "text", "valueString": "Unconscious, brought in by ambulance"},
        ],
    }


def worked_off() -> JSON:
    """What a receiver is done with."""
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "upto", "valueString": "1"}],
    }


def confirmed() -> JSON:
    """What it is answered."""
    told = [{"name": "confirmed", "valueString": "1"}, {"name": "waiting", "valueUnsignedInt": 0}]
    return {"resourceType": "Parameters", "parameter": told}


def subscription() -> JSON:
    """What a subscriber asks for."""
    backport = "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition"
    wanted = {"url": f"{backport}/backport-filter-criteria", "valueString": "event=discharge-ready"}
    content = {"url": f"{backport}/backport-payload-content", "valueCode": "id-only"}
    return {
        "resourceType": "Subscription",
        "status": "requested",
        "reason": "Patients who are ready to come home",
        "criteria": "https://carepath.example/fhir/SubscriptionTopic/stay",
        "_criteria": {"extension": [wanted]},
        "channel": {
            "type": "rest-hook",
            "endpoint": "https://ehr.example/notifications",
            "payload": "application/fhir+json",
            "_payload": {"extension": [content]},
        },
    }
