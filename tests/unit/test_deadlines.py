"""When promises are due: by law, by agreement, by what the events name, and never before they were made."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.service.terms import NORWAY
from pathways.calendars import LATEST, Limit, Unit
from pathways.deadlines import LIMITS, Agreement, Commitment, Terms
from pathways.events import Family
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Directory, Function, Kind, Party
from pathways.pathway import Header, Thread
from pathways.promises import Duty, Promise, PromiseKind

K = PromiseKind
OSLO = ZoneInfo("Europe/Oslo")
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
TIMES = st.integers(0, 60 * 24 * 365).map(lambda minutes: YEAR + timedelta(minutes=minutes))
MOMENTS = st.builds(Moment, TIMES, st.booleans())
KINDS = st.sampled_from(PromiseKind)
LIMIT = st.builds(Limit, st.integers(0, 200), st.sampled_from(Unit))
PARTIES = Directory(
    {
        "hospital": Party("hospital", "Hospital", Kind.HOSPITAL),
        "ward": Party("ward", "Ward", parent="hospital", function=Function.WARD),
        "town": Party("town", "Town", Kind.MUNICIPALITY, municipality="1101"),
        "office": Party("office", "Office", parent="town", function=Function.CASE_OFFICE),
    }
)


def commitment(
    kind: PromiseKind,
    opened: Moment,
    due: Moment | None = None,
    agreements: Collection[Agreement] = (),
) -> Commitment:
    """What the case office of the town owes the ward of the hospital."""
    promise = Promise(
        kind=kind, opened_by="e1", opened=opened, duty=Duty("office"), other="ward", due=due
    )
    thread = Thread(
        id="t", patient="p", family=Family.STAY, anchor=Key(KeyRank.STAY, "s"), promises=(promise,)
    )
    (found,) = Terms(NORWAY, PARTIES, agreements).commitments(thread, Header())
    return found


def agreed(kind: PromiseKind, limit: Limit, **told: datetime) -> Agreement:
    """Between the two, whichever is named first."""
    return Agreement(
        kind=kind, parties=("hospital", "town"), limit=limit, **{"since": YEAR, **told}
    )


@given(KINDS, MOMENTS, st.none() | MOMENTS, st.lists(st.builds(agreed, KINDS, LIMIT), max_size=3))
def test_nothing_is_due_before_it_was_promised(
    kind: PromiseKind, opened: Moment, due: Moment | None, agreements: list[Agreement]
) -> None:
    """Whatever day the events name, and whatever was agreed."""
    assert commitment(kind, opened, due, agreements).due >= opened.at


@given(KINDS, MOMENTS, st.none() | MOMENTS, LIMIT)
def test_what_the_law_sets_no_agreement_changes(
    kind: PromiseKind, opened: Moment, due: Moment | None, limit: Limit
) -> None:
    """Everything else it does, but for times the events themselves name."""
    usual = commitment(kind, opened, due)
    changed = commitment(kind, opened, due, [agreed(kind, limit)])
    if LIMITS[kind].source:
        assert changed == usual
    elif due is None:
        assert changed.limit == limit
        assert changed.due == NORWAY.due(opened.at, limit)


@given(MOMENTS, TIMES, TIMES)
def test_an_agreement_holds_from_its_day_until_its_end(
    opened: Moment, since: datetime, until: datetime
) -> None:
    """For what was promised in between, the beginning included, the end not."""
    limit = Limit(3, Unit.HOURS)
    found = commitment(
        K.INQUIRY_ANSWER,
        opened,
        agreements=[agreed(K.INQUIRY_ANSWER, limit, since=since, until=until)],
    )
    assert (found.limit == limit) is (since <= opened.at < until)


@given(KINDS, MOMENTS, LIMIT)
def test_an_agreement_is_about_its_two_parties_and_its_kind(
    kind: PromiseKind, opened: Moment, limit: Limit
) -> None:
    """Others keep to what is usual."""
    others = [
        Agreement(kind=kind, parties=("hospital", "village"), limit=limit, since=YEAR),
        *(agreed(k, limit) for k in PromiseKind if k is not kind),
    ]
    assert commitment(kind, opened, agreements=others) == commitment(kind, opened)


def at(*told: int) -> Moment:
    """An instant by the clock of Oslo."""
    return Moment(datetime(*told, tzinfo=OSLO))  # type: ignore[arg-type,misc]


def end(*told: int) -> Moment:
    """The last moment of a day there."""
    return Moment(at(*told, 23, 59, 59).at + timedelta(microseconds=999_999))


def day(*told: int) -> Moment:
    """A whole day there."""
    return Moment(at(*told).at, day=True)


@pytest.mark.parametrize(
    ("kind", "opened", "named", "due"),
    [
        (K.OFFER_READY, at(2026, 11, 20, 9), day(2026, 11, 24), end(2026, 11, 24)),
        (K.OFFER_READY, at(2026, 11, 20, 9), at(2026, 11, 24, 12), at(2026, 11, 24, 12)),
        (K.OFFER_READY, at(2026, 11, 20, 9), at(2026, 11, 19, 12), at(2026, 11, 20, 9)),
        (K.RECEIVED_HOME, at(2026, 11, 20, 9), at(2026, 11, 20, 11), at(2026, 11, 20, 15)),
        (K.FIRST_CONTACT, at(2026, 11, 20, 9), at(2026, 11, 24, 12), end(2026, 11, 24)),
        # Fourteen days earlier by the calendar, over the change of the clock.
        (K.REVIEW, at(2026, 1, 5, 9), day(2026, 4, 1), end(2026, 3, 18)),
        # A decision for a week cannot be looked at two weeks before it ends.
        (K.REVIEW, at(2026, 11, 20, 9), day(2026, 11, 27), end(2026, 11, 27)),
        (K.EARLY_NOTICE, at(2026, 3, 28, 12), None, at(2026, 3, 29, 13)),
        (K.INTERIM_ANSWER, at(2026, 1, 31, 9), None, end(2026, 2, 28)),
        (K.CAPACITY_ANSWER, at(2026, 4, 1, 9), None, end(2026, 4, 7)),
        (
            K.MEASURE,
            at(2026, 4, 1, 9),
            Moment(datetime(9999, 12, 31, 23, 30, tzinfo=UTC)),
            Moment(LATEST),
        ),
    ],
)
def test_a_promise_on_a_known_day(
    kind: PromiseKind, opened: Moment, named: Moment | None, due: Moment
) -> None:
    """Days end with the day; what is named too early is due at once."""
    assert commitment(kind, opened, named).due == due.at


def test_an_agreed_limit_runs_from_the_time_that_is_named_too() -> None:
    """A nurse is to be there six hours after the journey home, not four."""
    six = [agreed(K.RECEIVED_HOME, Limit(6, Unit.HOURS))]
    found = commitment(K.RECEIVED_HOME, at(2026, 11, 20, 9), at(2026, 11, 20, 11), six)
    assert found.due == at(2026, 11, 20, 17).at
