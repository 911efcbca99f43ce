"""Two change a plan at once: nobody's words are lost, whatever the two have written."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from pathways.facts import Goal, Participant, PlanFacts
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.plan_facts import PlanFact
from pathways.plan_merge import PLAIN, Clash, Edited, Rows, merged, says_anything, told, unchanged
from pathways.plans import updated
from tests.unit import strategies

WORDS = st.sampled_from(["walk", "shop", "sleep", "swim", "read"])
GOALS = st.builds(Goal, WORDS, st.none() | st.dates())
PEOPLE = st.builds(Participant, WORDS, st.none() | WORDS)


def _few(one: SearchStrategy[Any]) -> SearchStrategy[tuple[Any, ...]]:
    return st.lists(one, max_size=4, unique=True).map(tuple)


def _some(one: SearchStrategy[Any]) -> SearchStrategy[tuple[Any, ...] | None]:
    return _few(one).map(lambda found: found or None)


@st.composite
def plans(draw: DrawFn) -> PlanFacts:
    """Small ones, so that two are often alike."""
    return PlanFacts(
        title=draw(st.none() | WORDS),
        note=draw(st.none() | WORDS),
        begins=draw(st.none() | strategies.moments()),
        goals=draw(_some(GOALS)),
        participants=draw(_some(PEOPLE)),
    )


@st.composite
def edits(draw: DrawFn, base: PlanFacts) -> Edited:
    """Some of it left, some changed, taken out or added."""
    plain = {
        name: draw(st.just(getattr(base, name)) | st.none() | WORDS)
        for name in ("title", "note", "coordinator")
    }
    rows: dict[str, Rows] = {}
    for name, one in (("goals", GOALS), ("participants", PEOPLE)):
        known: tuple[Any, ...] = getattr(base, name) or ()
        kept: list[Any] = [draw(st.just(row) | st.none() | one) for row in known]
        rows[name] = (*kept, *draw(_few(one)))
    return Edited({**unchanged(base).plain, **plain}, rows)


def _rows(plan: PlanFacts) -> set[object]:
    return {*(plan.goals or ()), *(plan.participants or ())}


@given(st.data())
def test_no_word_is_lost(data: st.DataObject) -> None:
    """What either wrote is in the result, or stands in a clash that shows both."""
    base, theirs = data.draw(plans()), data.draw(plans())
    mine = data.draw(edits(base))
    both = merged(base, mine, theirs)
    result = both.result.facts
    shown = {value for clash in both.clashes for value in (clash.mine, clash.theirs)}
    written = (_rows(mine.facts) | _rows(theirs)) - _rows(base)
    assert written <= _rows(result) | shown
    for name in PLAIN:
        was, own, other = getattr(base, name), mine.plain[name], getattr(theirs, name)
        kept = {getattr(result, name), *shown}
        assert own in kept or own == was
        assert other in kept or other == was


@given(st.data())
def test_who_is_alone_gets_what_they_wrote(data: st.DataObject) -> None:
    """Nothing clashes when nobody else has changed anything, nor when the one has changed nothing."""
    base = data.draw(plans())
    mine = data.draw(edits(base))
    alone = merged(base, mine, base)
    assert alone.clashes == ()
    assert _rows(alone.result.facts) == _rows(mine.facts)
    theirs = data.draw(plans())
    none = merged(base, unchanged(base), theirs)
    assert none.clashes == ()
    assert not says_anything(told(theirs, none.result.facts))


@given(plans(), plans())
def test_what_is_told_makes_the_one_the_other(before: PlanFacts, after: PlanFacts) -> None:
    """Also where something is empty afterwards; the same is not told again."""
    assert updated(before, told(before, after)) == after
    assert says_anything(told(before, after)) == (before != after)


def test_a_period_is_told_whole() -> None:
    """So the rules see that it would end before it begins."""
    first, last = (Moment(datetime(2027, 1, day, tzinfo=UTC)) for day in (1, 9))
    before = PlanFacts(begins=first, ends=last)
    assert told(before, replace(before, begins=last)) == PlanFacts(begins=last, ends=last)
    assert told(before, replace(before, begins=None)) == PlanFacts(
        ends=last, emptied=(PlanFact.BEGINS,)
    )


def test_the_same_row_changed_by_both_is_one_clash() -> None:
    """Known by its place in what both began with."""
    base = PlanFacts(goals=(Goal("walk"), Goal("shop")))
    theirs = replace(base, goals=(Goal("walk"), Goal("shop", by=None), Goal("swim")))
    mine = Edited(
        unchanged(base).plain, {"goals": (Goal("walk"), Goal("shop alone")), "participants": ()}
    )
    both = merged(base, mine, theirs)
    assert both.clashes == ()
    assert both.result.facts.goals == (Goal("walk"), Goal("shop alone"), Goal("swim"))


def test_what_one_takes_out_and_the_other_changes_is_a_clash() -> None:
    """Either way round; nothing is taken out behind somebody's back."""
    base = PlanFacts(participants=(Participant("Kari"), Participant("Ola")))
    changed = (Participant("Kari", role="GP"), Participant("Ola"))
    out = Edited(unchanged(base).plain, {"goals": (), "participants": (None, Participant("Ola"))})
    both = merged(base, out, replace(base, participants=changed))
    assert both.clashes == (Clash("participants", 0, None, changed[0]),)
    mine = Edited(unchanged(base).plain, {"goals": (), "participants": changed})
    both = merged(base, mine, replace(base, participants=(Participant("Ola"),)))
    assert both.clashes == (Clash("participants", 1, changed[0], None),)
    assert both.result.facts.participants == (Participant("Ola"), changed[0])


def test_who_is_new_hears_all_of_it() -> None:
    """They were told of nothing before."""
    base = PlanFacts(title="Plan", goals=(Goal("walk"),), participants=(Participant("Kari"),))
    school = Participant("School", party=PartyRef(name="School"))
    joined = replace(base, participants=(Participant("Kari"), school))
    assert told(base, joined) == joined
    assert told(joined, replace(joined, title="New")) == PlanFacts(title="New")
