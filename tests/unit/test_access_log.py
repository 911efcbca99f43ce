"""What a line of the access log says, and the one way to write it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.store.disclosures import Disclosures
from pathways.access import Basis, Purpose, Role
from pathways.access_log import KEPT_YEARS, PURPOSES, Act, Line, Value, Who, canonical

values = st.one_of(
    st.none(), st.integers(-(2**63), 2**63), st.text(max_size=9), st.binary(max_size=9)
)
rows = st.lists(values, max_size=6)


def line(purpose: Purpose = Purpose.TREATMENT, *basis: Basis) -> Line:
    """A line."""
    return Line(
        id="1",
        at=datetime(2026, 11, 22, tzinfo=UTC),
        act=Act.READ,
        who=Who(role=Role.CLINICIAN, purpose=purpose),
        basis=basis,
        patient="p",
        interaction="read",
        request="r",
        outcome="200",
    )


def same(one: list[Value], other: list[Value]) -> bool:
    """Equal, and of the same kinds: ``b"1"``, ``"1"`` and 1 are three things."""
    return [(type(value), value) for value in one] == [(type(value), value) for value in other]


@given(rows, rows)
def test_only_the_same_row_gives_the_same_bytes(one: list[Value], other: list[Value]) -> None:
    """Kinds, lengths and order are all told: nothing runs together."""
    assert (canonical(one) == canonical(other)) is same(one, other)


def test_how_values_are_written() -> None:
    """Kind, length in bytes, colon, value."""
    assert canonical([None, -12, "æ", b"\x00:"]) == b"n0:i3:-12s2:\xc3\xa6b2:\x00:"
    assert canonical([]) == b""
    assert canonical(["ab", "c"]) != canonical(["a", "bc"])
    assert canonical([None]) != canonical([""]) != canonical([b""])


def test_an_emergency_is_by_purpose_or_by_right() -> None:
    """Either marks the line."""
    assert line(Purpose.EMERGENCY).emergency
    assert line(Purpose.TREATMENT, Basis.GP, Basis.BREAK_GLASS).emergency
    assert not line(Purpose.TREATMENT, Basis.GP).emergency


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_purpose(role: Role) -> None:
    """A line never lacks one."""
    assert PURPOSES[role] is not Purpose.EMERGENCY  # that is never presumed


def test_purposes_that_are_presumed() -> None:
    """By what somebody is, where they do not say."""
    assert PURPOSES[Role.PATIENT] is PURPOSES[Role.CHILD] is Purpose.PATIENT_REQUEST
    assert PURPOSES[Role.GUARDIAN] is PURPOSES[Role.RELATIVE] is Purpose.FAMILY_REQUEST
    assert PURPOSES[Role.OPERATOR] is PURPOSES[Role.ADMINISTRATOR] is Purpose.OPERATIONS
    assert PURPOSES[Role.COORDINATOR] is PURPOSES[Role.NON_HEALTH] is Purpose.COORDINATION
    for role in (Role.OPEN, Role.SYSTEM, Role.SUPPLIER, Role.CLINICIAN, Role.STAFF):
        assert PURPOSES[role] is Purpose.TREATMENT


def test_lines_are_kept_for_years() -> None:
    """The law's least."""
    assert KEPT_YEARS >= 5


def test_what_is_given_out_is_collected_by_patient() -> None:
    """Each id once, types in order; taking it empties the collector."""
    told = Disclosures()
    assert not told
    told.tell("p", "Task", ["2", "1"])
    told.tell("q", "Patient", ["q"])
    told.tell("p", "Encounter", ["7"])
    told.tell("p", "Task", ["1", "3"])
    told.tell(None, "Organization", ["o"])
    assert told
    taken = told.taken()
    assert taken == {
        "p": {"Encounter": ("7",), "Task": ("2", "1", "3")},
        "q": {"Patient": ("q",)},
    }
    assert list(taken["p"]) == ["Encounter", "Task"]
    assert not told
    assert told.taken() == {}
    told.add(taken)
    assert told.taken() == taken
