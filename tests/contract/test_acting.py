"""What people do from pages, on both stores: about the matter it names, sent once, of nobody they may not know."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from carepath.service import Submission
from carepath.service.answers import Answer
from carepath.service.drafts import Draft, Matter
from carepath.service.rebuild import rebuild
from carepath.store import tables
from carepath.store.disclosures import Disclosures
from carepath.ui.acting import Acting
from carepath.ui.values import Done, Fate, Visit
from pathways.access import Actor, Role
from pathways.events import EventCode, Family
from pathways.facts import InquiryFacts, Need, StayFacts
from pathways.messages import Key, KeyRank
from pathways.parties import Identifier
from pathways.refusals import Reason
from tests.contract.door import NOW, TOWN, Door, closed_door, someone
from tests.contract.stored import BASE

C = EventCode
LOCAL = Identifier("", "77")
"""The hospital's own number of the stay, which says no system: nobody else can say it."""
LOCAL_KEY = Key(KeyRank.STAY, "|77|https://directory.example/parties|ward")


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A broker outside open mode with a directory, on each store; pages are of today."""
    with closed_door(database_url) as broker:
        service = broker.service
        service.options = replace(service.options, now=lambda: datetime.now(UTC))
        yield broker


def do(
    broker: Door, draft: Draft, party: str = "town-case-office", role: Role = Role.STAFF
) -> Done:
    """What becomes of what somebody at a unit does."""

    async def submit(submission: Submission) -> Answer:
        (answer,) = broker.service.handle([submission])
        return answer

    visit = Visit(Actor(role=role, party=party, name="Kari Moe"), Disclosures())
    return asyncio.run(Acting(broker.service.database, BASE, submit).send(visit, draft))


def stay(broker: Door) -> tuple[str, str]:
    """A stay that the ward has told town of, by a number of its own: its patient and its thread."""
    facts = StayFacts(identifiers=(LOCAL,), municipal_need=Need.YES)
    answer = broker.tell(C.DISCHARGE_READY, facts=facts, keys=(LOCAL_KEY,))
    assert answer.patient is not None
    (thread,) = threads(broker)
    return answer.patient, thread


def threads(broker: Door) -> dict[str, int]:
    """How many events each matter has."""
    with broker.service.database.read() as conn:
        found = conn.execute(select(tables.events.c.thread)).scalars().all()
    return {thread: found.count(thread) for thread in found}


def answer(patient: str, thread: str) -> Draft:
    """The town can receive."""
    return Draft(
        code=C.CAPACITY_ANSWER,
        facts=StayFacts(can_receive=True),
        patient=patient,
        matter=Matter(thread, Family.STAY),
    )


def test_it_is_about_the_matter_that_it_names(broker: Door) -> None:
    """Though its keys are nobody's to say; all its records made anew say the same, and the ward's number stays."""
    patient, thread = stay(broker)
    assert do(broker, answer(patient, thread)) == Done(Fate.DONE, patient)
    assert threads(broker) == {thread: 2}
    assert "capacity-answer" in broker.kinds("ward")
    assert rebuild(broker.service.database, BASE, NOW) == 0
    assert threads(broker) == {thread: 2}


def test_a_form_is_sent_once(broker: Door) -> None:
    """Whatever it says the second time."""
    patient, thread = stay(broker)
    draft = answer(patient, thread)
    assert do(broker, draft).fate is Fate.DONE
    assert do(broker, draft).fate is Fate.AGAIN
    changed = replace(draft, facts=StayFacts(can_receive=False))
    assert (
        do(broker, changed).why("en")
        == "This form was sent before. What you wrote now was not sent."
    )
    assert threads(broker) == {thread: 2}
    assert do(broker, replace(changed, id=answer(patient, thread).id)).fate is Fate.DONE


@pytest.mark.parametrize("patient", ["", "0" * 32, "known"])
def test_of_somebody_they_may_not_know_nothing_is_said(broker: Door, patient: str) -> None:
    """The same for a patient who is not, and for one who is not theirs."""
    known, thread = stay(broker)
    draft = answer(known if patient == "known" else patient, thread)
    refused = do(broker, draft, "village-case-office")
    assert refused.fate is Fate.REFUSED
    assert refused.patient is None
    assert refused.why("nb") == "Fant ikke det dette gjelder."
    assert threads(broker) == {thread: 1}


def test_a_matter_that_is_not_is_not_made_up(broker: Door) -> None:
    """Its id names nothing: an answer begins a matter of its own, as one with an unknown number does."""
    patient, thread = stay(broker)
    assert do(broker, answer(patient, "0" * 36)).fate is Fate.DONE
    assert threads(broker)[thread] == 1


def test_what_the_rules_refuse_is_told_in_words(broker: Door) -> None:
    """In both languages, and nothing changes."""
    patient, _ = stay(broker)
    draft = Draft(code=C.ADMISSION, facts=StayFacts(), patient=patient, sender=None)
    refused = do(broker, draft, role=Role.NON_HEALTH)
    assert (refused.fate, refused.why("nb")) == (Fate.REFUSED, "Du kan ikke gjøre dette.")
    lost = replace(draft, to=("nobody",))
    told = do(broker, lost)
    assert told.refusal is not None
    assert told.refusal.reason is Reason.UNKNOWN_RECEIVER


def test_people_whom_nobody_has_heard_of_can_be_asked_about(broker: Door) -> None:
    """By their own number; a copy goes where it is sent."""
    draft = Draft(
        code=C.INQUIRY,
        facts=InquiryFacts(text="Hvem hjelper ham hjem?"),
        patient=someone(TOWN).identifiers,
        to=("town-ke",),
        copies=("gp",),
    )
    done = do(broker, draft)
    assert (done.fate, done.patient is not None) == (Fate.DONE, True)
    assert "inquiry" in broker.kinds("town-ke")
    assert "inquiry" in broker.kinds("gp")
