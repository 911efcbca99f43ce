"""Checkpoints that are kept, and lines of the access log that go by age: the chain holds all the while."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from carepath.service import audit as service
from carepath.service.audit import KEPT
from carepath.store import audit_chain, times
from carepath.store.audit_chain import KEPT_EVERY
from carepath.store.audit_tables import access_checkpoints, access_log
from carepath.store.database import Database
from carepath.store.times import instant
from carepath.wiring import auditing
from tests.contract.logged import checked, filled, rows, sealed
from tests.contract.stored import opened


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def _at(monkeypatch: pytest.MonkeyPatch, moment: int) -> None:
    monkeypatch.setattr(times, "now", lambda: moment)


def test_a_checkpoint_is_kept_now_and_then(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every five minutes, and always the newest."""
    begun = times.now()
    for number, after in enumerate((0, 1, KEPT_EVERY - 1, KEPT_EVERY, KEPT_EVERY + 5), start=1):
        _at(monkeypatch, begun + after)
        filled(database, 1, begins=begun + after)
        assert sealed(database) == 1
        with database.read() as conn:
            newest = audit_chain.checkpoints(conn)[-1]
        assert (newest.size, newest.at) == (number, begun + after)
    with database.read() as conn:
        assert [one.size for one in audit_chain.checkpoints(conn)] == [1, 4, 5]
    assert not checked(database, instant(begun)).faults


def _old_and_new(database: Database, monkeypatch: pytest.MonkeyPatch) -> int:
    """Three batches of two lines, a checkpoint kept at each: two of them older than lines are kept. Now."""
    now = times.now()
    old = now - round(KEPT.total_seconds() * 1_000_000)
    for begins in (old - 2 * KEPT_EVERY - 9, old - KEPT_EVERY, now - KEPT_EVERY):
        _at(monkeypatch, begins)
        filled(database, 2, begins=begins - 5000)
        sealed(database)
    _at(monkeypatch, now)
    return now


def test_what_is_old_goes_and_the_chain_holds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the last checkpoint that went with it."""
    now = _old_and_new(database, monkeypatch)
    before = instant(now) - KEPT
    kept = auditing.read(auditing.exported(database))
    assert service.expire(database, before, dry_run=True) == 4
    assert len(rows(database)) == 6
    assert service.expire(database, before, dry_run=False) == 4
    assert service.expire(database, before, dry_run=False) == 0
    assert [row["number"] for row in rows(database)] == [5, 6]
    verdict = service.verify(database, instant(now), kept[1:])
    assert (verdict.lines, verdict.removed, verdict.faults) == (2, 4, [])
    filled(database, 1, begins=now)
    sealed(database)
    assert not checked(database, instant(now)).faults
    with database.write() as conn:
        conn.execute(delete(access_log).where(access_log.c.number == 5))
    assert checked(database, instant(now)).faults


def test_nothing_goes_before_its_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for."""
    now = _old_and_new(database, monkeypatch)
    with pytest.raises(ValueError, match="5 years at least"):
        service.expire(database, instant(now) - KEPT + timedelta(seconds=1), dry_run=False)
    assert len(rows(database)) == 6


def test_lines_that_went_too_early_are_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever has the database alone cannot hide younger lines as gone by age."""
    now = _old_and_new(database, monkeypatch)
    with database.write() as conn:
        assert audit_chain.remove(conn, 6) == 6
    (fault,) = checked(database, instant(now)).faults
    assert (fault.what, fault.number) == ("lines are gone that are younger than 5 years", 6)


def test_a_log_that_begins_nowhere_is_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint is needed to go on from."""
    now = _old_and_new(database, monkeypatch)
    with database.write() as conn:
        audit_chain.remove(conn, 4)
        conn.execute(delete(access_checkpoints).where(access_checkpoints.c.size == 4))
    said = checked(database, instant(now)).faults
    assert said[0].what == "there is no checkpoint where the log begins"


def test_peaks_that_are_not_the_signed_ones_are_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The root that they give is not the signed one."""
    now = _old_and_new(database, monkeypatch)
    with database.write() as conn:
        audit_chain.remove(conn, 4)
    for peaks in (bytes(32), b"1"):
        with database.write() as conn:
            wrong = update(access_checkpoints).where(access_checkpoints.c.size == 4)
            conn.execute(wrong.values(peaks=peaks))
        said = [fault.what for fault in checked(database, instant(now)).faults]
        assert "the tree is not what its checkpoint was signed for" in said
