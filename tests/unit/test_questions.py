"""Questions and what is said of them: answered before they are asked, passed on, settled by a call."""

import itertools
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.events import Activity, EventCode, Family
from pathways.facts import InquiryFacts, Need, StayFacts
from pathways.messages import Record
from pathways.moments import Moment
from pathways.promises import PromiseKind, PromiseState
from pathways.transitions import Status
from tests.unit.records import BEGIN, admission
from tests.unit.test_pathway import arrive

K = PromiseKind


def said(hour: float, code: EventCode, **changes: object) -> Record:
    """What is said in a question's thread at that hour; the message id is ``m<hour>``."""
    at = BEGIN + timedelta(hours=hour)
    told: dict[str, object] = {
        "id": f"e{hour}",
        "message_id": f"m{hour}",
        "code": code,
        "happened": Moment(at),
        "written": at,
        "facts": InquiryFacts(),
        "ke": "ke",
    }
    return admission(0, **{**told, **changes})


def question(hour: float = 0, asked: str | None = "unit", **changes: object) -> Record:
    """The ward asks the unit."""
    return said(hour, EventCode.INQUIRY, asked=asked, **changes)


def forwarded(hour: float, by: str, to: str, **changes: object) -> Record:
    """Passed on."""
    return said(hour, EventCode.INQUIRY_FORWARDED, sender=by, asked=to, **changes)


@given(st.integers(-48, 48), st.booleans())
def test_a_reply_answers_its_question_whatever_the_clocks_say(hours: int, late: bool) -> None:
    """Also when it came first, and when it says that it happened before it was asked."""
    asked = question(0)
    reply = said(hours + 0.5, EventCode.REPLY, sender="unit", target="m0", activity=Activity.REPLY)
    thread = arrive([reply, asked] if late else [asked, reply])
    assert thread.status is Status.ANSWERED
    assert not any(promise.is_open for promise in thread.promises)


def test_a_new_question_in_the_same_conversation_wants_its_own_answer() -> None:
    """The answers to the first one do not count for it."""
    replies = [said(hour, EventCode.REPLY, sender="unit", target="m0") for hour in (1, 2)]
    thread = arrive([question(0), *replies, question(3)])
    assert thread.status is Status.OPEN
    assert [p.state for p in thread.promises] == [PromiseState.KEPT, PromiseState.OPEN]


def test_what_is_passed_on_twice_is_the_coordinating_units() -> None:
    """Whatever the order of arrival; it keeps what it has, and asks who is named. The clock goes on."""
    told = [question(0), forwarded(1, "unit", "second"), forwarded(2, "second", "third")]
    for order in itertools.permutations(told):
        thread = arrive([*order])
        assert (thread.owner, thread.asked) == ("ke", "third")
        (promise,) = thread.promises
        assert (promise.duty.party, promise.opened) == ("ke", told[0].happened)
    once = arrive(told[:2])
    assert (once.owner, once.asked) == ("second", None)


def test_a_question_to_nobody_is_the_coordinating_units() -> None:
    """So is one whose receiver nobody knows."""
    assert arrive([question(asked=None)]).owner == "ke"


def test_what_is_answered_is_passed_on_no_more() -> None:
    """A late one that says it happened afterwards opens nothing again."""
    reply = said(1, EventCode.REPLY, sender="unit")
    assert arrive([question(0), reply, forwarded(2, "unit", "other")]).status is Status.ANSWERED


# --- calls and answers about other matters


def _ready() -> list[Record]:
    """A stay in which the municipality owes an answer, the hospital an early notice and a report."""
    need = StayFacts(municipal_need=Need.YES)
    return [
        admission(0, facts=need, keys=()),
        admission(5, code=EventCode.DISCHARGE_READY, facts=StayFacts(), keys=()),
    ]


def about(hour: int, code: EventCode, sender: str, **facts: object) -> Record:
    """A call or an answer about the stay."""
    told = InquiryFacts(**facts)  # type: ignore[arg-type] # what a test says is a fact's
    return said(hour, code, sender=sender, facts=told, matter=Family.STAY)


def _open(records: list[Record]) -> set[PromiseKind]:
    return {promise.kind for promise in arrive(records).promises if promise.is_open}


@pytest.mark.parametrize(
    ("sender", "facts", "left"),
    [
        ("town", {}, set()),  # asked by its functions, it answers for both
        ("ward", {}, {K.ADMISSION_REPORT, K.CAPACITY_ANSWER}),  # not for the other side
        ("ward", {"topic": "capacity-answer"}, {K.ADMISSION_REPORT, K.CAPACITY_ANSWER}),
        ("town", {"topic": "capacity-answer"}, {K.ADMISSION_REPORT}),
        ("town", {"topic": "oxygen"}, set()),
    ],
)
def test_an_answer_in_plain_words_keeps_what_the_sender_owes(
    sender: str, facts: dict[str, object], left: set[PromiseKind]
) -> None:
    """All of it, or what the topic names."""
    assert _open([*_ready(), about(6, EventCode.REPLY, sender, **facts)]) == left


def test_a_call_settles_what_it_names_and_counts_from_the_call() -> None:
    """By the kind, by the id of the Task, or all there is; whoever reports it."""
    ready = _ready()
    (capacity,) = (p for p in arrive(ready).promises if p.kind is K.CAPACITY_ANSWER)
    for facts in ({"topic": "capacity-answer"}, {"promise": capacity.id}):
        call = about(6, EventCode.SETTLED_BY_PHONE, "ward", **facts)
        thread = arrive([*ready, call])
        (settled,) = (p for p in thread.promises if p.id == capacity.id)
        assert (settled.state, settled.proof) == (PromiseState.KEPT, call.happened.at)
        assert {p.kind for p in thread.promises if p.is_open} == {K.ADMISSION_REPORT}
        assert thread.status is Status.READY
    assert _open([*ready, about(6, EventCode.SETTLED_BY_PHONE, "ward")]) == set()


def test_a_call_about_what_nobody_told_of_waits_for_it() -> None:
    """The matter is unknown until then; what is told later is as it always was."""
    call = about(6, EventCode.SETTLED_BY_PHONE, "town")
    assert arrive([call]).status is Status.UNKNOWN
    assert _open([call, *_ready()]) == set()
