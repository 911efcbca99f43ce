"""Who has the patient now, what is overdue, what comes next: as a coordinator asks."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given

from carepath.service.terms import NORWAY
from pathways.deadlines import Terms
from pathways.events import Family
from pathways.facts import MeasureFacts, Need, ReferralFacts, StayFacts
from pathways.messages import Key, KeyRank, Record
from pathways.moments import Moment
from pathways.pathway import Header, Task, Thread
from pathways.promises import Duty, Promise, PromiseKind
from pathways.situation import Coming, Situation, situation
from pathways.transitions import Status
from tests.unit import story_records
from tests.unit.test_picture import AT, DIRECTORY, TERMS, pathways

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stay(**changes: object) -> Thread:
    """An open stay at the ward."""
    made = Thread(
        id="stay",
        patient="p",
        family=Family.STAY,
        anchor=Key(KeyRank.STAY, "1"),
        status=Status.IN_PROGRESS,
        owner="ward",
        sender="ward",
        last=(NOW - HOUR, NOW, "e1"),
        facts=StayFacts(municipal_need=Need.YES, expected_ready=Moment(NOW + 30 * HOUR)),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def seen(*threads: Thread, at: datetime = NOW) -> Situation:
    """As it stands."""
    terms = Terms(NORWAY, DIRECTORY)
    owed = [c for thread in threads for c in terms.commitments(thread, Header())]
    return situation(Header(), threads, owed, at, NORWAY.zone)


def test_an_open_stay_says_where_the_patient_is() -> None:
    """When it is over, nobody has the patient by it."""
    assert seen(stay()).stay == stay()
    assert seen(stay(status=Status.FINISHED)).stay is None
    assert [t.id for t in seen(stay(status=Status.FINISHED)).closed] == ["stay"]


def test_what_comes_next_is_the_first_that_has_not_passed() -> None:
    """Expected readiness while she is not ready; then when the municipality receives, by who has said so."""
    (ready,) = seen(stay()).planned
    assert (ready.what, ready.party) == (Coming.READY, "ward")
    facts = StayFacts(can_receive=True, receive_from=Moment(NOW + 20 * HOUR))
    task = Task(status=Status.ACCEPTED, owner="unit")
    receiving = seen(stay(status=Status.READY, facts=facts, task=task)).next
    assert receiving is not None
    assert (receiving.what, receiving.party) == (Coming.RECEIVING, "unit")
    booked = Thread(
        id="r",
        patient="p",
        family=Family.REFERRAL,
        anchor=Key(KeyRank.REFERRAL, "1"),
        status=Status.ACCEPTED,
        owner="other",
        facts=ReferralFacts(title="Eye", scheduled=Moment(NOW + HOUR)),
    )
    assert [p.what for p in seen(stay(), booked).planned] == [Coming.APPOINTMENT, Coming.READY]
    assert [p.what for p in seen(stay(), booked, at=NOW + 2 * HOUR).planned] == [Coming.READY]


def test_what_is_overdue_comes_first_and_is_counted() -> None:
    """By the matter, too; a promise that is due at this very moment is not late."""

    def owing(id_: str, due: datetime) -> Thread:
        promise = Promise(
            kind=PromiseKind.MEASURE,
            opened_by=id_,
            opened=Moment(NOW - 48 * HOUR),
            duty=Duty("unit"),
            due=Moment(due),
        )
        return Thread(
            id=id_,
            patient="p",
            family=Family.MEASURE,
            anchor=Key(KeyRank.REFERRAL, id_),
            status=Status.PROMISED,
            facts=MeasureFacts(title=id_),
            promises=(promise,),
        )

    found = seen(owing("later", NOW), stay(), owing("late", NOW - HOUR))
    assert [c.thread for c in found.overdue] == ["late"]
    assert [c.thread for c in found.owed] == ["later"]
    assert [(m.thread.id, m.overdue) for m in found.matters] == [
        ("late", 1),
        ("later", 0),
        ("stay", 0),
    ]


@given(pathways())
def test_every_promise_and_matter_is_somewhere(told: dict[str, list[Record]]) -> None:
    """Open ones are overdue or owed, never both; every case is open or closed."""
    threads = story_records.threads(told)
    owed = [c for t in threads for c in TERMS.commitments(t, Header())]
    found = situation(Header(), threads, owed, AT, NORWAY.zone)
    listed = [*found.overdue, *found.owed]
    assert sorted(c.id for c in listed) == sorted(c.id for c in owed if c.promise.is_open)
    cases = [*(m.thread.id for m in found.matters), *(t.id for t in found.closed)]
    assert sorted(cases) == sorted(told)
    assert all(c.due < AT for c in found.overdue)
    assert all(c.due >= AT for c in found.owed)
