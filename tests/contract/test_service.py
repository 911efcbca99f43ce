"""Taking messages in, on both stores: the law of order, the same message again, effects once."""

import itertools
import random
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from carepath.service import Service, Submission, Verdict
from carepath.service.rebuild import rebuild
from carepath.store import overview, queries, sealing, tables
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.times import micros
from pathways.events import Activity, EventCode
from pathways.facts import ReportFacts, StayFacts
from pathways.messages import Destination, Key, KeyRank, Message
from pathways.moments import Moment
from pathways.pathway import Thread
from pathways.timeline import Mark
from tests.contract import matters
from tests.contract.matters import of_person, patient, source, stories, take
from tests.contract.stored import EVERYTHING, opened

NOW = micros(datetime(2100, 1, 1, tzinfo=UTC))
ANCHOR = Key(KeyRank.MESSAGE, "")
PEOPLE = itertools.count(1)
ON_ONE_STORE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def shown(database: Database, key: str) -> list[tuple[Any, ...]]:
    """The timeline without what is about arrival, threads named by their first entry."""
    with database.read() as conn:
        entries = queries.timeline(conn, (key,), Viewer(None, NOW), as_of=NOW)
    threads: dict[str, int] = {}
    person = {entry.message_id: number for number, entry in enumerate(entries)}
    return [
        (
            entry.message_id[-4:],
            threads.setdefault(entry.thread, len(threads)),
            entry.happened,
            entry.text_key,
            entry.params,
            entry.marks - {Mark.LATE},
            person.get(entry.target or ""),
            entry.replaced_by is not None,
        )
        for entry in entries
    ]


_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def _without_ids(thread: Thread) -> str:
    """And without those of messages and records in it."""
    told = replace(thread, id="", patient="", last=None, told=frozenset(), anchor=ANCHOR)
    return _ID.sub("", repr(told))


def states(database: Database, key: str) -> list[Any]:
    """Threads and header without ids and without what is about arrival."""
    with database.read() as conn:
        threads = overview.matters(conn, EVERYTHING, (key,), None)
        known = overview.patient(conn, key)
    assert known is not None
    made = [_without_ids(thread) for thread in threads]
    header = known.header
    told = {name: told.value for name, told in header.demographics.items()}
    return [sorted(made), told, len(header.open), header.person, header.municipality]


@settings(max_examples=40, suppress_health_check=ON_ONE_STORE)
@given(messages=stories(), shuffler=st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_timeline_and_state(
    database: Database, messages: list[Message], shuffler: random.Random
) -> None:
    """The law of order, for two people of whom the same is told in two orders."""
    service = Service(database)
    one, other = next(PEOPLE), next(PEOPLE)
    first = take(service, [of_person(m, one) for m in messages])
    second = take(service, [of_person(m, other) for m in shuffler.sample(messages, len(messages))])
    assert shown(database, second) == shown(database, first)
    assert states(database, second) == states(database, first)


@settings(max_examples=1, suppress_health_check=[*ON_ONE_STORE, HealthCheck.large_base_example])
@given(messages=stories(least=200, most=200))
def test_hundreds_of_messages_in_any_order(database: Database, messages: list[Message]) -> None:
    """One long history, told backwards and in batches."""
    service = Service(database)
    one, other = next(PEOPLE), next(PEOPLE)
    first = take(service, [of_person(m, one) for m in messages])
    backwards = [Submission(source(of_person(m, other))) for m in reversed(messages)]
    answers = [
        a for n in range(0, len(backwards), 25) for a in service.handle(backwards[n : n + 25])
    ]
    (second,) = {answer.patient for answer in answers}
    assert second is not None
    assert shown(database, second) == shown(database, first)
    assert states(database, second) == states(database, first)


@settings(max_examples=15, suppress_health_check=ON_ONE_STORE)
@given(messages=stories())
def test_rebuild_changes_nothing(database: Database, messages: list[Message]) -> None:
    """State made again from the events is the state that was."""
    service = Service(database)
    take(service, [of_person(m, next(PEOPLE)) for m in messages[:1]])
    take(service, [of_person(m, person) for person in [next(PEOPLE)] for m in messages])
    assert rebuild(database, service.options.base_url, datetime.now(UTC)) == 0


def test_rebuild_mends_what_is_wrong(database: Database) -> None:
    """A lost thread and a changed header are made again."""
    service = Service(database)
    take(service, [admission(1)])
    with database.write() as conn:
        conn.execute(tables.threads.delete())
        known = [{**row, "body": b"{}"} for row in conn.execute(select(tables.patients)).mappings()]
        (emptied,) = sealing.rows(conn, tables.patients, known)
        conn.execute(tables.patients.update().values(body=emptied["body"]))
    assert rebuild(database, service.options.base_url, datetime.now(UTC)) == 2
    assert rebuild(database, service.options.base_url, datetime.now(UTC)) == 0


def admission(person: int, number: int = 0) -> Message:
    """A ward admits; the town's nursing is told."""
    return Message(
        id=matters.message_id(number, person),
        format="carepath",
        envelope=f"envelope-{person}-{number}",
        content=b"",
        code=EventCode.ADMISSION,
        sender=matters.SENDERS[0],
        happened=Moment(matters.BEGIN),
        written=matters.BEGIN,
        destinations=(Destination(matters.SENDERS[2]),),
        patient=patient(person),
        facts=StayFacts(ward="A"),
    )


def counts(database: Database) -> dict[str, int]:
    """How many rows there are of everything that follows from a message."""
    wanted = (tables.events, tables.grants, tables.outbox, tables.resource_versions, tables.threads)
    with database.read() as conn:
        return {
            table.name: conn.execute(select(func.count()).select_from(table)).scalar_one()
            for table in wanted
        }


@pytest.mark.parametrize(
    ("envelope", "message_id", "ward", "status", "verdict"),
    [
        ("seen", "seen", "A", 200, Verdict.DUPLICATE),
        ("new", "seen", "A", 200, Verdict.DUPLICATE),
        ("seen", "seen", "B", 409, Verdict.REFUSED),
        ("new", "seen", "B", 409, Verdict.REFUSED),
        ("seen", "new", "A", 409, Verdict.REFUSED),
        ("new", "new", "A", 200, Verdict.ACCEPTED),
    ],
)
def test_the_same_message_table(
    database: Database, envelope: str, message_id: str, ward: str, status: int, verdict: Verdict
) -> None:
    """Bundle id and message id, seen or new, with the same or other content."""
    service = Service(database)
    first = admission(1)
    (original,) = service.handle([Submission(source(first))])
    before = counts(database)
    again = replace(
        first,
        id=first.id if message_id == "seen" else matters.message_id(9, 1),
        envelope=first.envelope if envelope == "seen" else "another",
        facts=StayFacts(ward=ward),
    )
    (answer,) = service.handle([Submission(source(again))])
    assert (answer.status, answer.verdict) == (status, verdict)
    if verdict is Verdict.DUPLICATE:
        assert answer.body == original.body
    if verdict is not Verdict.ACCEPTED:
        assert counts(database) == before
    with database.read() as conn:
        reasons = conn.execute(select(tables.parked.c.reason)).scalars().all()
    assert reasons == (["conflict"] if ward == "B" else [])


@settings(max_examples=20, suppress_health_check=ON_ONE_STORE)
@given(messages=stories(), repeats=st.integers(1, 3))
def test_effects_happen_once(database: Database, messages: list[Message], repeats: int) -> None:
    """Whatever is sent again, alone or in one batch, has no new effect and gets the same answer."""
    service = Service(database)
    person = next(PEOPLE)
    batch = [Submission(source(of_person(m, person))) for m in messages]
    first = service.handle(batch)
    before = counts(database)
    for _ in range(repeats):
        again = service.handle([*batch, *batch])
        assert [a.body for a in again] == [a.body for a in first] * 2
    assert counts(database) == before


def test_one_bad_message_never_fails_its_neighbours(database: Database) -> None:
    """Unreadable, refused and good ones in one batch."""
    service = Service(database)
    good = [Submission(source(admission(person))) for person in (1, 2)]
    answers = service.handle([good[0], Submission(b"{"), Submission(b'{"a":1}'), good[1]])
    assert [a.status for a in answers] == [200, 400, 422, 200]
    assert all(orjson.loads(a.body)["issue"] for a in answers[1:3])
    assert counts(database)["events"] == 2


def test_racing_clients_lose_and_double_nothing(database: Database) -> None:
    """Sixteen services at once, all about the same patient, every message sent by two of them."""
    with ThreadPoolExecutor(16) as pool:
        messages = [admission(1, number) for number in range(64)]
        work = [messages[n::8] for n in range(8)] * 2

        def client(mine: list[Message]) -> list[int]:
            service = Service(database)
            return [service.handle([Submission(source(m))])[0].status for m in mine]

        statuses = [status for done in pool.map(client, work) for status in done]
    assert statuses == [200] * 128
    with database.read() as conn:
        known = conn.execute(select(tables.events.c.message_id, tables.events.c.received)).all()
        patients = conn.execute(select(func.count()).select_from(tables.patients)).scalar_one()
    assert sorted(row.message_id for row in known) == sorted(m.id for m in messages)
    assert len({row.received for row in known}) == 64
    assert patients == 1


def test_racing_clients_with_one_id_for_two_people_make_one_conflict(database: Database) -> None:
    """The same message id about different people at the same time: one stands, the other is kept aside."""
    with ThreadPoolExecutor(8) as pool:
        for number in range(8):
            rivals = [
                replace(admission(2 * number), patient=patient(2 * number + n)) for n in (0, 1)
            ]

            def send(message: Message) -> int:
                return Service(database).handle([Submission(source(message))])[0].status

            assert sorted(pool.map(send, rivals)) == [200, 409]
    assert counts(database)["events"] == 8


def test_a_summary_names_each_report_once(database: Database) -> None:
    """Also when the batch had to write what it holds, to read a matter's history, before somebody joined."""
    first = admission(1)
    report = replace(
        first,
        id=matters.message_id(1, 1),
        envelope=None,
        code=EventCode.DISCHARGE_REPORT,
        destinations=(),
        facts=ReportFacts(title="Epikrise"),
    )
    corrected = replace(
        first, id=matters.message_id(2, 1), envelope=None, activity=Activity.REVISE, target=first.id
    )
    newcomer = (Destination(matters.SENDERS[1]),)
    joined = replace(first, id=matters.message_id(3, 1), envelope=None, destinations=newcomer)
    batch = [Submission(source(m)) for m in (first, report, corrected, joined)]
    assert [a.status for a in Service(database).handle(batch)] == [200] * 4
    summary = tables.outbox.c.kind == EventCode.HANDOVER_SUMMARY
    with database.read() as conn:
        bodies = conn.execute(select(tables.outbox.c.body).where(summary)).scalars().all()
    assert [bytes(body).count(b"Epikrise") for body in bodies] == [1, 1]  # the newcomer, the ward
