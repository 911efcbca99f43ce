"""Receipts on both stores: what receivers do not confirm is sent again, told as refused, and watched."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select

from carepath.delivery.content import bundle
from carepath.delivery.receipts import Receipts
from carepath.service import Service, Submission, directory
from carepath.service.rebuild import rebuild
from carepath.store import feed, numbering
from carepath.store.tables import outbox
from carepath.store.times import micros
from pathways.events import Activity, EventCode
from pathways.facts import DeadlineFacts, InquiryFacts, ReceiptFacts
from pathways.messages import Message
from pathways.parties import Party
from pathways.promises import PromiseKind, PromiseState
from pathways.receipts import Mode
from pathways.watched import Watched
from tests.contract.matters import source
from tests.contract.stored import opened
from tests.contract.watching import MONDAY, OFFICE, WARD, Scene

BASE = "http://127.0.0.1:8000/fhir"
_ACKS = EventCode.ACKNOWLEDGEMENT.value


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """A town whose case office confirms what it gets by its own system, as the ward does."""
    with opened(database_url) as database:
        made = Scene(database)
        for party in (OFFICE, WARD):
            _is(made, party, receipt_mode=Mode.APPLICATION)
        work(made)
        yield made


def _is(scene: Scene, party: Party, **more: Any) -> None:
    with scene.database.write() as conn:
        directory.enter(conn, scene.database.keys, replace(party, **more), MONDAY)


def work(scene: Scene) -> None:
    """All that is to be done about receipts now, by somebody who was just started."""
    with scene.database.write() as conn:
        numbering.number(conn)
    receipts = Receipts(scene.watch())
    while receipts.round():
        pass
    with scene.database.write() as conn:
        numbering.number(conn)


def items(scene: Scene, receiver: str) -> list[feed.Item]:
    """What a party was sent, in order."""
    with scene.database.read() as conn:
        return feed.after(conn, receiver, 0, micros(scene.now), limit=100)


def receipts(scene: Scene) -> list[Watched]:
    """The receipts that are promises."""
    return [one for one in scene.promised() if one.kind is PromiseKind.RECEIPT]


def confirm(scene: Scene, message: Message, party: Party = OFFICE, response: str = "ok") -> None:
    """The receiver's system answers."""
    facts = ReceiptFacts(about=message.id, response=response)
    said = scene.message(EventCode.ACKNOWLEDGEMENT, party, facts)
    told = Submission(source(replace(said, patient=None)))
    (answer,) = Service(scene.database, scene.options).handle([told])
    assert answer.status == 204, answer.body


def alarms(scene: Scene) -> list[tuple[str | None, set[str]]]:
    """Who is told that a receipt is missing, step by step, until nobody is left."""
    said = []
    while following := receipts(scene)[0].next_at:
        scene.now = max(scene.now, following)
        for record in scene.look():
            facts = record.facts
            if isinstance(facts, DeadlineFacts) and facts.kind == PromiseKind.RECEIPT:
                said.append((facts.step, scene.delivered(record)))
    return said


def refusals(scene: Scene, party: str) -> list[Any]:
    """Negative receipts in a party's feed."""
    found = (item for item in items(scene, party) if item.kind == _ACKS)
    return [orjson.loads(item.body or b"") for item in found]


def test_what_nobody_confirms_counts_as_refused_and_both_sides_are_told(scene: Scene) -> None:
    """★ 41: the sender at 96 hours by the message's id; then people on both sides, one step after the other."""
    asked = scene.ask()
    scene.later(hours=95, minutes=59)
    work(scene)
    assert receipts(scene) == []
    assert refusals(scene, "ward") == []
    scene.later(minutes=2)
    for _ in range(2):
        work(scene)
    (refused,) = refusals(scene, "ward")
    response = refused["entry"][0]["resource"]["response"]
    assert (response["identifier"], response["code"]) == (asked.id, "fatal-error")
    assert "96 hours" in orjson.dumps(refused).decode()
    (owed,) = receipts(scene)
    assert (owed.responsible, owed.other, owed.is_open) == ("office", "ward", True)
    assert owed.due == owed.opened + timedelta(hours=96)
    # The office is alarmed about its answer just then: of the receipt it hears with the next step.
    assert alarms(scene) == [("other", {"office", "ward", "house"}), ("coordinator", {"ke"})]
    assert rebuild(scene.database, BASE, scene.now) == 0


@pytest.mark.parametrize("response", ["ok", "fatal-error"])
def test_what_is_confirmed_in_time_concerns_nobody(scene: Scene, response: str) -> None:
    """A refusal is an answer, too: its sender has been told of it."""
    confirm(scene, scene.ask(), response=response)
    scene.later(days=30)
    work(scene)
    assert receipts(scene) == []
    assert refusals(scene, "ward") == []


def test_a_receipt_that_comes_late_still_counts(scene: Scene) -> None:
    """The promise is kept, late, and nobody is told any more."""
    asked = scene.ask()
    scene.later(hours=97)
    work(scene)
    scene.look()
    confirm(scene, asked)
    scene.look()
    (owed,) = receipts(scene)
    assert (owed.state, owed.kept_in_time, owed.next_at) == (PromiseState.KEPT, False, None)
    scene.later(days=30)
    work(scene)
    assert [one.facts for one in scene.look() if _of_receipt(one.facts)] == []
    assert rebuild(scene.database, BASE, scene.now) == 0


def _of_receipt(facts: object) -> bool:
    return isinstance(facts, DeadlineFacts) and facts.kind == PromiseKind.RECEIPT


def test_settled_by_phone_or_answered_it_needs_no_receipt(scene: Scene) -> None:
    """Taken back, the call settles nothing."""
    scene.ask()
    scene.later(hours=97)
    work(scene)
    (owed,) = receipts(scene)
    facts = InquiryFacts(settled_with="Kari ved kontoret", promise=owed.id)
    called = scene.tell(scene.message(EventCode.SETTLED_BY_PHONE, WARD, facts, to=(OFFICE,)))
    assert [one.state for one in receipts(scene)] == [PromiseState.KEPT]
    undone = scene.message(
        EventCode.SETTLED_BY_PHONE,
        WARD,
        facts,
        to=(OFFICE,),
        activity=Activity.CANCEL,
        target=called.id,
    )
    scene.tell(undone)
    assert [one.state for one in receipts(scene)] == [PromiseState.OPEN]
    scene.answer(scene.now)
    assert [one.state for one in receipts(scene)] == [PromiseState.KEPT]
    assert rebuild(scene.database, BASE, scene.now) == 0


def test_a_receiver_of_medcoms_is_sent_it_again_twice(scene: Scene) -> None:
    """After 30 minutes and an hour: the same message in a new envelope; nobody else is."""
    _is(scene, OFFICE, receipt_mode=Mode.APPLICATION, dialect="medcom")
    work(scene)
    asked = scene.ask()
    (first,) = items_of(scene, asked)
    for minutes, number in ((29, 1), (2, 2), (28, 2), (2, 3), (600, 3)):
        scene.later(minutes=minutes)
        for _ in range(2):
            work(scene)
        assert len(items_of(scene, asked)) == number
    told = [orjson.loads(bundle(item, BASE) or b"") for item in items_of(scene, asked)]
    assert [one["entry"] for one in told] == [told[0]["entry"]] * 3
    assert len({one.get("id") for one in told}) == len({one["timestamp"] for one in told}) == 3
    assert first.number == 1
    confirm(scene, asked)
    scene.later(days=9)
    work(scene)
    assert receipts(scene) == []


def items_of(scene: Scene, message: Message) -> list[feed.Item]:
    """Each time the office was sent it."""
    work(scene)
    with scene.database.read() as conn:
        mine = select(outbox.c.id).where(
            outbox.c.message_id == message.id, outbox.c.receiver == "office"
        )
        ids = {*conn.execute(mine).scalars()}
    return [item for item in items(scene, "office") if item.id in ids]


def test_where_taking_it_is_enough_it_was_taken(scene: Scene) -> None:
    """And one that takes it late has kept it late; who owes none is never asked."""
    _is(scene, OFFICE, receipt_mode=Mode.TRANSPORT)
    scene.ask()
    scene.later(hours=97)
    work(scene)
    assert [one.is_open for one in receipts(scene)] == [True]
    with scene.database.write() as conn:
        feed.delivered(conn, {"office": 1}, micros(scene.now))
    scene.look()
    assert [one.state for one in receipts(scene)] == [PromiseState.KEPT]
    other = Scene(scene.database, scene.now)
    _is(scene, OFFICE, receipt_mode=Mode.NONE)
    other.ask()
    other.later(hours=97)
    work(other)
    assert len(receipts(scene)) == 1


def test_many_at_once_tell_once(scene: Scene) -> None:
    """Twenty patients' messages, four workers, on any store."""
    people = [scene, *(Scene(scene.database) for _ in range(19))]
    for party in (OFFICE, WARD):
        _is(scene, party, receipt_mode=Mode.APPLICATION)
    for one in people:
        one.ask()
    with scene.database.write() as conn:
        numbering.number(conn)
    scene.later(hours=97)
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(Receipts(scene.watch()).round) for _ in range(4)]:
            done.result()
    work(scene)
    assert len(receipts(scene)) == len(refusals(scene, "ward")) == len(people)
