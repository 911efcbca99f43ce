"""The time axis: where instants stand, ticks on the local clock, hours when nobody is at work."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways.axis import (
    EARLIEST,
    LATEST,
    STRIDES,
    Every,
    Shade,
    Stride,
    Window,
    coarser,
    framed,
    shades,
    stride,
    ticks,
)
from pathways.calendars import Calendar

OSLO = ZoneInfo("Europe/Oslo")
CHRISTMAS = Calendar(OSLO, lambda day: (day.month, day.day) in ((12, 25), (12, 26), (1, 1)))
INSTANTS = st.integers(0, 40 * 365 * 24 * 60).map(
    lambda minutes: datetime(1990, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
SPANS = st.timedeltas(timedelta(minutes=30), timedelta(days=365 * 40))
WINDOWS = st.builds(lambda begins, span: Window(begins, begins + span, 1000.0), INSTANTS, SPANS)


@given(WINDOWS, INSTANTS, INSTANTS)
def test_earlier_is_further_left(window: Window, one: datetime, other: datetime) -> None:
    """And nothing stands outside."""
    early, late = sorted((one, other))
    assert 0 <= window.x(early) <= window.x(late) <= window.width
    assert window.has(one) is (window.begins <= one <= window.ends)


@given(WINDOWS)
def test_ticks_are_in_order_and_apart_and_in_the_window(window: Window) -> None:
    """Nearer than wanted only where the clock or the calendar makes an hour or a month short."""
    step = stride(window, 34)
    found = ticks(window, step, OSLO)
    assert found == sorted(set(found))
    assert all(window.has(at) for at in found)
    places = [window.x(at) for at in found]
    assert all(later - earlier > 34 * 0.45 for earlier, later in pairwise(places))
    assert len(found) <= 1000 / 34 + 2


@given(WINDOWS)
def test_ticks_stand_where_the_local_clock_is_round(window: Window) -> None:
    """Midnights, Mondays, firsts of the month, in summer and in winter."""
    step = stride(window, 34)
    for at in ticks(window, step, OSLO):
        local = at.astimezone(OSLO)
        if step.every is Every.MINUTES:
            assert (local.hour * 60 + local.minute) % step.number == 0
            continue
        assert (local.hour, local.minute, local.second) == (0, 0, 0)
        assert local.weekday() == 0 or step.every is not Every.WEEKS
        assert local.day == 1 or step.every not in (Every.MONTHS, Every.YEARS)
        assert local.month == 1 or step.every is not Every.YEARS


@given(WINDOWS)
def test_no_tick_is_left_out(window: Window) -> None:
    """No two neighbours are further apart than a stride, with what a change of the clock adds."""
    step = stride(window, 34)
    most = {Every.MONTHS: 31 * step.number, Every.YEARS: 366 * step.number}
    longest = timedelta(days=most.get(step.every, 0)) or timedelta(hours=step.hours)
    for earlier, later in pairwise(ticks(window, step, OSLO)):
        assert later - earlier <= longest + timedelta(hours=1)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_has_as_many_ticks_as_hours(day: date, hours: int) -> None:
    """The hour that is left out has none, the one that comes twice has two."""
    begins = datetime(day.year, day.month, day.day, tzinfo=OSLO).astimezone(UTC)
    tomorrow = day + timedelta(days=1)
    ends = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=OSLO).astimezone(UTC)
    window = Window(begins, ends - timedelta(seconds=1), 1000)
    found = ticks(window, Stride(60, Every.MINUTES, 1), OSLO)
    assert len(found) == hours
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(hours=1)}


def test_every_stride_is_longer_than_the_one_before() -> None:
    """And is read against something longer, but for the longest."""
    hours = [step.hours for step in STRIDES]
    assert hours == sorted(hours)
    for step in STRIDES:
        assert coarser(step).hours >= step.hours


def test_a_window_of_all_time_can_still_be_drawn() -> None:
    """Senders may name any year."""
    window = framed(EARLIEST, LATEST, 1000, least=timedelta(hours=1))
    assert len(ticks(window, stride(window, 34), OSLO)) <= 31
    assert shades(window, CHRISTMAS) == []


def test_a_window_has_air_and_a_least_length() -> None:
    """One event alone is not drawn at the edge."""
    at = datetime(2026, 3, 20, 12, tzinfo=UTC)
    window = framed(at, at, 1000, least=timedelta(hours=2))
    assert window.span >= timedelta(hours=2)
    assert 0 < window.x(at) < 1000
    with pytest.raises(ValueError, match="begins before"):
        Window(at, at, 1000)


@given(WINDOWS)
def test_shades_are_in_the_window_and_do_not_meet(window: Window) -> None:
    """Neighbours are one."""
    for kind in Shade:
        found = [one for one in shades(window, CHRISTMAS) if one.shade is kind]
        assert all(0 <= one.left < one.right <= window.width for one in found)
        assert all(a.right < b.left for a, b in pairwise(found))


def test_working_hours_are_left_clear() -> None:
    """A Tuesday in winter: office hours alone; the day after is Christmas, closed from morning to night."""
    begins = datetime(2029, 12, 24, 23, tzinfo=UTC) - timedelta(days=1)  # Monday 24, Oslo
    window = Window(begins, begins + timedelta(days=2), 2000)
    closed = [(s.left, s.right) for s in shades(window, CHRISTMAS) if s.shade is Shade.CLOSED]
    hour = 1000 / 24
    assert closed == [
        pytest.approx((0, 8 * hour)),
        pytest.approx((15.5 * hour, 48 * hour)),
    ]
    nights = [s for s in shades(window, CHRISTMAS) if s.shade is Shade.NIGHT]
    assert nights[1].left == pytest.approx(22 * hour)
    assert nights[1].right == pytest.approx(31 * hour)


def test_of_a_year_only_the_weekends_are_told() -> None:
    """Hours would be too narrow."""
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    found = shades(Window(begins, begins + timedelta(days=180), 1000), CHRISTMAS)
    assert {one.shade for one in found} == {Shade.CLOSED}
    assert 26 <= len(found) <= 28
