"""Coordinators and consents, from the message to what each party hears, owes and sees."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from carepath import texts
from carepath.cli.coordinator import rows as who_has_it
from carepath.service import Service, Submission
from carepath.service.viewers import receiver
from carepath.store import codec, queries, tables
from carepath.store.resources import NEWEST, Viewer, read
from carepath.store.times import micros
from fhir_mappings.models import faults
from fhir_mappings.structure import check_resource
from pathways.events import EventCode
from pathways.facts import (
    ConsentFacts,
    ConsentKind,
    CoordinatorFacts,
    InquiryFacts,
    Need,
    PersonFacts,
    Relative,
    RelativeRole,
    Role,
    StayFacts,
)
from pathways.moments import Moment
from pathways.parties import Identifier, Party, PartyRef
from pathways.promises import PromiseKind, PromiseState
from pathways.refusals import Refusal
from tests.contract.matters import source
from tests.contract.stored import opened
from tests.contract.watching import HOUSE, KE, MONDAY, OFFICE, TOWN, WARD, Scene

C = EventCode
DAY = timedelta(days=1)
STAY = (Identifier("https://ward.example", "s1"),)
KARI = CoordinatorFacts(role=Role.MUNICIPAL, name="Kari", phone="11", first=True)


def ref(party: Party) -> PartyRef:
    """As a message names it."""
    return PartyRef(party.identifiers, party.name)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """One person in town."""
    with opened(database_url) as database:
        yield Scene(database)


def heard(scene: Scene, message: str) -> dict[str, list[str]]:
    """Who was told of a message, and of what kind, the operator apart."""
    outbox = tables.outbox
    told = (outbox.c.message_id == message) & (outbox.c.receiver != "*")
    found: dict[str, list[str]] = {}
    with scene.database.read() as conn:
        for row in conn.execute(select(outbox).where(told)).mappings():
            found.setdefault(row["receiver"], []).append(row["kind"])
    return found


def summaries(scene: Scene) -> dict[str, str]:
    """The newest handover summary that each party got, as text."""
    outbox = tables.outbox
    sent = select(outbox).where(outbox.c.kind == C.HANDOVER_SUMMARY.value)
    with scene.database.read() as conn:
        rows = conn.execute(sent.order_by(outbox.c.id)).mappings().all()
    return {row["receiver"]: bytes(row["body"]).decode() for row in rows}


def shown(scene: Scene, kind: str) -> list[dict[str, Any]]:
    """The resources of a type, as they stand, by when they were made; each is sound FHIR."""
    with scene.database.read() as conn:
        wanted = NEWEST.where(tables.resources.c.type == kind).order_by(tables.resources.c.updated)
        found = [orjson.loads(row["body"]) for row in conn.execute(wanted).mappings()]
    for one in found:
        assert check_resource(one) == ()
        assert (
            faults({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one}]})
            == ()
        )
    return found


def sentences(scene: Scene, reader: str | None = None) -> list[str]:
    """The timeline as a reader sees it."""
    viewer = Viewer(reader, micros(scene.now))
    with scene.database.read() as conn:
        patients = conn.execute(select(tables.patients.c.key)).scalars().all()
        known = queries.timeline(conn, tuple(patients), viewer, as_of=micros(scene.now))
    return [texts.render(entry.text_key, entry.params, "nb") for entry in known]


def refused(
    scene: Scene, code: EventCode, sender: Party, facts: CoordinatorFacts | ConsentFacts
) -> str:
    """The cause that a request is refused with; the timeline stays as it was."""
    before = sentences(scene)
    message = scene.message(code, sender, facts)
    (answer,) = Service(scene.database, scene.options).handle([Submission(source(message))])
    assert isinstance(answer.refusal, Refusal)
    assert sentences(scene) == before
    issue = orjson.loads(answer.body)["issue"][0]
    assert issue["details"]["coding"][0]["code"] == answer.refusal.issues[0].cause
    return str(answer.refusal.issues[0].cause)


def admitted(scene: Scene) -> None:
    """The ward has the person, and the municipality a part in it."""
    said = StayFacts(municipal_need=Need.YES, identifiers=STAY)
    scene.tell(scene.message(C.ADMISSION, WARD, said))


def test_star_50_an_absence_names_a_substitute_who_has_it_while_it_lasts(scene: Scene) -> None:
    """★ 50: everybody in care is told, relatives with consent are named, and nobody has to do anything."""
    admitted(scene)
    relatives = (Relative("Ola"), Relative("Liv"))
    scene.tell(scene.message(C.RELATIVE_REGISTERED, WARD, PersonFacts(relatives=relatives)))
    to_ola = ConsentFacts(consent=ConsentKind.RELATIVES, person="Ola", oral=True)
    scene.tell(scene.message(C.CONSENT_GIVEN, WARD, to_ola))
    scene.tell(scene.message(C.COORDINATOR_APPOINTED, KE, KARI))
    away = CoordinatorFacts(
        role=Role.MUNICIPAL,
        substitute="Per",
        substitute_phone="22",
        substitute_party=ref(OFFICE),
        since=Moment(MONDAY + DAY, day=True),
        until=Moment(MONDAY + 3 * DAY, day=True),
    )
    scene.later(hours=1)
    told = scene.tell(scene.message(C.COORDINATOR_ABSENT, KE, away))
    assert {*heard(scene, told.id)} == {"ward", "office"}
    assert "Pårørende som skal få vite det: Ola" in sentences(scene)[-1]
    assert "Liv" not in sentences(scene)[-1]
    (team,) = shown(scene, "CareTeam")
    now = {
        days: [row[1] for row in who_has_it(team, MONDAY + days * DAY, "nb")] for days in range(6)
    }
    assert now == {0: ["Kari"], 1: ["Per"], 2: ["Per"], 3: ["Per"], 4: ["Kari"], 5: ["Kari"]}
    (row,) = who_has_it(team, MONDAY + DAY, "nb")
    assert str(row[4]) == "ring først, stedfortreder"
    with scene.database.read() as conn:
        for reader, sees in (("office", True), ("house", False)):
            found = read(conn, "CareTeam", team["id"], receiver(reader, micros(scene.now)))
            assert (found is not None) is sees
    own = replace(away, substitute="Kari", substitute_party=None)
    assert refused(scene, C.COORDINATOR_ABSENT, KE, own) == "own-substitute"


def test_star_50_the_holder_keeps_it_until_the_next_one_accepts(scene: Scene) -> None:
    """★ 48, 50: nobody else can take it, a no leaves it where it was, and handovers are counted."""
    admitted(scene)
    scene.tell(scene.message(C.COORDINATOR_APPOINTED, KE, KARI))
    offered = CoordinatorFacts(role=Role.MUNICIPAL, name="Per", party=ref(OFFICE), reason="ferie")
    accepted = CoordinatorFacts(role=Role.MUNICIPAL)
    assert refused(scene, C.COORDINATOR_HANDOVER_ACCEPTED, OFFICE, accepted) == "not-offered"
    assert refused(scene, C.COORDINATOR_HANDOVER_OFFERED, WARD, offered) == "not-the-holder"
    unknown = replace(offered, party=PartyRef((Identifier("urn:x", "nobody"),)))
    assert refused(scene, C.COORDINATOR_HANDOVER_OFFERED, KE, unknown) == "unknown-organisation"
    scene.later(hours=1)
    offer = scene.tell(scene.message(C.COORDINATOR_HANDOVER_OFFERED, KE, offered))
    assert "office" in heard(scene, offer.id)
    assert refused(scene, C.COORDINATOR_HANDOVER_ACCEPTED, WARD, accepted) == "offered-to-another"
    (promise,) = (p for p in scene.promised() if p.kind is PromiseKind.HANDOVER_ANSWER)
    assert promise.responsible == "office"
    (team,) = shown(scene, "CareTeam")
    assert [row[1] for row in who_has_it(team, scene.now, "nb")] == ["Kari"]
    scene.later(hours=1)
    scene.tell(scene.message(C.COORDINATOR_HANDOVER_ACCEPTED, OFFICE, accepted))
    (team,) = shown(scene, "CareTeam")
    assert [row[1] for row in who_has_it(team, scene.now, "nb")] == ["Per"]
    assert [row[1] for row in who_has_it(team, scene.now - timedelta(hours=1), "nb")] == ["Kari"]
    (promise,) = (p for p in scene.promised() if p.kind is PromiseKind.HANDOVER_ANSWER)
    assert promise.state is PromiseState.KEPT


def test_star_55_one_door_in_and_who_reported_hears_what_came_of_it(scene: Scene) -> None:
    """★ 55: by the sender's level; a child coordinator, also for a family that expects a child."""
    need = CoordinatorFacts(role=Role.CHILD, expecting=True, reason="Alvorlig sykdom")
    from_town = scene.tell(scene.message(C.COORDINATION_NEED, OFFICE, need))
    assert {*heard(scene, from_town.id)} == {"ke"}
    from_ward = scene.tell(scene.message(C.COORDINATION_NEED, WARD, need))
    assert {*heard(scene, from_ward.id)} == {"house"}  # its own coordinating unit
    owed = {p.responsible for p in scene.promised() if p.kind is PromiseKind.COORDINATION_ANSWER}
    assert owed == {"ke", "house"}
    scene.later(hours=1)
    municipal = scene.tell(scene.message(C.COORDINATOR_APPOINTED, KE, replace(KARI, first=None)))
    assert {"office", "ward"} <= {*heard(scene, municipal.id)}
    still = [p for p in scene.promised() if p.state is PromiseState.OPEN]
    assert {p.kind for p in still} == {PromiseKind.COORDINATION_ANSWER}  # no child coordinator yet
    scene.later(hours=1)
    child = CoordinatorFacts(role=Role.CHILD, name="Liv", phone="33")
    outcome = scene.tell(scene.message(C.COORDINATOR_APPOINTED, KE, child))
    assert {"office", "ward"} <= {*heard(scene, outcome.id)}
    assert not [p for p in scene.promised() if p.state is PromiseState.OPEN]
    assert any("barnekoordinator" in said for said in sentences(scene, "office"))


def test_a_no_of_the_coordinating_unit_closes_the_need_too(scene: Scene) -> None:
    """In plain words: who reported hears it, and nobody waits any more."""
    scene.tell(scene.message(C.COORDINATION_NEED, OFFICE, CoordinatorFacts(role=Role.MUNICIPAL)))
    (promise,) = scene.promised()
    said = InquiryFacts(text="Har koordinator fra før", promise=promise.id)
    scene.later(hours=1)
    reply = scene.tell(scene.message(C.REPLY, KE, said))
    assert "office" in heard(scene, reply.id)
    assert scene.promised()[0].state is PromiseState.KEPT
    with scene.database.read() as conn:
        (body,) = conn.execute(select(tables.patients.c.body)).scalars()
    assert codec.header(body).team.needs == ()


def test_consents_are_readable_and_end(scene: Scene) -> None:
    """Whoever was told of a consent sees it as it stands; one for nobody known is refused."""
    admitted(scene)
    wrong = ConsentFacts(consent=ConsentKind.RELATIVES, person="Ola")
    assert refused(scene, C.CONSENT_GIVEN, WARD, wrong) == "not-registered"
    to_town = ConsentFacts(consent=ConsentKind.PLAN, party=ref(TOWN), oral=True, note="Sagt i dag")
    scene.tell(scene.message(C.CONSENT_GIVEN, WARD, to_town))
    (given,) = shown(scene, "Consent")
    assert (given["status"], given["provision"]["type"]) == ("active", "permit")
    assert given["provision"]["actor"][0]["reference"]["reference"] == "Organization/town"
    scene.later(hours=1)
    taken_back = ConsentFacts(consent=ConsentKind.PLAN)
    scene.tell(scene.message(C.CONSENT_WITHDRAWN, WARD, taken_back))
    no = ConsentFacts(consent=ConsentKind.HEALTH_PERSONNEL, document="m1")
    scene.tell(scene.message(C.OBJECTION_REGISTERED, WARD, no))
    now = {one["id"]: one for one in shown(scene, "Consent")}
    ended = now.pop(given["id"])
    assert ended["status"] == "inactive"
    assert ended["provision"]["period"]["end"]
    assert sorted((one["status"], one["provision"]["type"]) for one in now.values()) == [
        ("active", "deny"),
        ("inactive", "permit"),
    ]


def test_the_person_sheet_reaches_the_ward_at_every_admission(scene: Scene) -> None:
    """With whom to call first, the relatives and the interpreter; also where the ward has been there before."""
    sheet = PersonFacts(sheet="Kaffe først.", sheet_title="Om meg")
    message = scene.message(C.PERSON_SHEET, OFFICE, sheet)
    assert message.patient is not None
    spoken = replace(message.patient, language="so", interpreter=True)
    scene.tell(replace(message, patient=spoken))
    child = Relative("Ida", "datter", roles=(RelativeRole.MINOR_CHILD,))
    scene.tell(scene.message(C.RELATIVE_REGISTERED, OFFICE, PersonFacts(relatives=(child,))))
    scene.tell(scene.message(C.COORDINATOR_APPOINTED, KE, KARI))
    for number in (1, 2):
        scene.later(days=number)
        stay = (Identifier("https://ward.example", f"s{number}"),)
        scene.tell(scene.message(C.ADMISSION, WARD, StayFacts(identifiers=stay)))
        told = summaries(scene)["ward"]
        for part in ("Kaffe", "Kari", "ring først", "mindreårig barn", "so, trenger tolk"):
            assert part in told
        with scene.database.write() as conn:
            conn.execute(tables.outbox.delete())
    (shown_as,) = shown(scene, "Patient")
    assert shown_as["communication"][0]["language"]["coding"][0]["code"] == "so"
    assert HOUSE.key not in summaries(scene)
