"""The access log's chain: whatever is changed in a sealed log is found, and where; sealers leave each other be."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, update

from carepath.service import audit as service
from carepath.service.audit import LEASE, Sealer
from carepath.store import audit, audit_chain, times
from carepath.store.audit_tables import access_chain, access_checkpoints, access_log
from carepath.store.blind import Keys
from carepath.store.database import Database
from carepath.store.times import instant
from carepath.wiring import auditing
from pathways.merkle import EMPTY, START, leaf, linked
from tests.contract.logged import changed, checked, filled, line, rows, sealed, written
from tests.contract.stored import opened


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def whats(database: Database) -> list[tuple[str, int | None]]:
    """What is wrong, and where."""
    return [(fault.what, fault.number) for fault in checked(database).faults]


CHANGED = "the line was changed, or one before it"
NOT_OURS = "the line is not as the broker wrote it"
NOT_SIGNED = "its checkpoint is not signed with this installation's key"
NOT_WHAT = "the log is not what its checkpoint was signed for"
ENDS = "the chain does not end where its head says"


def test_lines_are_sealed_in_order_and_hold(database: Database) -> None:
    """Numbers from 1, each hash over the one before; head, tree and checkpoint agree."""
    made = filled(database, 7)
    assert (checked(database).lines, checked(database).unsealed) == (0, 7)
    assert sealed(database) == 7
    verdict = checked(database)
    assert (verdict.lines, verdict.unsealed, verdict.checkpoints, verdict.removed) == (7, 0, 1, 0)
    assert not verdict.faults
    found = rows(database)
    assert [row["id"] for row in found] == [one.id for one in made]
    assert [row["number"] for row in found] == [*range(1, 8)]
    last, tree = START, EMPTY
    for row in found:
        last, tree = linked(last, audit.said(row)), tree.with_leaves([leaf(audit.said(row))])
        assert row["hash"] == last
    with database.read() as conn:
        head, (checkpoint,) = audit_chain.head(conn), audit_chain.checkpoints(conn)
    assert (head.hash, head.tree) == (last, tree)
    assert (checkpoint.size, checkpoint.hash, checkpoint.root) == (7, last, tree.root)


def test_sealing_goes_on_where_it_stood(database: Database) -> None:
    """Batch after batch."""
    for batch in (3, 1, 5):
        filled(database, batch, begins=times.now())
        assert sealed(database) == batch
    assert sealed(database) == 0
    verdict = checked(database)
    assert (verdict.lines, verdict.faults) == (9, [])


def test_an_empty_log_holds(database: Database) -> None:
    """There is nothing to be wrong."""
    assert sealed(database) == 0
    assert checked(database) == service.Verdict(
        lines=0, removed=0, unsealed=0, checkpoints=0, faults=[]
    )


def test_what_a_line_says_comes_back(database: Database) -> None:
    """With its number once it is sealed."""
    (made,) = filled(database, 1)
    sealed(database)
    with database.read() as conn:
        assert audit.show(conn, database.keys, made.id) == replace(made, number=1)
        assert audit.show(conn, database.keys, "another") is None


# --- any change is found

COLUMNS = [column.name for column in access_log.columns]


def _other(value: Any, drawn: st.DataObject) -> Any:
    if value is None:
        return "x"
    if isinstance(value, int):
        return value ^ (1 << drawn.draw(st.integers(0, 40)))
    if isinstance(value, str):
        return drawn.draw(st.text("abc019-,", max_size=9).filter(lambda one: one != value))
    place, bit = drawn.draw(st.integers(0, len(value) - 1)), drawn.draw(st.integers(0, 7))
    return value[:place] + bytes([value[place] ^ (1 << bit)]) + value[place + 1 :]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_change_of_any_stored_bit_is_found(database: Database, drawn: st.DataObject) -> None:
    """In whatever column; the place told is the line's, or the next one's."""
    if not rows(database):
        filled(database, 5)
        sealed(database)
    row = drawn.draw(st.sampled_from(rows(database)))
    column = drawn.draw(st.sampled_from(COLUMNS))
    other = _other(row[column], drawn)
    try:
        changed(database, row["id"], **{column: other})
    except Exception:  # noqa: BLE001 -- the database did not take it, so nothing was changed
        assert not checked(database).faults
        return
    try:
        faults = checked(database).faults
        assert faults, column
        places = {fault.number for fault in faults} | {fault.id for fault in faults}
        assert places & {row["number"], row["number"] + 1, other, row["id"]}, (column, faults)
    finally:
        now_called = other if column == "id" else row["id"]
        changed(database, now_called, **{column: row[column]})
    assert not checked(database).faults


@pytest.mark.parametrize("column", ["hash", "peaks", "size", "removed"])
def test_a_changed_head_is_found(database: Database, column: str) -> None:
    """It no longer fits the lines."""
    filled(database, 3)
    sealed(database)
    wrong: dict[str, Any] = {"hash": bytes(32), "peaks": bytes(64), "size": 5, "removed": 2}
    with database.write() as conn:
        conn.execute(update(access_chain).values({column: wrong[column]}))
    assert checked(database).faults


@pytest.mark.parametrize("column", ["hash", "root", "at", "size", "signature"])
def test_a_changed_checkpoint_is_found(database: Database, column: str) -> None:
    """Its signature does not hold."""
    filled(database, 3)
    sealed(database)
    wrong: dict[str, Any] = {"hash": bytes(32), "root": bytes(32), "at": 5, "size": 2}
    with database.write() as conn:
        value = wrong.get(column, bytes(64))
        conn.execute(update(access_checkpoints).values({column: value}))
    assert whats(database) == [(NOT_SIGNED, 2 if column == "size" else 3)]


def _without(database: Database, number: int) -> None:
    with database.write() as conn:
        conn.execute(delete(access_log).where(access_log.c.number == number))


def test_a_missing_line_is_found(database: Database) -> None:
    """By its number, and by the hash of the next."""
    filled(database, 5)
    sealed(database)
    _without(database, 3)
    assert whats(database)[:2] == [
        ("1 line(s) are missing before this one", 4),
        (CHANGED, 4),
    ]


def test_a_missing_end_is_found(database: Database) -> None:
    """By the head, and by the checkpoint."""
    filled(database, 5)
    sealed(database)
    _without(database, 5)
    _without(database, 4)
    assert whats(database) == [
        (ENDS, 5),
        ("lines are missing that its checkpoint was signed for", 5),
    ]


def test_a_missing_beginning_is_found(database: Database) -> None:
    """Nothing went by age."""
    filled(database, 5)
    sealed(database)
    _without(database, 1)
    assert whats(database)[0] == ("1 line(s) are missing before this one", 2)


def test_lines_in_another_order_are_found(database: Database) -> None:
    """Though each is as it was."""
    filled(database, 5)
    sealed(database)
    second, third = rows(database)[1:3]
    changed(database, second["id"], number=None)
    changed(database, third["id"], number=2)
    changed(database, second["id"], number=3)
    assert (CHANGED, 2) in whats(database)
    assert (CHANGED, 3) in whats(database)


def test_an_inserted_line_is_found(database: Database) -> None:
    """Though all numbers are there."""
    filled(database, 4)
    sealed(database)
    found = rows(database)
    for row in reversed(found[2:]):
        changed(database, row["id"], number=row["number"] + 1)
    with database.write() as conn:
        conn.execute(insert(access_log).values({**found[0], "id": "another", "number": 3}))
    assert (NOT_OURS, 3) in whats(database)
    assert (CHANGED, 3) in whats(database)
    assert (CHANGED, 4) in whats(database)


def test_a_doubled_line_is_found_before_it_is_sealed_and_after(database: Database) -> None:
    """Its keyed hash is of another id."""
    filled(database, 2)
    sealed(database)
    first = rows(database)[0]
    with database.write() as conn:
        twin = {**first, "id": line(5).id, "number": None, "hash": None}
        conn.execute(insert(access_log).values(twin))
    assert [fault.what for fault in checked(database).faults] == [NOT_OURS]
    assert checked(database).faults[0].id == twin["id"]
    sealed(database)
    assert whats(database) == [(NOT_OURS, 3)]


def test_a_log_sealed_anew_by_who_lacks_the_key_is_found(database: Database) -> None:
    """They reckon hashes, head and tree as we do, and sign with a key of their own."""
    filled(database, 3)
    sealed(database)
    changed(database, rows(database)[1]["id"], party="somebody-else")
    with database.write() as conn:
        conn.execute(update(access_log).values(number=None, hash=None))
        conn.execute(delete(access_chain))
        conn.execute(delete(access_checkpoints))
    theirs = replace(database, keys=Keys(b"another key that is 32 bytes lon"))
    assert sealed(theirs) == 3
    assert whats(database) == [(NOT_SIGNED, 3), (NOT_OURS, 2)]


def test_a_rollback_is_found_by_what_was_kept_elsewhere(database: Database) -> None:
    """And by nothing else: the log is whole in itself."""
    filled(database, 3)
    sealed(database)
    filled(database, 2, begins=times.now())
    sealed(database)
    kept = auditing.read(auditing.exported(database))
    assert not service.verify(database, instant(times.now()), kept).faults
    with database.write() as conn:
        conn.execute(delete(access_log).where(access_log.c.number > 3))
        conn.execute(update(access_log).values(number=None, hash=None))
        conn.execute(delete(access_chain))
        conn.execute(delete(access_checkpoints))
    sealed(database)  # with the right key: as if the last lines had never been
    assert not checked(database).faults
    (fault,) = service.verify(database, instant(times.now()), kept[-1:]).faults
    said = "lines are missing that the exported checkpoint was signed for"
    assert (fault.what, fault.number) == (said, 5)


def test_exported_checkpoints_are_checked_against_the_log(database: Database) -> None:
    """A forged one is told as such."""
    filled(database, 3)
    sealed(database)
    (kept,) = auditing.read(auditing.exported(database))
    forged = replace(kept, root=bytes(32))
    (fault,) = service.verify(database, instant(times.now()), [forged]).faults
    said = "the exported checkpoint is not signed with this installation's key"
    assert (fault.what, fault.number) == (said, 3)


# --- two sealers, and a crash


def test_two_sealers_seal_each_line_once(database: Database) -> None:
    """Four at once, in fact."""
    filled(database, 400)
    sealers = [Sealer(database, f"s{number}") for number in range(4)]

    def work(sealer: Sealer) -> int:
        return sum(sealer.round() for _ in range(20))

    with ThreadPoolExecutor(4) as pool:
        total = sum(pool.map(work, sealers))
    assert total == 400
    verdict = checked(database)
    assert (verdict.lines, verdict.unsealed, verdict.faults) == (400, 0, [])


def test_who_reckoned_with_another_head_changes_nothing(database: Database) -> None:
    """Between its reading and its writing another was quicker."""
    filled(database, 2)
    one = Sealer(database, "one")
    with database.read() as conn:
        before, waiting = audit_chain.head(conn), audit_chain.waiting(conn)
    after, made = one._sealed(before, waiting, times.now())  # noqa: SLF001 -- between its two steps
    assert sealed(database, holder="two") == 2
    found = rows(database)
    with database.write() as conn:
        assert not audit_chain.advance(conn, database.keys, before, after, made, now=times.now())
    assert rows(database) == found
    assert not checked(database).faults


def test_a_lease_is_waited_for_and_ends(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One at a time; who stands still is relieved."""
    filled(database, 1)
    assert sealed(database, holder="one") == 1
    begun = times.now()
    filled(database, 1, begins=begun)
    assert Sealer(database, "two").round() == 0
    assert Sealer(database, "one").round() == 1
    filled(database, 1, begins=begun + 5_000_000)
    monkeypatch.setattr(times, "now", lambda: begun + LEASE + 5_000_000)
    assert Sealer(database, "two").round() == 1
    assert not checked(database, instant(begun)).faults


_SEAL = """
import sys
from carepath.store.database import open_database
from carepath.service.audit import Sealer
from carepath.store.blind import Keys
Sealer(open_database(sys.argv[1], Keys(b"k" * 32)), "dies").round()
"""


def test_a_sealer_that_dies_leaves_nothing_half_done(database: Database, database_url: str) -> None:
    """Killed just before its commit."""
    made = filled(database, 3)
    died = subprocess.run(
        [sys.executable, "-c", _SEAL, database_url],
        env={**os.environ, "CAREPATH_FAILPOINT": "seal_before_commit"},
        check=False,
    )
    assert died.returncode == 137
    assert checked(database).unsealed == 3
    assert [row["number"] for row in rows(database)] == [None] * 3
    assert sealed(database) == 3
    verdict = checked(database)
    assert (verdict.lines, verdict.faults) == (len(made), [])


# --- signatures


@pytest.mark.parametrize("field", ["size", "at", "hash", "root", "signature"])
def test_a_signature_is_of_every_field(database: Database, field: str) -> None:
    """A change of any ends it."""
    filled(database, 1)
    sealed(database)
    with database.read() as conn:
        (made,) = audit_chain.checkpoints(conn)
    public = audit_chain.public_key(database.keys)
    assert audit_chain.is_signed(made, public)
    value = getattr(made, field)
    other: Any = value + 1 if isinstance(value, int) else bytes(len(value))
    assert not audit_chain.is_signed(replace(made, **{field: other}), public)


def test_a_file_of_checkpoints_is_read_again_or_refused(database: Database) -> None:
    """As exported, or with what is wrong."""
    filled(database, 1)
    sealed(database)
    told = auditing.exported(database)
    with database.read() as conn:
        assert auditing.read(told) == audit_chain.checkpoints(conn)
        assert conn.execute(select(access_checkpoints.c.kept)).scalar()
    wrongs: list[Any] = [{}, [], {**told, "origin": "x"}, {**told, "checkpoints": [{}]}, None]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=r"it is not|something is missing"):
            auditing.read(wrong)


def test_what_waits_is_counted(database: Database) -> None:
    """And since when: the alarm rests on it."""
    filled(database, 3, begins=7_000_000)
    with database.read() as conn:
        assert audit_chain.unsealed(conn) == (3, 7_000_000)
    written(database)
    sealed(database)
    with database.read() as conn:
        assert audit_chain.unsealed(conn) == (0, None)
