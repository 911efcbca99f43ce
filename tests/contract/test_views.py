"""What resources show, on both stores: by the law of order, entry by entry, and made again from events."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, true, update

from carepath.service import Service, Submission
from carepath.service.rebuild import rebuild
from carepath.store import codec, sealing, tables
from carepath.store.database import Database
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import Facts, InquiryFacts, PersonFacts, Relative, StayFacts
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import Identifier
from tests.contract.matters import BEGIN, REPORTS, message_id, of_person, source, stories, take
from tests.contract.shown import resources
from tests.contract.stored import opened
from tests.contract.test_service import ON_ONE_STORE, PEOPLE, admission


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


STORIED = (Family.STAY, Family.REFERRAL, Family.INQUIRY, Family.PERSON)
KINDS: dict[str, list[EventCode]] = {
    "every": REPORTS,
    **{family: [c for c in REPORTS if RULES[c].family is family] for family in STORIED},
}


@pytest.mark.parametrize("codes", [pytest.param(codes, id=name) for name, codes in KINDS.items()])
@settings(max_examples=20, suppress_health_check=ON_ONE_STORE)
@given(data=st.data(), shuffler=st.randoms(use_true_random=False))
def test_any_order_of_arrival_gives_the_same_resources(
    database: Database, codes: list[EventCode], data: st.DataObject, shuffler: random.Random
) -> None:
    """The law of order, for two people of whom the same is told: one by one, and in another order in one batch."""
    service, messages = Service(database), data.draw(stories(most=8, codes=codes))
    one, other = next(PEOPLE), next(PEOPLE)
    first = take(service, [of_person(m, one) for m in messages])
    mixed = shuffler.sample(messages, len(messages))
    answers = service.handle([Submission(source(of_person(m, other))) for m in mixed])
    (second,) = {answer.patient for answer in answers}
    assert second is not None
    assert resources(database, second) == resources(database, first)


def _ids(value: str) -> tuple[Identifier, ...]:
    return (Identifier("https://ehr.example/id", value),)


S1, E1, C1 = _ids("s1"), _ids("e1"), _ids("c1")
ANNE, LIV = Relative("Anne"), Relative("Liv")
TOLD: dict[str, list[tuple[EventCode, Facts]]] = {
    "a conversation": [
        (EventCode.INQUIRY, InquiryFacts(text="Når?", identifiers=C1)),
        (EventCode.REPLY, InquiryFacts(text="Nå.", identifiers=C1)),
        (EventCode.INQUIRY, InquiryFacts(text="Hvorfor?", identifiers=C1)),
    ],
    "a question that gets a number": [
        (EventCode.INQUIRY, InquiryFacts(text="Når?")),
        (EventCode.REPLY, InquiryFacts(text="Nå.", identifiers=C1)),
    ],
    "relatives": [
        (EventCode.RELATIVE_REGISTERED, PersonFacts(relatives=(ANNE,))),
        (EventCode.RELATIVE_REGISTERED, PersonFacts(relatives=(LIV,))),
        (EventCode.MUNICIPALITY_CHANGED, PersonFacts(home_municipality="0301")),
    ],
    "a stay that gets another id": [
        (EventCode.ADMISSION, StayFacts(identifiers=S1)),
        (EventCode.DISCHARGE_READY, StayFacts(identifiers=S1)),
        (EventCode.DISCHARGE, StayFacts(identifiers=S1, episodes=E1)),
    ],
}


@pytest.mark.parametrize("told", [pytest.param(told, id=name) for name, told in TOLD.items()])
def test_one_by_one_in_order_is_as_backwards(
    database: Database, told: list[tuple[EventCode, Facts]]
) -> None:
    """What simply comes last is shown without reading the rest, and as if it had been read."""
    service = Service(database)
    shown = [resources(database, take(service, _about(told, order))) for order in (1, -1)]
    assert shown[0] == shown[1]


def _about(told: list[tuple[EventCode, Facts]], order: int) -> list[Message]:
    """The messages, an hour between them, about somebody new; ``-1``: the last one first."""
    person = next(PEOPLE)
    made = [
        replace(
            admission(person, number),
            code=code,
            facts=facts,
            activity=Activity.REPLY if code is EventCode.REPLY else Activity.NEW,
            target=message_id(0, person) if code is EventCode.REPLY else None,
            envelope=None,
            happened=Moment(BEGIN + timedelta(hours=number)),
            written=BEGIN + timedelta(hours=number),
        )
        for number, (code, facts) in enumerate(told)
    ]
    return made[::order]


@settings(max_examples=10, suppress_health_check=ON_ONE_STORE)
@given(messages=stories())
def test_a_rebuild_makes_what_is_missing(database: Database, messages: list[Message]) -> None:
    """What a release before this one did not make is made from the events, as it would have been."""
    service = Service(database)
    person = next(PEOPLE)
    patient = take(service, [of_person(m, person) for m in messages])
    before = resources(database, patient)
    with database.write() as conn:
        conn.execute(tables.resources.delete())
        conn.execute(tables.resource_versions.delete())
    assert rebuild(database, service.options.base_url, datetime.now(UTC)) >= len(before)
    assert resources(database, patient) == before
    assert rebuild(database, service.options.base_url, datetime.now(UTC)) == 0


def test_a_thread_that_is_none_is_not_shown(database: Database) -> None:
    """What shows a matter that no record belongs to is gone after a rebuild; its entries are where they belong."""
    service = Service(database)
    patient = take(service, [admission(1)])
    before = resources(database, patient)
    with database.write() as conn:
        (body,) = conn.execute(select(tables.threads.c.body)).scalars()
        right = codec.thread(body)
        wrong = codec.thread_row(replace(right, id="wrong"))
        conn.execute(insert(tables.threads), sealing.rows(conn, tables.threads, [wrong]))
        for table in (tables.resources, tables.resource_versions):
            own = conn.execute(select(table).where(table.c.id == right.id)).mappings().all()
            copies = [{**row, "id": "wrong"} for row in own]
            conn.execute(insert(table), sealing.rows(conn, table, copies))
        for table in (tables.events, tables.grants, tables.resources):
            astray = table.c.id != right.id if table is tables.resources else true()
            moved = update(table).where(table.c.thread == right.id, astray)
            conn.execute(moved.values(thread="wrong"))
    assert resources(database, patient) != before
    rebuild(database, service.options.base_url, datetime.now(UTC))
    assert resources(database, patient) == before
    with database.read() as conn:
        entry = tables.resources.c.type == "Provenance"
        shown = conn.execute(select(tables.resources.c.thread).where(entry)).scalars()
        assert {*shown} == {right.id}
