"""What patients say decides who sees what: bars on grants, on both stores, whatever the order of arrival."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from carepath.service import Answer, Service, Submission, directory
from carepath.service.rebuild import rebuild
from carepath.store import bars, feed, lost, numbering, queries, rights
from carepath.store.database import Database
from carepath.store.tables import events, grants
from carepath.store.times import micros
from fhir_mappings.codes import ORGANISATION_NUMBER
from pathways.access import Actor
from pathways.events import Activity, EventCode
from pathways.facts import (
    ConsentFacts,
    ConsentKind,
    MeasureFacts,
    Participant,
    PlanFacts,
    ReportFacts,
    StayFacts,
)
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Identifier, Kind, Party, PartyRef
from tests.contract.matters import patient, source
from tests.contract.stored import opened
from tests.contract.watching import KE, MONDAY, OFFICE, WARD, Scene

C, K = EventCode, ConsentKind
SCHOOL = Party(
    "school",
    "School",
    Kind.SCHOOL,
    identifiers=(Identifier(ORGANISATION_NUMBER, "999999018"),),
)
PLAN = (Identifier("https://ke.example/plans", "7"),)
PERSONNEL = {"consent": K.HEALTH_PERSONNEL}
BASE = "http://127.0.0.1:8000/fhir"


def ref(party: Party) -> PartyRef:
    """As a message names it."""
    return PartyRef(party.identifiers, party.name)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """One person in town, and a school."""
    with opened(database_url) as database:
        made = Scene(database)
        with database.write() as conn:
            directory.enter(conn, database.keys, SCHOOL, MONDAY)
        yield made


def report(scene: Scene, *to: Party, **told: Any) -> str:
    """The ward writes one; its event's id."""
    facts = ReportFacts(title="Epikrise", text="…", identifiers=_new(scene))
    message = replace(scene.message(C.DOCTOR_REPORT, WARD, facts, to=to), **told)
    return _told(scene, message)


def _new(scene: Scene) -> tuple[Identifier, ...]:
    return (Identifier("https://ward.example", str(scene.now.timestamp())),)


def _told(scene: Scene, message: Message, actor: Actor | None = None) -> str:
    answer = send(scene, message, actor)
    assert answer.status == 200, answer.body
    assert answer.event_id
    scene.later(minutes=1)
    return answer.event_id


def send(scene: Scene, message: Message, actor: Actor | None = None) -> Answer:
    """As it is answered."""
    submitted = Submission(
        source(message), organisation=actor.party if actor else None, actor=actor
    )
    (answer,) = Service(scene.database, scene.options).handle([submitted])
    return answer


def say(scene: Scene, code: EventCode, **facts: Any) -> str:
    """What the patient permits or objects to, told by the ward."""
    return _told(scene, scene.message(code, WARD, ConsentFacts(**facts)))


def seen(scene: Scene, *readers: str, at: datetime | None = None) -> set[str]:
    """The entries that a reader sees."""
    moment = micros(at or scene.now)
    with scene.database.read() as conn:
        held = select(grants.c.event).where(rights.granted(readers, moment))
        return {*conn.execute(held).scalars()}


def unchanged(scene: Scene) -> bool:
    """Whether nothing has to be made again."""
    return rebuild(scene.database, BASE, scene.now) == 0


# --- objections


def test_an_objection_closes_what_no_law_demands_and_opens_again(scene: Scene) -> None:
    """In the transaction of the event; what was sent to the case office by law stays."""
    note = scene.message(C.EARLY_NOTICE, WARD, StayFacts(identifiers=_new(scene)))
    told = {_told(scene, note)}
    written = report(scene, OFFICE)
    assert seen(scene, "office") == told | {written}
    mark = _mark(scene, "office")
    said = say(scene, C.OBJECTION_REGISTERED, **PERSONNEL)
    assert seen(scene, "office") - {said} == told
    assert _mark(scene, "office") != mark
    assert written in seen(scene, "ward")
    assert unchanged(scene)
    say(scene, C.OBJECTION_WITHDRAWN, **PERSONNEL)
    assert written in seen(scene, "office")
    assert unchanged(scene)


def _mark(scene: Scene, reader: str) -> object:
    with scene.database.read() as conn:
        return lost.marks(conn, [reader]).get(reader)


def test_what_is_told_after_an_objection_is_barred_too(scene: Scene) -> None:
    """The delivery keeps its place, with nothing in it."""
    say(scene, C.OBJECTION_REGISTERED, **PERSONNEL, party=ref(OFFICE))
    written = report(scene, OFFICE, KE)
    assert written not in seen(scene, "office")
    assert written in seen(scene, "ke")
    with scene.database.write() as conn:
        numbering.number(conn)
        items = feed.after(conn, "office", 0, micros(scene.now), limit=9)
    assert items[-1].withheld
    assert items[-1].source is None
    assert items[-1].patient is None


def test_an_objection_to_one_document_bars_no_other(scene: Scene) -> None:
    """By its message id."""
    one = scene.message(C.DOCTOR_REPORT, WARD, ReportFacts(title="A"), to=(OFFICE,))
    first, second = _told(scene, one), report(scene, OFFICE)
    say(scene, C.OBJECTION_REGISTERED, **PERSONNEL, document=one.id)
    assert seen(scene, "office") & {first, second} == {second}


def test_an_objection_of_a_municipality_is_of_its_units(scene: Scene) -> None:
    """Not only of the unit that answers for it."""
    written = report(scene, KE)
    town = PartyRef((Identifier(ORGANISATION_NUMBER, "940198763"),), "town")
    say(scene, C.OBJECTION_REGISTERED, **PERSONNEL, party=town)
    assert written not in seen(scene, "ke")


def test_one_professional_is_shut_out_of_all_but_an_emergency(scene: Scene) -> None:
    """By name, whatever their party may see."""
    written = report(scene, OFFICE)
    say(scene, C.OBJECTION_REGISTERED, **PERSONNEL, professional="Kari Li")
    shut = rights.professional(scene.database.keys, "KARI  LI")
    assert written in seen(scene, "office")
    assert seen(scene, "office", shut) == set()
    assert unchanged(scene)


def test_a_consent_that_ends_by_itself_closes_at_that_moment(scene: Scene) -> None:
    """Nobody has to do anything then."""
    with scene.database.write() as conn:
        directory.enter(conn, scene.database.keys, SCHOOL, MONDAY)
    measure = MeasureFacts(title="Lekser", owner=ref(SCHOOL), identifiers=_new(scene))
    told = _told(scene, scene.message(C.MEASURE_PROPOSED, KE, measure, to=(SCHOOL,)))
    assert told not in seen(scene, "school")
    ends = scene.now + timedelta(days=2)
    say(scene, C.CONSENT_GIVEN, consent=K.SCHOOL, party=ref(SCHOOL), until=Moment(ends))
    assert told in seen(scene, "school")
    assert told not in seen(scene, "school", at=ends)
    assert report(scene, SCHOOL) not in seen(scene, "school")
    say(scene, C.CONSENT_WITHDRAWN, consent=K.SCHOOL)
    assert told not in seen(scene, "school")
    assert unchanged(scene)


def test_who_leaves_the_plan_loses_it(scene: Scene) -> None:
    """And its measures, that they had by the plan alone."""
    people = (Participant("Li", party=ref(OFFICE)),)
    plan = PlanFacts(title="IP", participants=people, identifiers=PLAN)
    first = _told(scene, scene.message(C.PLAN_CREATED, KE, plan))
    measure = MeasureFacts(title="Rampe", owner=ref(KE), plan=PLAN, identifiers=_new(scene))
    second = _told(scene, scene.message(C.MEASURE_PROPOSED, KE, measure))
    assert {first, second} <= seen(scene, "office")
    left = PlanFacts(participants=(Participant("Bo", party=ref(WARD)),), identifiers=PLAN)
    _told(scene, scene.message(C.PLAN_UPDATED, KE, left))
    assert not {first, second} & seen(scene, "office")
    assert {first, second} <= seen(scene, "ke")
    assert unchanged(scene)


# --- the law of order

SAID = st.lists(
    st.tuples(
        st.sampled_from(
            [C.OBJECTION_REGISTERED, C.OBJECTION_WITHDRAWN, C.CONSENT_GIVEN, C.CONSENT_WITHDRAWN]
        ),
        st.sampled_from([K.HEALTH_PERSONNEL, K.SCHOOL, K.PLAN]),
        st.sampled_from([None, OFFICE, SCHOOL]),
        st.sampled_from([Activity.NEW, Activity.NEW, Activity.CANCEL]),
    ),
    min_size=1,
    max_size=4,
)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(SAID, st.randoms(use_true_random=False))
def test_the_same_history_in_any_order_gives_the_same_bars(
    scene: Scene, said: list[Any], shuffler: Any
) -> None:
    """Late, corrected and cancelled; and making it all again changes nothing."""
    first = _history(scene.database, said)
    second = _history(scene.database, said, shuffler)
    assert first == second


def _history(database: Database, said: list[Any], shuffler: Any = None) -> set[tuple[object, ...]]:
    """The bars on the one report, told first; of a person of its own."""
    scene = Scene(database, now=MONDAY + timedelta(days=1))
    report = ReportFacts(title="A")
    told = [scene.message(C.DOCTOR_REPORT, WARD, report, to=(OFFICE, KE, SCHOOL), happened=MONDAY)]
    for n, (code, kind, party, activity) in enumerate(said):
        facts = ConsentFacts(consent=kind, party=party and ref(party))
        at = MONDAY + timedelta(hours=1 + n)
        one = scene.message(code, WARD, facts, happened=at, activity=activity)
        target = told[-1].id if activity is Activity.CANCEL else None
        told.append(replace(one, target=target))
    consents = told[1:]
    if shuffler:
        shuffler.shuffle(consents)
    arriving = (
        [*consents, told[0]] if shuffler and shuffler.random() < 0.5 else [told[0], *consents]
    )
    for one in arriving:
        scene.later(minutes=1)
        assert send(scene, one).status in (200, 202), one.code
    assert rebuild(database, BASE, scene.now) == 0
    with database.read() as conn:
        (whose,) = patient(scene.person).identifiers
        key = queries.find_patient(conn, database.keys, whose)
        assert key
        made = bars.of_patient(conn, key)
        event = select(events.c.id).where(events.c.message_id == told[0].id)
        mine = conn.execute(event).scalar_one()
    return {(bar.reader, bar.begins, bar.ends) for bar in made if bar.event == mine}
