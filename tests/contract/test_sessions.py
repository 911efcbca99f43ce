"""Who is signed in, and whom they may act as: on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from carepath.identity.people import CITIZEN, Person, member_actor, memberships
from carepath.identity.sessions import Limits, Sessions
from carepath.service import directory
from carepath.store import members, tables
from carepath.store import sessions as kept
from carepath.store.database import Database, migrate
from carepath.store.members import Membership
from carepath.store.sessions import Row
from carepath.store.times import micros
from fhir_mappings import codes
from fhir_mappings.identifiers import national
from pathways.access import Actor, Role
from pathways.parties import Identifier, Kind, Party
from tests.contract.door import NOW, Door
from tests.contract.keeping import Make, restore_into, write

ISSUER = "https://issuer.example"
PID = "12824212447"
ORG = Identifier(codes.ORGANISATION_NUMBER, "310417203")
NURSE = Person(issuer=ISSUER, subject="nurse", hpr="900000005", name="Jonas Vik")
CITIZEN_ONLY = Person(issuer=ISSUER, subject="solveig", pid=PID, name="Solveig Bråten")
DAY = timedelta(days=1)


@pytest.fixture
def sessions(database: Database) -> Sessions:
    """An hour of doing nothing, ten in all."""
    return Sessions(database, Limits(timedelta(hours=1), timedelta(hours=10)))


def member(
    database: Database,
    party: str | None = "ward",
    role: Role = Role.CLINICIAN,
    known_by: Identifier | None = None,
    since: datetime = NOW - DAY,
    until: datetime | None = None,
) -> Membership:
    """The nurse works there."""
    by = known_by or Identifier(codes.HPR, "900000005")
    with database.write() as conn:
        return members.add(conn, database.keys, by, "J. Vik", party, role, since, until)


def signed_in(sessions: Sessions, person: Person = NURSE, at: datetime = NOW) -> str:
    """The cookie of a session."""
    begun = sessions.begin(person, at)
    assert begun is not None
    return begun[0]


def acting(sessions: Sessions, secret: str | None, at: datetime = NOW) -> Actor | None:
    """Whom a cookie makes them."""
    found = sessions.find(secret, at)
    return found.actor if found else None


def test_who_works_at_one_place_acts_there(database: Database, sessions: Sessions) -> None:
    """With the name that was registered, and a key that tells nobody who it is."""
    member(database)
    actor = acting(sessions, signed_in(sessions))
    assert actor is not None
    assert (actor.role, actor.party, actor.name) == (Role.CLINICIAN, "ward", "J. Vik")
    assert actor.person == NURSE.key(database.keys).hex()
    assert "900000005" not in f"{actor.person}"


def test_a_citizen_is_themselves(sessions: Sessions) -> None:
    """Their number is for this request alone."""
    actor = acting(sessions, signed_in(sessions, CITIZEN_ONLY))
    assert actor is not None
    assert (actor.role, actor.party) == (Role.PATIENT, None)
    assert actor.identifiers == (f"{codes.FNR}|{PID}",)
    assert PID not in f"{actor.person}{actor.reader}"


def test_nobody_whom_we_know_is_not_signed_in(sessions: Sessions, database: Database) -> None:
    """Nothing is kept of them."""
    assert sessions.begin(NURSE, NOW) is None
    with database.read() as conn:
        assert not conn.execute(select(tables.sessions)).all()


def test_who_can_be_several_chooses_one(database: Database, sessions: Sessions) -> None:
    """Before that they are nobody; afterwards they may change; each time the cookie is another."""
    ward, surgery = member(database), member(database, "surgery", Role.COORDINATOR)
    both = replace(NURSE, pid=PID)
    first = signed_in(sessions, both)
    found = sessions.find(first, NOW)
    assert found is not None
    assert found.actor is None
    assert found.options == 3
    assert found.places == {"ward": "ward", "surgery": "surgery"}
    assert sessions.choose(first, "another", NOW) is None
    secret = first
    for choice, role, party in (
        (ward.id, Role.CLINICIAN, "ward"),
        (surgery.id, Role.COORDINATOR, "surgery"),
        (CITIZEN, Role.PATIENT, None),
    ):
        renewed = sessions.choose(secret, choice, NOW)
        assert renewed is not None
        assert acting(sessions, secret) is None
        actor = acting(sessions, renewed)
        assert actor is not None
        assert (actor.role, actor.party) == (role, party)
        secret = renewed


def test_nobody_acts_as_what_they_are_not(database: Database, sessions: Sessions) -> None:
    """Another's membership, an ended one, a citizen without a number."""
    member(database)
    others = member(database, known_by=Identifier(codes.HPR, "900000001"))
    ended = member(database, "surgery", until=NOW)
    secret = signed_in(sessions)
    assert all(sessions.choose(secret, c, NOW) is None for c in (others.id, ended.id, CITIZEN, ""))


@pytest.mark.parametrize(
    ("later", "is_in"),
    [
        (timedelta(minutes=59), True),
        (timedelta(hours=1), False),
        (timedelta(hours=10), False),
    ],
)
def test_a_session_ends_when_it_is_not_used(
    database: Database, sessions: Sessions, later: timedelta, is_in: bool
) -> None:
    """After an hour here."""
    member(database)
    secret = signed_in(sessions)
    assert (acting(sessions, secret, NOW + later) is not None) is is_in


def test_a_session_ends_however_much_it_is_used(database: Database, sessions: Sessions) -> None:
    """Each use lengthens it, up to ten hours here."""
    member(database)
    secret = signed_in(sessions)
    minutes = range(30, 600, 30)
    assert all(acting(sessions, secret, NOW + timedelta(minutes=m)) for m in minutes)
    assert acting(sessions, secret, NOW + timedelta(hours=10)) is None


def test_a_membership_that_ends_ends_at_once(database: Database, sessions: Sessions) -> None:
    """So does one at a party that leaves the directory; for what is open, too."""
    made = member(database)
    secret = signed_in(sessions)
    stands = sessions.stands(secret)
    with database.write() as conn:
        assert stands(conn, micros(NOW))
        members.end(conn, made.id, NOW)
        assert not stands(conn, micros(NOW))
    found = sessions.find(secret, NOW)
    assert found is not None
    assert found.actor is None


def test_signing_in_anew_ends_what_was(database: Database, sessions: Sessions) -> None:
    """A session has a secret of its own, that nobody could have put into the browser before."""
    member(database)
    first = signed_in(sessions)
    begun = sessions.begin(NURSE, NOW, first)
    assert begun is not None
    assert begun[0] != first
    assert acting(sessions, first) is None
    assert acting(sessions, begun[0]) is not None


def test_signing_out_ends_one_and_revoking_ends_all(database: Database, sessions: Sessions) -> None:
    """By whatever the person is known."""
    member(database)
    one, two, other = signed_in(sessions), signed_in(sessions), signed_in(sessions, CITIZEN_ONLY)
    sessions.end(one, NOW)
    sessions.end(None, NOW)
    assert acting(sessions, one) is None
    assert acting(sessions, two) is not None
    assert sessions.end_of([Identifier(codes.HPR, "900000005")]) == 1
    assert acting(sessions, two) is None
    assert acting(sessions, other) is not None


def test_who_is_known_by_two_things_is_revoked_by_either(
    database: Database, sessions: Sessions
) -> None:
    """They are at work by their number as a professional, and signed in with a national id, too."""
    made = member(database)
    secret = signed_in(sessions, replace(NURSE, pid=PID))
    secret = sessions.choose(secret, made.id, NOW) or ""
    assert sessions.end_of([Identifier(codes.HPR, "900000005")]) == 1
    assert acting(sessions, secret) is None


def test_signing_in_and_out_stands_in_the_access_log(
    database: Database, sessions: Sessions
) -> None:
    """Who, as what and when; each change of role, too; about no patient."""
    made = member(database)
    secret = signed_in(sessions, replace(NURSE, pid=PID))
    secret = sessions.choose(secret, made.id, NOW) or ""
    secret = sessions.choose(secret, CITIZEN, NOW) or ""
    sessions.end(secret, NOW)
    sessions.end(secret, NOW)
    log = tables.access_log.c
    with database.read() as conn:
        lines = conn.execute(
            select(log.act, log.role, log.party, log.patient).order_by(log.id)
        ).all()
    assert sorted(map(tuple, lines)) == sorted(
        [
            ("sign-in", "clinician", "ward", None),
            ("sign-in", "patient", None, None),
            ("sign-out", "patient", None, None),
        ]
    )


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_restore_signs_everybody_out(make: Make, tmp_path: Path, kind: str) -> None:
    """Some have signed out since the backup; who works where is as it was."""
    database, other = make(kind), make(kind)
    migrate(database.writer.url.render_as_string(hide_password=False))
    found = Sessions(database, Limits(timedelta(hours=1), timedelta(hours=10)))
    with database.write() as conn:
        directory.enter(conn, database.keys, Party("ward", "ward", Kind.HOSPITAL), NOW)
    made = member(database)
    secret = signed_in(found)
    restore_into(other, write(database, tmp_path, NOW), NOW)
    assert acting(replace(found, database=other), secret) is None
    with other.read() as conn:
        assert members.listed(conn, other.keys) == [made]


def test_what_has_run_out_is_forgotten(database: Database, sessions: Sessions) -> None:
    """When somebody signs in."""
    member(database)
    signed_in(sessions)
    signed_in(sessions, at=NOW + DAY)
    with database.read() as conn:
        assert len(conn.execute(select(tables.sessions)).all()) == 1


def test_the_database_tells_nobody_who_it_is(database: Database, sessions: Sessions) -> None:
    """No name, no number, no cookie, and no index that leads to the patient of that number."""
    member(database, known_by=national(PID))
    secret = signed_in(sessions, replace(NURSE, pid=PID))
    with database.read() as conn:
        rows = [*conn.execute(select(tables.sessions)), *conn.execute(select(tables.members))]
    told = repr([tuple(row) for row in rows])
    patient = database.keys.blind(f"{codes.FNR}|{PID}")
    for hidden in (PID, "900000005", "Vik", secret, repr(patient)[2:-1]):
        assert hidden not in told


def test_a_row_that_was_changed_is_nobodys(database: Database, sessions: Sessions) -> None:
    """What is sealed belongs to that session alone."""
    member(database)
    mine, theirs = signed_in(sessions), signed_in(sessions, CITIZEN_ONLY)
    with database.write() as conn:
        body = select(tables.sessions.c.body).where(tables.sessions.c.acting == CITIZEN)
        conn.execute(update(tables.sessions).values(body=body.scalar_subquery()))
    assert acting(sessions, mine) is None
    assert acting(sessions, theirs) is not None


@pytest.mark.parametrize("secret", ["", "made-up", "æ" * 100, None])
def test_a_made_up_cookie_is_nobodys(sessions: Sessions, secret: str | None) -> None:
    """Whatever it says."""
    assert acting(sessions, secret) is None


def test_claims_of_organisation_have_to_agree(database: Database, broker: Door) -> None:
    """With the party itself or one above it; all of them. Operators work for the broker, wherever they are."""
    with database.write() as conn:
        trust = Party("trust", "trust", Kind.HOSPITAL, (ORG,))

        directory.enter(conn, database.keys, trust, NOW)
    ward, _ = member(database), member(database, "town")
    operator = member(database, None, Role.OPERATOR)
    claimed = replace(NURSE, organisations=(ORG.value,))
    wrong = replace(NURSE, organisations=(ORG.value, "310417270"))
    with database.read() as conn:
        assert [m.id for m in memberships(conn, database.keys, claimed, NOW)] == [
            one.id for one in sorted((ward, operator), key=lambda m: (m.since, m.id))
        ]
        assert [m.role for m in memberships(conn, database.keys, wrong, NOW)] == [Role.OPERATOR]
        assert len(memberships(conn, database.keys, NURSE, NOW)) == 3


def test_a_token_names_the_party_or_one_above_it(database: Database) -> None:
    """The party's own membership counts more than a unit's."""
    member(database, "surgery", Role.STAFF)
    member(database, "ward")
    member(database, "trust", Role.ADMINISTRATOR, since=NOW - timedelta(hours=1))
    with database.read() as conn:
        found = {
            party: member_actor(conn, database.keys, NURSE, NOW, party)
            for party in ("ward", "trust", "town", "nowhere")
        }
    assert found["ward"] is not None
    assert found["ward"].party == "ward"
    assert found["trust"] is not None
    assert found["trust"].role is Role.ADMINISTRATOR
    assert found["town"] is None
    assert found["nowhere"] is None


@pytest.mark.parametrize("party", ["nowhere", "ward"])
def test_a_party_that_is_not_in_the_directory_gives_nobody_anything(
    database: Database, party: str
) -> None:
    """Nor does one whose time is over."""
    member(database, party)
    later = datetime.max.replace(tzinfo=UTC) - DAY
    with database.write() as conn:
        ward = Party("ward", "ward", Kind.HOSPITAL, valid_to=NOW)

        directory.enter(conn, database.keys, ward, NOW)
        assert memberships(conn, database.keys, NURSE, NOW) == []
        assert memberships(conn, database.keys, NURSE, later) == []


def test_a_row_says_when(database: Database, sessions: Sessions) -> None:
    """To the microsecond."""
    member(database)
    secret = signed_in(sessions)
    found = sessions.find(secret, NOW)
    assert found is not None
    with database.read() as conn:
        row = kept.show(conn, database.keys, found.id)
    assert isinstance(row, Row)
    assert (row.begun, row.seen, row.ends) == (NOW, NOW, NOW + timedelta(hours=10))


def test_people_see_where_they_are_signed_in_and_end_it_there(
    database: Database, sessions: Sessions
) -> None:
    """Their own alone, those that have not run out; the one they ask with goes on (ASVS 5.0, 7.5.2)."""
    works = member(database)
    stale = signed_in(sessions, at=NOW - timedelta(hours=2))
    other = signed_in(sessions, at=NOW - timedelta(minutes=30))
    here = signed_in(sessions)
    strange = signed_in(sessions, CITIZEN_ONLY)
    standing = sessions.standing(here, NOW)
    assert [(one.begun, one.here) for one in standing] == [
        (NOW, True),
        (NOW - timedelta(minutes=30), False),
    ]
    assert {one.membership for one in standing} == {works}
    assert sessions.standing(stale, NOW) == []

    own, theirs = standing[0].id, sessions.standing(strange, NOW)[0].id
    assert sessions.end_there(here, [own, theirs], NOW) == 0
    assert sessions.end_there(here, [one.id for one in standing], NOW) == 1
    assert sessions.find(other, NOW) is None
    assert sessions.find(here, NOW) is not None
    assert sessions.find(strange, NOW) is not None
    assert sessions.end_there(other, [own], NOW) == 0
