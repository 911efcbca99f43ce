"""Payment days: the examples of the rule, told as stories, and its laws over random stays."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.service.terms import NORWAY
from pathways.corrections import standing
from pathways.events import Activity, EventCode, Family
from pathways.facts import Facts, InquiryFacts, StayFacts
from pathways.messages import Record
from pathways.moments import Moment
from pathways.payment import RATES, Bill, Day, Why, bill, payment_days
from pathways.promises import Duty, Promise, PromiseKind
from tests.unit.records import admission, records

C = EventCode
OSLO = ZoneInfo("Europe/Oslo")
MONDAY = date(2024, 3, 25)  # the clock is put forward on the Sunday after
ASIDE = MONDAY + timedelta(days=30)
CAN, CANNOT = StayFacts(can_receive=True), StayFacts(can_receive=False)
RANDOM = st.lists(
    st.integers(0, 10_000).flatmap(lambda n: records(family=Family.STAY, number=n)),
    max_size=12,
    unique_by=lambda r: r.id,
)
LATER = date(2026, 12, 24)


def at(day: int, hour: int = 12, minute: int = 0) -> datetime:
    """By the clock of Oslo, days from that Monday on."""
    return datetime(2024, 3, 25, hour, minute, tzinfo=OSLO) + timedelta(days=day)


def told(
    number: int, code: EventCode, when: datetime, facts: Facts | None = None, **more: object
) -> Record:
    """One record, written when it happened."""
    change = {
        "code": code,
        "happened": Moment(when),
        "written": when,
        "facts": facts or StayFacts(),
    }
    return admission(number, **{**change, **more})


def stay(*then: Record) -> list[Record]:
    """Admitted on the Saturday before, early notice after two hours, ready on Monday at noon, and what followed."""
    return [
        told(1, C.ADMISSION, at(-2)),
        told(2, C.EARLY_NOTICE, at(-2, 14)),
        told(3, C.DISCHARGE_READY, at(0)),
        *then,
    ]


def owed(known: Sequence[Record], *, same_day: bool = False) -> list[int]:
    """The days that are paid for, counted from that Monday."""
    days = payment_days(known, (), NORWAY, ASIDE, same_day=same_day)
    return [(day.day - MONDAY).days for day in days if day.owed]


@pytest.mark.parametrize(
    ("then", "days"),
    [
        ((told(4, C.OFFER_READY, at(3)),), [0, 1, 2]),
        ((told(4, C.CAPACITY_ANSWER, at(0, 15), CANNOT), told(5, C.OFFER_READY, at(2))), [0, 1]),
        ((told(4, C.CAPACITY_ANSWER, at(1), CAN),), [0]),
        ((told(4, C.CAPACITY_ANSWER, at(0, 15), CAN),), []),
        # It can, but from Thursday; then it said so with the offer.
        (
            (
                told(
                    4,
                    C.CAPACITY_ANSWER,
                    at(0),
                    StayFacts(can_receive=True, receive_from=Moment(at(3))),
                ),
            ),
            [0, 1, 2],
        ),
        ((told(4, C.OFFER_READY, at(1), StayFacts(receive_from=Moment(at(3)))),), [0, 1, 2]),
        # It takes its word back on Thursday.
        (
            (
                told(4, C.CAPACITY_ANSWER, at(1), CAN),
                told(5, C.CAPACITY_ANSWER, at(3), CANNOT),
                told(6, C.DISCHARGE, at(5)),
            ),
            [0, 3, 4],
        ),
        ((told(4, C.DISCHARGE, at(2)),), [0, 1]),
        ((told(4, C.DEATH, at(2)),), [0, 1]),
        ((told(4, C.DISCHARGE, at(0, 20)),), []),
        # Ill again on Wednesday, ready anew on Friday: what was owed stays so, the old answer counts no more.
        (
            (
                told(4, C.CAPACITY_ANSWER, at(2, 8), CAN),
                told(5, C.DISCHARGE_READY_WITHDRAWN, at(2, 10)),
                told(6, C.DISCHARGE_READY, at(4)),
                told(7, C.OFFER_READY, at(6)),
            ),
            [0, 1, 4, 5],
        ),
        ((told(4, C.ADMISSION, at(2)), told(5, C.DISCHARGE, at(9))), [0, 1]),
        # Home on Tuesday, admitted again on Thursday: that stay has had no early notice of its own.
        (
            (
                told(4, C.DISCHARGE, at(1)),
                told(5, C.ADMISSION, at(3)),
                told(6, C.DISCHARGE_READY, at(4)),
                told(7, C.DISCHARGE, at(9)),
            ),
            [0],
        ),
        ((told(4, C.DISCHARGE_READY, at(1)), told(5, C.OFFER_READY, at(2))), [0, 1]),
        # A call on Tuesday, noted down on Friday.
        (
            (told(4, C.SETTLED_BY_PHONE, at(1), InquiryFacts(topic="offer-ready"), written=at(4)),),
            [0],
        ),
        # The municipality says on Thursday that it was ready since Tuesday: it says so on Thursday.
        ((told(4, C.OFFER_READY, at(1), written=at(3)),), [0, 1, 2]),
        # Half past eleven at night is still that day in Oslo; an hour later it is not.
        ((told(4, C.OFFER_READY, at(6, 23, 30)),), [0, 1, 2, 3, 4, 5]),
        ((told(4, C.OFFER_READY, at(7, 0, 30)),), [0, 1, 2, 3, 4, 5, 6]),
    ],
)
def test_a_stay_comes_to(then: tuple[Record, ...], days: list[int]) -> None:
    """From and with the day of the readiness; the day on which the waiting ends is not counted."""
    assert owed(stay(*then)) == days


def test_ready_and_withdrawn_on_one_day_is_for_the_parties_to_say() -> None:
    """No day, unless they agreed that it is one."""
    known = stay(told(4, C.DISCHARGE_READY_WITHDRAWN, at(0, 18)))
    assert owed(known) == []
    assert owed(known, same_day=True) == [0]
    assert owed(stay(told(4, C.DISCHARGE, at(0, 18))), same_day=True) == []
    again = told(5, C.DISCHARGE_READY, at(0, 20), written=at(2))
    assert owed([*known, again, told(6, C.DISCHARGE, at(3))], same_day=True) == [0, 2]


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ([], Why.NO_EARLY_NOTICE),
        ([told(1, C.EARLY_NOTICE, at(-2))], Why.ADMISSION_UNKNOWN),
        (
            [told(1, C.ADMISSION, at(-2)), told(2, C.EARLY_NOTICE, at(-1, 12, 1))],
            Why.LATE_EARLY_NOTICE,
        ),
        (
            [told(1, C.ADMISSION, at(-2)), told(2, C.EARLY_NOTICE, at(-2), written=at(-1, 13))],
            Why.LATE_EARLY_NOTICE,
        ),
        ([told(1, C.ADMISSION, at(-2)), told(2, C.EARLY_NOTICE, at(-1, 12))], Why.NOT_ANSWERED),
        (
            [told(1, C.EARLY_NOTICE, at(-2, 14), StayFacts(begins=Moment(at(-2))))],
            Why.NOT_ANSWERED,
        ),
        # What is said of an early notice later does not make it late.
        (
            [
                told(1, C.ADMISSION, at(-2)),
                told(2, C.EARLY_NOTICE, at(-2, 14)),
                told(
                    9,
                    C.EARLY_NOTICE,
                    at(-2, 14),
                    written=at(1),
                    activity=Activity.REVISE,
                    target="m2",
                ),
            ],
            Why.NOT_ANSWERED,
        ),
        (
            [
                told(1, C.ADMISSION, at(-2)),
                told(
                    2,
                    C.SETTLED_BY_PHONE,
                    at(-2, 14),
                    InquiryFacts(topic="early-notice"),
                    written=at(0),
                ),
            ],
            Why.NOT_ANSWERED,
        ),
    ],
)
def test_early_notice_is_a_condition(before: list[Record], why: Why) -> None:
    """Within 24 hours of the admission (§ 8); the days of waiting are shown with the reason either way."""
    then = (told(3, C.DISCHARGE_READY, at(0)), told(4, C.DISCHARGE, at(1)))
    (day,) = payment_days([*before, *then], (), NORWAY, ASIDE)
    assert (day.day, day.why) == (MONDAY, why)


def test_a_call_may_name_the_promise_it_keeps() -> None:
    """By the id of its Task, as pages do."""
    offer = Promise(
        kind=PromiseKind.OFFER_READY, opened_by="e3", opened=Moment(at(0)), duty=Duty("town")
    )
    call = told(4, C.SETTLED_BY_PHONE, at(1), InquiryFacts(promise=offer.id))
    assert len(payment_days(stay(call), [offer], NORWAY, ASIDE)) == 1
    assert len(payment_days(stay(call), (), NORWAY, MONDAY + timedelta(days=7))) == 7


def test_nobody_pays_for_a_day_on_which_they_had_not_been_told() -> None:
    """Declared ready on Monday, said so on Wednesday, in the early notice's order."""
    known = [r for r in stay() if r.code is not C.DISCHARGE_READY]
    late = told(3, C.DISCHARGE_READY, at(0), written=at(2))
    days = payment_days([*known, late, told(4, C.DISCHARGE, at(4))], (), NORWAY, ASIDE)
    assert [day.why for day in days] == [Why.NOT_TOLD] * 2 + [Why.NOT_ANSWERED] * 2
    assert days[3].evidence == ("e1", "e2", "e3")


def test_a_day_names_what_it_follows_from() -> None:
    """Both sides' records, in the order of events."""
    known = stay(told(4, C.CAPACITY_ANSWER, at(1), CANNOT))
    days = payment_days(known, (), NORWAY, MONDAY + timedelta(days=2))
    assert [day.evidence for day in days] == [("e1", "e2", "e3"), ("e1", "e2", "e3", "e4")]
    assert [day.why for day in days] == [Why.NOT_ANSWERED, Why.CANNOT_RECEIVE]


def test_each_year_has_its_rate_and_a_year_without_one_says_so() -> None:
    """Nothing is guessed; the days are counted still."""
    dates = [
        date(2023, 12, 31),
        date(2024, 1, 1),
        date(2013, 5, 5),
        date(2026, 1, 1),
        date(2026, 1, 2),
    ]
    days = [Day(day, Why.NOT_ANSWERED, ()) for day in dates]
    assert bill(days) == Bill(5, 5508 + 5745, (2013, 2026))
    assert bill(days, {**RATES, 2026: 6000, 2013: 4100}).unknown == ()
    assert bill([Day(MONDAY, Why.NOT_TOLD, ())]) == Bill(0, 0, ())


# --- laws


@given(RANDOM, st.booleans(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_is_nothing(
    known: list[Record], same_day: bool, chance: object
) -> None:
    """The same records come to the same days."""
    before = payment_days(known, (), NORWAY, LATER, same_day=same_day)
    chance.shuffle(known)  # type: ignore[attr-defined]
    assert payment_days(known, (), NORWAY, LATER, same_day=same_day) == before


@given(RANDOM, st.dates(date(2026, 11, 10), LATER))
def test_days_are_disjoint_and_only_grow(known: list[Record], today: date) -> None:
    """Each is counted once, none is in the future, and what was owed yesterday is owed today."""
    days = payment_days(known, (), NORWAY, today)
    assert days == payment_days(known, (), NORWAY, LATER)[: len(days)]
    dates = [day.day for day in days]
    assert dates == sorted({*dates})
    assert all(day < today for day in dates)


@given(RANDOM, st.lists(st.integers(2010, 2027), max_size=20), st.integers(0, 30))
def test_a_bill_is_the_sum_of_its_parts(known: list[Record], years: list[int], cut: int) -> None:
    """And never less than nothing."""
    days = payment_days(known, (), NORWAY, LATER)
    days += [Day(date(year, 1, 1), Why.CANNOT_RECEIVE, ()) for year in years]
    whole, parts = bill(days), [bill(days[:cut]), bill(days[cut:])]
    assert (whole.days, whole.amount) == (sum(p.days for p in parts), sum(p.amount for p in parts))
    assert {*whole.unknown} == {year for part in parts for year in part.unknown}
    assert min(whole.days, whole.amount) >= 0


@given(RANDOM)
def test_a_day_is_one_at_whose_end_the_patient_was_ready(known: list[Record]) -> None:
    """Said another way: fold what had happened by midnight, and see whether somebody was waiting."""
    days = {day.day for day in payment_days(known, (), NORWAY, LATER)}
    stands = sorted(standing(known).records, key=lambda r: r.order)
    answers = (C.CAPACITY_ANSWER, C.OFFER_READY, C.SETTLED_BY_PHONE)
    answered = any(record.code in answers for record in stands)
    for n in range(45):
        day = date(2026, 11, 10) + timedelta(days=n)
        ready = _ready(stands, NORWAY.end_of_day(day))
        assert ready or day not in days
        assert answered or day in days or not ready or day >= LATER


def _ready(stands: list[Record], midnight: datetime) -> bool:
    ready = False
    for record in stands:
        if record.happened.at >= midnight:
            break
        if record.code is C.DISCHARGE_READY:
            ready = True
        if record.code in (C.ADMISSION, C.DISCHARGE_READY_WITHDRAWN, C.DISCHARGE, C.DEATH):
            ready = False
    return ready


@given(RANDOM)
def test_once_the_offer_is_ready_nothing_more_is_owed(known: list[Record]) -> None:
    """As long as nobody says anything else after it."""
    last = max((max(r.happened.at, r.written) for r in known), default=at(0))
    ready = told(10_001, C.OFFER_READY, last + timedelta(minutes=1))
    when = NORWAY.local_day(ready.happened.at)
    assert all(day.day < when for day in payment_days([*known, ready], (), NORWAY, LATER))
