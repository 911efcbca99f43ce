"""What opens a promise of each kind, and the pages' view of it: for tests of the worklist, on both stores."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select

from carepath.delivery.receipts import Receipts
from carepath.service import ServiceOptions, Submission
from carepath.service.answers import Answer
from carepath.service.drafts import Draft
from carepath.service.watch import Watch
from carepath.store import numbering
from carepath.store.disclosures import Disclosures
from carepath.store.tables import promises
from carepath.ui.acting import Acting
from carepath.ui.values import Done, Visit
from carepath.ui.worklist.data import Row, Worklists
from pathways.access import Actor, Role
from pathways.events import EventCode
from pathways.facts import (
    ApplicationFacts,
    CoordinatorFacts,
    CourseFacts,
    Facts,
    FollowUpFacts,
    InquiryFacts,
    MeasureFacts,
    MeetingFacts,
    Need,
    Outcome,
    ReferralFacts,
    StayFacts,
)
from pathways.facts import Role as Part
from pathways.messages import Patient
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.promises import PromiseKind
from tests.contract import matters
from tests.contract.door import TOWN, Door, ref
from tests.contract.stored import BASE

C, K = EventCode, PromiseKind
NUMBER = (Identifier("https://ehr.example/id", "matter-1"),)
SOON = Moment(datetime(2100, 1, 4, tzinfo=UTC))
OFFICE, NURSING, KE = "town-case-office", "town-nursing", "town-ke"

Told = tuple[EventCode, str, tuple[str, ...], Facts]
_NEED = StayFacts(municipal_need=Need.YES, identifiers=NUMBER)
_ASKED = ReferralFacts(title="Rehab", performer=ref("ward"), identifiers=NUMBER)
_QUESTION = InquiryFacts(text="Hvem hjelper?", identifiers=NUMBER)
_HOLDS = CoordinatorFacts(role=Part.MUNICIPAL, name="Kari Moe", party=ref(NURSING))
_APPLIES = ApplicationFacts(service="Hjemmehjelp", identifiers=NUMBER)
_GRANTED = ApplicationFacts(outcome=Outcome.GRANTED, valid_to=SOON, identifiers=NUMBER)
_PROMISED = MeasureFacts(title="Rampe", due=SOON, evaluate_by=SOON, identifiers=NUMBER)
_READY: Told = (C.DISCHARGE_READY, "ward", (OFFICE,), _NEED)
_APPLIED: Told = (C.APPLICATION, "gp", (OFFICE,), _APPLIES)
_DECIDED: Told = (C.DECISION, OFFICE, (), _GRANTED)
_APPOINTED: Told = (C.COORDINATOR_APPOINTED, KE, (), _HOLDS)

OPENINGS: Mapping[PromiseKind, Sequence[Told]] = {
    K.EARLY_NOTICE: [(C.ADMISSION, "ward", (), _NEED)],
    K.ADMISSION_REPORT: [(C.ADMISSION, "ward", (), _NEED)],
    K.CAPACITY_ANSWER: [_READY],
    K.OFFER_READY: [
        _READY,
        (C.CAPACITY_ANSWER, OFFICE, (), StayFacts(can_receive=False, identifiers=NUMBER)),
    ],
    K.RECEIVED_HOME: [(C.DEPARTURE_PLANNED, "ward", (), replace(_NEED, departs=SOON))],
    K.TRANSFER_REPORT: [(C.TRANSFER, "ward", ("other-hospital",), _NEED)],
    K.DISCHARGE_REPORT: [(C.ADMISSION, "ward", (), _NEED), (C.DISCHARGE, "ward", (), _NEED)],
    K.REFERRAL_ASSESSMENT: [(C.REFERRAL, "gp", ("ward",), _ASKED)],
    K.ACUTE_ASSESSMENT: [(C.REFERRAL, "gp", ("ward",), replace(_ASKED, priority="stat"))],
    K.CHOICE_CONFIRMATION: [(C.HOSPITAL_CHOICE, "legevakt", ("ward",), _ASKED)],
    K.INQUIRY_ANSWER: [(C.INQUIRY, "ward", (OFFICE,), _QUESTION)],
    K.CARER_ANSWER: [(C.CARER_UNAVAILABLE, "gp", (NURSING,), _QUESTION)],
    K.FIRST_CONTACT: [
        (C.FIRST_CONTACT_BOOKED, "ward", (), CourseFacts(contact=SOON, identifiers=NUMBER))
    ],
    K.COORDINATION_ANSWER: [(C.COORDINATION_NEED, "gp", (), CoordinatorFacts(reason="flere"))],
    K.HANDOVER_ANSWER: [
        _APPOINTED,
        (
            C.COORDINATOR_HANDOVER_OFFERED,
            NURSING,
            (),
            CoordinatorFacts(role=Part.MUNICIPAL, name="Ola Sand", party=ref("town-doctor")),
        ),
    ],
    K.CHANGE_ANSWER: [
        _APPOINTED,
        (C.COORDINATOR_CHANGE_REQUESTED, "gp", (), CoordinatorFacts(role=Part.MUNICIPAL)),
    ],
    K.MEETING_ANSWER: [
        (C.PLAN_MEETING, KE, (), MeetingFacts(summoned=(ref("ward"),), identifiers=NUMBER))
    ],
    K.PROPOSAL_ANSWER: [
        (C.MEASURE_PROPOSED, "gp", (OFFICE,), MeasureFacts(title="Rampe", identifiers=NUMBER))
    ],
    K.MEASURE: [(C.MEASURE_PROMISED, OFFICE, (), _PROMISED)],
    K.EVALUATION: [
        (C.MEASURE_PROMISED, OFFICE, (), _PROMISED),
        (C.MEASURE_DONE, OFFICE, (), MeasureFacts(identifiers=NUMBER)),
    ],
    K.FOLLOW_UP: [(C.FOLLOW_UP, NURSING, (), FollowUpFacts(interval_days=14, identifiers=NUMBER))],
    K.INTERIM_ANSWER: [_APPLIED],
    K.DECISION: [_APPLIED],
    K.COMPLAINT_FORWARDED: [
        _APPLIED,
        _DECIDED,
        (C.COMPLAINT, "gp", (), ApplicationFacts(reason="for lite", identifiers=NUMBER)),
    ],
    K.REVIEW: [_APPLIED, _DECIDED],
    K.RECEIPT: [(C.INQUIRY, "ward", (OFFICE,), _QUESTION)],
}
"""What is told to open one, by whom, to whom."""


@dataclass
class Desk:
    """Somebody at work, at the pages. Every patient is another one."""

    broker: Door
    _people: Iterator[int] = field(default_factory=lambda: count(1))
    _seconds: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        """The pages have the real clock, so the broker has it, too."""
        self.broker.service.options = ServiceOptions(base_url=BASE, open_mode=False)
        self.acting = Acting(self.broker.service.database, BASE, self._submit)
        self.lists = Worklists(self.broker.service.database, self.acting.change)

    async def _submit(self, submission: Submission) -> Answer:
        (answer,) = self.broker.service.handle([submission])
        return answer

    def person(self) -> Patient:
        """Somebody new, who lives in town."""
        return replace(matters.patient(next(self._people)), municipality=TOWN)

    def open(self, kind: PromiseKind) -> Row:
        """A promise of this kind, of somebody new, as whoever owes it sees it."""
        patient, began = self.person(), datetime.now(UTC) - timedelta(hours=2)
        whose = None
        if kind is K.RECEIPT:
            self._nobody_confirms()  # what was sent before is not awaited
        for code, sender, to, facts in OPENINGS[kind]:
            at = began + timedelta(seconds=next(self._seconds))
            told: dict[str, Any] = {"patient": patient, "happened": Moment(at), "written": at}
            answer = self.broker.tell(code, sender, *to, facts=facts, keys=(), **told)
            assert answer.status == 200, answer.body
            whose = answer.patient
        if kind is K.RECEIPT:
            self._nobody_confirms()
        of = promises.c
        mine = (of.patient == whose) & (of.kind == kind) & (of.state == "open")
        with self.broker.service.database.read() as conn:
            (id_,) = conn.execute(select(of.id).where(mine)).scalars()
        one = self.lists.one(operator(), id_)
        assert one is not None
        return one.row

    def _nobody_confirms(self) -> None:
        """What was sent is four days old, by the clock of whoever looks."""
        database = self.broker.service.database
        with database.write() as conn:
            numbering.number(conn)
        then = datetime.now(UTC) + timedelta(hours=97)
        options = ServiceOptions(base_url=BASE, open_mode=False, now=lambda: then)
        receipts = Receipts(Watch(database, options))
        receipts.round()
        while receipts.round():
            pass

    def send(self, visit: Visit, draft: Draft) -> Done:
        """What becomes of it."""
        return asyncio.run(self.acting.send(visit, draft))


def operator() -> Visit:
    """Whoever looks in open mode."""
    return Visit(Actor(role=Role.OPEN), Disclosures())


def at(party: str, name: str = "Kari Moe", role: Role = Role.COORDINATOR) -> Visit:
    """Somebody who signed in, at work there."""
    return Visit(Actor(role=role, party=party, person=name, name=name), Disclosures())
