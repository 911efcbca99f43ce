"""Search parameters: times by their precision, and what values mean."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.api.errors import Refused
from carepath.api.parameters import parse, span
from carepath.store.search import ByCode, ById, ByIdentifier, ByName, ByPatient, Token

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(TIMES)
def test_every_instant_lies_in_its_own_span(time: datetime) -> None:
    """To the second and to the microsecond; the span is as wide as the precision."""
    second = time.replace(microsecond=0)

    low, high = span("date", second.isoformat())
    exact = span("date", time.isoformat(timespec="microseconds"))

    assert low <= time < high
    assert high - low == timedelta(seconds=1)
    assert exact == (time, time + timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("2026", "2025-12-31T23:00", "2026-12-31T23:00"),
        ("2026-02", "2026-01-31T23:00", "2026-02-28T23:00"),
        ("2024-02", "2024-01-31T23:00", "2024-02-29T23:00"),
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),  # a day of 23 hours
        ("2026-02-14T02:10Z", "2026-02-14T02:10", "2026-02-14T02:11"),
        ("2026-02-14T02:10:00+01:00", "2026-02-14T01:10:00", "2026-02-14T01:10:01"),
        ("2026-02-14T02:10:00 01:00", "2026-02-14T01:10:00", "2026-02-14T01:10:01"),
        ("2026-02-14T02:10:00.5Z", "2026-02-14T02:10:00.500", "2026-02-14T02:10:00.600"),
    ],
)
def test_a_span_follows_the_precision(text: str, low: str, high: str) -> None:
    """Dates are local days in Oslo; a plus that a client did not escape is understood."""
    expected = tuple(datetime.fromisoformat(t).replace(tzinfo=UTC) for t in (low, high))

    assert span("date", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "26",
        "2026-13",
        "2026-02-30",
        "2026-02-14T25:00Z",
        "2026-02-14T02:10",
        "9999",
        "٢٠٢٦",
        "0000",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Naive instants too."""
    with pytest.raises(Refused):
        span("date", text)


def criteria(type_: str, query: dict[str, str]) -> tuple[object, ...]:
    """What a query asks for."""
    return parse(type_, [*query.items()], strict=True).criteria


def test_values_become_criteria() -> None:
    """Alternatives by comma, escapes undone, tokens split at their last bar."""
    assert criteria("Patient", {"_id": "a,b"}) == (ById(("a", "b")),)
    assert criteria("Patient", {"identifier": "urn:x|1,|2,3"}) == (
        ByIdentifier((Token("urn:x", "1"), Token("", "2"), Token(None, "3"))),
    )
    assert criteria("Task", {"patient": "Patient/a,http://h/fhir/Patient/b,c"}) == (
        ByPatient(("a", "b", "c")),
    )
    assert criteria("Organization", {"name:exact": r"A\,B"}) == (ByName(("A,B",), exact=True),)


def test_a_code_of_another_system_matches_nothing() -> None:
    """The column's own system may be named or left out."""
    own = "http://hl7.org/fhir/task-status|requested"
    assert criteria("Task", {"status": own}) == (ByCode("status", ("requested",)),)
    assert criteria("Task", {"status": "urn:x|requested"}) == (ByCode("status", ()),)


def test_count_is_capped_and_an_empty_value_is_none_at_all() -> None:
    """The self link shows what really counts."""
    asked = parse("Task", [("_count", "100000"), ("status", "")], strict=True)

    assert asked.count == 200
    assert asked.used == (("_count", "200"),)
