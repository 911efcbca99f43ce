"""Agreements to share: between houses, dated, with a controller and a legal basis."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.access import Basis
from pathways.agreements import objection_to_end
from pathways.events import EventCode
from pathways.refusals import Cause
from pathways.sharing import (
    Sharing,
    between_houses,
    objection,
    pair,
)
from tests.unit.rights import DIRECTORY, HOUR, NOW

C, B = EventCode, Basis
AGREED = Sharing(
    parties=("sus", "town"),
    controller="sus",
    legal_basis="pasientjournalloven § 9",
    since=NOW,
    until=NOW + 10 * HOUR,
)


def agreed(**told: Any) -> Sharing:
    """The agreement with something else."""
    return replace(AGREED, **told)


@pytest.mark.parametrize("basis", Basis)
def test_only_what_is_merely_shared_needs_an_agreement(basis: Basis) -> None:
    """What was sent to somebody does not."""
    found = pair("ward", "nursing", C.DOCTOR_REPORT, basis, DIRECTORY)
    assert found == ("sus|town" if basis is B.SHARED else None)


def test_between_two_houses_and_in_one_order() -> None:
    """Not within one, and not for what the law demands."""

    def told(sender: str, reader: str, code: EventCode = C.DOCTOR_REPORT) -> str | None:
        return pair(sender, reader, code, B.SHARED, DIRECTORY)

    assert told("nursing", "sus") == told("sus", "nursing") == AGREED.pair
    assert told("ward", "sus") is None
    assert told("ward", "ward") is None
    assert told("seen", "gp") == "gp|seen"
    assert told("ward", "nursing", C.CONSENT_WITHDRAWN) is None  # the law demands it


def test_units_agree_as_their_houses() -> None:
    """A ward stands for its hospital."""
    wanted = agreed(parties=("nursing", "ward"), controller="ward")
    assert between_houses(wanted, DIRECTORY) == AGREED
    assert DIRECTORY.house("ward") == "sus"
    assert DIRECTORY.house("seen") == "seen"


@pytest.mark.parametrize(
    ("told", "cause"),
    [
        ({}, None),
        ({"until": None}, None),
        ({"parties": ("sus", "who")}, Cause.UNKNOWN_ORGANISATION),
        ({"parties": ("sus", "sus")}, Cause.WITH_ITSELF),
        ({"controller": "gp"}, Cause.CONTROLLER_OUTSIDE),
        ({"legal_basis": "  "}, Cause.NO_LEGAL_BASIS),
        ({"until": NOW}, Cause.ENDS_BEFORE_IT_BEGINS),
        ({"until": NOW - HOUR}, Cause.ENDS_BEFORE_IT_BEGINS),
    ],
)
def test_what_cannot_be_agreed(told: dict[str, Any], cause: Cause | None) -> None:
    """Each with its reason."""
    assert objection(agreed(**told), (), DIRECTORY) is cause


@pytest.mark.parametrize(
    ("since", "until", "overlaps"),
    [
        (-5, 0, False),
        (-5, 1, True),
        (2, 3, True),
        (9, None, True),
        (10, 12, False),
        (-5, None, True),
    ],
)
def test_one_agreement_at_a_time(since: float, until: float | None, overlaps: bool) -> None:
    """One may begin where the other ends."""
    ends = None if until is None else NOW + until * HOUR
    other = agreed(since=NOW + since * HOUR, until=ends)
    wanted = Cause.AGREED_ALREADY if overlaps else None
    assert objection(other, [AGREED], DIRECTORY) is wanted
    assert objection(AGREED, [other], DIRECTORY) is wanted
    elsewhere = replace(other, parties=("gp", "sus"))
    assert objection(elsewhere, [AGREED], DIRECTORY) is None


@pytest.mark.parametrize(
    ("until", "cause"),
    [
        (-1, Cause.ENDS_BEFORE_IT_BEGINS),
        (0, Cause.ENDS_BEFORE_IT_BEGINS),
        (1, None),
        (10, Cause.ENDED_ALREADY),
        (11, Cause.ENDED_ALREADY),
    ],
)
def test_an_end_is_moved_to_earlier_only(until: float, cause: Cause | None) -> None:
    """And never to before the beginning."""
    assert objection_to_end(AGREED, NOW + until * HOUR) is cause
    lasting = None if cause is Cause.ENDED_ALREADY else cause
    assert objection_to_end(agreed(until=None), NOW + until * HOUR) is lasting


@given(st.integers(-20, 20))
def test_it_holds_from_since_until_until(hours: int) -> None:
    """Law: the end is not included."""
    moment = NOW + hours * HOUR
    assert AGREED.holds_at(moment) is (0 <= hours < 10)
    assert agreed(until=None).holds_at(moment) is (hours >= 0)
