"""What comes in a stream, on both stores: nobody waits for the answer, and nothing may be lost or hold up the rest."""

import itertools
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from typing_extensions import override

from carepath.service import Answer, Service, Submission, Verdict
from carepath.store import database, parked, positions, tables
from carepath.store.database import Database, DatabaseError, out_of_reach
from carepath.store.positions import Origin, Position
from carepath.store.streams import activated, enter, listed
from pathways.events import EventCode
from pathways.facts import ReferralFacts, StayFacts
from pathways.messages import Destination, Key, KeyRank, Message
from pathways.moments import Moment
from tests.contract import matters
from tests.contract.door import NOW, REFERRAL, STAY, STAY_KEYS, Door, ref
from tests.contract.stored import KEYS, opened

WARD = "carepath.inbound.ward"
TOPICS = itertools.count()


def admission(number: int, sender: str = "ward", **more: Any) -> bytes:
    """An admission as its sender writes it; the GP is told."""
    at = Moment(matters.BEGIN)
    message = Message(
        id=matters.message_id(number),
        format="carepath",
        envelope=None,
        content=b"",
        code=EventCode.ADMISSION,
        sender=ref(sender),
        happened=at,
        written=at.at,
        destinations=(Destination(ref("gp")),),
        patient=matters.patient(0),
        keys=STAY_KEYS,
        facts=StayFacts(identifiers=STAY),
    )
    return matters.source(replace(message, **more))


def record(source: bytes, offset: int, topic_id: str = "a") -> Submission:
    """A record of the ward's topic."""
    return Submission(source, organisation="ward", origin=Origin(WARD, topic_id, 0, offset))


def receive(broker: Door, *sources: bytes, first: int = 0) -> list[Answer]:
    """Take in records of the ward's topic, in one batch."""
    return broker.service.receive([record(s, first + n) for n, s in enumerate(sources)])


def receipts(broker: Door, party: str = "ward") -> list[tuple[str, str]]:
    """What the feed says became of the party's messages: (message id, response code)."""
    answers = [
        orjson.loads(i.body or b"") for i in broker.feed(party) if i.kind == "acknowledgement"
    ]
    told = [answer["entry"][0]["resource"]["response"] for answer in answers]
    return [(response["identifier"], response["code"]) for response in told]


def aside(broker: Door) -> list[tuple[str, bytes | None]]:
    """Reason and bytes of all that is parked."""
    with broker.service.database.read() as conn:
        return [(p.reason, parked.source(conn, p.id)) for p in parked.listed(conn)]


def position(broker: Door) -> Position | None:
    """How far the ward's topic has been taken in."""
    with broker.service.database.read() as conn:
        return positions.load(conn, [WARD]).get((WARD, 0))


def count(store: Database, table: Any) -> int:
    """How many rows there are."""
    with store.read() as conn:
        return conn.execute(select(func.count()).select_from(table)).scalar_one()


def test_the_receipt_comes_in_the_senders_feed(broker: Door) -> None:
    """The same bytes as over HTTP; and the position is written with it."""
    (answer,) = receive(broker, admission(1), first=7)
    assert answer.verdict is Verdict.ACCEPTED
    (item,) = broker.feed("ward")
    assert item.body == answer.body
    assert receipts(broker) == [(matters.message_id(1), "ok")]
    assert position(broker) == Position("a", 8)
    assert broker.kinds("gp") == ["admission"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "malformed"),
        (b"\xff\xfe\x00", "malformed"),
        (b"{", "malformed"),
        (b'{"resourceType":"Patient"}', "invalid"),
        (b" " * (5 * 1024 * 1024 + 1), "too-large"),
    ],
)
def test_what_cannot_be_read_is_parked_and_its_neighbours_go_on(
    broker: Door, source: bytes, reason: str
) -> None:
    """With its bytes; the sender hears which record it was, the operator where, nobody what was in it."""
    verdicts = [a.verdict for a in receive(broker, admission(1), source, admission(2))]
    assert verdicts == [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert aside(broker) == [(reason, source)]
    with broker.service.database.read() as conn:
        (kept,) = parked.listed(conn)
    assert dict(receipts(broker)) == {
        matters.message_id(1): "ok",
        kept.id: "fatal-error",
        matters.message_id(2): "ok",
    }
    (notice,) = broker.feed("parked")
    assert orjson.loads(notice.body or b"") == {
        "id": kept.id,
        "reason": reason,
        "organisation": "ward",
        "topic": WARD,
        "partition": 0,
        "offset": 1,
    }
    assert position(broker) == Position("a", 3)


def test_nobody_sends_in_anothers_name(broker: Door) -> None:
    """Parked; the topic's organisation is told, the one it claimed to be hears nothing."""
    (answer,) = receive(broker, admission(1, "other-hospital"))
    assert (answer.verdict, answer.status) == (Verdict.REFUSED, 403)
    assert aside(broker) == [("forbidden", admission(1, "other-hospital"))]
    assert receipts(broker) == [(matters.message_id(1), "fatal-error")]
    assert broker.feed("other-hospital") == []
    assert broker.feed("gp") == []


def test_what_was_not_its_to_send_is_still_not_when_tried_again(broker: Door) -> None:
    """Whoever tries it again at the desk does not make it the sender's own."""
    receive(broker, admission(1, "other-hospital"))
    with broker.service.database.read() as conn:
        (kept,) = parked.listed(conn)
    again = broker.service.retry(kept.id)
    assert again is not None
    assert again.status == 403
    assert len(aside(broker)) == 1


def test_a_unit_may_send_in_its_houses_topic(broker: Door) -> None:
    """The surgery's admission in the ward's topic: the ward's feed has the receipt."""
    (answer,) = receive(broker, admission(1, "surgery"))
    assert answer.verdict is Verdict.ACCEPTED
    assert receipts(broker) == [(matters.message_id(1), "ok")]


def test_records_that_come_again_change_nothing(broker: Door) -> None:
    """Read again by Kafka, good and bad, in one batch or another."""
    batch = [admission(1), b"{", admission(2, "other-hospital"), admission(3), admission(3)]
    receive(broker, *batch)
    before = {table.name: count(broker.service.database, table) for table in WRITTEN}
    receive(broker, *batch)
    receive(broker, *batch[:2])
    assert {table.name: count(broker.service.database, table) for table in WRITTEN} == before
    assert len(receipts(broker)) == 5
    assert position(broker) == Position("a", 5)


def test_poison_is_parked_once_whatever_its_topic_is_known_by(broker: Door) -> None:
    """A worker may read a topic that was made anew under its old UUID first; other bytes there are another record."""
    for topic_id, source in (("a", b"{"), ("b", b"{"), ("b", b"["), ("c", b"[")):
        broker.service.receive([record(source, 0, topic_id)])
    assert sorted(aside(broker)) == [("malformed", b"["), ("malformed", b"{")]
    assert len(receipts(broker)) == len(broker.feed("parked")) == 2


WRITTEN = (tables.events, tables.outbox, tables.parked, tables.inbox, tables.grants)


def test_who_sends_again_is_answered_again(broker: Door) -> None:
    """With the answer of then, taken in or refused; and nothing else follows."""
    future = Moment(NOW + timedelta(days=2))
    batch = [admission(1), admission(2, happened=future, written=future.at)]
    (accepted, refused) = receive(broker, *batch)
    assert (accepted.status, refused.status) == (200, 422)
    told = len(broker.feed("gp"))
    receive(broker, *batch, first=2)
    codes = [(matters.message_id(1), "ok"), (matters.message_id(2), "fatal-error")]
    assert sorted(receipts(broker)) == sorted(codes * 2)
    bodies = [item.body for item in broker.feed("ward")]
    assert len(bodies) == 4
    assert len({*bodies}) == 2
    assert len(broker.feed("gp")) == told
    assert aside(broker) == []


def test_other_content_under_the_same_id_is_a_conflict(broker: Door) -> None:
    """Refused and kept aside; the sender is told of both."""
    other = admission(1, patient=matters.patient(1))
    receive(broker, admission(1), other)
    assert aside(broker) == [("conflict", other)]
    assert {*receipts(broker)} == {(matters.message_id(1), c) for c in ("ok", "fatal-error")}


def test_what_waits_for_its_matter_is_answered_when_it_is_placed(broker: Door) -> None:
    """The operator is told that it is kept; its sender hears the end of it."""
    answered: dict[str, Any] = {
        "code": EventCode.REFERRAL_ACCEPTED,
        "facts": ReferralFacts(identifiers=REFERRAL),
    }
    (answer,) = receive(broker, admission(1, destinations=(), keys=(), **answered))
    assert answer.verdict is Verdict.PARKED
    assert receipts(broker) == []
    (notice,) = broker.feed("parked")
    assert orjson.loads(notice.body or b"")["reason"] == "unknown-matter"


class Dying(Service):
    """Ends after the commit, before what it woke is placed."""

    @override
    def place_due(self) -> None:
        """It is no more."""


@pytest.mark.parametrize(("sender", "house"), [("gp", "gp"), ("surgery", "ward")])
def test_what_waits_is_placed_by_the_next_process(broker: Door, sender: str, house: str) -> None:
    """That its matter is known now is written with the matter; whose topic it came in hears of it once in the end."""
    accepted: dict[str, Any] = {
        "code": EventCode.REFERRAL_ACCEPTED,
        "facts": ReferralFacts(identifiers=REFERRAL),
    }
    referred: dict[str, Any] = {
        "code": EventCode.REFERRAL,
        "facts": ReferralFacts(identifiers=REFERRAL),
    }
    keys = (Key(KeyRank.REFERRAL, f"{REFERRAL[0].system}|{REFERRAL[0].value}"),)
    to: dict[str, Any] = {"destinations": (Destination(ref(sender)),), "keys": keys}
    dying = Dying(broker.service.database, broker.service.options)
    answer = admission(2, sender, destinations=(), keys=keys, **accepted)
    dying.receive([replace(record(answer, 0), organisation=house)])
    referral = admission(1, "other-hospital", **to, **referred)
    dying.receive([replace(record(referral, 1), organisation="other-hospital")])
    assert [reason for reason, _ in aside(broker)] == ["unknown-matter"]
    broker.service.place_due()
    assert aside(broker) == []
    for topic_id in "ab":  # read again, also by who knows the topic by another UUID
        broker.service.receive([replace(record(answer, 0, topic_id), organisation=house)])
    assert receipts(broker, house) == [(matters.message_id(2), "ok")]
    assert broker.kinds("other-hospital") == ["acknowledgement", "referral-accepted"]


def test_a_fault_of_ours_holds_nobody_up(broker: Door) -> None:
    """The database refuses one message of five: it is parked, its sender told that it is our fault."""
    guilty = matters.message_id(2)
    with broker.service.database.write() as conn:
        for statement in _breaking(guilty, conn.dialect.name):
            conn.execute(text(statement))
    answers = receive(broker, *(admission(number) for number in range(5)))
    assert [a.verdict for a in answers].count(Verdict.ACCEPTED) == 4
    assert aside(broker) == [("fault", admission(2))]
    assert (guilty, "transient-error") in receipts(broker)
    assert position(broker) == Position("a", 5)


def _breaking(message_id: str, dialect: str) -> list[str]:
    """A trigger by which the database refuses the event of a message."""
    when = f"NEW.message_id = '{message_id}'"
    if dialect == "sqlite":
        fail = "SELECT RAISE(ABORT, 'broken');"
        return [f"CREATE TRIGGER broken BEFORE INSERT ON events WHEN {when} BEGIN {fail} END"]
    body = "BEGIN RAISE EXCEPTION 'broken'; END"
    return [
        f"CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        f"CREATE TRIGGER broken BEFORE INSERT ON events FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION broken()",
    ]


def test_a_database_out_of_reach_is_the_callers_to_wait_for() -> None:
    """Raised, with nothing answered: the records must be read again."""
    away = database.open_database("postgresql://nobody@127.0.0.1:9/none", KEYS)
    with pytest.raises(DatabaseError) as caught:
        Service(away).receive([record(admission(1), 0)])
    assert out_of_reach(caught.value)
    away.close()


@pytest.mark.parametrize(
    ("statement", "away"),
    [
        ("SELECT pg_terminate_backend(pg_backend_pid())", True),
        ("SET statement_timeout = 1; SELECT pg_sleep(1)", True),
        ("SELECT repeat('x', 1200000000)", False),
        ("SELECT 1 / 0", False),
        ("SELECT nothing", False),
    ],
)
def test_what_the_database_cannot_do_is_not_waited_for(
    postgresql_url: str, statement: str, *, away: bool
) -> None:
    """A record that the database can never take must not hold its partition up for ever."""
    with (
        opened(postgresql_url) as store,
        pytest.raises(DatabaseError) as caught,
        store.write() as conn,
    ):
        conn.exec_driver_sql(statement)
    assert out_of_reach(caught.value) is away


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(taken=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 1), st.integers(0, 20))))
def test_a_position_goes_on_where_it_is_and_back_only_with_a_new_topic(
    broker: Door, taken: list[tuple[str, int, int]]
) -> None:
    """Whatever is taken in again; what does not follow is not written, since something would be left out."""
    topic = f"carepath.inbound.{next(TOPICS)}"
    expected: dict[tuple[str, int], Position] = {}
    for topic_id, partition, offset in taken:
        known = expected.get((topic, partition), Position("", 0))
        follows = known.topic_id != topic_id or offset <= known.next
        refused = nullcontext() if follows else pytest.raises(positions.Skipped)
        with refused, broker.service.database.write() as conn:
            positions.advance(conn, [Origin(topic, topic_id, partition, offset)])
        if follows:
            newest = max(known.next, offset + 1) if known.topic_id == topic_id else offset + 1
            expected[topic, partition] = Position(topic_id, newest)
    with broker.service.database.read() as conn:
        assert positions.load(conn, [topic]) == expected


def test_records_that_do_not_follow_are_not_taken_in(broker: Door) -> None:
    """Good or bad, nothing of the batch is written: who reads has to read again what comes before."""
    receive(broker, admission(1))
    before = {table.name: count(broker.service.database, table) for table in WRITTEN}
    with pytest.raises(positions.Skipped) as caught:
        receive(broker, admission(2), b"{", first=3)
    assert (caught.value.start, caught.value.stop) == (1, 3)
    assert {table.name: count(broker.service.database, table) for table in WRITTEN} == before


def test_organisations_with_topics(broker: Door) -> None:
    """Entered once; active from the first time that a worker reads them."""
    with broker.service.database.write() as conn:
        enter(conn, ["town", "ward"])
        activated(conn, ["ward"], NOW)
        enter(conn, ["ward", "gp"])
        activated(conn, ["ward", "town"], matters.BEGIN)
        found = {stream.party: stream.active_from for stream in listed(conn)}
    assert found == {"gp": None, "town": matters.BEGIN, "ward": NOW}


def test_a_pseudonym_says_nothing_and_stays(broker: Door) -> None:
    """Keyed, one for each patient and version; a patient keeps the version they began with."""
    receive(broker, admission(1))
    with broker.service.database.write() as conn:
        key, version = conn.execute(
            select(tables.patients.c.key, tables.patients.c.pseudonym_version)
        ).one()
    assert version == 1
    newer = replace(broker.service.database, keys=replace(KEYS, pseudonym_version=2))
    later = Service(newer, broker.service.options)
    later.receive([record(admission(2), 1), record(admission(3, patient=matters.patient(1)), 2)])
    with newer.read() as conn:
        rows = dict(
            conn.execute(select(tables.patients.c.key, tables.patients.c.pseudonym_version)).all()
        )
    assert rows.pop(key) == 1
    assert list(rows.values()) == [2]
    names = {KEYS.pseudonym(key, version) for version in (1, 2)} | {KEYS.pseudonym("x", 1)}
    assert len(names) == 3
    assert not any(key in name for name in names)
