"""Coordinators as a CareTeam: whoever has a baton, has had it, is offered it or stands in is a participant.

The same in messages and in the current state (docs/profile.md, *Events*). A participant's first ``role`` is the
coordinator's; one more, of ``team-part``, says that the baton is only offered to them, or that they stand in. The
person is a contained Practitioner; who names only an organisation has that for a member.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta, tzinfo
from typing import Any, Final

from fhir_mappings.bundle import JSON
from fhir_mappings.codes import CALL_FIRST, COORDINATOR_ROLE, TASK_DETAIL, TEAM_PART
from fhir_mappings.elements import (
    IDENTIFIERS,
    MOMENT,
    PARTY,
    At,
    Extension,
    Field,
    Kind,
    Place,
    Reading,
    Shape,
    Slot,
    Writing,
    coded,
    codes,
    write_fields,
)
from fhir_mappings.options import OSLO
from fhir_mappings.parties import author, party
from fhir_mappings.periods import Bound, in_order, make_comparable
from fhir_mappings.references import about
from fhir_mappings.slots import Input
from pathways.events import EventCode
from pathways.facts import CoordinatorFacts, Role, known_as
from pathways.messages import Author
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.pathway import Thread
from pathways.states import Absence, Baton, Hand, Team, Tenure

OFFERED: Final = "offered"
SUBSTITUTE: Final = "substitute"


# --- slots


@dataclass(frozen=True, slots=True)
class _Part:
    """A slot of the participant that has this part; without one, of who has the baton."""

    part: str | None
    inner: Slot

    @property
    def path(self) -> str:
        """The list it stands in."""
        return f"participant.{self.inner.path}"

    def find(self, resource: JSON) -> list[Any]:
        """What stands there in every participant with this part."""
        return [value for one in self._found(resource) for value in self.inner.find(one)]

    def _found(self, resource: JSON) -> list[JSON]:
        return [one for one in resource.get("participant", ()) if part_of(one) == self.part]

    def put(self, resource: JSON, value: Any) -> None:
        """Put it in the participant, which is made where there is none."""
        found = self._found(resource)
        if not found:
            found = [_concept(TEAM_PART, self.part)] if self.part else []
            found = [{"role": found}] if found else [{}]
            resource.setdefault("participant", []).extend(found)
        self.inner.put(found[0], value)


@dataclass(frozen=True, slots=True)
class _RoleCode:
    """The coordinator's role among the roles of a participant."""

    path: str = "role"

    def find(self, resource: JSON) -> list[Any]:
        """The codes of our system."""
        return list(codes(resource.get("role"), COORDINATOR_ROLE))

    def put(self, resource: JSON, value: Any) -> None:
        """Before what says which part it is."""
        resource.setdefault("role", []).insert(0, _concept(COORDINATOR_ROLE, value))


@dataclass(frozen=True, slots=True)
class _Person:
    """The ``member`` of a participant; a person is written as a Practitioner that is contained."""

    part: str | None
    element: str  # of the Practitioner

    @property
    def path(self) -> str:
        """The list it stands in."""
        return "participant.member"

    def find(self, resource: JSON) -> list[Any]:
        """The References to the members with this part."""
        return _Part(self.part, At("member")).find(resource)

    def put(self, resource: JSON, value: Any) -> None:
        """Put the element into the Practitioner, which is made where there is none."""
        id_ = self.part or "holder"
        people = resource.setdefault("contained", [])
        person = next((one for one in people if one["id"] == id_), None)
        if person is None:
            person = {"resourceType": "Practitioner", "id": id_}
            people.append(person)
            _Part(self.part, At("member")).put(resource, {"reference": f"#{id_}"})
        person[self.element] = value


@dataclass(frozen=True, slots=True)
class _Workplace:
    """``onBehalfOf``, which only persons may have (ctm-1); a participant who is no person is the organisation."""

    path: str = "onBehalfOf"

    def find(self, resource: JSON) -> list[Any]:
        """The Reference to it; a member that is not contained may be one, too."""
        if "onBehalfOf" in resource:
            return [{**resource["onBehalfOf"], "type": "Organization"}]
        member = resource.get("member")
        return [member] if member else []

    def put(self, resource: JSON, value: Any) -> None:
        """Beside a person, or as the member."""
        if "member" in resource:
            resource["onBehalfOf"] = value
        else:
            resource["member"] = {**value, "type": "Organization"}


def _read_workplace(reading: Reading, value: JSON, place: Place) -> PartyRef | None:
    """A member is one where it is said or seen to be an Organization."""
    is_found = reading.parts.resolve(value, place.resource) is not None
    if not is_found and value.get("type") != "Organization":
        return None
    return party(reading.parts, value, place.resource)


def _member(reading: Reading, value: JSON, place: Place) -> Author:
    if value.get("type") == "Organization":
        return Author()
    return author(reading.parts, value, place.resource) or Author()


_NAME: Final = Kind(lambda r, v, p: _member(r, v, p).name, lambda _, value: [{"text": value}])
_PHONE: Final = Kind(
    lambda r, v, p: _member(r, v, p).phone,
    lambda _, value: [{"system": "phone", "value": value}],
)
_WORKPLACE: Final = Kind(_read_workplace, PARTY.write)


def part_of(participant: JSON) -> str | None:
    """``offered``, ``substitute``, or ``None`` for who has the baton."""
    return next(iter(codes(participant.get("role"), TEAM_PART)), None)


def _concept(system: str, code: str) -> JSON:
    return {"coding": [{"system": system, "code": code}]}


# --- shapes


def _who(part: str | None, *names: str) -> tuple[Field, ...]:
    """Name, phone and organisation, under the names that the facts have for them."""
    name, phone, organisation = names
    return (
        Field(name, _Person(part, "name"), _NAME),
        Field(phone, _Person(part, "telecom"), _PHONE),
        Field(organisation, _Part(part, _Workplace()), _WORKPLACE),
    )


def _when(part: str | None) -> tuple[Field, ...]:
    return (
        Field("since", _Part(part, Bound("start")), MOMENT),
        Field("until", _Part(part, Bound("end")), MOMENT),
    )


def _role(part: str | None) -> Field:
    return Field("role", _Part(part, _RoleCode()), coded(Role))


_HOLDER: Final = ("name", "phone", "party")
_SUBSTITUTE: Final = ("substitute", "substitute_phone", "substitute_party")
_WHY: Final = (
    Field("reason", At("reasonCode", 0, "text")),
    Field("identifiers", At("identifier"), IDENTIFIERS),
)
_GIVEN: Final[Shape] = {
    "CareTeam": (
        _role(None),
        *_who(None, *_HOLDER),
        Field("first", _Part(None, Extension(CALL_FIRST, "valueBoolean"))),
        *_when(None),
        *_WHY,
    )
}
SHAPES: Final[Mapping[EventCode, Shape]] = {
    EventCode.COORDINATOR_APPOINTED: _GIVEN,
    EventCode.COORDINATOR_HANDOVER_ACCEPTED: _GIVEN,
    EventCode.COORDINATOR_HANDOVER_OFFERED: {
        "CareTeam": (_role(OFFERED), *_who(OFFERED, *_HOLDER), *_when(OFFERED)[:1], *_WHY)
    },
    EventCode.COORDINATOR_ABSENT: {
        "CareTeam": (
            _role(None),
            *_who(None, *_HOLDER),
            *_who(SUBSTITUTE, *_SUBSTITUTE),
            *_when(SUBSTITUTE),
            *_WHY,
        )
    },
    EventCode.COORDINATOR_CHANGE_REQUESTED: {"CareTeam": (_role(None), *_WHY)},
    EventCode.COORDINATION_NEED: {
        "Task": (
            Field("role", Input(TASK_DETAIL, "coordinator-role", ("valueCode",)), coded(Role)),
            Field("expecting", Input(TASK_DETAIL, "expecting-child", ("valueBoolean",))),
            Field("reason", At("reasonCode", "text")),
            Field("identifiers", At("identifier"), IDENTIFIERS),
        )
    },
}


def finished(resource: JSON, facts: CoordinatorFacts, zone: tzinfo) -> None:
    """With Periods that can be compared."""
    if facts.since and facts.until:
        for one in resource.get("participant", ()):
            if "end" in one.get("period", {}):
                make_comparable(one["period"], facts.since, facts.until, zone)


# --- the current state


def resources(thread: Thread, writing: Writing) -> list[JSON]:
    """The team as it stands: every term, what is offered, and every absence, role by role."""
    team = known_as(Team, thread.facts)
    care_team: JSON = {
        "resourceType": "CareTeam",
        "id": thread.id,
        "status": "active" if team.batons else "proposed",
        "subject": about("Patient", thread.patient),
    }
    seats = [seat for baton in team.batons for seat in _seats(baton, team, writing)]
    for number, (participant, person) in enumerate(seats, 1):
        if person:
            person["id"] = f"person-{number}"
            participant["member"] = {"reference": f"#{person['id']}"}
            care_team.setdefault("contained", []).append(person)
        care_team.setdefault("participant", []).append(participant)
    return [care_team]


Seat = tuple[JSON, JSON | None]
"""A participant, and the person, where it is one."""


def _seats(baton: Baton, team: Team, writing: Writing) -> Iterator[Seat]:
    for tenure, after in zip(baton.tenures, (*baton.tenures[1:], None), strict=True):
        is_first = after is None and team.first is baton.role
        said = _said(tenure.hand, role=baton.role, since=tenure.since, until=_end(tenure, after))
        said = replace(said, first=is_first or None)
        yield _seat(EventCode.COORDINATOR_APPOINTED, said, tenure.hand, writing)
    if offer := baton.offer:
        said = _said(offer.hand, role=baton.role, since=offer.since)
        yield _seat(EventCode.COORDINATOR_HANDOVER_OFFERED, said, offer.hand, writing)
    for absence in baton.absences:
        seat = _seat(EventCode.COORDINATOR_ABSENT, _away(absence), absence.substitute, writing)
        _RoleCode().put(seat[0], str(baton.role))
        yield seat


def _said(
    hand: Hand, *, role: Role, since: Moment | None = None, until: Moment | None = None
) -> CoordinatorFacts:
    return CoordinatorFacts(
        role=role, name=hand.name, phone=hand.phone, party=hand.party, since=since, until=until
    )


def _away(absence: Absence) -> CoordinatorFacts:
    hand = absence.substitute
    return CoordinatorFacts(
        substitute=hand.name,
        substitute_phone=hand.phone,
        substitute_party=hand.party,
        since=absence.since,
        until=_not_before(absence.since, absence.until),
    )


def _end(tenure: Tenure, after: Tenure | None) -> Moment | None:
    """A term ends when the next one begins: before its day, where that is all that is known."""
    ends = tenure.until
    if after is not None:
        begun = after.since
        next_ = Moment(begun.at - timedelta(days=1), day=True) if begun.day else begun
        ends = next_ if ends is None or next_.at < ends.at else ends
    return _not_before(tenure.since, ends)


def _not_before(since: Moment, until: Moment | None) -> Moment | None:
    return until if until is None or in_order(since, until, OSLO) else since


def _seat(code: EventCode, said: CoordinatorFacts, hand: Hand, writing: Writing) -> Seat:
    made: JSON = {}
    write_fields(writing, SHAPES[code]["CareTeam"], said, made)
    finished(made, said, OSLO)
    (participant,) = made["participant"]
    if hand.party is None and hand.key:
        _Workplace().put(participant, about("Organization", hand.key))
    return participant, next(iter(made.get("contained", ())), None)
