"""Broken glass and agreements to share, on both stores."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select, update

from carepath.cli import agreement as agreements_cli
from carepath.cli import glass as glass_cli
from carepath.cli.output import Trouble
from carepath.service import sharing as agreeing
from carepath.service.glass import Telling, break_glass
from carepath.store import glass, sharing
from carepath.store.database import Database
from carepath.store.glass import Broken
from carepath.store.tables import alerts, grants, outbox
from carepath.store.tables import glass as rows
from pathways.access import Actor, Basis, Role
from pathways.events import EventCode
from pathways.facts import ConsentKind, PersonFacts, ReportFacts, StayFacts
from pathways.glass import LASTS, GlassReason, Verdict
from pathways.parties import Identifier
from pathways.refusals import Cause, Refusal
from pathways.sharing import Sharing
from tests.contract.commands import Cli, Commands
from tests.contract.matters import patient
from tests.contract.stored import KEYS, opened
from tests.contract.test_rights import report, say, seen
from tests.contract.watching import KE, MONDAY, OFFICE, WARD, Scene

C = EventCode
PERSONNEL = {"consent": ConsentKind.HEALTH_PERSONNEL}
PER = Actor(role=Role.CLINICIAN, party="office", person="per", name="Per Lie")
TOLD = Telling("http://127.0.0.1:8000/fhir", mail=True)
WHY = "Bevisstløs ved ankomst"
_STAY = StayFacts(identifiers=(Identifier("https://ward.example", "s"),))


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Database]:
    """For the commands, too, which read the key from a file."""
    (tmp_path / "carepath.key").touch(mode=0o600)
    (tmp_path / "carepath.key").write_bytes(KEYS.secret)
    with opened(database_url) as made:
        yield made


@pytest.fixture
def scene(database: Database) -> Scene:
    """One person in town."""
    return Scene(database)


def broken(
    scene: Scene, reason: GlassReason = GlassReason.EMERGENCY, actor: Actor = PER, **told: Any
) -> object:
    """What comes of it."""
    (whose,) = told.get("whose", patient(scene.person).identifiers)
    with scene.database.write() as conn:
        keys = scene.database.keys
        return break_glass(conn, keys, actor, whose, reason, WHY, scene.now, TOLD)


def cause(found: object) -> Cause | None:
    """Why not."""
    assert isinstance(found, Refusal)
    return found.issues[0].cause


def test_it_opens_all_for_that_person_and_for_some_hours(scene: Scene) -> None:
    """Their colleagues see no more than before."""
    written = report(scene)
    found = broken(scene)
    assert isinstance(found, Broken)
    assert (found.until - found.at, found.name, found.words) == (LASTS, "Per Lie", WHY)
    assert seen(scene, "office", "person:per") == {written}
    assert seen(scene, "office") == seen(scene, "person:kari") == set()
    assert seen(scene, "person:per", at=found.until) == set()
    scene.now = found.until
    assert isinstance(broken(scene), Broken)
    assert seen(scene, "person:per") == {written}


def test_its_organisation_hears_of_it_and_not_of_whom(scene: Scene) -> None:
    """A message in the feeds of the unit and of its house, and a call."""
    report(scene)
    found = broken(scene)
    assert isinstance(found, Broken)
    with scene.database.read() as conn:
        at = outbox.c
        told = conn.execute(select(at.receiver, at.patient, at.event, at.body, at.kind))
        found_rows = [row for row in told if row.kind == "glass-broken"]
        called = conn.execute(select(alerts.c.address)).scalars().all()
    assert {row.receiver for row in found_rows} == {"office", "town"}
    assert called == ["office@town.example"]
    for row in found_rows:
        assert row.patient is row.event is None
        text = bytes(row.body).decode()
        assert "Per Lie" in text
        assert found.id in text
        assert found.patient not in text
        assert not any(one.value in text for one in patient(scene.person).identifiers)


def test_what_the_patient_shut_opens_for_an_emergency_alone(scene: Scene) -> None:
    """And then all of it."""
    written = report(scene, OFFICE)
    say(scene, C.OBJECTION_REGISTERED, **PERSONNEL)
    for reason in (GlassReason.TREATMENT, GlassReason.ORAL_CONSENT):
        assert cause(broken(scene, reason)) is Cause.SHUT_BY_PATIENT
    assert written not in seen(scene, "office", "person:per")
    assert isinstance(broken(scene), Broken)
    assert written in seen(scene, "office", "person:per")


def test_what_is_limited_or_shut_stays_so_without_an_emergency(scene: Scene) -> None:
    """A document by itself does not keep the others."""
    limited = report(scene, KE, markings=frozenset(("limited",)))
    facts = ReportFacts(title="B")
    message = scene.tell(scene.message(C.DOCTOR_REPORT, WARD, facts, to=(KE,)))
    said = say(scene, C.OBJECTION_REGISTERED, **PERSONNEL, document=message.id)
    free = report(scene)
    assert isinstance(broken(scene, GlassReason.TREATMENT), Broken)
    assert seen(scene, "person:per") == {said, free}
    assert isinstance(broken(scene), Broken)
    assert {limited, free} < seen(scene, "person:per")


def test_it_is_for_clinicians_who_signed_in_and_for_patients_that_there_are(scene: Scene) -> None:
    """Whoever may not is told so whether the patient is known or not."""
    report(scene)
    staff = Actor(role=Role.STAFF, party="office", person="s", name="Siv")
    nobody: dict[str, Any] = {"whose": (Identifier("urn:x", "1"),)}
    assert cause(broken(scene, actor=staff)) is Cause.GLASS_NOT_FOR_YOU
    assert cause(broken(scene, actor=staff, **nobody)) is Cause.GLASS_NOT_FOR_YOU
    assert broken(scene, **nobody) is None
    with scene.database.read() as conn:
        assert conn.execute(select(func.count()).select_from(rows)).scalar_one() == 0
        assert not conn.execute(select(grants.c.event).where(grants.c.basis == "break-glass")).all()


def test_it_is_checked_afterwards(scene: Scene, commands: Commands) -> None:
    """Once, by somebody else; the patient sees what was found."""
    report(scene)
    found = broken(scene)
    assert isinstance(found, Broken)
    cli: Cli = commands(glass_cli.app)
    assert "Per Lie" in cli("list", "--language", "nb").stdout
    (listed,) = orjson.loads(cli("list", "--json", "--org", "office").stdout)
    assert (listed["id"], listed["words"]) == (found.id, WHY)
    assert orjson.loads(cli("list", "--json", "--org", "ward").stdout) == []
    own = cli("check", found.id, "--by", "per lie", "--verdict", "justified")
    assert isinstance(own.exception, Trouble)
    done = cli("check", found.id, "--by", "Siv", "--verdict", "not-justified", "--note", "samtale")
    assert done.exit_code == 0
    again = cli("check", found.id, "--by", "Siv", "--verdict", "justified")
    assert isinstance(again.exception, Trouble)
    assert isinstance(cli("check", "x", "--by", "S", "--verdict", "justified").exception, Trouble)
    assert orjson.loads(cli("list", "--json").stdout) == []
    with scene.database.read() as conn:
        (kept,) = glass.of_patient(conn, [found.patient])
    assert (kept.verdict, kept.checked_by, kept.note) == (Verdict.NOT_JUSTIFIED, "Siv", "samtale")


# --- agreements to share


def shared(scene: Scene) -> str:
    """The person's sheet, which the ward has because it has another matter of theirs."""
    report(scene)
    stay = scene.message(C.ADMISSION, WARD, _STAY)
    scene.tell(stay)
    sheet = PersonFacts(sheet="Liker kaffe")
    answer = scene.tell(scene.message(C.PERSON_SHEET, KE, sheet))
    with scene.database.read() as conn:
        at = outbox.c
        event = select(at.event).where(at.message_id == answer.id, at.receiver == "ward")
        found: str = conn.execute(event).scalar_one()
    return found


def test_in_open_mode_nothing_has_to_be_agreed(scene: Scene) -> None:
    """And within one house never."""
    sheet = shared(scene)
    assert sheet in seen(scene, "ward")
    with scene.database.write() as conn:
        sharing.ask(conn, asked=True)
    assert sheet not in seen(scene, "ward")
    assert sheet in seen(scene, "ke")


def test_what_was_told_before_agreements_were_asked_stays_told(scene: Scene) -> None:
    """Releases up to 0.3 wrote no pair: it is in their reader's own records. What is shared later needs one."""
    before = shared(scene)
    with scene.database.write() as conn:
        old = update(grants).where(grants.c.reader == "ward", grants.c.event == before)
        conn.execute(old.values(basis=Basis.PARTICIPANT.value, pair=None))
        sharing.ask(conn, asked=True)
    later = shared(scene)
    assert before in seen(scene, "ward")
    assert later not in seen(scene, "ward")


def test_an_agreement_opens_what_is_shared_while_it_holds(scene: Scene, commands: Commands) -> None:
    """It names the data controller and the legal basis, and is dated."""
    sheet = shared(scene)
    with scene.database.write() as conn:
        sharing.ask(conn, asked=True)
    cli: Cli = commands(agreements_cli.app)
    basis = ("--legal-basis", "pasientjournalloven § 9")
    refused = cli("share", "ward", "town", "--controller", "ke", "--since", "2026-11-01", *basis)
    assert refused.exit_code == 0, refused.exception  # a unit stands for its house
    assert sheet in seen(scene, "ward")
    (listed,) = orjson.loads(cli("shared", "--json").stdout)
    assert listed["parties"] == ["house", "town"]
    assert listed["controller"] == "town"
    twice = cli("share", "house", "ke", "--controller", "house", "--since", "2026-11-02", *basis)
    assert isinstance(twice.exception, Trouble)
    assert "§ 9" in cli("shared").stdout
    assert cli("end", listed["id"], "--on", "2026-11-16").exit_code == 0
    assert sheet in seen(scene, "ward", at=MONDAY)
    assert sheet not in seen(scene, "ward", at=MONDAY + timedelta(days=1))
    assert isinstance(cli("end", "x", "--on", "2026-11-16").exception, Trouble)


def test_partners_are_known_by_the_day(scene: Scene) -> None:
    """A newcomer is told of the matters of those who share with its house."""
    with scene.database.write() as conn:
        assert sharing.partners(conn, "house", scene.now) is None
        sharing.ask(conn, asked=True)
        assert sharing.partners(conn, "house", scene.now) == frozenset()
        wanted = Sharing(
            parties=("ward", "office"), controller="ward", legal_basis="§ 9", since=scene.now
        )
        made = agreeing.make(conn, wanted, None)
        assert not isinstance(made, Cause)
        assert sharing.partners(conn, "house", scene.now) == frozenset(("town",))
        assert sharing.partners(conn, "house", scene.now - timedelta(days=1)) == frozenset()
        sharing.ask(conn, asked=False)
        assert sharing.partners(conn, "house", scene.now) is None
