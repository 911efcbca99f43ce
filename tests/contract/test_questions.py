"""Questions, calls and applications on both stores: taken in, always somebody's, and settled in one step."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import orjson
import pytest
from sqlalchemy import select

from carepath.service import Service, Submission, directory
from carepath.service.rebuild import rebuild
from carepath.store.tables import outbox
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.events import Activity, EventCode
from pathways.facts import (
    ApplicationFacts,
    Disclosure,
    Facts,
    InquiryFacts,
    Need,
    Outcome,
    StayFacts,
)
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Function, Identifier, Party, PartyRef
from pathways.promises import PromiseKind, PromiseState
from tests.contract.matters import source
from tests.contract.stored import opened
from tests.contract.watching import KE, OFFICE, WARD, Scene

C, K, S = EventCode, PromiseKind, PromiseState
NUMBER = (Identifier("https://portal.example/numbers", "1"),)
NURSING = Party(
    "nursing",
    "nursing",
    identifiers=(Identifier(ORGANISATION_NUMBER, "889640782"),),
    parent="town",
    function=Function.NURSING,
)
BASE = "http://127.0.0.1:8000/fhir"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """An empty store with a town and a hospital."""
    with opened(database_url) as database:
        scene = Scene(database)
        with database.write() as conn:
            directory.enter(conn, database.keys, NURSING, scene.now)
        yield scene


def named(party: Party) -> PartyRef:
    """As a message names it."""
    return PartyRef(party.identifiers, party.name)


def refused(scene: Scene, message: Message) -> str:
    """The code of the rule that says no."""
    (answer,) = Service(scene.database, scene.options).handle([Submission(source(message))])
    assert answer.refusal, answer
    cause = answer.refusal.issues[0].cause
    outcome = orjson.loads(answer.body)
    assert outcome["issue"][0]["details"]["coding"][0]["code"] == cause
    return str(cause)


def owed(scene: Scene) -> list[tuple[str, PromiseKind, PromiseState]]:
    """Whose each promise is, and what became of it."""
    return [(one.responsible, one.kind, one.state) for one in scene.promised()]


def test_a_relatives_question_is_always_taken_in(scene: Scene) -> None:
    """With no case and no receiver it is KE's; the reply says what it may say, and why."""
    facts = InquiryFacts(asker="Liv", text="Kommer hun hjem?", identifiers=NUMBER)
    scene.tell(scene.message(C.INQUIRY, WARD, facts))
    assert owed(scene) == [("ke", K.INQUIRY_ANSWER, S.OPEN)]
    scene.later(hours=1)
    answer = replace(facts, asker=None, disclosure=Disclosure.MAY_DISCLOSE)
    assert refused(scene, scene.message(C.REPLY, KE, answer)) == "reason-needed"
    scene.tell(scene.message(C.REPLY, KE, replace(answer, reason="hun har sagt ja")))
    assert owed(scene) == [("ke", K.INQUIRY_ANSWER, S.KEPT)]


def test_what_is_passed_on_twice_ends_at_ke(scene: Scene) -> None:
    """It is told, the asker is told to whom and why each time, and nothing goes round in circles."""
    asked = scene.ask()

    def onward(sender: Party, to: Party, why: str) -> Message:
        facts = InquiryFacts(owner=named(to), reason=why, identifiers=_question(asked.facts))
        scene.later(minutes=10)
        return scene.message(C.INQUIRY_FORWARDED, sender, facts, activity=Activity.FORWARD)

    scene.tell(onward(OFFICE, NURSING, "feil enhet"))
    assert refused(scene, onward(NURSING, OFFICE, "feil enhet")) == "in-circles"
    last = scene.tell(onward(NURSING, OFFICE, "deres"))
    assert owed(scene) == [("ke", K.INQUIRY_ANSWER, S.OPEN)]
    assert {"ward", "office", "ke"} <= told(scene, last)
    assert refused(scene, onward(OFFICE, OFFICE, "igjen")) == "to-itself"


def told(scene: Scene, message: Message) -> set[str]:
    """To whom it goes."""
    wanted = select(outbox.c.receiver).where(outbox.c.message_id == message.id)
    with scene.database.read() as conn:
        return {*conn.execute(wanted).scalars()}


def _question(facts: Facts) -> tuple[Identifier, ...]:
    assert isinstance(facts, InquiryFacts)
    assert facts.identifiers
    return facts.identifiers


def test_a_call_settles_the_promise_it_names(scene: Scene) -> None:
    """By the address of its Task: no number of the stay is needed; the same history gives the same state."""
    stay = StayFacts(municipal_need=Need.YES, identifiers=NUMBER)
    scene.tell(scene.message(C.ADMISSION, WARD, stay))
    scene.later(hours=2)
    scene.tell(scene.message(C.DISCHARGE_READY, WARD, StayFacts(identifiers=NUMBER)))
    (capacity,) = (one for one in scene.promised() if one.kind is K.CAPACITY_ANSWER)
    scene.later(days=3)
    called = scene.now - timedelta(days=3) + timedelta(minutes=30)
    call = InquiryFacts(settled_with="vakthavende", promise=capacity.id)
    scene.tell(scene.message(C.SETTLED_BY_PHONE, WARD, call, happened=called))
    (settled,) = (one for one in scene.promised() if one.id == capacity.id)
    assert (settled.state, settled.proof) == (S.KEPT, called)
    assert {one.kind for one in scene.promised() if one.state is S.OPEN} == {K.ADMISSION_REPORT}
    assert rebuild(scene.database, BASE, scene.now) == 0


def test_an_application_until_the_service_ends(scene: Scene) -> None:
    """Sent to nobody, it is the case office's; what was decided is looked at again before it ends."""

    def step(code: EventCode, sender: Party, **facts: object) -> Message:
        scene.later(days=1)
        said = ApplicationFacts(identifiers=NUMBER, **facts)  # type: ignore[arg-type]
        return scene.message(code, sender, said)

    until = Moment(scene.now + timedelta(days=90))
    scene.tell(step(C.APPLICATION, WARD, service="hjemmesykepleie", applicant="Kari"))
    scene.tell(step(C.INTERIM_ANSWER, OFFICE, expected=Moment(scene.now + timedelta(days=60))))
    wrong = step(C.DECISION, OFFICE, valid_from=until, valid_to=Moment(scene.now))
    assert refused(scene, wrong) == "ends-before-it-begins"
    scene.tell(step(C.DECISION, OFFICE, outcome=Outcome.PARTLY, valid_to=until))
    scene.tell(step(C.COMPLAINT, WARD, text="For lite"))
    scene.tell(step(C.COMPLAINT_FORWARDED, OFFICE))
    scene.tell(step(C.SERVICE_ENDING, OFFICE, ends=until, replaced_by="dagsenter"))
    assert sorted(owed(scene)) == [
        ("office", kind, S.KEPT)
        for kind in sorted((K.INTERIM_ANSWER, K.DECISION, K.REVIEW, K.COMPLAINT_FORWARDED))
    ]
