"""What is open is closed at the next look (every two seconds) once what signed it in has ended: on both databases."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from carepath.delivery.standing import Rights, Standing
from carepath.delivery.targets import Reach
from carepath.identity.callers import Shown
from carepath.identity.entrance import entrance
from carepath.identity.people import Person
from carepath.identity.sessions import Limits, Sessions
from carepath.store import clients, members, tables
from carepath.store.database import Connection, Database
from carepath.store.times import micros
from fhir_mappings import codes
from pathways.access import Role
from pathways.parties import Identifier
from tests.contract.entering import Entered, entered
from tests.contract.front import ADDRESS

ISSUER = "https://issuer.example"
NURSE = Person(issuer=ISSUER, subject="nurse", hpr="900000005", name="Jonas Vik")
HPR = Identifier(codes.HPR, "900000005")
IDLE = timedelta(hours=1)
DAY = timedelta(days=1)


def closes(database: Database, standing: Standing, ending: Callable[[], object]) -> bool:
    """Whether what is open by this is closed once that has happened, and not before."""

    async def look() -> bool:
        rights = Rights(database)
        async with rights.held((), standing) as right:
            await rights.look()
            assert not right.gone.is_set()
            ending()
            await rights.look()
            return right.gone.is_set()

    return asyncio.run(look())


def writing(database: Database, change: Callable[[Connection], object]) -> Callable[[], None]:
    """That change of the database."""

    def write() -> None:
        with database.write() as conn:
            change(conn)

    return write


@pytest.fixture
def sessions(database: Database) -> Sessions:
    """Of people who are signed out after an hour of doing nothing."""
    return Sessions(database, Limits(IDLE, timedelta(hours=10)))


def works(database: Database, party: str = "ward") -> str:
    """The nurse works there, by this membership."""
    since = datetime.now(UTC) - DAY
    with database.write() as conn:
        return members.add(conn, database.keys, HPR, "J. Vik", party, Role.CLINICIAN, since).id


def secret_of(sessions: Sessions) -> str:
    """The cookie of the nurse's session."""
    begun = sessions.begin(NURSE, datetime.now(UTC))
    assert begun is not None
    return begun[0]


def test_a_session_that_is_signed_out_of(database: Database, sessions: Sessions) -> None:
    """Whatever they have open elsewhere stays."""
    works(database)
    here, elsewhere = secret_of(sessions), secret_of(sessions)
    at = datetime.now(UTC)
    assert not closes(database, sessions.stands(here), lambda: sessions.end(elsewhere, at))
    assert closes(database, sessions.stands(here), lambda: sessions.end(here, at))


def test_a_session_that_nobody_used_for_too_long(database: Database, sessions: Sessions) -> None:
    """An open page alone is no use of it."""
    works(database)
    unused = update(tables.sessions).values(seen=micros(datetime.now(UTC) - IDLE))
    standing = sessions.stands(secret_of(sessions))
    assert closes(database, standing, writing(database, lambda conn: conn.execute(unused)))


def test_a_membership_that_ends(database: Database, sessions: Sessions) -> None:
    """And only that one."""
    membership = works(database)
    standing = sessions.stands(secret_of(sessions))
    other = works(database, "surgery")

    def end(id_: str) -> Callable[[], None]:
        at = datetime.now(UTC)
        return writing(database, lambda conn: members.end(conn, id_, at))

    assert not closes(database, standing, end(other))
    assert closes(database, standing, end(membership))


@pytest.fixture
def door(database: Database) -> Entered:
    """A server with one client."""
    made = entered(database)
    made.register()
    return made


def _standing(door: Entered) -> Standing:
    """Of what the client opens by a token of its own."""
    callers = entrance(door.database, address=ADDRESS, reach=Reach(loopback=True)).callers
    shown = Shown(authorization=(door.bearer(),), proofs=(), method="GET", url=f"{ADDRESS}/events")
    return asyncio.run(callers.caller(shown)).standing


def test_a_registration_that_is_revoked(door: Entered) -> None:
    """Whatever its token says."""
    at = datetime.now(UTC)
    revoke = writing(door.database, lambda conn: clients.revoke(conn, "journal", at, "test"))
    assert closes(door.database, _standing(door), revoke)


def test_a_token_that_has_run_out(door: Entered) -> None:
    """Five minutes after it was given, whoever reads on."""
    standing = _standing(door)
    with door.database.read() as conn:
        for later, stands in (
            (timedelta(minutes=4), True),
            (timedelta(minutes=5, seconds=1), False),
        ):
            assert standing(conn, micros(datetime.now(UTC) + later)) is stands
