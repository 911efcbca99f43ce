"""Plans that people change by hand, on both stores: nobody overtakes another unseen, and each reads what is theirs."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from carepath.service import Submission
from carepath.service.answers import Answer
from carepath.service.drafts import Draft, Matter
from carepath.store.disclosures import Disclosures
from carepath.texts import ZONE
from carepath.ui.acting import Acting
from carepath.ui.send.data import Writing
from carepath.ui.values import Done, Fate, History, Visit
from pathways.access import Actor, Role
from pathways.events import EventCode, Family
from pathways.facts import Goal, InquiryFacts, MeasureFacts, Participant, PlanFacts
from pathways.moments import on_day
from pathways.parties import Identifier
from pathways.plan_facts import PlanFact
from pathways.refusals import Cause
from tests.contract.door import TOWN, Door, closed_door, ref, someone
from tests.contract.stored import BASE

C = EventCode
NUMBER = (Identifier("https://ke.example/plans", "7"),)
PLAN = PlanFacts(
    title="Plan",
    goals=(Goal("walk"),),
    participants=(Participant("Ward", party=ref("ward")),),
    identifiers=NUMBER,
)


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A broker outside open mode with a directory, on each store; pages are of today."""
    with closed_door(database_url) as broker:
        service = broker.service
        service.options = replace(service.options, now=lambda: datetime.now(UTC))
        yield broker


def visit(party: str) -> Visit:
    """A coordinator there."""
    return Visit(Actor(role=Role.COORDINATOR, party=party, name="Kari Moe"), Disclosures())


def do(broker: Door, draft: Draft, party: str = "town-nursing") -> Done:
    """What becomes of what somebody there does."""

    async def submit(submission: Submission) -> Answer:
        (answer,) = broker.service.handle([submission])
        return answer

    acting = Acting(broker.service.database, BASE, submit)
    return asyncio.run(acting.send(visit(party), draft))


def made(broker: Door) -> tuple[str, str]:
    """A plan of the town's with the ward in it: its patient and its thread."""
    done = do(broker, Draft(code=C.PLAN_CREATED, facts=PLAN, patient=someone(TOWN).identifiers))
    assert done.patient is not None
    found = Writing(broker.service.database).plans(visit("town-nursing"), done.patient)
    assert found is not None
    (thread,) = found.histories
    return done.patient, thread


def history(broker: Door, patient: str, party: str = "town-nursing") -> History:
    """How the plan came about, as somebody there sees it."""
    found = Writing(broker.service.database).plans(visit(party), patient)
    assert found is not None
    return next(iter(found.histories.values()))


def change(patient: str, thread: str, after: str, **said: Any) -> Draft:
    """It becomes this, where nobody has told anything since."""
    return Draft(
        code=C.PLAN_UPDATED,
        facts=PlanFacts(**said),
        patient=patient,
        matter=Matter(thread, Family.PLAN),
        after=after,
    )


def test_nobody_overtakes_another_unseen(broker: Door) -> None:
    """The second is told; nothing of theirs is done until they have seen the first one's."""
    patient, thread = made(broker)
    seen = history(broker, patient).last
    first = change(patient, thread, seen, goals=(Goal("swim"),))
    second = change(patient, thread, seen, goals=(Goal("sing"),))
    assert do(broker, first).fate is Fate.DONE
    refused = do(broker, second, "ward")
    assert refused.fate is Fate.REFUSED
    assert refused.refusal is not None
    assert [issue.cause for issue in refused.refusal.issues] == [Cause.CHANGED_MEANWHILE]
    now = history(broker, patient)
    assert now.versions[-1].facts.goals == (Goal("swim"),)
    again = change(patient, thread, now.last, goals=(Goal("sing"),))
    assert do(broker, again, "ward").fate is Fate.DONE
    assert [v.facts.goals for v in history(broker, patient).versions] == [
        (Goal("walk"),),
        (Goal("swim"),),
        (Goal("sing"),),
    ]


def test_what_a_plan_said_is_emptied(broker: Door) -> None:
    """A text, a date, a list: everybody who reads the plan sees so; the rest stands."""
    patient, thread = made(broker)
    day = on_day(date(2027, 3, 1), datetime.now(UTC), ZONE)
    told = {"note": "Ring først", "ends": day}
    first = change(patient, thread, history(broker, patient).last, **told)
    assert do(broker, first).fate is Fate.DONE
    gone = (PlanFact.TITLE, PlanFact.GOALS, PlanFact.ENDS, PlanFact.NOTE)
    last = history(broker, patient).last
    assert do(broker, change(patient, thread, last, emptied=gone)).fate is Fate.DONE
    for party in ("town-nursing", "ward"):
        facts = history(broker, patient, party).versions[-1].facts
        assert facts == PlanFacts(participants=PLAN.participants, identifiers=NUMBER)


def test_who_takes_part_reads_it_and_nobody_else(broker: Door) -> None:
    """Who has heard of the patient otherwise sees no plan; a stranger nobody at all."""
    patient, _ = made(broker)
    assert history(broker, patient, "ward").whole
    asked = InquiryFacts(text="Kjenner dere henne?")
    question = Draft(code=C.INQUIRY, facts=asked, patient=patient, to=("other-hospital",))
    assert do(broker, question).fate is Fate.DONE
    found = Writing(broker.service.database).plans(visit("other-hospital"), patient)
    assert found is not None
    assert not found.histories
    assert Writing(broker.service.database).plans(visit("village-case-office"), patient) is None


def test_who_sees_a_part_of_it_does_not_see_the_whole(broker: Door) -> None:
    """So they cannot take out what they do not know of."""
    patient, thread = made(broker)
    added = (*(PLAN.participants or ()), Participant("Surgery", party=ref("surgery")))
    last = history(broker, patient).last
    assert do(broker, change(patient, thread, last, participants=added)).fate is Fate.DONE
    late = history(broker, patient, "surgery")
    assert (len(late.versions), late.whole) == (1, False)


def test_the_receipt_is_for_who_sent_it(broker: Door) -> None:
    """With who is told; what waits for its matter says so."""
    patient, thread = made(broker)
    draft = change(patient, thread, history(broker, patient).last, note="Ring først")
    do(broker, draft)
    writing = Writing(broker.service.database)
    receipt = writing.receipt(visit("town-nursing"), draft.id)
    assert receipt is not None
    assert receipt.record is not None
    assert "ward" in receipt.record.receivers
    assert writing.receipt(visit("ward"), draft.id) is None
    lost = Draft(
        code=C.MEASURE_DROPPED,
        facts=MeasureFacts(reason="Flyttet", identifiers=(Identifier("https://x.example", "9"),)),
        patient=patient,
    )
    assert do(broker, lost).fate is Fate.WAITS
    waiting = writing.receipt(visit("town-nursing"), lost.id)
    assert waiting is not None
    assert waiting.record is None
