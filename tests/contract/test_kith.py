"""Norwegian XML on both stores: in any order, and in a stream, where nobody says what it is."""

import random
from collections.abc import Iterator

import orjson
import pytest
from sqlalchemy import select

from carepath.service import Service, Submission, Verdict
from carepath.store import feed, numbering, overview, tables
from carepath.store.database import Database
from carepath.store.positions import Origin
from fhir_mappings.formats import KITH_XML
from pathways.promises import PromiseKind
from tests import norwegian as no
from tests.contract.stored import EVERYTHING, opened
from tests.contract.test_service import NOW, shown

WARD = "her-101"
CANCELLED = no.logistics(
    "LOG_UTSKRIVNINGSKLAR",
    8,
    ("3", "2026-03-05"),
    status="C",
    parent=4,
    written="2026-03-05T09:30:00",
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def about(number: str, source: bytes) -> bytes:
    """The same of another person, in messages of its own."""
    return source.replace(no.PERSON.encode(), number.encode()).replace(
        b"0b6fbb1c", f"{int(number) % 10**8:08d}".encode()
    )


def test_any_order_of_arrival_gives_the_same_timeline_and_state(database: Database) -> None:
    """Of a stay whose messages name neither it nor, all of them, its admission; with one of them cancelled."""
    service, chance = Service(database), random.Random("plo")
    told = [*no.stay().values(), CANCELLED]
    ends: list[tuple[list[tuple[object, ...]], set[object]]] = []
    for person in (no.PERSON, no.OTHER):
        sources = [about(person, source) for source in told]
        if ends:
            chance.shuffle(sources)
        keys = {service.handle([Submission(source)])[0].patient for source in sources}
        (key,) = keys
        assert key is not None
        with database.read() as conn:
            threads = overview.matters(conn, EVERYTHING, (key,), None)
        ends.append(
            (shown(database, key), {(t.status, t.facts, t.begun, t.updated) for t in threads})
        )
    assert ends[0] == ends[1]
    assert [entry[3] for entry in ends[0][0]][-2:] == ["entry.discharge", "entry.discharge-report"]


def test_in_a_stream_it_is_known_by_what_it_is(database: Database) -> None:
    """Taken in, kept with its bytes, and its sender told in FHIR; what is wrong is parked and told."""
    service = Service(database)
    good = no.stay()["admission"]
    sources = (good, good.replace(b"Moe", b"Lie"), good.replace(b"<MsgId>", b"<Id>"), good)
    batch = [
        Submission(source, KITH_XML, WARD, origin=Origin(f"carepath.inbound.{WARD}", "a", 0, n))
        for n, source in enumerate(sources)
    ]
    verdicts = [answer.verdict for answer in service.receive(batch)]
    accepted, refused, repeat = Verdict.ACCEPTED, Verdict.REFUSED, Verdict.DUPLICATE
    assert verdicts == [accepted, refused, refused, repeat]
    with database.write() as conn:
        numbering.number(conn)
        items = feed.after(conn, WARD, 0, NOW, limit=10)
        kept = select(tables.inbox.c.media_type, tables.inbox.c.source)
        assert [(one, bytes(two)) for one, two in conn.execute(kept)] == [(KITH_XML, good)]
    receipts = (orjson.loads(item.body or b"")["entry"][0]["resource"] for item in items)
    assert sorted(one["response"]["code"] for one in receipts) == [
        "fatal-error",
        "fatal-error",
        "ok",
        "ok",
    ]


def test_an_answer_as_dialogue_keeps_the_municipalitys_promise(database: Database) -> None:
    """7322 = 7, to another unit of the hospital than the one that told that the patient is ready."""
    service = Service(database)
    answer = no.dialogue(
        "DIALOG_HELSEFAGLIG",
        9,
        no.remark("7", "Fra fredag"),
        sender=no.NURSING,
        receiver=no.OTHER_WARD,
        written="2026-03-05T10:00:00",
    )
    for source, kept in ((no.stay()["discharge-ready"], False), (answer, True)):
        (taken,) = service.handle([Submission(source)])
        assert taken.patient is not None
        with database.read() as conn:
            (thread,) = overview.matters(conn, EVERYTHING, (taken.patient,), None)
        (promise,) = (p for p in thread.promises if p.kind is PromiseKind.CAPACITY_ANSWER)
        assert (promise.closed_by is not None) is kept
