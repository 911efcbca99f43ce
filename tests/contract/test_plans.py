"""Plans, meetings, measures and follow-ups, from the message to what each party hears, owes and sees."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from carepath.store.resources import NEWEST
from carepath.store.tables import outbox, resources
from pathways.events import Activity, EventCode
from pathways.facts import (
    FollowUpFacts,
    MeasureFacts,
    MeetingFacts,
    Participant,
    PlanFacts,
    StayFacts,
)
from pathways.moments import Moment
from pathways.parties import Identifier, Party, PartyRef
from pathways.promises import PromiseKind, PromiseState
from pathways.watched import Watched
from tests.contract.stored import opened
from tests.contract.watching import KE, MONDAY, OFFICE, TOWN, WARD, Scene

PLAN = (Identifier("https://ke.example/plans", "7"),)
RAMP = (Identifier("https://ward.example/measures", "ramp"),)
DUE = Moment(MONDAY + timedelta(days=14))


def ref(party: Party) -> PartyRef:
    """As a message names it."""
    return PartyRef(party.identifiers, party.name)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """One person in town."""
    with opened(database_url) as database:
        yield Scene(database)


def the(scene: Scene, kind: PromiseKind) -> Watched:
    """The newest promise of a kind."""
    return [one for one in scene.promised() if one.kind is kind][-1]


def heard(scene: Scene, message: str) -> set[str]:
    """Who was told of a message, the operator apart."""
    told = (outbox.c.message_id == message) & (outbox.c.receiver != "*")
    with scene.database.read() as conn:
        return {*conn.execute(select(outbox.c.receiver).where(told)).scalars()}


def shown(scene: Scene, kind: str) -> dict[str, Any]:
    """The one resource of a type, as it stands."""
    with scene.database.read() as conn:
        (row,) = conn.execute(NEWEST.where(resources.c.type == kind)).mappings()
    found: dict[str, Any] = orjson.loads(row["body"])
    return found


def measure(scene: Scene) -> dict[str, Any]:
    """The Task that shows the measure."""
    with scene.database.read() as conn:
        rows = conn.execute(NEWEST.where(resources.c.type == "Task")).mappings().all()
    found = [orjson.loads(row["body"]) for row in rows]
    (task,) = (one for one in found if one["id"] == next(iter(scene.promised())).thread)
    return dict(task)


def test_star_54_a_measure_is_promised_over_the_border_and_its_due_moves(scene: Scene) -> None:
    """The hospital promises for the municipality, which owes it to the hospital until it is done."""
    promised = MeasureFacts(
        title="Rampe", owner=ref(OFFICE), refers=ref(WARD), due=DUE, identifiers=RAMP
    )
    told = scene.tell(scene.message(EventCode.MEASURE_PROMISED, WARD, promised))
    assert heard(scene, told.id) == {"office"}
    owed = the(scene, PromiseKind.MEASURE)
    assert (owed.responsible, owed.other, owed.due) == ("office", "ward", DUE.at)
    scene.later(days=10)
    later = Moment(DUE.at + timedelta(days=7))
    delayed = MeasureFacts(due=later, reason="Telen", identifiers=RAMP)
    told = scene.tell(scene.message(EventCode.MEASURE_DELAYED, OFFICE, delayed))
    assert heard(scene, told.id) == {"ward"}
    assert the(scene, PromiseKind.MEASURE).due == later.at
    scene.later(days=8)
    done = MeasureFacts(identifiers=RAMP)
    scene.tell(scene.message(EventCode.MEASURE_DONE, OFFICE, done))
    kept = the(scene, PromiseKind.MEASURE)
    assert (kept.state, kept.kept_in_time) == (PromiseState.KEPT, True)


def test_star_51_a_plan_and_its_measures_know_each_other_in_whatever_order(scene: Scene) -> None:
    """Who takes part hears of the measures of the plan, and what each is called leads to the other."""
    scene.tell(
        scene.message(
            EventCode.MEASURE_PROMISED, WARD, MeasureFacts(plan=PLAN, due=DUE, identifiers=RAMP)
        )
    )
    people = (
        Participant("Kari", party=ref(OFFICE)),
        Participant("Ola", party=ref(TOWN), until=Moment(MONDAY)),
    )
    plan = PlanFacts(title="IP", participants=people, identifiers=PLAN)
    told = scene.tell(scene.message(EventCode.PLAN_CREATED, KE, plan))
    assert heard(scene, told.id) == {"office"}
    task, care_plan = measure(scene), shown(scene, "CarePlan")
    assert task["basedOn"] == [{"reference": f"CarePlan/{care_plan['id']}"}]
    assert care_plan["activity"] == [{"reference": {"reference": f"Task/{task['id']}"}}]
    started = scene.tell(
        scene.message(EventCode.MEASURE_STARTED, WARD, MeasureFacts(identifiers=RAMP))
    )
    assert heard(scene, started.id) == {"office", "ke"}


def test_star_52_who_is_summoned_answers_and_nobody_else(scene: Scene) -> None:
    """A promise for each; a copy owes nothing; another time asks anew; cancelled, nobody owes."""
    summons = MeetingFacts(begins=DUE, summoned=(ref(WARD), ref(OFFICE)), identifiers=PLAN)
    told = scene.tell(scene.message(EventCode.PLAN_MEETING, KE, summons))
    assert owing(scene) == {"ward", "office"}
    yes = MeetingFacts(accepts=True, identifiers=PLAN)
    scene.later(hours=1)
    scene.tell(scene.message(EventCode.PLAN_MEETING, WARD, yes, activity=Activity.REPLY))
    assert owing(scene) == {"office"}
    statuses = {one["status"] for one in shown(scene, "Appointment")["participant"]}
    assert statuses == {"needs-action", "accepted"}
    scene.later(hours=1)
    scene.tell(
        scene.message(EventCode.PLAN_MEETING, KE, summons, activity=Activity.CANCEL, target=told.id)
    )
    assert owing(scene) == set()
    assert shown(scene, "Appointment")["status"] == "cancelled"


def owing(scene: Scene) -> set[str]:
    """Who still owes something."""
    return {one.responsible for one in scene.promised() if one.state is PromiseState.OPEN}


def test_a_contact_opens_the_next_and_a_death_ends_them_all(scene: Scene) -> None:
    """A follow-up of another matter than the stay that tells of the death."""
    agreed = FollowUpFacts(owner=ref(OFFICE), interval_days=14, identifiers=RAMP)
    scene.tell(scene.message(EventCode.FOLLOW_UP, KE, agreed))
    scene.later(days=13)
    talked = FollowUpFacts(note="Bra", identifiers=RAMP)
    scene.tell(scene.message(EventCode.FOLLOW_UP, OFFICE, talked, activity=Activity.REPLY))
    states = [one.state for one in scene.promised()]
    assert states == [PromiseState.KEPT, PromiseState.OPEN]
    scene.later(days=1)
    scene.tell(scene.message(EventCode.DEATH, WARD, StayFacts(deceased=Moment(scene.now))))
    assert owing(scene) == set()
    scene.later(days=30)
    assert scene.look() == []
