"""Working days, opening hours and limits: laws over a year with both changes of the clock, and some known days."""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carepath.service.terms import NORWAY
from pathways.calendars import LATEST, OFFICE_HOURS, Limit, Unit
from pathways.parties import OpeningHours

OSLO = ZoneInfo("Europe/Oslo")
ZONES: list[tzinfo] = [UTC, OSLO, timezone(timedelta(hours=-9))]
SPRING, AUTUMN = datetime(2026, 3, 29, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
NEAR = st.integers(0, 60 * 24 * 4).map(lambda minutes: timedelta(minutes=minutes - 60 * 24 * 2))
ANY = st.integers(0, 60 * 24 * 730).map(
    lambda m: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(0, m * 60)
)
INSTANTS = st.builds(
    lambda at, zone: at.astimezone(zone),
    st.one_of(ANY, NEAR.map(lambda off: SPRING + off), NEAR.map(lambda off: AUTUMN + off)),
    st.sampled_from(ZONES),
)
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30]))
HOURS = st.lists(
    st.builds(OpeningHours, st.integers(0, 6), CLOCKS, st.one_of(CLOCKS, st.just("24:00"))),
    max_size=4,
).map(tuple)
AMOUNTS = st.integers(0, 40)


def local(*told: int, fold: int = 0) -> datetime:
    """An instant by the clock of Oslo."""
    return datetime(*told, tzinfo=OSLO, fold=fold)  # type: ignore[arg-type,misc]


def end_of(*day: int) -> datetime:
    """The last moment of a day there."""
    return local(*day, 23, 59, 59) + timedelta(microseconds=999_999)


@given(INSTANTS, AMOUNTS, st.sampled_from(Unit))
def test_nothing_is_due_before_it_began(at: datetime, amount: int, unit: Unit) -> None:
    """In any zone the beginning is told in; the answer is in UTC."""
    due = NORWAY.due(at, Limit(amount, unit))
    assert due >= at.astimezone(UTC)
    assert due.tzinfo is UTC


@given(INSTANTS, INSTANTS, AMOUNTS, AMOUNTS, st.sampled_from(Unit))
@example(local(2026, 10, 25, 2, 30), local(2026, 10, 25, 2, 15, fold=1), 1, 1, Unit.HOURS)
def test_what_begins_later_or_may_take_longer_is_not_due_earlier(
    one: datetime, other: datetime, few: int, more: int, unit: Unit
) -> None:
    """Both ways at once, over both changes of the clock."""
    first, last = sorted((one.astimezone(UTC), other.astimezone(UTC)))
    least, most = sorted((few, more))
    assert NORWAY.due(first, Limit(least, unit)) <= NORWAY.due(last, Limit(most, unit))


@given(INSTANTS, AMOUNTS)
def test_working_days_end_with_a_working_day(at: datetime, amount: int) -> None:
    """Even none of them, and whatever day they begin on; the amount of working days lies between."""
    due = NORWAY.due(at, Limit(amount, Unit.WORKING_DAYS))
    last = due.astimezone(OSLO).date()
    first = at.astimezone(OSLO).date()
    between = [first + timedelta(days=n) for n in range(1, (last - first).days + 1)]
    assert NORWAY.is_working_day(last)
    assert due == NORWAY.end_of_day(last) - timedelta(microseconds=1)
    worked = sum(NORWAY.is_working_day(day) for day in between)
    assert worked == amount or (amount == 0 and worked == 1 and not NORWAY.is_working_day(first))


@given(INSTANTS, AMOUNTS)
def test_hours_are_real_hours(at: datetime, amount: int) -> None:
    """A day on which the clock is changed makes none of them longer."""
    due = NORWAY.due(at, Limit(amount, Unit.HOURS))
    assert due - at.astimezone(UTC) == timedelta(hours=amount)
    assert due == NORWAY.due(at, Limit(amount * 60, Unit.MINUTES))


@given(INSTANTS, HOURS)
def test_whoever_is_at_work_is_so_at_once(at: datetime, hours: Collection[OpeningHours]) -> None:
    """Never earlier than asked; asking again says the same; and somebody is at work then."""
    opens = NORWAY.opens(at, hours)
    assert opens >= at.astimezone(UTC)
    assert NORWAY.opens(opens, hours) == opens
    assert _at_work(opens, hours or OFFICE_HOURS)


@given(INSTANTS, INSTANTS, HOURS)
def test_who_asks_later_is_not_helped_earlier(
    one: datetime, other: datetime, hours: Collection[OpeningHours]
) -> None:
    """And whoever asks while somebody is at work, is helped then."""
    first, last = sorted((one.astimezone(UTC), other.astimezone(UTC)))
    assert NORWAY.opens(first, hours) <= NORWAY.opens(last, hours)
    assert not _at_work(first, hours or OFFICE_HOURS) or NORWAY.opens(first, hours) == first


def _at_work(at: datetime, hours: Collection[OpeningHours]) -> bool:
    """By the clock on the wall, minute by minute: said another way than the calendar does."""
    now = at.astimezone(OSLO)
    today, clock = now.date(), f"{now:%H:%M}"
    for told in hours:
        over = told.closes == "24:00" or told.closes <= told.opens
        if (
            _weekday(today) == told.weekday
            and told.opens <= clock
            and (over or clock < told.closes)
        ):
            return True
        until = "00:00" if told.closes == "24:00" else told.closes
        if _weekday(today - timedelta(days=1)) == told.weekday and over and clock < until:
            return True
    return False


def _weekday(day: date) -> int:
    return 6 if NORWAY.is_holiday(day) else day.weekday()


@pytest.mark.parametrize(
    ("at", "limit", "due"),
    [
        # Thursday before Easter 2026 (2 April) to the Tuesday after: Thursday, Friday and Monday are holidays.
        (local(2026, 4, 1, 12), Limit(1, Unit.WORKING_DAYS), end_of(2026, 4, 7)),
        (local(2026, 4, 3, 12), Limit(1, Unit.WORKING_DAYS), end_of(2026, 4, 7)),
        (local(2026, 4, 3, 12), Limit(0, Unit.WORKING_DAYS), end_of(2026, 4, 7)),
        (local(2026, 12, 23, 16), Limit(2, Unit.WORKING_DAYS), end_of(2026, 12, 28)),
        (local(2026, 3, 28, 12), Limit(24, Unit.HOURS), local(2026, 3, 29, 13)),
        (local(2026, 10, 24, 12), Limit(24, Unit.HOURS), local(2026, 10, 25, 11)),
        (local(2026, 3, 28, 12), Limit(1, Unit.DAYS), end_of(2026, 3, 29)),
        (local(2026, 10, 25, 2, 30, fold=1), Limit(0, Unit.SAME_DAY), end_of(2026, 10, 25)),
        (local(2026, 1, 31, 9), Limit(1, Unit.MONTHS), end_of(2026, 2, 28)),
        (local(2026, 12, 5, 9), Limit(1, Unit.MONTHS), end_of(2027, 1, 5)),
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), Limit(1, Unit.DAYS), LATEST),
        (datetime(9999, 3, 1, tzinfo=UTC), Limit(10, Unit.MONTHS), LATEST),
    ],
)
def test_a_limit_on_a_known_day(at: datetime, limit: Limit, due: datetime) -> None:
    """Days, months and working days run to the end of the last; what has no end is due last of all."""
    assert NORWAY.due(at, limit) == due


NIGHTS = tuple(OpeningHours(day, "16:00", "08:00") for day in range(5))


@pytest.mark.parametrize(
    ("at", "hours", "opens"),
    [
        (local(2026, 11, 20, 15, 30), (), local(2026, 11, 23, 8)),  # Friday at closing time
        (local(2026, 5, 16, 12), (), local(2026, 5, 18, 8)),
        (local(2026, 5, 13, 18), (), local(2026, 5, 15, 8)),  # Ascension Day is closed
        (local(2026, 11, 21, 7, 59), NIGHTS, local(2026, 11, 21, 7, 59)),  # Friday's night
        (local(2026, 11, 21, 8), NIGHTS, local(2026, 11, 23, 16)),
        (local(2026, 5, 14, 12), (OpeningHours(6, "10:00", "24:00"),), local(2026, 5, 14, 12)),
        # The clock is put forward over all of it: the holiday after.
        (local(2026, 3, 29, 1, 50), (OpeningHours(6, "02:15", "03:00"),), local(2026, 4, 2, 2, 15)),
        (local(2026, 11, 22, 9), (OpeningHours(6, "10:00", "00:00"),), local(2026, 11, 22, 10)),
        (datetime(1, 1, 1, tzinfo=UTC), (), datetime.combine(date(1, 1, 3), time(8), OSLO)),
        (datetime(9999, 12, 31, 23, 30, tzinfo=UTC), (), LATEST + timedelta(hours=7)),
    ],
)
def test_opening_hours_on_a_known_day(
    at: datetime, hours: tuple[OpeningHours, ...], opens: datetime
) -> None:
    """Over midnight, over a weekend, and on holidays as on Sundays."""
    assert NORWAY.opens(at, hours) == opens


@given(INSTANTS, st.integers(0, 400))
def test_days_before_is_the_same_time_of_day(at: datetime, days: int) -> None:
    """Whatever the clock did in between; only an hour that does not exist is moved, to the next one."""
    before = NORWAY.days_before(at, days).astimezone(OSLO)
    here = at.astimezone(OSLO)
    skipped = before.date() == date(2026, 3, 29) and here.hour == 2
    assert before.date() == here.date() - timedelta(days=days)
    assert before.time() == here.time() or skipped
