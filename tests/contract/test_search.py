"""What each kind of search parameter means, on both stores: the store against a plain model of the standard.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterator
from datetime import datetime
from math import inf
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.store.criteria import ByDate, Range
from carepath.store.database import Database
from carepath.store.times import micros
from fhir_mappings.spans import span
from tests.contract.searching import ASKING, EXAMPLES, JSON, OPERATOR, ids, keep
from tests.contract.stored import BASE, found, opened, versioned


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


# --- tokens

CODES = st.sampled_from(["a", "b", "A", "a,b", "a|b"])
SYSTEMS = st.sampled_from(["", "urn:x", "urn:y"])
CODINGS = st.builds(
    lambda system, code: {"code": code} | ({"system": system} if system else {}), SYSTEMS, CODES
)
TASKS = st.lists(
    st.lists(CODINGS, max_size=2).map(
        lambda codings: {
            "resourceType": "Task",
            **({"code": {"coding": codings}} if codings else {}),
        }
    ),
    max_size=6,
)
TOKENS = st.lists(
    st.tuples(st.none() | SYSTEMS, st.none() | CODES).filter(any),
    min_size=1,
    max_size=2,
)


def escaped(text: str) -> str:
    """As it stands in a value."""
    return "".join(f"\\{letter}" if letter in ",|$\\" else letter for letter in text)


def token_text(system: str | None, code: str | None) -> str:
    """``system|code``, ``|code``, ``code`` or ``system|``."""
    return escaped(code or "") if system is None else f"{escaped(system)}|{escaped(code or '')}"


def has_token(resource: JSON, system: str | None, code: str | None) -> bool:
    """R4 §3.1.1.4.9: what is not named is any; a system that is named as nothing is none."""
    return any(
        code in {None, coding["code"]} and system in {None, coding.get("system", "")}
        for coding in resource.get("code", {}).get("coding", ())
    )


@EXAMPLES
@given(made=TASKS, tokens=TOKENS, negated=st.booleans())
def test_tokens(
    database: Database,
    made: list[JSON],
    tokens: list[tuple[str | None, str | None]],
    negated: bool,
) -> None:
    """Any of the alternatives; ``:not`` is all the others, with and without a code."""
    kept = keep(database, made)
    text = ",".join(token_text(*token) for token in tokens)
    matching = [one["id"] for one in kept if any(has_token(one, *token) for token in tokens)]
    others = [one["id"] for one in kept if one["id"] not in matching]
    name = "code:not" if negated else "code"
    assert ids(database, "Task", name, text) == (others if negated else matching)


@EXAMPLES
@given(made=TASKS, absent=st.booleans())
def test_missing(database: Database, made: list[JSON], absent: bool) -> None:
    """Whether a resource has any value; the two answers share all resources out."""
    kept = keep(database, made)
    expected = [one["id"] for one in kept if ("code" not in one) is absent]
    assert ids(database, "Task", "code:missing", str(absent).lower()) == expected


def test_a_status_has_its_system_and_a_truth_has_none(database: Database) -> None:
    """Codes without a system of their own belong to what binds them."""
    keep(database, [{"resourceType": "Task", "status": "requested"}])
    system = "http://hl7.org/fhir/task-status"
    for value, count in (
        ("requested", 1),
        (f"{system}|requested", 1),
        (f"{system}|", 1),
        ("|requested", 0),
        ("urn:x|requested", 0),
        ("completed,requested", 1),
    ):
        assert len(ids(database, "Task", "status", value)) == count, value
    keep(database, [{"resourceType": "RelatedPerson", "active": False}])
    assert ids(database, "RelatedPerson", "active", "false") == ["r0"]
    assert ids(database, "RelatedPerson", "active", "true") == []


def test_whether_somebody_is_dead_is_always_known(database: Database) -> None:
    """``deceased`` asks whether there is such an element that is not false."""
    told: list[JSON] = [
        {},
        {"deceasedBoolean": False},
        {"deceasedBoolean": True},
        {"deceasedDateTime": "2026"},
    ]
    keep(database, [{"resourceType": "Patient", **one} for one in told])
    assert ids(database, "Patient", "deceased", "false") == ["r0", "r1"]
    assert ids(database, "Patient", "deceased", "true") == ["r2", "r3"]


# --- dates

MOMENTS = st.datetimes(datetime(2025, 12, 31, 22), datetime(2026, 1, 2, 2))  # noqa: DTZ001
TIMES = st.one_of(
    MOMENTS.map(lambda at: f"{at:%Y-%m-%dT%H}:00:00Z"),
    MOMENTS.map(lambda at: f"{at:%Y-%m-%dT%H}:00:00.5+01:00"),
    MOMENTS.map(lambda at: f"{at:%Y-%m-%dT%H}:30Z"),
    st.sampled_from(["2025", "2026", "2025-12", "2026-01", "2025-12-31", "2026-01-01"]),
)
PERIODS = st.fixed_dictionaries({}, optional={"start": TIMES, "end": TIMES})
PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])


def limits(told: JSON) -> tuple[float, float] | None:
    """From the first microsecond to the first one after, without end where it is open; nothing of nothing."""
    start, end = span(told.get("start", "")), span(told.get("end", ""))
    if start is None and end is None:
        return None
    return (micros(start[0]) if start else -inf), (micros(end[1]) if end else inf)


def compares(prefix: str, low: float, high: float, first: float, after: float) -> bool:
    """R4 §3.1.1.4.5, on ranges whose end is excluded."""
    eq = low <= first and after <= high
    gt, lt = after > high, first < low
    return {
        "eq": eq,
        "ne": not eq,
        "gt": gt,
        "lt": lt,
        "ge": gt or eq,
        "le": lt or eq,
        "sa": first >= high,
        "eb": after <= low,
        "ap": first < high and after > low,
    }[prefix]


@EXAMPLES
@given(made=st.lists(PERIODS, max_size=6), prefix=PREFIXES, text=TIMES)
def test_dates(database: Database, made: list[JSON], prefix: str, text: str) -> None:
    """Periods with open ends, and times of every precision; what has no period is not found."""
    kept = keep(
        database, [{"resourceType": "Encounter", **({"period": p} if p else {})} for p in made]
    )
    sought = span(text)
    assert sought is not None
    low, high = map(micros, sought)
    if prefix == "ap":
        near = abs(micros(ASKING.now) - low) // 10
        low, high = low - near, high + near
    expected = [
        one["id"]
        for one in kept
        if (at := limits(one.get("period", {}))) and compares(prefix or "eq", low, high, *at)
    ]
    assert ids(database, "Encounter", "date", f"{prefix}{text}") == expected


@EXAMPLES
@given(updates=st.lists(st.integers(0, 6), max_size=6), prefix=PREFIXES, low=st.integers(0, 6))
def test_the_last_update(database: Database, updates: list[int], prefix: str, low: int) -> None:
    """An instant against the span of the searched time, in microseconds."""
    keep(database, [])
    for number, updated in enumerate(updates):
        versioned(database, "Task", f"r{number}", updated, patient="p")
    high = low + 2
    expected = {
        f"r{number}"
        for number, at in enumerate(updates)
        if compares(prefix or "eq", low, high, at, at + 1)
    }
    one = ByDate("_lastUpdated", (Range(prefix or "eq", low, high),))
    assert {*found(database, "Task", one, viewer=OPERATOR)} == expected


# --- strings, references, URIs

FOLDED: Final = {"Å": "a", "å": "a", "É": "e", "A": "a", "%": "%", "_": "_", "\\": "\\", "/": "/"}
TEXTS = st.text(st.sampled_from("aåÅAÉeb%_\\/ "), min_size=1, max_size=4).filter(str.strip)


def plain(text: str) -> str:
    """Without case and accents."""
    return "".join(FOLDED.get(letter, letter) for letter in text)


@EXAMPLES
@given(
    made=st.lists(st.tuples(TEXTS, st.none() | TEXTS), max_size=6),
    text=TEXTS,
    how=st.sampled_from(["", ":exact", ":contains"]),
)
def test_strings(
    database: Database, made: list[tuple[str, str | None]], text: str, how: str
) -> None:
    """Starts with and contains, whatever case and accents; exact is exact; the alias is a name, too."""
    kept = keep(
        database,
        [
            {"resourceType": "Organization", "name": name, **({"alias": [alias]} if alias else {})}
            for name, alias in made
        ],
    )

    def fits(name: str) -> bool:
        if how == ":exact":
            return name == text
        return plain(text) in plain(name) if how else plain(name).startswith(plain(text))

    expected = [one["id"] for one in kept if any(map(fits, [one["name"], *one.get("alias", ())]))]
    assert ids(database, "Organization", f"name{how}", escaped(text)) == expected


REFERENCES = st.sampled_from(
    ["Encounter/a", "ServiceRequest/a", "Encounter/b", "https://elsewhere.example/Encounter/a"]
)


@EXAMPLES
@given(made=st.lists(REFERENCES, max_size=6), form=st.integers(0, 3), sought=REFERENCES)
def test_references(database: Database, made: list[str], form: int, sought: str) -> None:
    """By type and id, by id, by our address, by type as a modifier; an address elsewhere is another."""
    kept = keep(database, [{"resourceType": "Task", "focus": {"reference": one}} for one in made])
    *_, type_, id_ = sought.split("/")
    name, value = (
        ("focus", sought),
        ("focus", id_),
        ("focus", f"{BASE}/{type_}/{id_}"),
        (f"focus:{type_}", id_),
    )[form]

    def fits(reference: str) -> bool:
        if form == 0:
            return reference == sought
        ours = not reference.startswith("https")
        return ours and reference.endswith(f"/{id_}" if form == 1 else f"{type_}/{id_}")

    expected = [one["id"] for one in kept if fits(one["focus"]["reference"])]
    assert ids(database, "Task", name, value) == expected


def test_a_url_is_found_as_it_is(database: Database) -> None:
    """Exactly, and what is longer than an index takes, too."""
    long = f"https://hook.example/{'x' * 5000}"
    keep(
        database,
        [
            {"resourceType": "Subscription", "channel": {"endpoint": url}}
            for url in ("https://hook.example/a", long)
        ],
    )
    assert ids(database, "Subscription", "url", "https://hook.example/a") == ["r0"]
    assert ids(database, "Subscription", "url", "https://hook.example/A") == []
    assert ids(database, "Subscription", "url", long) == ["r1"]
    assert ids(database, "Subscription", "url", f"{long}y") == []
