"""Erasure: nothing that was said of a patient is left, what others have stays, and no backup brings it back."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Table, func, select
from sqlalchemy import text as sql

from carepath.service import Answer, Service, Submission, Verdict
from carepath.service.erasing import Decision, erase
from carepath.service.rebuild import rebuild
from carepath.store import audit, erasing, feed, resources, tables
from carepath.store.backup import Backup
from carepath.store.database import Database
from carepath.store.erasing import Erasure
from carepath.store.keyring import MARK
from carepath.store.queries import source
from carepath.store.resources import Viewer
from carepath.store.restore import restore
from carepath.store.retention import Cutoffs, expire
from carepath.store.tables import data_keys, feeds, inbox, metadata, outbox, patients
from carepath.store.times import micros
from pathways.access_log import Act
from scripts.record import timelines
from tests.contract.keeping import (
    BASE,
    Clock,
    Make,
    Told,
    filled,
    number,
    restore_into,
    tell,
    write,
)
from tests.contract.sealed import blobs, everything
from tests.integration import stories

DECISION = Decision("Fastlege Ås", "feil person")
RECEIVERS = (stories.NURSING.number, stories.CASE_OFFICE.number, stories.HOSPITAL.number)


@dataclass
class Erased:
    """A store that was told of two patients, one of whom was erased, and a backup from before."""

    database: Database
    clock: Clock
    service: Service
    told: list[Told]
    gone: str
    kept: str
    before: dict[str, list[dict[str, Any]]]
    feeds: dict[str, list[feed.Item]]
    stored: list[tuple[str, str | None, bytes]]
    backup: Path
    noted: list[Erasure]

    def tell(self, message: Told) -> Answer:
        """Its answer."""
        (answer,) = self.service.handle([Submission(orjson.dumps(message))])
        return answer

    def tables(self) -> dict[str, list[Any]]:
        """Every value of every row, by table."""
        with self.database.read() as conn:
            return {
                table.name: [value for row in conn.execute(select(table)) for value in row]
                for table in metadata.tables.values()
            }

    def shown(self, receiver: str) -> list[feed.Item]:
        """A receiver's whole feed."""
        return feed_of(self.database, receiver, self.clock)


def feed_of(database: Database, receiver: str, clock: Clock) -> list[feed.Item]:
    """A receiver's whole feed."""
    with database.read() as conn:
        return feed.after(conn, receiver, 0, micros(clock()), limit=1000, size=10**9)


@pytest.fixture(params=["sqlite", "postgresql"])
def erased(make: Make, request: pytest.FixtureRequest, tmp_path: Path) -> Erased:
    """One of each kind."""
    database, clock = make(request.param), Clock()
    service = filled(database, clock, people=0)
    told = stories.hospital_stay()
    tell(service, told)
    gone = next(iter(timelines(database)))
    tell(service, stories.hospital_stay())
    (kept,) = {*timelines(database)} - {gone}
    made = Erased(
        database=database,
        clock=clock,
        service=service,
        told=told,
        gone=gone,
        kept=kept,
        before=timelines(database),
        feeds={receiver: feed_of(database, receiver, clock) for receiver in RECEIVERS},
        stored=blobs(database),
        backup=write(database, tmp_path, clock()),
        noted=[],
    )
    assert erase(database, gone, clock(), DECISION, made.noted.append)
    return made


def test_nothing_about_the_patient_is_left(erased: Erased) -> None:
    """The key is gone, and so is every payload that it could have opened; the other's are as they were."""
    theirs = {blob for _, whose, blob in erased.stored if whose == erased.gone}
    others = {blob for _, whose, blob in erased.stored if whose == erased.kept}
    now = {blob for _, _, blob in blobs(erased.database)}
    assert theirs
    assert not theirs & now
    assert others <= now
    with erased.database.read() as conn:
        keys = {*conn.execute(select(data_keys.c.patient)).scalars()}
    assert keys == {erased.kept, ""}
    named = {name for name, values in erased.tables().items() if erased.gone in values}
    assert named == {
        "erasures",
        "access_log",
        "resources",
        "resource_versions",
    }  # Patient/{id}: 410
    assert timelines(erased.database) == {erased.kept: erased.before[erased.kept]}


def test_the_access_log_tells_who_decided_it_and_why(erased: Erased) -> None:
    """In words that stand encrypted."""
    asked = audit.Asked(patients=(erased.gone,))
    with erased.database.read() as conn:
        (line,) = audit.listed(conn, erased.database.keys, asked, limit=9)
        assert [one.patient for one in erasing.erased(conn)] == [erased.gone]
    assert (line.act, line.who.name, line.who.reason) == (Act.ERASURE, "Fastlege Ås", "feil person")
    assert "feil person" not in repr(erased.tables())


def test_feeds_keep_their_numbers(erased: Erased) -> None:
    """What was about the patient is withheld; what was about the other is there."""
    for receiver in RECEIVERS:
        now = erased.shown(receiver)
        assert [item.number for item in now] == [item.number for item in erased.feeds[receiver]]
        for item, was in zip(now, erased.feeds[receiver], strict=True):
            if was.patient == erased.gone:
                assert item.withheld
                assert (item.patient, item.body, item.source) == (None, None, None)
            else:
                assert item == was
        assert {item.withheld for item in now} == {True, False}
    with erased.database.read() as conn:  # also where no right is asked for
        told = select(outbox.c.withheld).where(
            outbox.c.patient.is_(None), outbox.c.event.is_not(None)
        )
        assert {*conn.execute(told).scalars()} == {True}


def test_resources_are_gone(erased: Erased) -> None:
    """For the operator they are 410, for everybody else they never were: nobody holds a grant any more."""
    now = micros(erased.clock())
    with erased.database.read() as conn:
        shown = [*conn.execute(select(tables.resources).where(tables.resources.c.deleted))]
        assert len(shown) > 5
        for type_, id_ in [row[:2] for row in shown]:
            found = resources.read(conn, type_, id_, Viewer(None, now))
            assert found is not None
            assert (found.deleted, found.body) == (True, b"")
            versions = resources.history(conn, type_, id_, Viewer(None, now), count=9, before=10**9)
            assert [(one.deleted, one.body) for one in versions] == [(True, b"")]
            for receiver in RECEIVERS:
                assert resources.read(conn, type_, id_, Viewer(receiver, now)) is None
        events = conn.execute(select(inbox.c.id).where(func.length(inbox.c.source) == 0)).scalars()
        for id_ in events:
            found_source = source(conn, id_, Viewer(None, now))
            assert found_source is None or not found_source.content


def test_a_message_that_is_sent_again_brings_nothing_back(erased: Erased) -> None:
    """It gets an answer as before. A new one about the same person is about a new patient."""
    number(erased.database)
    was = erased.tables()
    for message in erased.told:
        answer = erased.tell(message)
        assert (answer.verdict, answer.status) == (Verdict.DUPLICATE, 200)
    assert erased.tables() == was
    person = stories.Matter(_patient(erased.told[0]))
    assert erased.tell(stories.admission(person)).verdict is Verdict.ACCEPTED
    (new,) = {*timelines(erased.database)} - {erased.kept}
    assert new != erased.gone
    assert len(timelines(erased.database)[new]) == 1


def _patient(message: Told) -> Told:
    (found,) = (
        e["resource"] for e in message["entry"] if e["resource"]["resourceType"] == "Patient"
    )
    return dict(found)


def test_rebuild_and_retention_find_nothing_to_do(erased: Erased) -> None:
    """Nor do they stumble."""
    now = erased.clock()
    assert rebuild(erased.database, BASE, now) == 0
    expire(erased.database, Cutoffs(bodies=now, inbox=now), dry_run=False)
    expire(erased.database, Cutoffs(bodies=now + timedelta(days=1), inbox=now), dry_run=False)
    assert timelines(erased.database).keys() == {erased.kept}


def test_no_backup_brings_the_patient_back(erased: Erased, make: Make) -> None:
    """What was noted outside the database is erased again; without it the backup has the patient still."""
    after = make("sqlite")
    restore_into(after, erased.backup, erased.clock())
    assert timelines(after) == erased.before
    restore(after, Backup(erased.backup), erased.clock(), erased.noted)
    assert timelines(after) == {erased.kept: erased.before[erased.kept]}
    assert rebuild(after, BASE, erased.clock()) == 0
    with after.read() as conn:
        assert [one.patient for one in erasing.erased(conn)] == [erased.gone]
        assert erased.gone not in {*conn.execute(select(data_keys.c.patient)).scalars()}


def test_what_came_since_the_backup_does_not_bring_the_patient_back(
    erased: Erased, make: Make, tmp_path: Path
) -> None:
    """Workers read it from Kafka again, and senders send it again: it counts as taken in."""
    empty, after = make("sqlite"), make("sqlite")
    filled(empty, erased.clock, people=0)
    restore(after, Backup(write(empty, tmp_path, erased.clock())), erased.clock(), erased.noted)
    service = Service(after)
    for message in erased.told:
        (answer,) = service.handle([Submission(orjson.dumps(message))])
        assert (answer.verdict, answer.status) == (Verdict.DUPLICATE, 200)
    assert timelines(after) == {}


def test_it_is_done_once_and_for_somebody_who_is_there(erased: Erased) -> None:
    """Else nothing is done, and nothing logged."""
    was = erased.tables()
    for patient in (erased.gone, "nobody"):
        assert not erase(erased.database, patient, erased.clock(), DECISION)
    assert erased.tables() == was


def test_every_table_with_a_patient_is_thought_of(erased: Erased) -> None:
    """One that is neither emptied nor deleted nor named to stay would keep the patient's key."""
    with_patient = [t for t in metadata.tables.values() if "patient" in t.columns]
    assert len(with_patient) > 10
    with erased.database.read() as conn:
        for table in with_patient:
            held = _held(table, erased.gone)
            allowed = table.name in {"access_log", "erasures"}
            assert allowed or conn.execute(held).scalar() == 0, table.name
        assert conn.execute(select(func.count()).select_from(patients)).scalar() == 1
        assert conn.execute(select(func.count()).select_from(feeds)).scalar()
        empty = select(func.count()).where(outbox.c.patient.is_(None), outbox.c.withheld)
        assert conn.execute(empty).scalar()


def _held(table: Table, patient: str) -> Any:
    return select(func.count()).select_from(table).where(table.c.patient == patient)


def test_the_file_has_no_old_pages(erased: Erased) -> None:
    """SQLite's file and its log hold neither the wrapped key nor a payload of the patient any more."""
    if erased.database.writer.dialect.name != "sqlite":
        with erased.database.read() as conn:  # PostgreSQL has vacuumed the keys' table
            dead = sql("SELECT pg_stat_get_dead_tuples('data_keys'::regclass)")
            assert conn.execute(dead).scalar() == 0
        return
    theirs = [blob for _, whose, blob in erased.stored if whose == erased.gone]
    ids = {blob[len(MARK) :][:16] for blob in theirs}
    assert len(ids) == 1
    assert not [
        where for where, bytes_ in everything(erased.database) for id_ in ids if id_ in bytes_
    ]
