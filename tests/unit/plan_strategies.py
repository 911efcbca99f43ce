"""Random facts of plans, meetings, measures and follow-ups."""

from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from fhir_mappings.periods import in_order
from pathways.facts import Goal, MeetingKind, Participant
from pathways.moments import Moment
from pathways.plan_facts import PlanFact
from tests.unit import strategies as base

Choices = dict[str, SearchStrategy[Any]]


@st.composite
def _participants(draw: DrawFn, when: SearchStrategy[Moment]) -> Participant:
    """Whose consent does not end before it begins."""
    one = Participant(
        draw(base.lines()),
        role=draw(st.none() | base.lines()),
        party=draw(st.none() | base.party_refs()),
        since=draw(st.none() | when),
        until=draw(st.none() | when),
    )
    if one.since and one.until and not in_order(one.since, one.until, base.OSLO):
        return replace(one, until=None)
    return one


def plan(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    goal = st.builds(Goal, base.lines(), st.none() | st.dates(date(2026, 1, 1), date(2027, 12, 31)))
    return {
        "title": base.lines(),
        "coordinator": base.lines(),
        "goals": base.several(goal),
        "participants": base.several(_participants(when)),
        "begins": when,
        "ends": when,
        "note": base.texts(),
        "emptied": st.sets(st.sampled_from(PlanFact), min_size=1).map(_in_table),
        "identifiers": base.several(base.identifiers()),
    }


def _in_table(facts: set[PlanFact]) -> tuple[PlanFact, ...]:
    return tuple(one for one in PlanFact if one in facts)


def meeting(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "meeting": st.sampled_from(MeetingKind),
        "begins": when,
        "ends": when,
        "place": base.lines(),
        "link": st.just("https://video.example/room/4711"),
        "summoned": base.several(base.party_refs(), most=3),
        "accepts": st.booleans(),
        "reason": base.lines(),
        "plan": base.several(base.identifiers()),
        "identifiers": base.several(base.identifiers()),
    }


def measure(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "title": base.lines(),
        "proposer": base.lines(),
        "refers": base.party_refs(),
        "owner": base.party_refs(),
        "owner_name": base.lines(),
        "follows_up": base.party_refs(),
        "due": when,
        "evaluate_by": when,
        "evaluation": base.texts(),
        "reason": base.lines(),
        "note": base.texts(),
        "plan": base.several(base.identifiers()),
        "identifiers": base.several(base.identifiers()),
    }


def follow_up(when: SearchStrategy[Moment]) -> Choices:
    """By fact."""
    return {
        "title": base.lines(),
        "owner": base.party_refs(),
        "owner_name": base.lines(),
        "interval_days": st.integers(1, 400),
        "talked": when,
        "note": base.texts(),
        "until": when,
        "identifiers": base.several(base.identifiers()),
    }
