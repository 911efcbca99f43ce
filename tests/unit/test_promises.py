"""Promises follow from a matter's events: whose they are, what keeps them, and that the order of arrival is nothing."""

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given

from pathways.calendars import Calendar
from pathways.deadlines import LIMITS, Terms
from pathways.events import EventCode
from pathways.facts import InquiryFacts, Need, StayFacts
from pathways.messages import Record
from pathways.moments import Moment
from pathways.parties import Directory
from pathways.pathway import Header, Thread
from pathways.pledges import PLEDGES
from pathways.promises import Promise, PromiseKind, PromiseState
from tests.unit.records import BEGIN, admission, matters
from tests.unit.test_pathway import arrive

K, S = PromiseKind, PromiseState
TERMS = Terms(Calendar(ZoneInfo("Europe/Oslo"), lambda _: False), Directory())
IN_NEED = StayFacts(municipal_need=Need.YES)


@given(matters(most=20))
def test_every_open_promise_has_somebody_responsible(records: list[Record]) -> None:
    """By the events, or else by the directory; never nobody."""
    thread = arrive(records)
    for promise in thread.promises:
        assert promise.duty.party or promise.duty.function or thread.sender
    for commitment in TERMS.commitments(thread, Header()):
        assert commitment.responsible


@given(matters(most=20))
def test_nobody_owes_the_same_twice_at_a_time(records: list[Record]) -> None:
    """Asking again changes what is owed; it does not double it."""
    open_ = [
        (p.kind, p.duty.party if PLEDGES[p.kind].each else None)
        for p in arrive(records).promises
        if p.is_open
    ]
    assert all(count == 1 for count in Counter(open_).values())


@given(matters(most=20))
def test_every_promise_has_an_id_of_its_own(records: list[Record]) -> None:
    """Two of one kind in one matter are two, whoever has them."""
    ids = [c.id for c in TERMS.commitments(arrive(records), Header())]
    assert len(ids) == len({*ids})


@given(matters(most=20))
def test_what_is_closed_says_when_and_by_what(records: list[Record]) -> None:
    """An open promise says nothing of the kind."""
    known = {record.id for record in records}
    for promise in arrive(records).promises:
        closing = (promise.closed, promise.closed_by, promise.proof)
        assert promise.is_open is (closing == (None, None, None))
        assert promise.opened_by in known
        assert promise.is_open or promise.closed_by in known


@given(matters(most=20))
def test_nothing_is_proven_before_it_happened(records: list[Record]) -> None:
    """Proof is when it happened and was written; a call counts from the call."""
    for promise in arrive(records).promises:
        assert promise.closed is None or promise.proof is None or promise.proof >= promise.closed.at


def test_every_kind_has_its_limit_and_what_opens_it() -> None:
    """Whatever can be promised."""
    assert {*LIMITS} == {*PromiseKind} == {*PLEDGES}


def _stay(*told: tuple[EventCode, StayFacts]) -> Thread:
    """An admission of somebody in need, and what was told in the hours after."""
    records = [admission(0, facts=IN_NEED)]
    for hour, (code, facts) in enumerate(told, 1):
        sender = "town" if code in (EventCode.CAPACITY_ANSWER, EventCode.OFFER_READY) else "ward"
        records.append(admission(hour, code=code, facts=facts, sender=sender))
    return arrive(records)


def _one(thread: Thread, kind: PromiseKind) -> Promise:
    (found,) = (p for p in thread.promises if p.kind is kind)
    return found


@pytest.mark.parametrize(
    ("told", "kind", "state"),
    [
        ((), K.EARLY_NOTICE, S.OPEN),
        (((EventCode.EARLY_NOTICE, StayFacts()),), K.EARLY_NOTICE, S.KEPT),
        (((EventCode.DISCHARGE, StayFacts()),), K.EARLY_NOTICE, S.WITHDRAWN),
        (((EventCode.DISCHARGE_READY, StayFacts()),), K.CAPACITY_ANSWER, S.OPEN),
        (
            (
                (EventCode.DISCHARGE_READY, StayFacts()),
                (EventCode.CAPACITY_ANSWER, StayFacts(can_receive=True)),
            ),
            K.CAPACITY_ANSWER,
            S.KEPT,
        ),
        (
            (
                (EventCode.DISCHARGE_READY, StayFacts()),
                (EventCode.DISCHARGE_READY_WITHDRAWN, StayFacts()),
            ),
            K.CAPACITY_ANSWER,
            S.WITHDRAWN,
        ),
        (((EventCode.DISCHARGE, StayFacts()),), K.DISCHARGE_REPORT, S.OPEN),
    ],
)
def test_a_stay_promises(
    told: tuple[tuple[EventCode, StayFacts], ...], kind: PromiseKind, state: PromiseState
) -> None:
    """Rows of the table, told as a story."""
    assert _one(_stay(*told), kind).state is state


def test_a_municipality_that_cannot_receive_yet_promises_an_offer() -> None:
    """From the time it names."""
    later = Moment(BEGIN + timedelta(days=3))
    answer = StayFacts(can_receive=False, receive_from=later)
    thread = _stay((EventCode.DISCHARGE_READY, StayFacts()), (EventCode.CAPACITY_ANSWER, answer))
    offer = _one(thread, K.OFFER_READY)
    assert (offer.duty.party, offer.due, offer.state) == ("town", later, S.OPEN)


def test_what_came_before_it_was_asked_for_is_kept() -> None:
    """A report written in the morning answers for the discharge of the afternoon."""
    report = admission(1, code=EventCode.DISCHARGE_REPORT, facts=StayFacts())
    left = admission(3, code=EventCode.DISCHARGE, facts=StayFacts())
    thread = arrive([admission(0, facts=IN_NEED), report, left])
    (kept,) = (
        c for c in TERMS.commitments(thread, Header()) if c.promise.kind is K.DISCHARGE_REPORT
    )
    assert kept.promise.state is S.KEPT
    assert kept.promise.proof is not None
    assert kept.promise.proof <= kept.due


def test_an_earlier_report_does_not_answer_for_the_next_stay() -> None:
    """It was told twice of the first one; the second discharge asks anew."""
    reports = [admission(h, code=EventCode.DISCHARGE_REPORT, facts=StayFacts()) for h in (2, 3)]
    left = [admission(h, code=EventCode.DISCHARGE, facts=StayFacts()) for h in (1, 6)]
    admitted = [admission(h, facts=IN_NEED) for h in (0, 5)]
    owed = [p for p in arrive([*admitted, *left, *reports]).promises if p.is_open]
    assert [p.kind for p in owed] == [K.DISCHARGE_REPORT]


def test_late_in_coming_is_not_late_in_doing() -> None:
    """The early notice was written in time; it came a week later."""
    late = BEGIN + timedelta(days=7)
    notice = admission(2, code=EventCode.EARLY_NOTICE, facts=StayFacts(), received=late)
    (kept,) = (
        c
        for c in TERMS.commitments(arrive([notice, admission(0, facts=IN_NEED)]), Header())
        if c.promise.kind is K.EARLY_NOTICE
    )
    assert kept.promise.proof is not None
    assert kept.promise.proof <= kept.due


def test_settled_by_phone_closes_everything_or_what_it_names() -> None:
    """With the call's own time as proof."""
    call = admission(5, code=EventCode.SETTLED_BY_PHONE, facts=InquiryFacts())
    named = admission(
        5, code=EventCode.SETTLED_BY_PHONE, facts=InquiryFacts(topic=str(K.EARLY_NOTICE))
    )
    asked = admission(0, facts=IN_NEED)
    assert not [p for p in arrive([asked, call]).promises if p.is_open]
    assert [p.kind for p in arrive([asked, named]).promises if p.is_open] == [K.ADMISSION_REPORT]
