"""The authorisation matrix, written down a second time: every row and every column."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pathways.access import (
    CITIZENS,
    MATRIX,
    Actor,
    Basis,
    Extent,
    Grant,
    Operation,
    Role,
    extent,
    may,
)

COLUMNS = ("send", "read", "break-glass", "feed", "replay", "access-log", "directory", "public")
ROWS = {
    "open": "all all all all all all all all",
    "system": "own own - own own - - all",
    "supplier": "own own - own own - - all",
    "clinician": "own own own own - - - all",
    "staff": "own own - own - - - all",
    "coordinator": "own own - own - - - all",
    "non-health": "own own - own - - - all",
    "patient": "own own - own - own - all",
    "guardian": "own own - own - own - all",
    "relative": "own own - own - - - all",
    "child": "own own - own - - - all",
    "administrator": "- - - masked masked own own all",
    "operator": "- masked - - masked verify all all",
}
"""reliability.md § 2.4; "-" is refused."""
CELLS = [
    (row, column, "no" if cell == "-" else cell)
    for row, cells in ROWS.items()
    for column, cell in zip(COLUMNS, cells.split(), strict=True)
]
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(("row", "column", "cell"), CELLS)
def test_every_cell_of_the_matrix(row: str, column: str, cell: str) -> None:
    """What is asked for, and how much of it."""
    role, operation = Role(row), Operation(column)
    assert extent(role, operation) is Extent(cell)
    assert may(role, operation) is (cell != "no")


def test_no_row_and_no_column_is_left_out() -> None:
    """A new role or operation has to be written down here, too."""
    assert {Role(row) for row in ROWS} == {*Role} == {*MATRIX}
    assert {Operation(column) for column in COLUMNS} == {*Operation}


def test_a_column_that_is_not_there_is_refused() -> None:
    """Deny by default."""
    missing = [(role, op) for role in Role for op in Operation if op not in MATRIX[role]]
    assert missing
    assert not any(may(role, op) for role, op in missing)


def test_only_open_mode_and_clinicians_break_the_glass() -> None:
    """Open mode has nobody to forbid it to."""
    breaking = {role for role in Role if may(role, Operation.BREAK_GLASS)}
    assert breaking == {Role.OPEN, Role.CLINICIAN}


def test_citizens_are_those_who_ask_for_themselves_or_their_own() -> None:
    """Everybody else is at work, or nobody."""
    assert {Role.PATIENT, Role.GUARDIAN, Role.RELATIVE, Role.CHILD} == CITIZENS


@pytest.mark.parametrize(
    ("actor", "reader", "readers"),
    [
        (Actor(role=Role.OPEN), None, ()),
        (Actor(role=Role.OPEN, party="sus"), "sus", ("sus",)),
        (Actor(role=Role.SYSTEM, party="sus"), "sus", ("sus",)),
        (Actor(role=Role.CLINICIAN, party="a", person="x"), "a", ("a", "person:x")),
        (Actor(role=Role.PATIENT, person="x"), "person:x", ("person:x",)),
        (Actor(role=Role.OPERATOR), "person:operator", ("person:operator",)),
        (Actor(role=Role.OPERATOR, person="o"), "person:o", ("person:o",)),
    ],
)
def test_whose_grants_count(actor: Actor, reader: str | None, readers: tuple[str, ...]) -> None:
    """The party they act for, and what is theirs as a person."""
    assert actor.reader == reader
    assert actor.readers == readers


def test_a_grant_holds_from_since_until_until() -> None:
    """The end is not included."""
    hour = timedelta(hours=1)
    told: dict[str, Any] = {
        "patient": "p",
        "thread": "t",
        "event": "e",
        "reader": "r",
        "basis": Basis.SENT,
    }
    open_ = Grant(**told, since=NOW)
    ended = Grant(**told, since=NOW, until=NOW + hour)
    assert [open_.holds_at(at) for at in (NOW - hour, NOW, NOW + hour)] == [False, True, True]
    assert [ended.holds_at(at) for at in (NOW - hour, NOW, NOW + hour)] == [False, True, False]
