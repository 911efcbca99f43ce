"""The current state as FHIR resources: what ``GET /fhir/<Type>`` answers with.

An Encounter is a stay as it stands now, a ServiceRequest with its Task a referral or a choice of hospital. Their
id is the thread's, a Patient's is the patient key, an Organization's the directory key. The store adds
``meta.versionId`` and ``meta.lastUpdated``. Facts stand where ``profile`` has them.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from fhir_mappings import periods, times
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import (
    ACT_CODE,
    DATA_ABSENT,
    DISTRICT,
    MUNICIPALITY,
    MUNICIPALITY_CODE,
    PARTY_FUNCTION,
    PARTY_KIND,
    PATHWAY_EVENT,
    URBAN_DISTRICT,
)
from fhir_mappings.elements import LINKS, Writing, as_identifier, write_fields
from fhir_mappings.options import OSLO
from fhir_mappings.profile import SHAPES
from pathways.events import EventCode, Family, ReferralFacts, StayFacts
from pathways.moments import Moment
from pathways.parties import Directory, Identifier, Party, PartyRef
from pathways.pathway import Header, Thread
from pathways.transitions import Status

_STAY: Final[Mapping[Status, str]] = {
    Status.IN_PROGRESS: "in-progress",
    Status.READY: "in-progress",
    Status.ON_LEAVE: "onleave",
    Status.FINISHED: "finished",
    Status.DECEASED: "finished",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
_ORDER: Final[Mapping[Status, str]] = {
    Status.COMPLETED: "completed",
    Status.REJECTED: "revoked",
    Status.CANCELLED: "revoked",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
_STAYS: Final = frozenset((Family.STAY, Family.EMERGENCY))
_BEGINS: Final[Mapping[Family, EventCode]] = {
    Family.REFERRAL: EventCode.REFERRAL,
    Family.CHOICE: EventCode.HOSPITAL_CHOICE,
}


def of_thread(thread: Thread, directory: Directory) -> list[JSON]:
    """The resources that show a thread; none for questions and what follows the person."""
    at = thread.updated.at if thread.updated else datetime.max.replace(tzinfo=UTC)
    writing = Writing(OSLO, lambda ref: _organization(ref, directory, at))
    if thread.family in _STAYS:
        return [_encounter(thread, writing)]
    return _referral(thread, writing) if thread.family in _BEGINS else []


def focus(family: Family, thread: str, patient: str) -> str:
    """The relative URL of the resource that shows a thread, the patient's where there is none."""
    if family in _STAYS:
        return f"Encounter/{thread}"
    return f"ServiceRequest/{thread}" if family in _BEGINS else f"Patient/{patient}"


# --- stays


def _encounter(thread: Thread, writing: Writing) -> JSON:
    facts = thread.facts if isinstance(thread.facts, StayFacts) else StayFacts()
    resource: JSON = {
        "resourceType": "Encounter",
        "id": thread.id,
        "status": _STAY.get(thread.status, "unknown"),
        "class": {"system": ACT_CODE} if facts.encounter_class else _unknown(),
        "subject": {"reference": f"Patient/{thread.patient}"},
    }
    write_fields(writing, SHAPES[EventCode.ADMISSION]["Encounter"], facts, resource)
    if facts.begins and facts.ends:
        _order_period(resource["period"], facts.begins, facts.ends)
    return resource


def _unknown() -> JSON:
    return {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}


def _order_period(period: JSON, begins: Moment, ends: Moment) -> None:
    """A Period never ends before it begins (per-1)."""
    if not periods.in_order(begins, ends, OSLO):
        del period["end"]
    else:
        periods.make_comparable(period, begins, ends, OSLO)


# --- referrals and choices of hospital


def _referral(thread: Thread, writing: Writing) -> list[JSON]:
    facts = thread.facts if isinstance(thread.facts, ReferralFacts) else ReferralFacts()
    shape = SHAPES[EventCode.REFERRAL]
    order = _order(thread)
    write_fields(writing, shape["ServiceRequest"], facts, order)
    task = _task(thread)
    write_fields(writing, shape["Task"], facts, task)
    return [order, task]


def _order(thread: Thread) -> JSON:
    return {
        "resourceType": "ServiceRequest",
        "id": thread.id,
        "status": _ORDER.get(thread.status, "active"),
        "intent": "order",
        "subject": {"reference": f"Patient/{thread.patient}"},
        **_party("requester", thread.sender),
        **_instant("authoredOn", thread.begun),
    }


def _task(thread: Thread) -> JSON:
    """The thread's statuses are Task codes."""
    return {
        "resourceType": "Task",
        "id": thread.id,
        "status": str(thread.status),
        "intent": "order",
        "code": {"coding": [{"system": PATHWAY_EVENT, "code": str(_BEGINS[thread.family])}]},
        "focus": {"reference": f"ServiceRequest/{thread.id}"},
        "for": {"reference": f"Patient/{thread.patient}"},
        **_instant("authoredOn", thread.begun),
        **_instant("lastModified", thread.updated),
        **_party("requester", thread.sender),
        **_party("owner", thread.owner),
    }


def _party(name: str, key: str | None) -> JSON:
    return {name: {"reference": f"Organization/{key}"}} if key else {}


def _instant(name: str, moment: Moment | None) -> JSON:
    """Always to the second: FHIRPath cannot compare a day with a time (Task inv-1)."""
    return {name: times.instant_text(moment.at)} if moment else {}


def _organization(ref: PartyRef, directory: Directory, at: datetime) -> JSON:
    """The Reference to a party: by key if the directory knows it, else as it was named."""
    named = {"display": ref.name} if ref.name else {}
    if party := directory.find(ref.known_by, at):
        return {"reference": f"Organization/{party.key}", "display": party.name}
    return {"identifier": as_identifier(ref.known_by[0]), **named}


# --- who


def patient(header: Header, identifiers: Iterable[Identifier], key: str) -> JSON:
    """The Patient: demographics as they were last told, with every identifier."""
    listed = [as_identifier(one) for one in identifiers]
    resource: JSON = {"resourceType": "Patient", "id": key}
    if listed:
        resource["identifier"] = listed
    if name := _name(header):
        resource["name"] = [{"use": "official", **name}]
    for element, fact in (("gender", "gender"), ("birthDate", "birth_date")):
        if told := header.told(fact):
            resource[element] = told
    if header.deceased:
        when = min(header.deceased.values(), key=lambda moment: moment.at)
        resource["deceasedDateTime"] = times.moment_text(when, OSLO)
    _live(header, resource)
    if gp := header.told("gp"):
        resource["generalPractitioner"] = [{"reference": f"Organization/{gp}"}]
    if header.person.linked:
        resource["link"] = LINKS.write(_NO_PARTIES, header.person.linked)
    return resource


_NO_PARTIES: Final = Writing(OSLO, lambda _: {})


def _name(header: Header) -> JSON:
    given, family = header.demographics.get("given"), header.told("family")
    told: JSON = {"family": family} if family else {}
    return {**told, "given": list(given.value)} if given else told


def _live(header: Header, resource: JSON) -> None:
    """The addresses: at home, and where the person stays now."""
    person, addresses = header.person, []
    if home := person.home_municipality or header.told("municipality"):
        addresses.append(_address("home", home))
        if district := header.told("district"):
            coding = {"system": DISTRICT, "code": district}
            addresses[0]["extension"] = [{"url": URBAN_DISTRICT, "valueCoding": coding}]
    if person.stay_municipality:
        addresses.append(_address("temp", person.stay_municipality))
    if addresses:
        resource["address"] = addresses


def _address(use: str, municipality: str) -> JSON:
    coding = {"system": MUNICIPALITY, "code": municipality}
    district = {"extension": [{"url": MUNICIPALITY_CODE, "valueCoding": coding}]}
    return {"use": use, "_district": district}


def organization(party: Party) -> JSON:
    """An entry of the directory; ``organizations`` reads it again."""
    resource: JSON = {"resourceType": "Organization", "id": party.key}
    if party.identifiers:
        resource["identifier"] = [as_identifier(one) for one in party.identifiers]
    kinds = [(PARTY_KIND, party.kind), (PARTY_FUNCTION, party.function)]
    resource |= {
        "active": party.valid_to is None,
        "type": [{"coding": [{"system": of, "code": str(code)}]} for of, code in kinds if code],
        "name": party.name,
    }
    if party.neutral_name:
        resource["alias"] = [party.neutral_name]
    if reached := [(s, v) for s, v in (("phone", party.phone), ("url", party.endpoint)) if v]:
        resource["telecom"] = [{"system": system, "value": value} for system, value in reached]
    if party.municipality:
        resource["address"] = [_address("work", party.municipality)]
    return {**resource, **_party("partOf", party.parent)}


# --- search


def search_instant(text: str | None) -> int | None:
    """A FHIR dateTime as microseconds since 1970 in UTC, a day as its beginning in Oslo."""
    if text is None:
        return None
    at = times.moment(text, _EARLIEST, OSLO).at
    return (at - _EPOCH) // timedelta(microseconds=1)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
