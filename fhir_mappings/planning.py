"""Plans: the elements of our own profile, and the CarePlan that shows one as it stands.

Goals and the team are contained: they are the plan's own, and have no life outside it.
https://hl7.org/fhir/R4/careplan.html
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from fhir_mappings import periods, times
from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.codes import DATA_ABSENT
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    PARTY,
    At,
    Field,
    Kind,
    Place,
    Reading,
    Shape,
    Writing,
    read_fields,
    write_fields,
)
from fhir_mappings.options import OSLO
from fhir_mappings.periods import Bound
from fhir_mappings.references import about
from pathways.events import RULES, EventCode, Family
from pathways.facts import Goal, Participant, PlanFacts, known_as
from pathways.moments import Moment
from pathways.pathway import Thread
from pathways.plan_facts import PlanFact
from pathways.transitions import Status

_NO_MORE: Final = {"url": DATA_ABSENT, "valueCode": "not-applicable"}
_ELEMENTS: Final[Mapping[PlanFact, At]] = {
    PlanFact.TITLE: At("_title"),
    PlanFact.COORDINATOR: At("author", "_display"),
    PlanFact.GOALS: At("goal", 0),
    PlanFact.PARTICIPANTS: At("careTeam", 0),
    PlanFact.BEGINS: At("period", "_start"),
    PlanFact.ENDS: At("period", "_end"),
    PlanFact.NOTE: At("note", 0, "_text"),
}


@dataclass(frozen=True, slots=True)
class Emptied:
    """What a plan says no more: in place of a value, that there is none. FHIR has no empty values.

    https://hl7.org/fhir/extensions/StructureDefinition-data-absent-reason.html
    """

    path: str = "extension"

    def find(self, resource: JSON) -> list[Any]:
        """The facts whose elements say so."""
        told = tuple(fact for fact, at in _ELEMENTS.items() if _is_none(at.find(resource)))
        return [told] if told else []

    def put(self, resource: JSON, value: Any) -> None:
        """Say so in the elements of these facts."""
        for fact in value:
            _ELEMENTS[fact].put(resource, {"extension": [_NO_MORE]})


def _is_none(found: list[JSON]) -> bool:
    return any(_NO_MORE in element.get("extension", ()) for element in found)


@dataclass(frozen=True, slots=True)
class Contained:
    """Resources inside a resource, and the list that refers to them. They are about the same patient."""

    path: str

    def find(self, resource: JSON) -> list[Any]:
        """The References."""
        return [resource[self.path]] if self.path in resource else []

    def put(self, resource: JSON, value: Any) -> None:
        """Put them inside, and refer to them."""
        for number, one in enumerate(value):
            id_ = f"{self.path}-{number}"
            inner = one | {"id": id_, "subject": resource["subject"]}
            resource.setdefault("contained", []).append(inner)
            resource.setdefault(self.path, []).append({"reference": f"#{id_}"})


# --- goals


def _read_goals(reading: Reading, references: list[JSON], place: Place) -> tuple[Goal, ...] | None:
    found = reading.parts.resolve_all(references, place.resource)
    goals = (_goal(reading, one, place) for one in found if one["resourceType"] == "Goal")
    return tuple(goal for goal in goals if goal) or None


def _goal(reading: Reading, resource: JSON, place: Place) -> Goal | None:
    description = resource.get("description", {})
    texts = (description.get("text"), *(c.get("display") for c in description.get("coding", ())))
    text = next(filter(None, texts), None)
    due = At("target", 0, "dueDate").find(resource)
    return Goal(text, _day(reading, due[0], place) if due else None) if text else None


def _day(reading: Reading, text: str, place: Place) -> date | None:
    try:
        return times.day(text)
    except times.Unreadable as wrong:
        reading.parts.fault("value", f"The goal's due date {wrong}.", place.resource, place.path)
        return None


def _write_goals(_: Writing, goals: Iterable[Goal]) -> list[JSON]:
    return [
        {
            "resourceType": "Goal",
            "lifecycleStatus": "active",
            "description": {"text": goal.text},
            **({"target": [{"dueDate": goal.by.isoformat()}]} if goal.by else {}),
        }
        for goal in goals
    ]


# --- who takes part


def _read_team(
    reading: Reading, references: list[JSON], place: Place
) -> tuple[Participant, ...] | None:
    found = (
        _participant(reading, team, member)
        for team in reading.parts.resolve_all(references, place.resource)
        if team["resourceType"] == "CareTeam"
        for member in team.get("participant", ())
    )
    return tuple(one for one in found if one) or None


_MEMBER: Final = (
    Field("name", At("member", "display")),
    Field("role", At("role", 0, "text")),
    Field("party", At("onBehalfOf"), PARTY),
    Field("since", Bound("start"), MOMENT),
    Field("until", Bound("end"), MOMENT),
)


def _participant(reading: Reading, team: JSON, member: JSON) -> Participant | None:
    """Someone who has a name, or works somewhere that has one."""
    told = {
        one.name: value
        for one in _MEMBER
        for found in one.slot.find(member)[:1]
        if (value := one.kind.read(reading, found, Place(team, f"participant.{one.slot.path}")))
    }
    organisation = told.get("party") or PARTY.read(
        reading, member.get("member") or {}, Place(team, "participant.member")
    )
    if "name" not in told and organisation:
        told |= {"name": organisation.name or organisation.known_by[0].value, "party": organisation}
    return Participant(**told) if "name" in told else None


def _write_team(writing: Writing, people: Iterable[Participant]) -> list[JSON]:
    members = [_member(writing, one) for one in people]
    return [{"resourceType": "CareTeam", "participant": members}] if members else []


def _member(writing: Writing, one: Participant) -> JSON:
    member: JSON = {}
    write_fields(writing, _MEMBER, one, member)
    if one.since and one.until:
        periods.set_right(member["period"], one.since, one.until, writing.zone)
    return member


# --- the plan

_PLAN: Final = (
    Field("title", At("title")),
    Field("coordinator", At("author", "display")),
    Field("goals", Contained("goal"), Kind(_read_goals, _write_goals)),
    Field("participants", Contained("careTeam"), Kind(_read_team, _write_team)),
    Field("begins", Bound("start"), MOMENT),
    Field("ends", Bound("end"), MOMENT),
    Field("note", At("note", 0, "text")),
    Field("identifiers", At("identifier"), IDENTIFIERS),
    Field("emptied", Emptied()),
)
SHAPES: Final[Mapping[EventCode, Shape]] = {
    code: {"CarePlan": _PLAN} for code, rule in RULES.items() if rule.family is Family.PLAN
}


def resources(thread: Thread, writing: Writing) -> list[JSON]:
    """The CarePlan; ``linked`` adds what is done about it."""
    plan: JSON = {
        "resourceType": "CarePlan",
        "id": thread.id,
        "status": "entered-in-error" if thread.status is Status.ENTERED_IN_ERROR else "active",
        "intent": "plan",
        "subject": about("Patient", thread.patient),
        **_created(thread.begun),
    }
    facts = known_as(PlanFacts, thread.facts)
    write_fields(writing, _PLAN, facts, plan)
    if facts.begins and facts.ends:
        periods.set_right(plan["period"], facts.begins, facts.ends, OSLO)
    return [plan | ({"contributor": [about("Organization", thread.owner)]} if thread.owner else {})]


def facts(resource: JSON) -> PlanFacts:
    """What a CarePlan says; parties by the names that its References show."""
    reading = Reading(Resources({"entry": [{"resource": resource}]}), _LONG_AGO, OSLO)
    return PlanFacts(**read_fields(reading, _PLAN, resource))


_LONG_AGO: Final = datetime(1, 1, 2, tzinfo=UTC)
"""Days stand at their first instant."""


def linked(made: list[JSON], others: Collection[str]) -> list[JSON]:
    """A plan with its measures, or a measure with its plan: what each calls the other is known by its id here."""
    for one in made if others else ():
        if one["resourceType"] == "CarePlan":
            one["activity"] = [{"reference": about("Task", id_)} for id_ in sorted(others)]
        else:
            one["basedOn"] = [about("CarePlan", id_) for id_ in sorted(others)]
    return made


def _created(begun: Moment | None) -> JSON:
    return {"created": times.moment_text(begun, OSLO)} if begun else {}
