"""CarePlans and Appointments as others write them, and as we show them."""

from typing import Any

from fhir_mappings import planning
from fhir_mappings.references import writing
from fhir_mappings.resources import of_thread
from pathways.events import Family
from pathways.facts import Goal, MeetingFacts, Participant, PlanFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Directory
from pathways.pathway import Thread
from pathways.states import Meeting, MeetingAnswer
from pathways.transitions import Status
from tests.unit.records import BEGIN


def care_plan(*inside: dict[str, Any], goals: int = 0) -> dict[str, Any]:
    """With what it contains: goals, then a team."""
    references = [{"reference": f"#{one['id']}"} for one in inside]
    return {
        "resourceType": "CarePlan",
        "contained": [*inside],
        "goal": references[:goals],
        "careTeam": references[goals:],
    }


def test_others_plans_are_read_as_far_as_they_say_something() -> None:
    """A goal by its code's words; one without any is none, a month names no day; a member may be an organisation."""
    goals: list[dict[str, Any]] = [
        {
            "resourceType": "Goal",
            "id": "a",
            "description": {"coding": [{"display": "Walk"}]},
            "target": [{"dueDate": "2027-03"}],
        },
        {"resourceType": "Goal", "id": "b", "description": {}},
    ]
    team = {
        "resourceType": "CareTeam",
        "id": "t",
        "participant": [{"member": {"display": "School"}}, {"role": [{"text": "somebody"}]}],
    }
    assert planning.facts(care_plan(*goals, team, goals=2)) == PlanFacts(
        goals=(Goal("Walk"),), participants=(Participant("School"),)
    )


def test_a_participant_without_a_name_is_their_organisation() -> None:
    """It is told by what it is called, or what it is known by."""
    organisation = {"identifier": {"system": "urn:x", "value": "7"}}
    team = {"resourceType": "CareTeam", "id": "t", "participant": [{"member": organisation}]}
    (one,) = planning.facts(care_plan(team)).participants or ()
    assert one.name == "7"
    assert one.party
    assert one.party.known_by[0].value == "7"


def thread(family: Family, facts: Any, status: Status) -> Thread:
    """As it stands."""
    key = Key(KeyRank.REFERRAL, "n")
    return Thread(id="t", patient="p", family=family, anchor=key, status=status, facts=facts)


def test_a_meeting_shows_each_answer() -> None:
    """And is booked when its times are known; a day is only asked for."""
    whole = Moment(BEGIN)
    facts = MeetingFacts(begins=whole, ends=whole, place="Rådhuset")
    answers = (MeetingAnswer("gp", accepts=False), MeetingAnswer("ke"))
    meeting = Meeting(facts=facts, summoned=("gp", "ke", "town"), answers=answers)
    (shown,) = of_thread(thread(Family.MEETING, meeting, Status.OPEN), Directory())
    statuses = [one["status"] for one in shown["participant"]]
    assert statuses == ["needs-action", "accepted", "declined", "tentative", "needs-action"]
    assert (shown["status"], "start" in shown) == ("booked", True)
    day = Meeting(facts=MeetingFacts(begins=Moment(BEGIN, day=True), ends=whole))
    (shown,) = of_thread(thread(Family.MEETING, day, Status.OPEN), Directory())
    assert (shown["status"], "start" in shown) == ("proposed", False)


def test_a_plan_that_ends_before_it_begins_shows_no_end() -> None:
    """Whoever told what."""
    facts = PlanFacts(begins=Moment(BEGIN), ends=Moment(BEGIN.replace(year=2020)))
    (shown,) = planning.resources(
        thread(Family.PLAN, facts, Status.ACTIVE), writing(Directory(), BEGIN)
    )
    assert shown["period"] == {"start": "2026-11-16T08:00:00Z"}
