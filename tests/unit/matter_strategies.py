"""Random facts of stays, referrals, questions, applications, courses, persons and receipts."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pathways.facts import (
    Disclosure,
    Need,
    Outcome,
    StayKind,
)
from pathways.moments import Moment
from pathways.parties import Function
from tests.unit import care_strategies
from tests.unit import strategies as base

Choices = dict[str, SearchStrategy[Any]]


def stay(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "encounter_class": st.sampled_from(["IMP", "EMER", "AMB", "SS"]),
        "stay_kind": st.sampled_from(StayKind),
        "municipal_need": st.sampled_from(Need),
        "report_wanted": st.booleans(),
        "begins": when,
        "ends": when,
        "provider": base.party_refs(),
        "ward": base.lines(),
        "expected_ready": when,
        "can_receive": st.booleans(),
        "receive_from": when,
        "departs": when,
        "transport": base.lines(),
        "medicines_days": st.integers(1, 30),
        "equipment": base.lines(),
        "key": base.lines(),
        "disposition": base.lines(),
        "deceased": when,
        "identifiers": base.several(base.identifiers()),
        "episodes": base.several(base.identifiers()),
        "note": base.texts(),
    }


def report(_: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    one = base.identifiers().map(lambda found: (found,))  # Composition.identifier is one
    return {"title": base.lines(), "text": base.texts(), "identifiers": one}


def referral(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "title": base.lines(),
        "priority": st.sampled_from(["routine", "urgent", "asap", "stat"]),
        "reason": base.lines(),
        "reason_code": st.sampled_from(["no-capacity", "wrong-receiver"]),
        "requester": base.party_refs(),
        "performer": base.party_refs(),
        "proposed": base.party_refs(),
        "scheduled": when,
        "report": base.texts(),
        "identifiers": base.several(base.identifiers()),
        "note": base.texts(),
    }


def inquiry(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "topic": st.one_of(st.just("medicines"), base.lines()),
        "text": base.texts(),
        "asker": base.lines(),
        "owner": base.party_refs(),
        "reason": base.lines(),
        "disclosure": st.sampled_from(Disclosure),
        "settled_with": base.lines(),
        "promise": st.uuids().map(str),
        "since": when,
        "until": when,
        "fallback": base.lines(),
        "identifiers": base.several(base.identifiers()),
    }


def application(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "service": base.lines(),
        "text": base.texts(),
        "applicant": base.lines(),
        "owner": base.party_refs(),
        "outcome": st.sampled_from(Outcome),
        "reason": base.lines(),
        "valid_from": when,
        "valid_to": when,
        "appeal_by": when,
        "expected": when,
        "ends": when,
        "replaced_by": base.lines(),
        "identifiers": base.several(base.identifiers()),
    }


def course(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "title": base.lines(),
        "contact": when,
        "place": base.lines(),
        "begins": when,
        "ends": when,
        "provider": base.party_refs(),
        "note": base.texts(),
        "identifiers": base.several(base.identifiers()),
    }


def person(_: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "sheet": base.texts(),
        "sheet_title": base.lines(),
        "relatives": base.several(care_strategies.relatives()),
        "home_municipality": base.municipalities(),
        "stay_municipality": base.municipalities(),
        "services": base.several(st.sampled_from([str(one) for one in Function])),
        "overview": base.texts(),
        "linked": base.several(base.identifiers()),
        "unlinked": base.several(base.identifiers()),
    }


def receipt(_: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "about": base.ids(),
        "response": st.sampled_from(["ok", "transient-error", "fatal-error"]),
        "read_by_person": st.booleans(),
        "note": base.lines(),
    }
