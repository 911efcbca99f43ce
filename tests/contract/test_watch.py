"""The watch on both stores: told once, whatever is repeated; what was not just is withdrawn."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import delete, select

from carepath.service import Service, Submission
from carepath.service.rebuild import rebuild
from carepath.store import promises, resources
from carepath.store.resources import Viewer
from carepath.store.tables import outbox
from carepath.store.tables import promises as rows
from carepath.store.times import micros
from pathways.escalation import Step
from pathways.events import Activity, EventCode
from pathways.facts import DeadlineFacts, InquiryFacts, Need, StayFacts
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.promises import PromiseState
from pathways.watched import Snooze, put_off, take
from tests.contract.matters import source
from tests.contract.stored import opened
from tests.contract.watching import MONDAY, OFFICE, WARD, Scene

BASE = "http://127.0.0.1:8000/fhir"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """An empty store with a town and a hospital."""
    with opened(database_url) as database:
        yield Scene(database)


def test_one_step_after_the_other_each_party_once(scene: Scene) -> None:
    """Reminder, due, the other side with its house, KE: in opening hours, and a new watch repeats nothing."""
    scene.ask()
    said = []
    while following := scene.promised()[0].next_at:
        scene.now = following - timedelta(seconds=1)
        assert scene.look() == []
        scene.now = following
        for record in (*scene.look(), *scene.look()):
            assert isinstance(record.facts, DeadlineFacts)
            local = scene.now + timedelta(hours=1)  # in Oslo
            assert local.weekday() < 5
            assert 8 <= local.hour < 16
            said.append((record.facts.step, scene.delivered(record)))
    assert said == [
        ("reminder", {"office"}),
        ("due", {"office"}),
        ("other", {"ward", "house"}),
        ("coordinator", {"ke"}),
    ]
    assert rebuild(scene.database, BASE, scene.now) == 0
    assert scene.look() == []


def test_two_deadlines_of_a_matter_are_one_alarm_for_each_party(scene: Scene) -> None:
    """Few alarms: the early notice and the admission report of one stay are due together."""
    facts = StayFacts(
        municipal_need=Need.YES, identifiers=(Identifier("https://ward.example", "s"),)
    )
    scene.tell(scene.message(EventCode.ADMISSION, WARD, facts, to=(OFFICE,)))
    heard = []
    while following := min((p.next_at for p in scene.promised() if p.next_at), default=None):
        scene.now = max(scene.now, following)
        told = [one for one in scene.look() if one.code is EventCode.DEADLINE_MISSED]
        heard += [(scene.now.date(), party) for one in told for party in scene.delivered(one)]
    assert len(scene.promised()) == 2
    assert {party for _, party in heard} == {"ward", "house", "office", "ke"}
    assert len(heard) == len({*heard})


def test_what_passed_while_nobody_looked_is_one_alarm_to_all(scene: Scene) -> None:
    """An outage over a due time, or a clock that jumps forward; when it jumps back nothing is repeated."""
    scene.ask()
    scene.later(days=30)
    (alarm,) = scene.look()
    assert alarm.code is EventCode.DEADLINE_MISSED
    assert scene.delivered(alarm) == {"office", "ward", "house", "ke"}
    for moment in (MONDAY, MONDAY + timedelta(days=3), MONDAY + timedelta(days=60)):
        scene.now = moment
        assert scene.look() == []


def test_what_was_done_in_time_and_heard_of_late_is_withdrawn(scene: Scene) -> None:
    """Those who were alarmed are told why, the promise is kept, and nothing follows."""
    scene.ask()
    scene.later(days=3)
    (alarm,) = scene.look()
    scene.answer(happened=MONDAY + timedelta(hours=5))
    (withdrawn,) = scene.look()
    assert (withdrawn.activity, withdrawn.target) == (Activity.CANCEL, alarm.message_id)
    assert isinstance(withdrawn.facts, DeadlineFacts)
    assert withdrawn.facts.note
    assert scene.delivered(withdrawn) == scene.delivered(alarm) == {"office"}
    scene.later(days=30)
    assert scene.look() == []
    (kept,) = scene.promised()
    assert (kept.state, kept.kept_in_time) == (PromiseState.KEPT, True)
    assert rebuild(scene.database, BASE, scene.now) == 0


def test_what_was_done_late_closes_and_the_alarm_stands(scene: Scene) -> None:
    """The proof is later than the due time."""
    scene.ask()
    scene.later(days=3)
    assert len(scene.look()) == 1
    scene.answer(happened=scene.now)
    scene.later(days=30)
    assert scene.look() == []
    assert [one.kept_in_time for one in scene.promised()] == [False]


def test_a_question_that_is_taken_back_takes_its_alarm_with_it(scene: Scene) -> None:
    """Nobody ever owed it."""
    asked = scene.ask()
    scene.later(days=3)
    (alarm,) = scene.look()
    scene.ask(activity=Activity.CANCEL, target=asked.id)
    (withdrawn,) = scene.look()
    assert withdrawn.target == alarm.message_id
    assert [one.state for one in scene.promised()] == [PromiseState.WITHDRAWN]
    assert rebuild(scene.database, BASE, scene.now) == 0


def test_a_corrected_question_is_not_alarmed_about_twice(scene: Scene) -> None:
    """What was told of the first holds of the one in its place."""
    asked = scene.ask()
    scene.later(days=3)
    (alarm,) = scene.look()
    scene.ask(activity=Activity.REVISE, target=asked.id, happened=MONDAY)
    assert scene.look() == []
    scene.later(days=20)
    (later,) = scene.look()
    assert not scene.delivered(alarm) & scene.delivered(later)
    assert {one.course.gone for one in scene.promised()} == {True, False}
    assert rebuild(scene.database, BASE, scene.now) == 0


def test_many_watches_at_once_tell_once(scene: Scene) -> None:
    """Of twenty patients; those that one has are left by the others."""
    people = [scene, *(Scene(scene.database) for _ in range(19))]
    for one in people:
        one.ask()
    scene.later(days=3)

    def work() -> None:
        watch = scene.watch()
        while watch.round():
            pass

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert len(scene.told()) == len(people)
    assert len({one.patient for one in scene.told()}) == len(people)


def test_what_a_dead_watch_had_is_looked_at_by_another(scene: Scene) -> None:
    """As soon as its lease has ended."""
    scene.ask()
    scene.later(days=3)
    with scene.database.write() as conn:
        until = micros(scene.now + timedelta(minutes=1))
        assert len(promises.claim(conn, "dead", micros(scene.now), until=until, limit=9)) == 1
    assert scene.look() == []
    scene.later(minutes=2)
    assert len(scene.look()) == 1


LOOK = """
import sys, datetime
from carepath.service import ServiceOptions
from carepath.service.watch import Watch
from carepath.store.blind import Keys
from carepath.store.database import open_database

now = datetime.datetime.fromisoformat(sys.argv[2])
database = open_database(sys.argv[1], Keys(b"k" * 32))
Watch(database, ServiceOptions(now=lambda: now, open_mode=False)).round()
"""


@pytest.mark.parametrize(
    "place", ["watch_after_claim", "watch_before_commit", "watch_after_commit"]
)
def test_a_watch_that_is_killed_leaves_nothing_undone_or_done_twice(
    scene: Scene, place: str
) -> None:
    """Wherever it dies, the next one tells what has not been told."""
    scene.ask()
    scene.later(days=3)
    url = scene.database.writer.url.render_as_string(hide_password=False)
    dead = subprocess.run(
        [sys.executable, "-c", LOOK, url, scene.now.isoformat()],
        env={**os.environ, "CAREPATH_FAILPOINT": place},
        check=False,
    )
    assert dead.returncode == 137
    scene.later(minutes=2)
    scene.look()
    assert len(scene.told()) == 1


def test_what_was_overdue_before_we_kept_it_raises_no_alarm(scene: Scene) -> None:
    """As a rebuild finds it in an older release's store; what becomes due later does."""
    scene.ask()
    scene.later(days=3)
    facts = InquiryFacts(text="Hvor?", identifiers=(Identifier("https://ward.example", "r"),))
    scene.tell(scene.message(EventCode.INQUIRY, WARD, facts, to=(OFFICE,)))
    with scene.database.write() as conn:
        conn.execute(delete(rows))
    assert rebuild(scene.database, BASE, scene.now) == 2
    assert rebuild(scene.database, BASE, scene.now) == 0
    assert scene.look() == []
    scene.later(days=5)
    (alarm,) = scene.look()
    assert [one.step for one in scene.promised()] == [Step.NONE, Step.DUE]
    assert scene.delivered(alarm) == {"office"}


def test_a_person_takes_it_or_puts_it_off_with_a_reason(scene: Scene) -> None:
    """Its Task says who has it; the alarm comes when it was put off to, and the due time stays."""
    scene.ask()
    (one,) = scene.promised()
    scene.watch().change(one.id, lambda found, _: take(found, "Kari"))
    until = scene.now + timedelta(days=7)
    snooze = Snooze(until, "on leave", "Kari")
    scene.watch().change(one.id, lambda found, steps: put_off(found, snooze, steps))
    assert (task(scene, one.id)["status"], task(scene, one.id)["owner"]) == (
        "in-progress",
        {"reference": "Organization/office"},
    )
    scene.now = until - timedelta(minutes=1)
    assert scene.look() == []
    scene.later(minutes=2)
    (alarm,) = scene.look()
    assert isinstance(alarm.facts, DeadlineFacts)
    assert (alarm.facts.holder, alarm.facts.due) == ("Kari", Moment(one.due))
    assert task(scene, one.id)["businessStatus"]["coding"][0]["code"] == "overdue"
    assert rebuild(scene.database, BASE, scene.now) == 0


def task(scene: Scene, id_: str) -> dict[str, Any]:
    """A promise as it is read."""
    with scene.database.read() as conn:
        found = resources.read(conn, "Task", id_, Viewer("ward", micros(scene.now)))
    assert found is not None
    assert found.body is not None
    resource: dict[str, Any] = orjson.loads(found.body)
    return resource


def test_what_is_taken_over_at_go_live_is_told_to_nobody(scene: Scene) -> None:
    """No notices; what was overdue raises no alarm, what falls due later does."""
    quiet = replace(scene.options, quiet=True)
    for days in (5, 1):
        at = scene.now - timedelta(days=days)
        facts = InquiryFacts(text="?", identifiers=(Identifier("https://w.example", str(days)),))
        told = scene.message(EventCode.INQUIRY, WARD, facts, happened=at, to=(OFFICE,))
        (answer,) = Service(scene.database, quiet).handle([Submission(source(told))])
        assert answer.status == 200
    with scene.database.read() as conn:
        assert conn.execute(select(outbox.c.id)).all() == []
    scene.later(days=2)
    (alarm,) = scene.look()
    assert scene.delivered(alarm) == {"office"}
    assert [one.course.quiet for one in scene.promised()] == [True, False]


def test_nobody_else_raises_alarms(scene: Scene) -> None:
    """A message that says it comes from the broker is refused."""
    facts = DeadlineFacts(promise="p", kind="decision")
    said = scene.message(EventCode.DEADLINE_MISSED, WARD, facts, to=(OFFICE,))
    (answer,) = Service(scene.database, scene.options).handle([Submission(source(said))])
    assert answer.status == 403
