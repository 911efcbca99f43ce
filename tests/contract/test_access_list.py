"""Who may read the access log, what it says to people, and the commands that keep it, on both stores."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from carepath import texts
from carepath.cli import audit as command
from carepath.cli.access_log import _row
from carepath.service.access_list import named, readable, said
from carepath.store import audit, times
from carepath.store.audit import Asked
from carepath.store.database import Database
from carepath.store.times import instant, micros
from carepath.wiring import auditing
from pathways.access import Actor, Basis, Purpose, Role
from pathways.access_log import Act, Line, Who
from pathways.events import EventCode
from tests.contract.commands import Cli, Commands, done
from tests.contract.door import NOW, Door, closed_door, someone
from tests.contract.front import asked, told
from tests.contract.logged import changed, line, rows, written

JSON = dict[str, Any]
WARD, OFFICE = "ward", "town-case-office"


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """The ward told the case office of an admission; nobody has read anything."""
    with closed_door(database_url) as broker:
        broker.told(EventCode.ADMISSION, WARD, OFFICE)
        yield broker


def patient(broker: Door) -> str:
    """The key of the one patient, found without a trace."""
    with broker.service.database.read() as conn:
        found: str = conn.exec_driver_sql("SELECT key FROM patients").scalar_one()
    return found


def seen(broker: Door, actor: Actor, about: str | None = None) -> Asked | None:
    """Which lines they may read."""
    database = broker.service.database
    with database.read() as conn:
        return readable(conn, database.keys, actor, micros(NOW), about)


def citizen(role: Role, *identifiers: str) -> Actor:
    """Somebody who signs in for themselves."""
    return Actor(role=role, person="p1", name="Kari", identifiers=identifiers)


def own(broker: Door) -> str:
    """The patient's own identifier, as somebody who signs in has it."""
    del broker
    (first, *_) = someone().identifiers
    return f"{first.system}|{first.value}"


# --- who may


def test_the_patient_reads_their_own_and_nobody_elses(broker: Door) -> None:
    """Recognised by their identifiers alone."""
    mine, key = citizen(Role.PATIENT, own(broker)), patient(broker)
    assert seen(broker, mine) == seen(broker, mine, key) == Asked(patients=[key])
    assert seen(broker, mine, "another") is None
    assert seen(broker, citizen(Role.PATIENT, "urn:x|1"), key) is None
    assert seen(broker, citizen(Role.RELATIVE, "urn:x|1"), key) is None
    assert seen(broker, citizen(Role.GUARDIAN, "urn:x|1")) is None


def test_an_administrator_reads_what_their_own_house_read(broker: Door) -> None:
    """With its units, and no more."""
    boss = Actor(role=Role.ADMINISTRATOR, party="trust", person="b")
    found = seen(broker, boss, patient(broker))
    assert found is not None
    assert (found.parties, found.patients) == ({"trust", "ward", "surgery"}, (patient(broker),))
    assert seen(broker, boss) == Asked(parties=frozenset({"trust", "ward", "surgery"}))
    assert seen(broker, replace(boss, party=None)) is None


@pytest.mark.parametrize(
    "role",
    [
        *(Role.OPERATOR, Role.SYSTEM, Role.SUPPLIER, Role.CLINICIAN, Role.STAFF),
        *(Role.COORDINATOR, Role.NON_HEALTH),
    ],
)
def test_nobody_else_reads_any(broker: Door, role: Role) -> None:
    """Not even the operator, who checks that it is whole."""
    assert seen(broker, Actor(role=role, party=WARD, person="x"), patient(broker)) is None


def test_open_mode_reads_all_and_an_organisation_its_own(broker: Door) -> None:
    """Everybody is taken at their word."""
    assert seen(broker, Actor(role=Role.OPEN)) == Asked()
    found = seen(broker, Actor(role=Role.OPEN, party="gp"))
    assert found == Asked(parties=frozenset({"gp"}))


# --- what is listed


def test_the_list_is_newest_first_in_pages(broker: Door) -> None:
    """Each line once; reading it is in it the next time."""
    key = patient(broker)
    path = f"Patient/{key}/$access-log"
    for _ in range(3):
        told(broker.service, f"Patient/{key}", OFFICE)
    first = told(broker.service, path, _count="2")
    assert [entry["resource"]["resourceType"] for entry in first["entry"]] == ["AuditEvent"] * 2
    links = {link["relation"]: link["url"] for link in first["link"]}
    page = links["next"].split("_page=")[1]
    rest = told(broker.service, path, _page=page)
    times_ = [entry["resource"]["recorded"] for found in (first, rest) for entry in found["entry"]]
    assert len(times_) == 3
    assert times_ == sorted(times_, reverse=True)
    assert "next" not in {link["relation"] for link in rest["link"]}
    again = told(broker.service, path)  # to read the log is to read of the patient
    assert [entry["resource"]["subtype"][1]["code"] for entry in again["entry"]] == [
        *("access_log", "access_log", "read", "read", "read")
    ]


def test_the_list_begins_where_it_is_asked_to(broker: Door) -> None:
    """Or is refused."""
    key = patient(broker)
    told(broker.service, f"Patient/{key}")
    later = (instant(times.now()) + timedelta(days=2)).date().isoformat()
    assert "entry" not in told(broker.service, f"Patient/{key}/$access-log", _since=later)
    assert len(told(broker.service, f"Patient/{key}/$access-log", _since="2020")["entry"]) == 1
    assert asked(broker.service, f"Patient/{key}/$access-log", _since="x").status_code == 400
    assert asked(broker.service, f"Patient/{key}/$access-log", _page="x").status_code == 400


@pytest.mark.parametrize(
    ("dates", "found"),
    [
        (["2026-11-20"], [1]),
        (["ge2026-11-20"], [1, 2]),
        (["gt2026-11-20"], [2]),
        (["le2026-11-20"], [0, 1]),
        (["lt2026-11-20"], [0]),
        (["eq2026-11"], [0, 1, 2]),
        (["ge2026-11-20", "lt2026-11-21"], [1]),
        (["2027"], []),
    ],
)
def test_audit_events_are_found_by_patient_and_date(
    broker: Door, dates: list[str], found: list[int]
) -> None:
    """With FHIR's prefixes, all dates together."""
    days = [NOW + timedelta(days=day) for day in (-1, 0, 1)]
    made = [line(micros(day), "p") for day in days]
    written(broker.service.database, *made, line(micros(NOW), "q"))
    for given in ("p", "Patient/p"):
        bundle = told(broker.service, "AuditEvent", patient=given, date=",".join(dates))
        every = [entry["resource"]["id"] for entry in bundle.get("entry", ())]
        ids = [id_ for id_ in every if id_ in {one.id for one in made}]  # not the reading of them
        assert ids == [made[each].id for each in reversed(found)]


def test_one_audit_event_is_read_by_who_may(broker: Door) -> None:
    """For others there is none."""
    made = line(
        times.now(), "p", who=Who(role=Role.SYSTEM, party=OFFICE, purpose=Purpose.TREATMENT)
    )
    written(broker.service.database, made)
    assert told(broker.service, f"AuditEvent/{made.id}")["id"] == made.id
    assert told(broker.service, f"AuditEvent/{made.id}", OFFICE)["id"] == made.id
    assert asked(broker.service, f"AuditEvent/{made.id}", "gp").status_code == 404
    assert asked(broker.service, "AuditEvent/none").status_code == 404
    assert asked(broker.service, "AuditEvent", patient="a b").status_code == 400
    assert asked(broker.service, "AuditEvent", date="x").status_code == 400


# --- what it says


def words(made: Line, language: str = "en") -> str:
    """The line as a sentence."""
    return said(made, {"ward": "The Ward"}, language).text


def test_a_line_says_who_what_and_why() -> None:
    """In both languages."""
    who = Who(role=Role.CLINICIAN, party="ward", name="Nina Nurse", purpose=Purpose.TREATMENT)
    made = line(1, who=who, basis=(Basis.ADDRESSED, Basis.GP), shown={"Encounter": ("1", "2")})
    assert words(made) == (
        "Nina Nurse, The Ward looked at stays and contacts."
        " Reason: the message was for them, they are your GP."
    )
    assert words(replace(made, act=Act.DELIVERY), "nb") == (
        "Nina Nurse, The Ward fikk tilsendt opphold og kontakter."
        " Begrunnelse: meldingen var til dem, de er fastlegen din."
    )
    assert words(replace(made, act=Act.QUERY)).startswith("Nina Nurse, The Ward found stays")
    assert words(replace(made, act=Act.SIGN_IN)).startswith("Nina Nurse, The Ward processed")


def test_a_line_without_a_name_says_what_they_are() -> None:
    """Neither is a type unknown to the catalogue a fault."""
    operator = Who(role=Role.OPERATOR, purpose=Purpose.OPERATIONS)
    assert words(line(1, who=operator)) == (
        "the operator looked at information about you. Reason: running the service."
    )
    unknown = Who(role=Role.SYSTEM, party="gone", purpose=Purpose.TREATMENT)
    assert words(line(1, who=unknown, shown={"Unheard": ("1",)})) == (
        "gone looked at information about you. Reason: treatment."
    )


def test_an_emergency_says_so_and_why() -> None:
    """In the words of who broke the glass."""
    who = Who(role=Role.CLINICIAN, name="N", purpose=Purpose.EMERGENCY, reason="unconscious")
    assert "emergency" in words(line(1, who=who))
    assert "unconscious" in words(line(1, who=who))
    by_right = line(1, basis=(Basis.BREAK_GLASS,))
    assert "emergency" in words(by_right)
    assert words(by_right) != words(line(1, basis=(Basis.GP,)))


@pytest.mark.parametrize("language", texts.LANGUAGES)
def test_everything_has_its_words(language: str) -> None:
    """Roles, rights and purposes, all of them."""
    keys = [
        *(f"access.role.{role}" for role in Role),
        *(f"access.basis.{basis}" for basis in Basis),
        *(f"access.purpose.{purpose}" for purpose in Purpose),
    ]
    for key in keys:
        assert texts.render(key, {}, language)


def test_names_are_those_of_the_directory(broker: Door) -> None:
    """By key."""
    with broker.service.database.read() as conn:
        assert named(conn)[WARD] == WARD


def test_the_command_shows_the_sentence(broker: Door) -> None:
    """And the local time."""
    key = patient(broker)
    told(broker.service, f"Patient/{key}", OFFICE)
    (entry,) = told(broker.service, f"Patient/{key}/$access-log")["entry"]
    at, sentence = _row(entry["resource"], "nb")
    assert sentence == f"{OFFICE} så på hvem du er. Begrunnelse: meldingen var til dem."
    assert str(instant(times.now()).year) in at


# --- the commands


@pytest.fixture
def cli(commands: Commands, tmp_path: Path) -> Cli:
    """``carepath audit`` with the store's key."""
    (tmp_path / "carepath.key").touch(0o600)
    (tmp_path / "carepath.key").write_bytes(b"k" * 32)
    return commands(command.app)


def test_verify_says_whether_the_log_is_whole_and_where_not(
    cli: Cli, database: Database, tmp_path: Path
) -> None:
    """It ends with 1 when it is not."""
    written(database, *(line(times.now() + each, "p") for each in range(3)))
    assert "3  lines wait" in done(cli("verify"))
    assert "3 lines sealed" in done(cli("seal"))
    assert "The log is whole." in done(cli("verify"))
    file = tmp_path / "kept.json"
    assert "1 checkpoints written" in done(cli("checkpoints", "--export", str(file)))
    assert orjson.loads(done(cli("checkpoints"))) == orjson.loads(file.read_bytes())
    assert "The log is whole." in done(cli("verify", "--from", str(file)))
    changed(database, rows(database)[1]["id"], outcome="404")
    broken = cli("verify", "--from", str(file))
    assert broken.exit_code == 1
    assert "2: the line was changed" in broken.stdout
    assert "the access log is not whole" in str(broken.exception)
    told_ = cli("verify", "--json")
    assert told_.exit_code == 1
    assert orjson.loads(told_.stdout)["faults"][0]["number"] == 2


def test_a_file_that_is_none_is_refused(cli: Cli, tmp_path: Path) -> None:
    """With what is wrong with it."""
    assert "cannot be read" in str(cli("verify", "--from", str(tmp_path / "none")).exception)
    for content in (b"{", b"[]", b'{"origin":"x"}'):
        (tmp_path / "wrong").write_bytes(content)
        refused = cli("verify", "--from", str(tmp_path / "wrong"))
        assert refused.exit_code == 1
        assert "is no file of checkpoints" in str(refused.exception)


def test_sealing_all_is_sealing_all(database: Database) -> None:
    """And then there is nothing left."""
    written(database, *(line(times.now() + each, "p") for each in range(5)))
    assert auditing.sealed(database) == 5
    assert auditing.sealed(database) == 0
    assert auditing.sealing(database) is not None


# --- why, as the store finds it


def test_the_basis_is_looked_up_for_party_and_person(database: Database, broker: Door) -> None:
    """A right that is known already stays."""
    key = patient(broker)
    of = Who(role=Role.SYSTEM, party=OFFICE, purpose=Purpose.TREATMENT)
    stranger = replace(of, party="gp")
    given = (Basis.SELF,)
    asked_ = [
        line(1, key, who=of),
        line(1, key, who=stranger),
        line(1, key, who=of, basis=given),
        line(1, None, who=of),
        line(1, "another", who=of),
    ]
    with database.read() as conn:
        found = audit.with_basis(conn, asked_, micros(NOW))
        assert audit.with_basis(conn, asked_[3:4], micros(NOW)) == asked_[3:4]
    assert Basis.ADDRESSED in found[0].basis
    assert list(found[0].basis) == sorted(found[0].basis)
    assert [one.basis for one in found[1:]] == [(), given, (), ()]
