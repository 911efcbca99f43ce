"""Search parameters: times by their precision, what values mean, and how the answer is to be."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.api.errors import Refused
from carepath.api.parameters import Asking, span
from carepath.api.results import Wanted, parse
from carepath.store.criteria import (
    ByBearer,
    ByDate,
    ById,
    ByIdentifier,
    ByParty,
    ByPatient,
    ByString,
    ByValue,
    Criterion,
    Missing,
    Not,
    Range,
    Token,
)
from carepath.store.search import Include, Order
from carepath.store.times import micros
from fhir_mappings.codes import FNR, FNR_ALIAS
from fhir_mappings.search_parameters import PARAMETERS, Kind
from fhir_mappings.subsets import Summary

BASE = "https://broker.example/fhir"
ASKING = Asking(base_url=BASE, now=datetime(2026, 3, 11, tzinfo=UTC))
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


def wanted(type_: str, *pairs: tuple[str, str], strict: bool = True) -> Wanted:
    """How a search is understood."""
    return parse(type_, pairs, strict=strict, asking=ASKING)


def criterion(type_: str, name: str, value: str) -> Criterion:
    """What one parameter asks for."""
    (found,) = wanted(type_, (name, value)).criteria
    return found


REQUESTED = Token(None, "requested")


@pytest.mark.parametrize(
    ("type_", "name", "value", "expected"),
    [
        ("Patient", "_id", "a,b", ById(("a", "b"))),
        ("Patient", "_id:not", "a", Not(ById(("a",)))),
        (
            "Patient",
            "identifier",
            "urn:x|1,|2,3,urn:y|",
            ByIdentifier(
                (Token("urn:x", "1"), Token("", "2"), Token(None, "3"), Token("urn:y", None))
            ),
        ),
        ("Patient", "identifier", f"{FNR_ALIAS}|1", ByIdentifier((Token(FNR, "1"),))),
        ("Patient", "identifier", r"urn:x|1\|2", ByIdentifier((Token("urn:x", "1|2"),))),
        ("Patient", "deceased", "true", ByValue("deceased", (Token(None, "true"),))),
        ("Task", "status", "requested", ByValue("status", (REQUESTED,))),
        ("Task", "status:not", "requested", Not(ByValue("status", (REQUESTED,)))),
        ("Task", "code", r"a\,b", ByValue("code", (Token(None, "a,b"),))),
        ("Task", "patient", f"Patient/a,{BASE}/Patient/b,c", ByPatient(("a", "b", "c"))),
        ("Task", "patient", "https://elsewhere.example/Patient/a", ByPatient(())),
        ("Task", "subject:Patient", "a", ByPatient(("a",))),
        ("Task", "patient.identifier", "urn:x|1", ByBearer((Token("urn:x", "1"),))),
        ("Task", "subject:Patient.identifier", "1", ByBearer((Token(None, "1"),))),
        ("Task", "owner.identifier", "urn:x|1", ByParty("owner", (Token("urn:x", "1"),))),
        ("Task", "owner:identifier", "1", ByIdentifier((Token(None, "1"),), "owner")),
        ("Task", "owner", "a", ByValue("owner", (Token("Organization", "a"),))),
        ("Task", "focus", "a", ByValue("focus", (Token(None, "a"),))),
        ("Task", "focus:Encounter", "a", ByValue("focus", (Token("Encounter", "a"),))),
        ("Task", "focus", "urn:uuid:1", ByValue("focus", (Token("", "urn:uuid:1"),))),
        ("Task", "owner:missing", "true", Missing("owner")),
        ("Task", "owner:missing", "false", Not(Missing("owner"))),
        ("Task", "patient:missing", "true", Missing(None)),
        ("Task", "_id:missing", "true", ById(())),
        ("Task", "_lastUpdated:missing", "false", Not(ById(()))),
        ("Organization", "name", "Åse", ByString("name", ("ase",))),
        ("Organization", "name:contains", "ÅS,b", ByString("name", ("as", "b"), "contains")),
        ("Organization", "name:exact", r"A\,B", ByString("name", ("A,B",), "exact")),
        ("Subscription", "url", "https://x", ByValue("url", (Token("", "https://x"),))),
    ],
)
def test_values_become_criteria(type_: str, name: str, value: str, expected: Criterion) -> None:
    """Alternatives by comma, escapes undone, tokens split at their last bar, references resolved."""
    assert criterion(type_, name, value) == expected


def test_near_is_a_tenth_of_the_time_until_then() -> None:
    """R4: the time between now and the searched one decides how near is approximately."""
    found = criterion("Task", "modified", "ap2026-03-01T00:00:00Z")

    day = timedelta(days=1)
    first = datetime(2026, 3, 1, tzinfo=UTC)
    low, high = (micros(at) for at in (first - day, first + day + timedelta(seconds=1)))
    assert found == ByDate("modified", (Range("ap", low, high),))


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("Task", "status", "|"),
        ("Task", "status:missing", "perhaps"),
        ("Task", "status:missing", "true,false"),
        ("Task", "status:below", "a"),
        ("Task", "status:", "a\n"),
        ("Task", "patient:Group", "a"),
        ("Task", "patient", "Group/a"),
        ("Task", "patient", f"{BASE}/Group/a"),
        ("Task", "patient", "no id"),
        ("Task", "patient.name", "a"),
        ("Task", "focus.identifier", "a"),
        ("Task", "status.identifier", "a"),
        ("Task", "modified", "xx2026"),
        ("Task", "modified", "2026-13"),
        ("Task", "modified:exact", "2026"),
        ("Organization", "active", "yes"),
        ("Organization", "name:below", "a"),
        ("Subscription", "url:below", "https://x"),
        ("Task", "_count", "-1"),
        ("Task", "_count", "\u0663"),
        ("Task", "_summary", "some"),
        ("Task", "_total", "roughly"),
        ("Task", "_elements", "status;code"),
    ],
)
def test_what_cannot_be_understood_is_refused_always(type_: str, name: str, value: str) -> None:
    """Values, modifiers and chains, with the parameter named; also when lenient."""
    with pytest.raises(Refused) as refused:
        wanted(type_, (name, value), strict=False)
    (issue,) = refused.value.refusal.issues
    assert issue.where is not None
    assert issue.where.startswith(f"http.{name.partition(':')[0].partition('.')[0]}")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("no-such", "1"),
        ("no-such", ""),
        ("_has:Task:focus:status", "x"),
        ("_sort", "owner"),
        ("_sort", "--status"),
        ("_include", "Task:status"),
        ("_include", "Encounter:patient"),
        ("_include", "Task:owner:Patient"),
        ("_include", "Task:owner:Organization:x"),
        ("_revinclude", "Encounter:patient"),
    ],
)
def test_what_is_unknown_is_ignored_or_refused(name: str, value: str) -> None:
    """Strict refuses what lenient passes over, which is then absent from the links."""
    lenient = wanted("Task", (name, value), strict=False)

    assert lenient == wanted("Task")
    with pytest.raises(Refused):
        wanted("Task", (name, value))


def test_count_is_capped_and_an_empty_value_is_none_at_all() -> None:
    """The links show what really counts."""
    asked = wanted("Task", ("_count", "100000"), ("status", ""), ("_format", "json"))

    assert asked.count == 200
    assert asked.used == (("_count", "200"),)


def test_no_resource_is_asked_for_but_their_number() -> None:
    """``_summary=count`` is ``_count=0``; the number is told, whatever ``_total`` says."""
    for control in (("_summary", "count"), ("_count", "0")):
        asked = wanted("Task", control, ("_total", "none"))
        assert (asked.count, asked.counted) == (0, True)
    assert not wanted("Task", ("_total", "none")).counted


def test_a_hundred_criteria_are_read() -> None:
    """A database refuses a statement with thousands."""
    told = [("status", "active")] * 100
    assert len(parse("Subscription", told, strict=False, asking=ASKING).criteria) == 100
    with pytest.raises(Refused):
        parse("Subscription", [*told, told[0]], strict=False, asking=ASKING)


def test_an_order_has_several_keys() -> None:
    """Each with its direction; what cannot be sorted by is left out when lenient."""
    asked = wanted("Task", ("_sort", "-authored-on,owner,status"), strict=False)

    assert asked.order == (Order("authored-on", descending=True, date=True), Order("status"))
    assert ("_sort", "-authored-on,status") in asked.used


def test_parts_of_resources() -> None:
    """A summary or elements; text goes with nothing else."""
    assert wanted("Task", ("_summary", "true")).summary is Summary.TRUE
    assert wanted("Task", ("_summary", "false")).summary is None
    assert wanted("Task", ("_elements", "status,code")).elements == ("status", "code")
    with pytest.raises(Refused):
        wanted("Task", ("_summary", "text"), ("_include", "*"))


def test_includes() -> None:
    """By one reference, all of a type, or all there are; the person's stands apart."""
    assert wanted("Task", ("_include", "Task:owner")).includes == (
        Include(source="Task", names=("owner",)),
    )
    assert wanted("Task", ("_include", "Task:patient:Patient")).includes == (
        Include(source="Task", names=(), person=True, target="Patient"),
    )
    assert wanted("Task", ("_include:iterate", "Organization:partof")).includes == (
        Include(source="Organization", names=("partof",), again=True),
    )
    (every,) = wanted("Task", ("_include", "*")).includes
    assert (every.names, every.person) == (
        ("focus", "encounter", "based-on", "requester", "owner"),
        True,
    )
    reverse = wanted("Encounter", ("_revinclude", "*")).includes
    assert Include(source="Task", names=("focus", "encounter"), reverse=True) in reverse


def test_every_definition_is_the_standards() -> None:
    """By name and kind, as the registry of R4 has them."""
    for type_, known in PARAMETERS.items():
        for name, one in known.items():
            owner = one.definition.rpartition("/")[2].partition("-")[0]
            assert owner in {type_, "clinical", "individual", "Resource"}
            assert one.kind in Kind
            assert one.definition.endswith(name.removeprefix("_"))
