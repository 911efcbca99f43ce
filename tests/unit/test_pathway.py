"""The state of a thread: the law of order, terminal states, corrections."""

import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.corrections import Mark, standing
from pathways.events import Activity, EventCode, Family
from pathways.facts import StayFacts
from pathways.messages import Key, KeyRank, Record
from pathways.pathway import Thread, evolve, fits_last, fold
from pathways.timeline import entries
from pathways.transitions import Status
from tests.unit.records import admission, matters

ANCHOR = Key(KeyRank.STAY, "s")


def blank(family: Family = Family.STAY) -> Thread:
    """A thread that nothing has happened in."""
    return Thread(id="t", patient="p", family=family, anchor=ANCHOR)


def arrive(records: list[Record]) -> Thread:
    """Take records in one by one, as intake does: fold only when it must."""
    thread = blank(records[0].family)
    known: list[Record] = []
    for record in records:
        known.append(record)
        thread = evolve(thread, record) if fits_last(thread, record) else fold(thread, known)
    return thread


@given(matters(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_state(
    records: list[Record], shuffler: random.Random
) -> None:
    """The law of order, with corrections, cancellations, rings and strangers."""
    shuffled = shuffler.sample(records, len(records))
    assert arrive(shuffled) == arrive(records)


@given(matters())
def test_one_by_one_is_the_same_as_all_at_once(records: list[Record]) -> None:
    """What ``evolve`` adds is what ``fold`` would have made."""
    assert arrive(records) == fold(blank(records[0].family), records)


@given(matters(), st.randoms(use_true_random=False))
def test_any_order_gives_the_same_entries_but_for_lateness(
    records: list[Record], shuffler: random.Random
) -> None:
    """The timeline's order, texts, marks and replacements do not depend on arrival."""

    def shown(told: list[Record]) -> list[tuple[object, ...]]:
        return [
            (e.id, e.text_key, e.marks - {Mark.LATE}, e.replaced_by) for e in entries({"t": told})
        ]

    assert shown(shuffler.sample(records, len(records))) == shown(records)


@given(matters())
def test_every_record_is_one_entry(records: list[Record]) -> None:
    """Nothing is lost or doubled on the timeline."""
    assert sorted(e.id for e in entries({"t": records})) == sorted(r.id for r in records)


@given(matters(most=30))
def test_nothing_replaced_is_standing(records: list[Record]) -> None:
    """Whatever stands is neither cancelled, corrected nor without effect."""
    outcome = standing(records)
    struck = {Mark.CANCELLED, Mark.CORRECTED, Mark.WITHOUT_EFFECT}
    assert all(not outcome.marks.get(r.id, frozenset()) & struck for r in outcome.records)
    assert all(r.activity is not Activity.CANCEL for r in outcome.records)


def discharge(number: int, **changes: object) -> Record:
    """A discharge at hour ``number``."""
    return admission(number, code=EventCode.DISCHARGE, facts=StayFacts(), **changes)


def test_a_terminal_state_is_not_undone_by_a_late_earlier_report() -> None:
    """The admission and a move come after the discharge that they happened before."""
    late = [discharge(5), admission(1), admission(3, code=EventCode.TRANSFER)]
    assert arrive(late).status is Status.FINISHED


def test_a_stay_may_begin_with_its_discharge() -> None:
    """Then it is finished, and its begin is what is known."""
    assert arrive([discharge(5)]).status is Status.FINISHED


@pytest.mark.parametrize(
    "code", [EventCode.TRANSFER, EventCode.DISCHARGE_READY, EventCode.LEAVE_START]
)
def test_only_an_admission_opens_a_finished_stay(code: EventCode) -> None:
    """Whatever else is said to have happened afterwards."""
    later = admission(9, code=code, facts=StayFacts())
    assert arrive([admission(1), discharge(5), later]).status is Status.FINISHED
    assert arrive([admission(1), discharge(5), admission(9)]).status is Status.IN_PROGRESS


def test_a_death_told_by_a_discharge_is_taken_back_as_one() -> None:
    """HL7 v2's A13; where a discharge is known, that is what it takes back."""
    death = admission(5, code=EventCode.DEATH, facts=StayFacts())
    cancel = discharge(6, activity=Activity.CANCEL)
    assert arrive([admission(1), death, cancel]).status is Status.IN_PROGRESS
    assert arrive([admission(1), death, cancel, discharge(4)]).status is Status.DECEASED


def test_death_is_never_undone() -> None:
    """Not even by an admission that is said to have happened later."""
    death = admission(5, code=EventCode.DEATH, facts=StayFacts())
    assert arrive([admission(1), death, admission(9)]).status is Status.DECEASED


def test_a_revision_replaces_and_a_cancelled_revision_brings_back_the_one_before() -> None:
    """The old value is kept and struck out."""
    first = admission(1)
    revision = admission(2, activity=Activity.REVISE, target="m1")
    cancel = admission(3, activity=Activity.CANCEL, target="m2")
    assert arrive([first, revision]).facts == StayFacts(ward="W2")
    assert arrive([first, revision, cancel]).facts == StayFacts(ward="W1")
    shown = {e.id: e for e in entries({"t": [first, revision]})}
    assert shown["e1"].marks == {Mark.CORRECTED}
    assert shown["e1"].replaced_by == "e2"


def test_cancelling_a_revised_message_voids_the_chain() -> None:
    """The patient must not appear as admitted."""
    chain = [
        admission(1),
        admission(2, activity=Activity.REVISE, target="m1"),
        admission(3, activity=Activity.CANCEL, target="m1"),
    ]
    assert arrive(chain).status is Status.ENTERED_IN_ERROR
    marks = {e.id: e.marks for e in entries({"t": chain})}
    assert marks == {"e1": {Mark.CANCELLED}, "e2": {Mark.CANCELLED}, "e3": frozenset()}


def test_a_cancelled_cancellation_lets_the_message_stand() -> None:
    """The last word counts."""
    chain = [
        admission(1),
        admission(2, activity=Activity.CANCEL, target="m1"),
        admission(3, activity=Activity.CANCEL, target="m2"),
    ]
    assert arrive(chain).status is Status.IN_PROGRESS


def test_a_cancellation_waits_for_its_target() -> None:
    """It comes first, has no effect, and has it as soon as the target comes."""
    cancel = admission(3, activity=Activity.CANCEL, target="m1")
    assert arrive([cancel]).unsettled
    assert arrive([cancel, admission(1)]).status is Status.ENTERED_IN_ERROR


def test_a_cancellation_that_names_nothing_takes_the_newest_of_its_kind() -> None:
    """In the same stay, written before it."""
    cancel = admission(9, activity=Activity.CANCEL)
    facts = arrive([admission(1), admission(2), cancel]).facts
    assert facts == StayFacts(ward="W1")


@pytest.mark.parametrize(
    ("roots", "stands"),
    [
        (("hospital", "hospital"), False),  # a unit of the same parent
        (("hospital", "another"), True),
        (("hospital", None), True),
        ((None, None), False),  # open mode: knows the stay's own id
    ],
)
def test_only_the_entitled_may_cancel(roots: tuple[str | None, str | None], stands: bool) -> None:
    """The sender, its parent, a unit of the same parent; or, where no parents are known, at its word."""
    first = admission(1, sender_root=roots[0])
    cancel = admission(
        2, activity=Activity.CANCEL, target="m1", sender="unit", sender_root=roots[1]
    )
    outcome = standing([first, cancel])
    assert (first in outcome.records) is stands
    if roots == (None, None):
        assert outcome.marks["e2"] == {Mark.TAKEN_AT_WORD}


def test_at_its_word_needs_the_matters_own_id() -> None:
    """A stranger that only knows the message id has no effect."""
    cancel = admission(2, activity=Activity.CANCEL, target="m1", sender="unit", keys=())
    assert standing([admission(1), cancel]).marks["e2"] == {Mark.WITHOUT_EFFECT}


def test_a_late_entry_is_marked_where_it_belongs() -> None:
    """It stands in its place, marked as having come when something newer was known."""
    ready = admission(2, code=EventCode.DISCHARGE_READY, facts=StayFacts())
    late = replace(admission(1), received=discharge(9).received)
    shown = entries({"t": [ready, late]})
    assert [(e.id, e.marks) for e in shown] == [("e1", {Mark.LATE}), ("e2", frozenset())]
