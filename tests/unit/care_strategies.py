"""Random facts of coordinators, consents and relatives."""

from datetime import date
from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from pathways.facts import ConsentKind, Relative, RelativeRole, Role
from pathways.moments import Moment
from tests.unit import strategies as base

Choices = dict[str, SearchStrategy[Any]]


def coordinator(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    phone = st.just("+4722000000")
    return {
        "role": st.sampled_from(Role),
        "name": base.lines(),
        "phone": phone,
        "party": base.party_refs(),
        "first": st.booleans(),
        "since": when,
        "until": when,
        "substitute": base.lines(),
        "substitute_phone": phone,
        "substitute_party": base.party_refs(),
        "reason": base.lines(),
        "expecting": st.booleans(),
        "identifiers": base.several(base.identifiers()),
    }


def consent(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "consent": st.sampled_from(ConsentKind),
        "party": base.party_refs(),
        "person": base.lines(),
        "document": base.ids(),
        "since": when,
        "until": when,
        "oral": st.booleans(),
        "note": base.texts(),
        "identifiers": base.several(base.identifiers()),
    }


@cache
@st.composite
def relatives(draw: DrawFn) -> Relative:
    """With any roles."""
    return Relative(
        draw(base.lines()),
        draw(st.none() | base.lines()),
        draw(st.none() | st.just("+4722000000")),
        draw(st.lists(st.sampled_from(RelativeRole), unique=True).map(tuple)),
        draw(st.none() | base.lines()),
        draw(st.none() | st.dates(date(1930, 1, 1), date(2025, 12, 31))),
    )
