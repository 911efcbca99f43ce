"""The worklist: why a promise is on it, and what is pressing first."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pathways.deadlines import ACUTE
from pathways.promises import PromiseKind, PromiseState
from pathways.watched import Course, Watched
from pathways.worklist import Group, Item, Look, worklist

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TONIGHT = NOW + timedelta(hours=11)
TIMES = st.integers(-100, 100).map(lambda hours: NOW + timedelta(hours=hours))
PEOPLE = st.sampled_from([None, "Kari Nurse", "Ola Lege"])


@st.composite
def items(draw: st.DrawFn) -> Item:
    """A promise in any state, taken by anybody, seen or not."""
    opened, entered = draw(TIMES), draw(TIMES)
    state = draw(st.sampled_from([PromiseState.OPEN, PromiseState.OPEN, *PromiseState]))
    promise = Watched(
        id=draw(st.uuids().map(str)),
        patient="p",
        thread="t",
        kind=draw(st.sampled_from(PromiseKind)),
        responsible="ward",
        other=None,
        opened=opened,
        due=opened + timedelta(hours=draw(st.integers(0, 100))),
        state=state,
        proof=None if state is PromiseState.OPEN else entered,
        course=Course(opened_by="e", taken=draw(PEOPLE)),
    )
    changed = entered + timedelta(hours=draw(st.integers(0, 50)))
    return Item(promise=promise, entered=entered, changed=changed, unread=draw(st.booleans()))


LOOKS = st.builds(Look, st.just(NOW), st.just(TONIGHT), st.none() | TIMES)


@given(st.lists(items(), max_size=12), LOOKS)
def test_all_that_is_open_is_on_it_once(known: list[Item], look: Look) -> None:
    """And of what is closed only what somebody has not seen yet."""
    listed = [item for item, _ in worklist(known, look)]
    news = [i for i in known if look.since and i.changed > look.since and not i.promise.is_open]
    wanted = [i for i in known if i.promise.is_open] + news
    assert sorted(i.promise.id for i in listed) == sorted(i.promise.id for i in wanted)


@given(st.lists(items(), max_size=12), LOOKS)
def test_the_most_pressing_is_first(known: list[Item], look: Look) -> None:
    """What is over its time, then what is due today; there, what is acute, then what has waited longest."""
    places = [
        ([*Group].index(groups[0]), item.promise.kind not in ACUTE, item.promise.due)
        for item, groups in worklist(known, look)
    ]
    assert places == sorted(places)


@given(items(), LOOKS)
def test_groups_say_why(item: Item, look: Look) -> None:
    """Each by its own rule; they exclude each other where they must."""
    groups = {*look.groups(item)}
    overdue = item.promise.is_open and item.promise.due < NOW
    assert (Group.OVERDUE in groups) is overdue
    assert len(groups & {Group.OVERDUE, Group.DUE}) <= 1
    assert len(groups & {Group.NEW, Group.CHANGED}) <= 1
    assert Group.LATER not in groups or len(groups) == 1
    assert groups <= {Group.CHANGED} or item.promise.is_open
    assert look.since is not None or not groups & {Group.NEW, Group.CHANGED}


@given(st.lists(items(), max_size=12), LOOKS)
def test_one_person_sees_their_own_and_what_nobody_has(known: list[Item], look: Look) -> None:
    """In the same order, whatever the case of the name."""
    everything = worklist(known, look)
    own = worklist(known, look, "kari nurse")
    assert own == [one for one in everything if one[0].promise.holder in (None, "Kari Nurse")]
