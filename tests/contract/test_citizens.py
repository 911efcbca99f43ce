"""What citizens send and see, what documents are marked with, protected addresses: on both stores."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from carepath.service import Answer, directory
from carepath.service.senders import PEOPLE
from carepath.store import codec, resources
from carepath.store.rights import Viewer
from carepath.store.sights import sights
from carepath.store.tables import (
    events,
    grants,
    outbox,
    patients,
    relatives_known,
    resource_versions,
)
from carepath.store.tables import resources as rows
from carepath.store.times import micros
from pathways.access import Actor, Basis, Role
from pathways.events import Activity, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    ConsentKind,
    CourseFacts,
    Disclosure,
    Facts,
    InquiryFacts,
    MeasureFacts,
    PersonFacts,
    Relative,
    RelativeRole,
    ReportFacts,
    StayFacts,
)
from pathways.messages import Author, Record
from pathways.parties import Identifier, Party
from pathways.sight import Sight
from tests.contract.matters import patient
from tests.contract.stored import opened
from tests.contract.test_rights import report, say, send, unchanged
from tests.contract.watching import KE, OFFICE, WARD, Scene

C = EventCode
OLA = Identifier("urn:oid:2.16.578.1.12.4.1.4.1", "ola")
STRANGER = Actor(role=Role.RELATIVE, person="stranger", name="Per")
ASKED = (Identifier("https://ward.example", "q"),)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """One person in town."""
    with opened(database_url) as database:
        yield Scene(database)


def citizen(role: Role, name: str, *identifiers: Identifier) -> Actor:
    """Who signed in; the role is what the sign-in says, not what they are to a patient."""
    told = tuple(f"{one.system}|{one.value}" for one in identifiers)
    return Actor(role=role, person=name.lower(), name=name, identifiers=told)


def kari(scene: Scene) -> Actor:
    """The patient."""
    return citizen(Role.PATIENT, "Kari", *patient(scene.person).identifiers)


RELATIVE = citizen(Role.RELATIVE, "Ola", OLA)


def born(scene: Scene, years: int) -> None:
    """The hospital tells when the person was born."""
    message = scene.message(C.DOCTOR_REPORT, WARD, ReportFacts(title="Født"))
    assert message.patient
    told = replace(message.patient, birth_date=date(2026 - years, 11, 1))
    scene.tell(replace(message, patient=told))


def related(scene: Scene, *roles: RelativeRole, authority: str | None = None) -> None:
    """The ward registers Ola."""
    ola = Relative("Ola", roles=roles, authority=authority, identifiers=(OLA,))
    scene.tell(scene.message(C.RELATIVE_REGISTERED, WARD, PersonFacts(relatives=(ola,))))


def sight(scene: Scene, actor: Actor) -> Sight | None:
    """What they see of the one patient."""
    with scene.database.read() as conn:
        found = sights(conn, scene.database.keys, actor, scene.now)
    return next(iter(found), None)


def by(scene: Scene, actor: Actor, code: EventCode, facts: Facts, **told: Any) -> Answer:
    """A citizen sends it."""
    message = scene.message(code, PEOPLE, facts, **told)
    scene.later(minutes=1)
    return send(scene, message, actor)


def record(scene: Scene, event: str | None) -> Record:
    """As it is kept."""
    with scene.database.read() as conn:
        row = conn.execute(select(events).where(events.c.id == event)).mappings().one()
        return codec.record(row)


QUESTION = InquiryFacts(text="Når?", identifiers=ASKED)


# --- who is recognised


def test_the_patient_and_registered_relatives_are_recognised_by_number(scene: Scene) -> None:
    """Not by name; and no number stands in the store."""
    report(scene)
    assert sight(scene, RELATIVE) is None
    related(scene, RelativeRole.NEXT_OF_KIN)
    assert sight(scene, RELATIVE) is None
    say(scene, C.CONSENT_GIVEN, consent=ConsentKind.RELATIVES, person="Ola")
    found = sight(scene, RELATIVE)
    assert found is not None
    assert found.basis is Basis.CONSENT
    assert sight(scene, citizen(Role.RELATIVE, "Ola")) is None
    mine = sight(scene, kari(scene))
    assert mine is not None
    assert mine.basis is Basis.SELF
    with scene.database.read() as conn:
        rows = conn.execute(select(relatives_known.c.blind)).scalars().all()
        shown = conn.execute(_RELATED).scalars().all()
    assert len(rows) == 1
    assert b"ola" not in bytes(rows[0])
    assert all(b'"identifier"' not in bytes(body) for body in shown)
    assert unchanged(scene)
    say(scene, C.CONSENT_WITHDRAWN, consent=ConsentKind.RELATIVES)
    assert sight(scene, RELATIVE) is None


_RELATED = resources.NEWEST.with_only_columns(resource_versions.c.body).where(
    rows.c.type == "RelatedPerson"
)


def test_who_is_no_longer_registered_is_no_longer_recognised(scene: Scene) -> None:
    """The newest list counts."""
    born(scene, 10)
    related(scene, RelativeRole.GUARDIAN)
    assert sight(scene, RELATIVE)
    scene.later(minutes=1)
    others = PersonFacts(relatives=(Relative("Liv"),))
    scene.tell(scene.message(C.RELATIVE_REGISTERED, WARD, others))
    assert sight(scene, RELATIVE) is None
    assert unchanged(scene)


def test_nobody_at_work_sees_by_sight(scene: Scene) -> None:
    """Whatever numbers they bear."""
    report(scene)
    mine = kari(scene).identifiers
    nurse = Actor(role=Role.CLINICIAN, party="ward", person="n", identifiers=mine)
    assert sight(scene, nurse) is None


# --- what they send


def test_a_citizen_sends_as_themselves_alone(scene: Scene) -> None:
    """Under their own name, as no organisation, and nobody else sends as a citizen."""
    report(scene)
    me = kari(scene)
    taken = by(scene, me, C.INQUIRY, QUESTION, to=(OFFICE,))
    assert taken.status == 200
    kept = record(scene, taken.event_id)
    assert (kept.sender, kept.citizen, kept.person) == ("citizens", Role.PATIENT, "kari")
    assert kept.author.name == "Kari"
    assert isinstance(kept.facts, InquiryFacts)
    assert kept.facts.asker == "Kari"
    as_ward = scene.message(C.INQUIRY, WARD, QUESTION, to=(OFFICE,))
    assert send(scene, as_ward, me).status == 403
    named = replace(scene.message(C.INQUIRY, PEOPLE, QUESTION), author=Author("Ola"))
    assert send(scene, named, me).status == 403
    system = Actor(role=Role.SYSTEM, party="office")
    for actor in (None, system):
        assert send(scene, scene.message(C.INQUIRY, PEOPLE, QUESTION), actor).status == 403


def test_what_was_asked_and_answered_is_the_asker_s(scene: Scene) -> None:
    """A stranger's question is taken in, and tells them nothing of the patient."""
    report(scene)
    asked = by(scene, STRANGER, C.INQUIRY, QUESTION, to=(OFFICE,))
    assert asked.status == 200
    assert record(scene, asked.event_id).citizen is Role.RELATIVE
    answer = InquiryFacts(text="Nei", identifiers=ASKED, disclosure=Disclosure.RECEIVE_AND_GUIDE)
    replied = send(scene, scene.message(C.REPLY, OFFICE, answer))
    found = sight(scene, STRANGER)
    assert found is not None
    assert found.own == {asked.event_id, replied.event_id}
    assert not found.of_person
    with scene.database.read() as conn:
        held = select(grants.c.reader).where(grants.c.event == replied.event_id)
        assert "citizens" not in {*conn.execute(held).scalars()}
        sent = select(outbox.c.receiver).where(outbox.c.event == replied.event_id)
        assert "citizens" not in {*conn.execute(sent).scalars()}
    assert unchanged(scene)


@pytest.mark.parametrize(
    ("code", "facts"),
    [
        (C.APPLICATION, ApplicationFacts(service="Støttekontakt", identifiers=ASKED)),
        (C.PERSON_SHEET, PersonFacts(sheet="…")),
        (C.MEASURE_PROPOSED, MeasureFacts(title="Rampe", identifiers=ASKED)),
    ],
)
def test_of_others_it_is_not_theirs_to_send(scene: Scene, code: EventCode, facts: Facts) -> None:
    """The same answer whether the patient is known or not."""
    unknown = by(scene, STRANGER, code, facts)
    report(scene)
    known = by(scene, STRANGER, code, facts)
    assert unknown.status == known.status == 403
    assert unknown.body == known.body
    assert by(scene, kari(scene), code, facts).status == 200


def test_a_relative_sends_what_the_consent_reaches(scene: Scene) -> None:
    """And no more."""
    related(scene, RelativeRole.CARER)
    given: dict[str, Any] = {
        "consent": ConsentKind.RELATIVES,
        "person": "Ola",
        "covers": ("person",),
    }
    say(scene, C.CONSENT_GIVEN, **given)
    sheet, applied = PersonFacts(sheet="…"), ApplicationFacts(service="x", identifiers=ASKED)
    assert by(scene, RELATIVE, C.PERSON_SHEET, sheet).status == 200
    assert by(scene, RELATIVE, C.APPLICATION, applied).status == 403


def test_a_child_asks_and_the_parents_hear_of_it_when_a_professional_decides(scene: Scene) -> None:
    """Until then neither question nor answer is there for them."""
    born(scene, 11)
    related(scene, RelativeRole.GUARDIAN)
    asked = by(scene, kari(scene), C.INQUIRY, QUESTION, to=(OFFICE,))
    assert record(scene, asked.event_id).citizen is Role.CHILD
    assert by(scene, kari(scene), C.PERSON_SHEET, PersonFacts(sheet="…")).status == 403
    parent = sight(scene, RELATIVE)
    assert parent is not None
    assert parent.hidden == {asked.event_id}
    scene.later(minutes=1)
    may: dict[str, Any] = {"disclosure": Disclosure.MAY_DISCLOSE, "reason": "fare"}
    answer = InquiryFacts(text="Ja", identifiers=ASKED, **may)
    send(scene, scene.message(C.REPLY, OFFICE, answer))
    parent = sight(scene, RELATIVE)
    assert parent is not None
    assert not parent.hidden
    assert unchanged(scene)


# --- at work


def test_who_signed_in_sends_what_the_table_says(scene: Scene) -> None:
    """By the kind of organisation, a ward's being its hospital's."""
    stay = StayFacts(identifiers=ASKED)
    system = Actor(role=Role.SYSTEM, party="ward")
    assert send(scene, scene.message(C.DISCHARGE_READY, WARD, stay), system).status == 200
    office = Actor(role=Role.SYSTEM, party="office")
    assert send(scene, scene.message(C.DISCHARGE_READY, OFFICE, stay), office).status == 403
    for role in (Role.ADMINISTRATOR, Role.OPERATOR):
        actor = Actor(role=role, party="ward")
        assert send(scene, scene.message(C.DISCHARGE_READY, WARD, stay), actor).status == 403


# --- markings


def test_a_document_limited_to_its_receiver_reaches_nobody_else(scene: Scene) -> None:
    """Not whoever the rules would tell."""
    admitted = scene.message(C.ADMISSION, WARD, StayFacts(identifiers=ASKED), to=(OFFICE, KE))
    scene.tell(admitted)
    limited = report(scene, KE, markings=frozenset(("limited",)))
    assert set(record(scene, limited).receivers) == {"ke"}


def test_what_is_withheld_is_named_until_it_is_talked_through(scene: Scene) -> None:
    """A revision without the label shows it, and what it revises."""
    written = report(scene, markings=frozenset(("withheld",)))
    mine = sight(scene, kari(scene))
    assert mine is not None
    assert mine.named == {written}
    assert (mine.tells_of(written, Family.STAY), mine.shows(written, Family.STAY)) == (True, False)
    assert unchanged(scene)
    first = record(scene, written)
    facts = ReportFacts(title="Epikrise", text="…", identifiers=first.facts.identifiers)  # type: ignore[union-attr]
    revised = scene.message(
        C.DOCTOR_REPORT, WARD, facts, activity=Activity.REVISE, target=first.message_id
    )
    scene.tell(revised)
    mine = sight(scene, kari(scene))
    assert mine is not None
    assert not mine.named
    assert unchanged(scene)


def test_the_titles_of_psychiatry_are_no_part_of_a_handover(scene: Scene) -> None:
    """Nor is what is limited; the rest is."""
    course = CourseFacts(title="Samtaler ved DPS", identifiers=ASKED)
    scene.tell(scene.message(C.COURSE_STARTED, WARD, course))
    report(scene, WARD, facts=ReportFacts(title="Hemmelig"), markings=frozenset(("limited",)))
    report(scene, facts=ReportFacts(title="Åpen"))
    scene.later(minutes=1)
    scene.tell(scene.message(C.INQUIRY, WARD, InquiryFacts(text="?", identifiers=ASKED), to=(KE,)))
    with scene.database.read() as conn:
        made = (outbox.c.kind == "handover-summary") & (outbox.c.receiver == "ke")
        body = conn.execute(select(outbox.c.body).where(made)).scalar_one()
    text = bytes(body).decode()
    assert "Åpen" in text
    assert "DPS" not in text
    assert "Hemmelig" not in text


# --- protected addresses


def test_a_protected_address_is_told_to_the_municipality_alone(scene: Scene) -> None:
    """Others get the message without it; nobody's Patient has it."""
    message = scene.message(C.DOCTOR_REPORT, WARD, ReportFacts(title="A"), to=(OFFICE, WARD, _GP))
    assert message.patient
    protected = replace(message, patient=replace(message.patient, protection="strict"))
    with scene.database.write() as conn:
        directory.enter(conn, scene.database.keys, _GP, scene.now)
    told = scene.tell(protected)
    with scene.database.read() as conn:
        at = outbox.c
        found = conn.execute(select(at.receiver, at.body).where(at.message_id == told.id))
        bodies = {row.receiver: row.body for row in found}
        key = conn.execute(select(patients.c.key)).scalar_one()
        shown = resources.read(conn, "Patient", key, Viewer(None, micros(scene.now)))
    assert bodies["office"] is None  # the sender's own bytes
    assert b"3905" not in bytes(bodies["gp"])
    assert b"LOCIS" in bytes(bodies["gp"])
    assert shown
    body = orjson.loads(shown.body)
    assert "address" not in body
    assert {one["code"] for one in body["meta"]["security"]} == {"LOCIS", "V"}


_GP = Party(
    "gp", "Fastlegen", identifiers=(Identifier("urn:oid:2.16.578.1.12.4.1.4.101", "983974880"),)
)
