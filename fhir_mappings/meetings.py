"""Meetings about a plan: the elements of our own profile, and the Appointment that shows one as it stands.

An Organization cannot take part in an Appointment (R4): its HealthcareService does, which is contained. An answer
is an AppointmentResponse. https://hl7.org/fhir/R4/appointment.html
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from fhir_mappings import periods
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import MEETING_KIND, PARTICIPATION, VIDEO_LINK
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    REFERENCES,
    At,
    Extension,
    Field,
    Kind,
    Place,
    Reading,
    Shape,
    Writing,
    coded,
    flag,
    write_fields,
)
from fhir_mappings.options import OSLO
from fhir_mappings.parties import party as named_party
from fhir_mappings.references import about
from fhir_mappings.slots import Coded, Venue
from fhir_mappings.times import instant_text
from pathways.events import EventCode
from pathways.facts import MeetingFacts, MeetingKind, known_as
from pathways.parties import PartyRef
from pathways.pathway import Thread
from pathways.states import Meeting
from pathways.transitions import Status


@dataclass(frozen=True, slots=True)
class _When:
    """``start`` or ``end`` of the period that is asked for, which a day fits, too; else of the Appointment."""

    side: str

    @property
    def path(self) -> str:
        """The one we write."""
        return f"requestedPeriod[0].{self.side}"

    def find(self, resource: JSON) -> list[Any]:
        """Of the first period asked for, else what is booked."""
        asked = resource.get("requestedPeriod", ())
        return periods.Bound(self.side).find(
            {"period": asked[0]} if asked else {"period": resource}
        )

    def put(self, resource: JSON, value: Any) -> None:
        """Ask for it."""
        At("requestedPeriod", 0, self.side).put(resource, value)


@dataclass(frozen=True, slots=True)
class _Summoned:
    """Those who take part besides the patient; their answers are still to come."""

    path: str = "participant"

    def find(self, resource: JSON) -> list[Any]:
        """All who take part."""
        return [resource[self.path]] if self.path in resource else []

    def put(self, resource: JSON, value: Any) -> None:
        """Put each organisation's service inside, and let it take part."""
        for number, organisation in enumerate(value):
            who = take_part(resource, organisation, f"participant-{number}")
            resource.setdefault(self.path, []).append({"actor": who, "status": "needs-action"})


def take_part(resource: JSON, organisation: JSON, id_: str) -> JSON:
    """Put the service of an organisation inside a resource; the Reference to it."""
    service = {"resourceType": "HealthcareService", "id": id_, "providedBy": organisation}
    resource.setdefault("contained", []).append(service)
    return {"reference": f"#{id_}"}


_NO_PARTIES: Final = frozenset(("Patient", "Location", "RelatedPerson", "Device"))


def _read_summoned(
    reading: Reading, participants: list[JSON], place: Place
) -> tuple[PartyRef, ...] | None:
    actors = (one.get("actor") or {} for one in participants)
    found = [
        named
        for actor in actors
        if actor.get("type") not in _NO_PARTIES
        and (named := named_party(reading.parts, actor, place.resource))
    ]
    return tuple(dict.fromkeys(found)) or None


def _write_summoned(writing: Writing, parties: Iterable[PartyRef]) -> list[JSON]:
    return [writing.refer(one) for one in parties]


_APPOINTMENT: Final = (
    Field("meeting", Coded("appointmentType", MEETING_KIND), coded(MeetingKind)),
    Field("begins", _When("start"), MOMENT),
    Field("ends", _When("end"), MOMENT),
    Field("place", Venue()),
    Field("link", Extension(VIDEO_LINK, "valueUrl")),
    Field("summoned", _Summoned(), Kind(_read_summoned, _write_summoned)),
    Field("plan", At("supportingInformation"), REFERENCES),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
_RESPONSE: Final = (
    Field("accepts", At("participantStatus"), flag("accepted", "declined")),
    Field("reason", At("comment")),
)
SHAPES: Final[Mapping[EventCode, Shape]] = {
    EventCode.PLAN_MEETING: {"Appointment": _APPOINTMENT, "AppointmentResponse": _RESPONSE},
}


def response(appointment: JSON, sender: JSON) -> JSON:
    """What FHIR requires of an AppointmentResponse: what it answers, and who does."""
    elements: JSON = {"appointment": appointment, "participantStatus": "needs-action"}
    return elements | {"actor": take_part(elements, sender, "actor")}


def skeleton(facts: MeetingFacts, patient: JSON | None) -> JSON:
    """What FHIR requires of an Appointment; it is booked when both its times are known to the minute (app-3)."""
    elements: JSON = {
        "status": "proposed",
        "participant": [{"actor": patient, "status": "needs-action"}],
    }
    begins, ends = facts.begins, facts.ends
    if begins is None or ends is None or begins.day or ends.day or ends.at < begins.at:
        return elements
    times = {"start": instant_text(begins.at), "end": instant_text(ends.at)}
    return elements | {"status": "booked", **times}


def finished(appointment: JSON, facts: MeetingFacts, zone: tzinfo) -> None:
    """A day beside a time, in the order they come (per-1)."""
    if facts.begins and facts.ends and "requestedPeriod" in appointment:
        periods.make_comparable(appointment["requestedPeriod"][0], facts.begins, facts.ends, zone)


_SUMMONER: Final = {"coding": [{"system": PARTICIPATION, "code": "PPRF"}]}
_SHOWN: Final = tuple(one for one in _APPOINTMENT if one.name != "summoned")
_STATUS: Final = {True: "accepted", False: "declined", None: "tentative"}


def resources(thread: Thread, writing: Writing) -> list[JSON]:
    """The Appointment: who summons, and each of those summoned with their answer."""
    meeting = known_as(Meeting, thread.facts)
    facts = meeting.facts
    resource: JSON = {
        "resourceType": "Appointment",
        "id": thread.id,
        **skeleton(facts, about("Patient", thread.patient)),
    }
    write_fields(writing, _SHOWN, facts, resource)
    answers = {one.party: _STATUS[one.accepts] for one in meeting.answers}
    if thread.owner:
        who = take_part(resource, about("Organization", thread.owner), "summoner")
        resource["participant"].append({"type": [_SUMMONER], "actor": who, "status": "accepted"})
    for number, key in enumerate(meeting.summoned):
        who = take_part(resource, about("Organization", key), f"participant-{number}")
        participant = {"actor": who, "status": answers.get(key, "needs-action")}
        resource["participant"].append(participant)
    if facts.begins and facts.ends:
        periods.set_right(resource["requestedPeriod"][0], facts.begins, facts.ends, OSLO)
    if thread.status is Status.ENTERED_IN_ERROR:
        resource["status"] = "cancelled"
    return [resource]
