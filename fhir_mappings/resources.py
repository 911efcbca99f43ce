"""The current state as FHIR resources: what ``GET /fhir/<Type>`` answers with.

A stay is an Encounter within an EpisodeOfCare, and a Task where it asks something of the municipality (``stays``);
a referral or a choice of hospital is a ServiceRequest with its Task. Their id is the thread's, a Patient's is the
patient key, an Organization's the directory key; what stands for one entry (``written``) has the event's. The
store adds ``meta.versionId`` and ``meta.lastUpdated``. Facts stand where ``profile`` has them.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from fhir_mappings import (
    applying,
    care_team,
    courses,
    labels,
    languages,
    measures,
    meetings,
    planning,
    stays,
    times,
)
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import (
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
from fhir_mappings.references import about, instant, party, writing
from pathways.events import EventCode, Family
from pathways.facts import ReferralFacts, known_as
from pathways.parties import Directory, Identifier, Party
from pathways.pathway import Header, Thread
from pathways.transitions import Status

_ORDER: Final[Mapping[Status, str]] = {
    Status.COMPLETED: "completed",
    Status.REJECTED: "revoked",
    Status.CANCELLED: "revoked",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}
_BEGINS: Final[Mapping[Family, EventCode]] = {
    Family.REFERRAL: EventCode.REFERRAL,
    Family.CHOICE: EventCode.HOSPITAL_CHOICE,
}


def of_thread(thread: Thread, directory: Directory, linked: Collection[str] = ()) -> list[JSON]:
    """The resources that show a thread; none for questions and what follows the person.

    ``linked``: the threads of a plan's measures, or of a measure's plan.
    """
    at = thread.updated.at if thread.updated else datetime.max.replace(tzinfo=UTC)
    shown = _SHOWN.get(thread.family)
    made = shown(thread, writing(directory, at)) if shown else []
    return planning.linked(made, linked)


def focus(family: Family, thread: str, patient: str, event: str | None = None) -> str:
    """The relative URL of the resource that shows a thread, the patient's where there is none.

    Questions and consents are shown message by message: by the ``event``'s own resource.
    """
    if family in _OF_ENTRY and event is not None:
        return f"{_OF_ENTRY[family]}/{event}"
    return f"{_FOCUS[family]}/{thread}" if family in _FOCUS else f"Patient/{patient}"


_OF_ENTRY: Final[Mapping[Family, str]] = {
    Family.INQUIRY: "Communication",
    Family.CONSENT: "Consent",
}
_FOCUS: Final[Mapping[Family, str]] = {
    Family.STAY: "Encounter",
    Family.EMERGENCY: "Encounter",
    Family.REFERRAL: "ServiceRequest",
    Family.CHOICE: "ServiceRequest",
    Family.COURSE: "EpisodeOfCare",
    Family.COORDINATION: "CareTeam",
    Family.APPLICATION: "Task",
    Family.PLAN: "CarePlan",
    Family.MEETING: "Appointment",
    Family.MEASURE: "Task",
    Family.FOLLOW_UP: "Task",
}
"""The type of the resource that shows a thread."""


# --- referrals and choices of hospital


def _referral(thread: Thread, writing: Writing) -> list[JSON]:
    facts = known_as(ReferralFacts, thread.facts)
    shape = SHAPES[EventCode.REFERRAL]
    order = _order(thread)
    write_fields(writing, shape["ServiceRequest"], facts, order)
    task = _task(thread)
    write_fields(writing, shape["Task"], facts, task)
    if thread.passed:
        task["relevantHistory"] = [about("Provenance", one.record) for one in thread.passed]
    return [order, task]


def _order(thread: Thread) -> JSON:
    return {
        "resourceType": "ServiceRequest",
        "id": thread.id,
        "status": _ORDER.get(thread.status, "active"),
        "intent": "order",
        "subject": about("Patient", thread.patient),
        **party("requester", thread.sender),
        **instant("authoredOn", thread.begun),
    }


def _task(thread: Thread) -> JSON:
    """The thread's statuses are Task codes."""
    return {
        "resourceType": "Task",
        "id": thread.id,
        "status": str(thread.status),
        "intent": "order",
        "code": {"coding": [{"system": PATHWAY_EVENT, "code": str(_BEGINS[thread.family])}]},
        "focus": about("ServiceRequest", thread.id),
        "for": about("Patient", thread.patient),
        **instant("authoredOn", thread.begun),
        **instant("lastModified", thread.updated),
        **party("requester", thread.sender),
        **party("owner", thread.owner),
    }


_SHOWN: Final[Mapping[Family, Callable[[Thread, Writing], list[JSON]]]] = {
    Family.STAY: stays.resources,
    Family.EMERGENCY: stays.resources,
    Family.REFERRAL: _referral,
    Family.CHOICE: _referral,
    Family.COURSE: courses.resources,
    Family.COORDINATION: care_team.resources,
    Family.APPLICATION: applying.resources,
    Family.PLAN: planning.resources,
    Family.MEETING: meetings.resources,
    Family.MEASURE: measures.measure,
    Family.FOLLOW_UP: measures.follow_up,
}
"""The resources that show a thread, by its family."""


# --- who


def patient(header: Header, identifiers: Iterable[Identifier], key: str) -> JSON:
    """The Patient: demographics as they were last told, with every identifier."""
    listed = [as_identifier(one) for one in identifiers]
    resource: JSON = {"resourceType": "Patient", "id": key}
    labels.put_protection(resource, header.told("protection"))
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
    needed = header.told("interpreter")
    languages.put(resource, header.told("language"), needed == "true" if needed else None)
    if header.person.linked:
        resource["link"] = LINKS.write(_NO_PARTIES, header.person.linked)
    return resource


_NO_PARTIES: Final = Writing(OSLO, lambda _: {})


def _name(header: Header) -> JSON:
    given, family = header.demographics.get("given"), header.told("family")
    told: JSON = {"family": family} if family else {}
    return {**told, "given": list(given.value)} if given else told


def _live(header: Header, resource: JSON) -> None:
    """The addresses: at home, and where the person stays now; of who is protected none."""
    if header.told("protection") is not None:
        return
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


def organization(one: Party) -> JSON:
    """An entry of the directory; ``organizations`` reads it again."""
    resource: JSON = {"resourceType": "Organization", "id": one.key}
    if one.identifiers:
        resource["identifier"] = [as_identifier(known) for known in one.identifiers]
    kinds = [(PARTY_KIND, one.kind), (PARTY_FUNCTION, one.function)]
    resource |= {
        "active": one.valid_to is None,
        "type": [{"coding": [{"system": of, "code": str(code)}]} for of, code in kinds if code],
        "name": one.name,
    }
    if one.neutral_name:
        resource["alias"] = [one.neutral_name]
    if reached := [(s, v) for s, v in (("phone", one.phone), ("url", one.endpoint)) if v]:
        resource["telecom"] = [{"system": system, "value": value} for system, value in reached]
    if one.municipality:
        resource["address"] = [_address("work", one.municipality)]
    return {**resource, **party("partOf", one.parent)}


# --- search


def search_instant(text: str | None) -> int | None:
    """A FHIR dateTime as microseconds since 1970 in UTC, a day as its beginning in Oslo."""
    if text is None:
        return None
    at = times.moment(text, _EARLIEST, OSLO).at
    return (at - _EPOCH) // timedelta(microseconds=1)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
