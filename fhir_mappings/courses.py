"""Courses of treatment (DPS, BUP, TSB, rehab): an EpisodeOfCare, and the Appointment of the first contact.

A stay's EpisodeOfCare has the stay's thread as its id, a course's the course's: they never meet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fhir_mappings import periods
from fhir_mappings.bundle import JSON
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    PARTY,
    At,
    Field,
    Shape,
    Writing,
    write_fields,
)
from fhir_mappings.options import OSLO
from fhir_mappings.periods import Bound
from fhir_mappings.references import about
from fhir_mappings.slots import Venue
from pathways.events import RULES, EventCode, Family
from pathways.facts import CourseFacts, known_as
from pathways.pathway import Thread
from pathways.transitions import Status


@dataclass(frozen=True, slots=True)
class _Contact:
    """When the first contact is: a time is both ends of the Appointment (app-3), a day what is asked for."""

    path: str = "start"

    def find(self, resource: JSON) -> list[Any]:
        """The start, else that of the period asked for."""
        return At("start").find(resource) or At("requestedPeriod", 0, "start").find(resource)

    def put(self, resource: JSON, value: Any) -> None:
        """An Appointment on a day without a time is only proposed."""
        if "T" in value:
            resource |= {"status": "booked", "start": value, "end": value}
        else:
            resource |= {"requestedPeriod": [{"start": value, "end": value}]}


_EPISODE: Final = (
    Field("title", At("type", 0, "text")),
    Field("begins", Bound("start"), MOMENT),
    Field("ends", Bound("end"), MOMENT),
    Field("provider", At("managingOrganization"), PARTY),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
_APPOINTMENT: Final = (
    Field("contact", _Contact(), MOMENT),
    Field("place", Venue()),
    Field("note", At("comment")),
)
_SHAPE: Final[Shape] = {"EpisodeOfCare": _EPISODE, "Appointment": _APPOINTMENT}
SHAPES: Final[Mapping[EventCode, Shape]] = {
    code: _SHAPE for code, rule in RULES.items() if rule.family is Family.COURSE
}
_STATUS: Final[Mapping[Status, str]] = {
    Status.REQUESTED: "planned",
    Status.IN_PROGRESS: "active",
    Status.FINISHED: "finished",
    Status.ENTERED_IN_ERROR: "entered-in-error",
}


def resources(thread: Thread, writing: Writing) -> list[JSON]:
    """The EpisodeOfCare, and the Appointment where one is known."""
    facts = known_as(CourseFacts, thread.facts)
    episode: JSON = {
        "resourceType": "EpisodeOfCare",
        "id": thread.id,
        "status": _STATUS.get(thread.status, "active"),
        "patient": about("Patient", thread.patient),
    }
    write_fields(writing, _EPISODE, facts, episode)
    if facts.begins and facts.ends:
        periods.set_right(episode["period"], facts.begins, facts.ends, OSLO)
    patient = {"actor": about("Patient", thread.patient), "status": "accepted"}
    appointment: JSON = {
        "resourceType": "Appointment",
        "id": thread.id,
        "status": "proposed",
        "participant": [patient],
    }
    if not write_fields(writing, _APPOINTMENT, facts, appointment):
        return [episode]
    if thread.status is Status.ENTERED_IN_ERROR:
        appointment["status"] = "entered-in-error"
    elif thread.status in (Status.IN_PROGRESS, Status.FINISHED) and "start" in appointment:
        appointment["status"] = "fulfilled"
    return [episode, appointment]
