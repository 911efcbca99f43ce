"""The answer to a search, on both stores: its order, its pages, what comes along, and nothing one may not see."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath.api.results import Wanted, parse
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.search import (
    Cursor,
    Include,
    Order,
    Search,
    included,
    page,
    total,
)
from carepath.store.tables import grants
from tests.contract.searching import ASKING, EXAMPLES, JSON, OPERATOR, clear, keep
from tests.contract.stored import KEYS, NOW, opened, put, searchable, searchables, versioned

NORTH: Final = Viewer("north", NOW)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def wanted(type_: str, *pairs: tuple[str, str]) -> Wanted:
    """How a search is understood."""
    return parse(type_, pairs, strict=True, asking=ASKING)


# --- order and pages

STATUSES = st.sampled_from(["draft", "requested", "completed"])
DAYS = st.sampled_from(["2026-01-01", "2026-01-02", "2026-01-03"])
SORTED = st.lists(
    st.fixed_dictionaries(
        {"resourceType": st.just("Task")}, optional={"status": STATUSES, "authoredOn": DAYS}
    ),
    max_size=8,
)
KEYS_OF: Final = {"status": "status", "authored-on": "authoredOn", "_id": "id"}
ORDERS = st.lists(
    st.tuples(st.sampled_from([*KEYS_OF]), st.booleans()),
    min_size=1,
    max_size=3,
    unique_by=lambda key: key[0],
)


def sort_text(order: Sequence[tuple[str, bool]]) -> str:
    """As it stands in ``_sort``."""
    return ",".join(f"{'-' * descending}{name}" for name, descending in order)


def in_order(kept: list[JSON], order: Sequence[tuple[str, bool]]) -> list[str]:
    """Absent values come before all others; equals by id, in the direction of the last key."""
    result = sorted(kept, key=lambda one: str(one["id"]), reverse=order[-1][1])
    for name, descending in reversed(order):
        result.sort(key=lambda one: str(one.get(KEYS_OF[name], "")), reverse=descending)
    return [one["id"] for one in result]


def pages(database: Database, search: Search, count: int) -> Iterator[list[str]]:
    """Page after page by the cursor, each in a transaction of its own."""
    after: Cursor | None = None
    while True:
        with database.read() as conn:
            matches = page(conn, KEYS, search, count=count, after=after)
        if not matches:
            return
        yield [match.found.id for match in matches]
        after = matches[-1].place


@EXAMPLES
@given(made=SORTED, order=ORDERS, count=st.integers(1, 4))
def test_pages_follow_the_order(
    database: Database, made: list[JSON], order: list[tuple[str, bool]], count: int
) -> None:
    """By several keys, each in its direction: everything once, in order, however long the pages are."""
    kept = keep(database, made)
    search = Search(
        type="Task", viewer=OPERATOR, order=wanted("Task", ("_sort", sort_text(order))).order
    )
    shown = [id_ for ids in pages(database, search, count) for id_ in ids]
    assert shown == in_order(kept, order)


@pytest.mark.parametrize("descending", [False, True])
def test_pages_by_the_last_update(database: Database, descending: bool) -> None:
    """Also where many were updated at the same moment."""
    updates = {f"r{n}": n // 3 for n in range(10)}
    for id_, updated in updates.items():
        versioned(database, "Task", id_, updated, patient="p")
    search = Search(type="Task", viewer=OPERATOR, order=(Order(descending=descending),))

    seen = [id_ for ids in pages(database, search, 3) for id_ in ids]

    assert seen == sorted(updates, key=lambda id_: (updates[id_], id_), reverse=descending)


def test_pages_stay_while_others_write(database: Database) -> None:
    """What does not change itself is shown once, whatever comes or goes between the pages."""
    for number in range(0, 20, 2):
        searchable(database, _task(number), number, patient="p")
    orders = ((), (("_sort", "-authored-on"),), (("_sort", "status,-_lastUpdated"),))
    for nth, pairs in enumerate(orders):
        search = Search(type="Task", viewer=OPERATOR, order=wanted("Task", *pairs).order)
        seen: list[str] = []
        for number, ids in enumerate(pages(database, search, 3)):
            seen += ids
            late = 100 * (nth + 1) + number
            if number >= 8:
                continue
            searchable(database, {**_task(late), "id": f"late{late}"}, late, patient="p")
        ours = [id_ for id_ in seen if not id_.startswith("late")]
        assert sorted(ours) == sorted(f"t{number:02}" for number in range(0, 20, 2))


def _task(number: int) -> JSON:
    day = f"2026-01-{1 + number % 28:02}"
    status = ("requested", "completed")[number % 4 // 2]
    return {"resourceType": "Task", "id": f"t{number:02}", "status": status, "authoredOn": day}


# --- what comes along


def come(database: Database, type_: str, viewer: Viewer, *pairs: tuple[str, str]) -> list[str]:
    """What comes along with all that is found, as ``Type/id``."""
    includes = wanted(type_, *pairs).includes
    with database.read() as conn:
        search = Search(type=type_, viewer=viewer)
        matches = [m.found for m in page(conn, KEYS, search, count=100, after=None)]
        found_ = included(conn, matches, includes, viewer, limit=100)
    return [f"{one.type}/{one.id}" for one in found_]


def about(type_: str, id_: str, **references: str) -> JSON:
    """A resource with references."""
    told = {name: {"reference": reference} for name, reference in references.items()}
    return {"resourceType": type_, "id": id_, **told}


@pytest.fixture
def pathway(database: Database) -> Database:
    """A stay with its Task, in an organisation that is part of another; a second Task belongs elsewhere."""
    searchable(database, about("Patient", "p"), 1, patient="p")
    searchable(database, about("Organization", "region"), 1)
    ward = about("Organization", "ward", partOf="Organization/region")
    searchable(database, ward, 1)
    stay = about("Encounter", "t", serviceProvider="Organization/ward")
    searchable(database, stay, 1, patient="p", thread="t")
    task = about("Task", "t", focus="Encounter/t", owner="Organization/ward")
    searchable(database, task, 1, patient="p", thread="t")
    other = about("Task", "u", focus="Encounter/gone", owner="Organization/none")
    searchable(database, other, 2, patient="p", thread="u")
    return database


@pytest.mark.parametrize(
    ("type_", "pairs", "expected"),
    [
        ("Task", [("_include", "Task:focus")], ["Encounter/t"]),
        ("Task", [("_include", "Task:focus:ServiceRequest")], []),
        ("Task", [("_include", "Task:patient")], ["Patient/p"]),
        (
            "Task",
            [("_include", "Task:focus"), ("_include", "Task:*")],
            ["Encounter/t", "Organization/ward", "Patient/p"],
        ),
        ("Task", [("_include", "*")], ["Encounter/t", "Organization/ward", "Patient/p"]),
        (
            "Task",
            [("_include", "Task:owner"), ("_include:iterate", "Organization:partof")],
            ["Organization/ward", "Organization/region"],
        ),
        ("Encounter", [("_revinclude", "Task:focus")], ["Task/t"]),
        ("Encounter", [("_revinclude", "Task:focus:Encounter")], ["Task/t"]),
        ("Patient", [("_revinclude", "Task:patient")], ["Task/t", "Task/u"]),
        ("Patient", [("_revinclude", "*")], ["Encounter/t", "Task/t", "Task/u"]),
        ("Organization", [("_include", "Organization:partof")], []),
    ],
)
def test_what_comes_along(
    pathway: Database, type_: str, pairs: list[tuple[str, str]], expected: list[str]
) -> None:
    """Each once, no match again, and nothing that is not there."""
    assert come(pathway, type_, OPERATOR, *pairs) == expected


def test_no_more_comes_along_than_asked_for(pathway: Database) -> None:
    """The limit holds over all steps."""
    (one,) = wanted("Patient", ("_revinclude", "Task:patient")).includes
    with pathway.read() as conn:
        search = Search(type="Patient", viewer=OPERATOR)
        matches = [m.found for m in page(conn, KEYS, search, count=9, after=None)]
        assert len(included(conn, matches, [one], OPERATOR, limit=1)) == 1


def test_what_is_hidden_takes_nobodys_place(pathway: Database) -> None:
    """The limit counts what one may see."""
    (one,) = wanted("Patient", ("_revinclude", "Task:patient")).includes
    held = {"patient": "p", "reader": "north", "event": "e", "thread": "u"}
    put(pathway, grants, {**held, "basis": "addressed", "since": 0, "until": None})
    with pathway.read() as conn:
        search = Search(type="Patient", viewer=NORTH)
        matches = [m.found for m in page(conn, KEYS, search, count=9, after=None)]
        (shown,) = included(conn, matches, [one], NORTH, limit=1)
    assert shown.id == "u"


# --- nothing shows what one may not see

THREADS: Final = ("a", "b")
ONES = st.fixed_dictionaries(
    {"status": STATUSES, "thread": st.sampled_from(THREADS), "patient": st.sampled_from("pq")},
    optional={"authoredOn": DAYS, "owner": st.sampled_from(["north", "south"])},
)
QUERIES = st.lists(
    st.sampled_from(
        [
            ("status", "requested"),
            ("status:not", "requested"),
            ("owner", "Organization/south"),
            ("owner:missing", "true"),
            ("authored-on", "ge2026-01-02"),
            ("patient", "p"),
            ("_lastUpdated", "gt1970-01-01"),
        ]
    ),
    max_size=2,
)


@EXAMPLES
@given(
    seen=st.lists(ONES, max_size=4), hidden=st.lists(ONES, max_size=4), query=QUERIES, order=ORDERS
)
def test_what_one_may_not_see_changes_nothing(
    database: Database,
    seen: list[JSON],
    hidden: list[JSON],
    query: list[tuple[str, str]],
    order: list[tuple[str, bool]],
) -> None:
    """Matches, their number and what comes along are the same, whether others have more or not."""
    clear(database)
    _keep(database, seen, "north")
    asked = wanted("Task", *query, ("_sort", sort_text(order)), ("_include", "*"))
    reverse = wanted("Patient", ("_revinclude", "Task:patient")).includes
    before = _answer(database, asked), _led(database, reverse)
    _keep(database, hidden, "south")
    assert (_answer(database, asked), _led(database, reverse)) == before


def _keep(database: Database, made: Sequence[JSON], reader: str) -> None:
    """Tasks, each with its stay and its patient, in threads that one organisation alone may see."""
    kept: dict[tuple[str, str], tuple[JSON, JSON]] = {}
    held = []
    for number, one in enumerate(made):
        id_, patient, thread = (
            f"{reader}-{told}" for told in (number, one["patient"], one["thread"])
        )
        told = {name: one[name] for name in ("status", "authoredOn") if name in one}
        owner = f"Organization/{one.get('owner')}"
        where = {"updated": 1, "patient": patient, "thread": thread}
        task = about("Task", id_, focus=f"Encounter/{id_}", owner=owner) | told
        for resource in (task, about("Encounter", id_), about("Patient", patient)):
            kept[resource["resourceType"], resource["id"]] = resource, where
        held.append({"patient": patient, "reader": reader, "event": id_, "thread": thread})
    searchables(database, [*kept.values()])
    if held:
        rest = {"basis": "addressed", "since": 0, "until": None}
        put(database, grants, *({**row, **rest} for row in held))


def _answer(database: Database, asked: Wanted) -> tuple[Any, ...]:
    search = Search(type="Task", criteria=asked.criteria, viewer=NORTH, order=asked.order)
    with database.read() as conn:
        matches = page(conn, KEYS, search, count=100, after=None)
        shown = [match.found for match in matches]
        come_along = included(conn, shown, asked.includes, NORTH, limit=100)
        return matches, come_along, total(conn, KEYS, search)


def _led(database: Database, includes: Sequence[Include]) -> list[tuple[str, str]]:
    with database.read() as conn:
        patients = page(conn, KEYS, Search(type="Patient", viewer=NORTH), count=100, after=None)
        shown = [match.found for match in patients]
        return [(o.type, o.id) for o in included(conn, shown, includes, NORTH, limit=100)]
