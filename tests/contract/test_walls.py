"""PostgreSQL's own wall: what a reader sees whose query asked for everything, and a reader who is nobody.

The tables are those of the metadata, so a new one that nobody thought of is tested, too.
"""

import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Table, func, select, text
from typer import Typer

from carepath.cli.database import migrate as migrate_command
from carepath.cli.output import Trouble
from carepath.store import walls
from carepath.store.database import Database, migrate
from carepath.store.rights import Viewer
from carepath.store.tables import grants, metadata, patients
from pathways.access import Basis, Purpose, Role
from pathways.sight import Sight
from tests import postgres
from tests.contract.commands import calling, done
from tests.contract.stored import NOW, granted, opened, put

TABLES = sorted(metadata.tables)
BEHIND = [name for name in TABLES if name not in walls.PUBLIC]
ABOUT_PATIENTS = [name for name in TABLES if "patient" in metadata.tables[name].columns]
MINE, OTHERS = "mine", "others"
SOME = {"TEXT": "x", "BIGINT": 1, "INTEGER": 1, "BOOLEAN": False, "BLOB": b"x"}


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    """A row in every table about a patient whom nobody here has a part in."""
    with opened(postgresql_url) as database:
        with database.write() as conn:
            for name in TABLES:
                conn.execute(text(_insert(metadata.tables[name])), _row(metadata.tables[name]))
        yield database


def _row(table: Table) -> dict[str, Any]:
    row = {column.name: SOME.get(str(column.type), b"x") for column in table.columns}
    if table.name in {"resources", "resource_versions"}:
        row["type"] = "Encounter"
    return row | ({"patient": OTHERS} if "patient" in row else {})


def _insert(table: Table) -> str:
    names = [column.name for column in table.columns]
    told = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    into = f'"{table.name}" ({told[0]})'
    return f"INSERT INTO {into} VALUES ({told[1]}) ON CONFLICT DO NOTHING"  # noqa: S608 -- ours


def _rows(conn: Connection, name: str) -> int:
    return int(conn.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one())  # noqa: S608 -- ours


def test_every_table_has_its_place() -> None:
    """Public with a reason, hidden, or with a policy: in one of the three, and nothing about a patient is public."""
    places = [*walls.PUBLIC, *walls.HIDDEN, *walls.policies()]
    assert sorted(places) == TABLES
    assert not {*ABOUT_PATIENTS} & {*walls.PUBLIC}


def test_nobody_sees_nothing(database: Database) -> None:
    """As the reader, without having said who asks: of no table any row; the broker itself sees them all."""
    with database.reader.connect() as conn:
        assert [name for name in BEHIND if not _rows(conn, name)] == []
        conn.execute(text(f"SET LOCAL ROLE {walls.READER}"))
        assert [name for name in BEHIND if _rows(conn, name)] == []


@pytest.mark.parametrize("sights", [None, ()], ids=["of an organisation", "of who sees nobody"])
def test_a_patient_of_others_is_nobody(
    database: Database, sights: tuple[Sight, ...] | None
) -> None:
    """Without a part in the care no rows about a patient, whatever is asked: ids alone, and wrapped keys."""
    with database.seen_by(Viewer("north", NOW, sights=sights)) as conn:
        seen = {name for name in ABOUT_PATIENTS if _rows(conn, name)}
    assert seen == {"patient_links", "data_keys"}


def _sight(patient: str) -> Sight:
    return Sight(
        patient=patient, role=Role.PATIENT, basis=Basis.SELF, purpose=Purpose.PATIENT_REQUEST
    )


def test_a_grant_or_a_sight_opens_one_patient(postgresql_url: str) -> None:
    """Of two patients the one; when the grant has ended, none."""
    with opened(postgresql_url) as database:
        _two_patients(database)


def _two_patients(database: Database) -> None:
    empty = {"created": 0, "received": 0, "body": b"{}", "pseudonym_version": 1}
    put(database, patients, {"key": MINE, **empty}, {"key": OTHERS, **empty})
    granted(database, "north", "e", patient=MINE)
    granted(database, "south", "e", patient=MINE, until=NOW)
    seen = {}
    for name, viewer in {
        "north": Viewer("north", NOW),
        "south, whose grant has ended": Viewer("south", NOW),
        "the patient": Viewer("person:a", NOW, sights=(_sight(MINE),)),
        "north, as an administrator": Viewer("north", NOW, sights=()),
        "open mode's operator": Viewer(None, NOW),
    }.items():
        with database.seen_by(viewer) as conn:
            keys = select(patients.c.key).where(patients.c.key.in_([MINE, OTHERS]))
            seen[name] = {*conn.execute(keys).scalars()}
    assert seen == {
        "north": {MINE},
        "south, whose grant has ended": set(),
        "the patient": {MINE},
        "north, as an administrator": set(),
        "open mode's operator": {MINE, OTHERS},
    }


def test_a_reader_writes_nothing(database: Database) -> None:
    """The role can change no row, and cannot lift what it is told: settings end with the transaction."""
    with database.writer.connect() as conn:
        walls.enter(conn, Viewer("north", NOW))
        with pytest.raises(Exception, match="permission denied"):
            conn.execute(text("UPDATE grants SET reader = 'north'"))
    with database.reader.connect() as conn:
        assert conn.execute(text("SELECT current_user")).scalar() != walls.READER
        assert conn.execute(text("SELECT current_setting('app.readers', true)")).scalar() in (
            None,
            "",
        )


def test_policies_stay_until_they_change(database: Database, postgresql_url: str) -> None:
    """To migrate again takes no lock on anything; a predicate that has changed is put in."""
    named = text("SELECT oid FROM pg_policy ORDER BY oid")
    with database.read() as conn:
        before = conn.execute(named).scalars().all()
    migrate(postgresql_url)
    with database.read() as conn:
        assert conn.execute(named).scalars().all() == before
    with database.write() as conn:
        conn.execute(text("COMMENT ON TABLE grants IS 'of an older release'"))
    migrate(postgresql_url)
    with database.read() as conn:
        assert not {*conn.execute(named).scalars()} & {*before}


def test_a_login_that_may_not_make_roles_says_what_to_do(postgres_server: str) -> None:
    """``carepath migrate`` names the SQL; once an administrator has run it, it works, and the wall stands."""
    login, secret = "wall_login", "s"
    url = postgres.create(postgres_server, "template0")
    name = url.rpartition("/")[2]
    own = re.sub(r"//[^@]*@", f"//{login}:{secret}@", url)
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{secret}'")
        admin.execute(f"ALTER DATABASE {name} OWNER TO {login}")
        try:
            _refused_then_done(admin, own, login)
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
            admin.execute(f"DROP ROLE {login}")


def _refused_then_done(admin: "psycopg.Connection[Any]", own: str, login: str) -> None:
    command = Typer()
    command.command()(migrate_command)
    refused = calling(command)("--database-url", own)
    assert isinstance(refused.exception, Trouble), refused.output
    assert f"GRANT {walls.READER}, {walls.BROKER} TO" in (refused.exception.hint or "")
    admin.execute(f"GRANT {walls.READER}, {walls.BROKER} TO {login}")
    done(calling(command)("--database-url", own))
    with opened(own) as database:
        granted(database, "north", "e", patient=MINE)
        with database.seen_by(Viewer("south", NOW)) as conn:
            assert conn.execute(select(func.count()).select_from(grants)).scalar() == 0


def test_what_is_encrypted_is_read_through_the_wall(postgresql_url: str) -> None:
    """A reader gets the payload of their patient in clear, and of nobody else's."""
    with opened(postgresql_url) as database:
        granted(database, "north", "e", patient=MINE)
        for patient in (MINE, OTHERS):
            empty = {"created": 0, "received": 0, "pseudonym_version": 1}
            put(database, patients, {"key": patient, "body": patient.encode(), **empty})
        with database.seen_by(Viewer("north", NOW)) as conn:
            assert [bytes(body) for body in conn.execute(select(patients.c.body)).scalars()] == [
                b"mine"
            ]
