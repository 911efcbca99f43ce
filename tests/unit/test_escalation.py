"""Who is told when, and what becomes of every promise: laws over random matters, clocks and orders of arrival."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from pathways.calendars import Calendar
from pathways.deadlines import ACUTE, Commitment, Terms
from pathways.escalation import Escalation, Step
from pathways.messages import Record
from pathways.parties import Directory, Function, Kind, OpeningHours, Party
from pathways.pathway import Header, fold
from pathways.promises import PromiseKind, PromiseState
from pathways.threads import begin, keys_of, place
from pathways.watched import (
    TOGETHER,
    Course,
    Sent,
    Snooze,
    Tell,
    Watched,
    alarmed,
    follow,
    look,
    noted,
    put_off,
)
from tests.unit.records import BEGIN, matters

OSLO = ZoneInfo("Europe/Oslo")
CALENDAR = Calendar(OSLO, lambda day: (day.month, day.day) in {(12, 25), (12, 26), (1, 1)})
EVERY_HOUR = tuple(OpeningHours(day, "00:00", "24:00") for day in range(7))
DIRECTORY = Directory(
    {
        party.key: party
        for party in (
            Party("hospital", "Hospital", Kind.HOSPITAL),
            Party("ward", "Ward", parent="hospital", opening_hours=EVERY_HOUR),
            Party("town", "Town", Kind.MUNICIPALITY, municipality="3905"),
            Party("unit", "Unit", parent="town", function=Function.CASE_OFFICE),
            Party("other", "Other", parent="town"),
        )
    }
)
ESCALATION = Escalation(CALENDAR, DIRECTORY)
TERMS = Terms(CALENDAR, DIRECTORY)
TOP = ("coordinator", "ke")
PARTIES = st.sampled_from(["ward", "unit", "other", "stranger"])
LONG_AFTER = BEGIN + timedelta(days=900)


@st.composite
def owed(draw: st.DrawFn) -> Watched:
    """An open promise of any kind, of any length."""
    opened = BEGIN + timedelta(minutes=draw(st.integers(0, 600_000)))
    return Watched(
        id="p",
        patient="p",
        thread="t",
        kind=draw(st.sampled_from(PromiseKind)),
        responsible=draw(PARTIES),
        other=draw(st.none() | PARTIES),
        opened=opened,
        due=opened + timedelta(minutes=draw(st.integers(1, 90_000))),
        state=PromiseState.OPEN,
        proof=None,
        course=Course(opened_by="e"),
    )


@given(owed())
def test_one_step_follows_the_other(one: Watched) -> None:
    """Only a reminder comes before the due time, later ones to whoever is at work; acute ones within the hour."""
    rungs = [*ESCALATION.rungs(one, TOP)]
    assert [r.step for r in rungs] == sorted({r.step for r in rungs})
    assert [r.at for r in rungs] == sorted(r.at for r in rungs)
    for rung in rungs:
        assert (rung.at < one.due) == (rung.step is Step.REMINDER)
        assert rung.parties
        if one.kind in ACUTE:
            assert rung.at - one.due <= timedelta(hours=1)
        else:
            hours = DIRECTORY.parties.get(rung.parties[0], Party("", "")).opening_hours
            assert CALENDAR.opens(rung.at, hours) == rung.at
    assert {*rungs[-1].parties} == {*TOP}


@dataclass(slots=True)
class _Watch:
    """Follows one matter, and remembers all that was told; nothing may be told twice."""

    rows: dict[str, Watched] = field(default_factory=dict)
    told: set[tuple[str, int, str]] = field(default_factory=set)

    def follow(self, records: Sequence[Record], now: datetime) -> None:
        """The events say this now; said again, it changes nothing."""
        before = self.rows
        for _ in range(2):
            before = dict(self.rows)
            standing = follow(_commitments(records), self.rows.values(), ESCALATION, now)
            self.rows |= {one.id: one for one in standing}
            assert all(one.responsible for one in self.rows.values())
        assert self.rows == before

    def next_at(self, now: datetime) -> datetime | None:
        """When there is something to be done again."""
        return min((max(o.next_at, now) for o in self.rows.values() if o.next_at), default=None)

    def look(self, now: datetime) -> None:
        """Until nothing is to be done now."""
        self.rows |= {id_: self._looked(one, now) for id_, one in self.rows.items()}

    def _looked(self, one: Watched, now: datetime) -> Watched:
        if one.next_at is None or one.next_at > now:
            return one
        after, what = look(one, ESCALATION, now, TOP)
        assert after.next_at != one.next_at
        told = self._tell(after, what, now) if isinstance(what, Tell) else after
        return self._looked(told, now)

    def _tell(self, one: Watched, what: Tell, now: datetime) -> Watched:
        assert what.to
        if what.step is Step.REMINDER:
            assert now < one.due
            return one
        assert now >= one.due
        told = {(one.id, one.course.round, party) for party in what.to}
        assert not told & self.told
        self.told |= told
        return noted(one, Sent(f"{one.id}{one.course.round}{what.step}", what.step, what.to, now))


def _commitments(records: Sequence[Record]) -> list[Commitment]:
    first = records[0]
    keys = {key for r in records for key in keys_of(r, r.sender, r.sender_root)}
    blank = begin(place("p", first.family, keys, ()), "p", first.family)
    return TERMS.commitments(fold(blank, records), Header())


@settings(max_examples=60)
@given(
    matters(),
    st.randoms(use_true_random=False),
    st.lists(st.integers(-3000, 9000), min_size=4),
    st.booleans(),
)
def test_every_promise_ends_kept_withdrawn_or_escalated(
    records: list[Record], chance: random.Random, waits: list[int], away: bool
) -> None:
    """Delays, duplicates, any order and a clock that jumps: the same is owed in the end, each alarm was sent once."""
    watch, now = _Watch(), BEGIN
    arriving = [*records, *chance.sample(records, len(records) // 2)]
    chance.shuffle(arriving)
    there: dict[str, Record] = {}
    for record, wait in zip(arriving, [*waits, *[60] * len(arriving)], strict=False):
        now += timedelta(minutes=wait)
        there[record.id] = record
        watch.follow([*there.values()], now)
        watch.look(now)
    while not away and (following := watch.next_at(now)):
        now = following
        watch.look(now)
    watch.follow([*there.values()], LONG_AFTER)
    watch.look(LONG_AFTER)
    standing = [one for one in watch.rows.values() if not one.course.gone]
    at_once = follow(_commitments(records), (), ESCALATION, LONG_AFTER)
    assert {(o.id, o.state, o.due) for o in standing} == {(o.id, o.state, o.due) for o in at_once}
    for one in watch.rows.values():
        assert one.next_at is None
        assert one.step is Step.COORDINATOR if one.is_open else not _unjust(one)


@given(
    st.lists(owed(), min_size=2, max_size=6), st.lists(st.integers(0, 30), min_size=6, max_size=6)
)
def test_what_falls_due_together_in_a_matter_is_one_alarm_for_each_party(
    some: list[Watched], apart: list[int]
) -> None:
    """Few alarms: none twice within twelve hours, unless it is acute; and nobody whom it concerns hears nothing."""
    due = some[0].due
    rows = {
        f"p{n}": replace(
            one, id=f"p{n}", opened=due - timedelta(days=9), due=due + timedelta(minutes=minutes)
        )
        for n, (one, minutes) in enumerate(zip(some, apart, strict=False))
    }
    rows = {id_: put_off(one, Snooze(one.due, "", ""), ESCALATION) for id_, one in rows.items()}
    heard: dict[str, list[datetime]] = {}
    while following := min((o.next_at for o in rows.values() if o.next_at), default=None):
        id_ = min(id_ for id_, one in rows.items() if one.next_at == following)
        know = alarmed((one for key, one in rows.items() if key != id_), following)
        after, what = look(rows[id_], ESCALATION, following, TOP, know)
        if isinstance(what, Tell) and what.step is not Step.REMINDER:
            after = noted(after, Sent(f"{id_}{what.step}", what.step, what.to, following))
            for party in what.to if after.kind not in ACUTE else ():
                assert all(following - at >= TOGETHER for at in heard.get(party, ()))
            for party in what.to:
                heard.setdefault(party, []).append(following)
        rows[id_] = after
    for one in rows.values():
        assert one.step is Step.COORDINATOR
        for party in (one.responsible, *([one.other] if one.other else ()), *TOP):
            assert any(at > one.due - TOGETHER for at in heard[party])


@given(owed())
def test_what_was_done_since_spares_nobody(one: Watched) -> None:
    """An alarm about what is kept by now is no reason not to be told of the next."""
    sent = Sent("m", Step.DUE, ("ward",), one.due)
    told = noted(replace(one, step=Step.DUE), sent)
    assert alarmed([told], one.due) == {"ward"}
    assert alarmed([replace(told, state=PromiseState.KEPT)], one.due) == frozenset()
    assert alarmed([told], one.due + TOGETHER) == frozenset()


def _unjust(one: Watched) -> bool:
    closed_in_time = one.proof is not None and one.proof <= one.due
    return bool(one.course.alarms) and (closed_in_time or one.course.gone)


@given(owed(), st.integers(1, 5000))
def test_what_is_put_off_waits_and_is_then_one_alarm(one: Watched, hours: int) -> None:
    """Nobody is told before; then all whom it concerns by then, at once."""
    until = one.due + timedelta(hours=hours)
    later = put_off(one, Snooze(until, "on leave", "Kari"), ESCALATION)
    assert later.next_at is not None
    assert later.next_at >= until
    assert look(later, ESCALATION, until - timedelta(seconds=1), TOP)[1] is None
    after, what = look(later, ESCALATION, LONG_AFTER, TOP)
    assert isinstance(what, Tell)
    assert {one.responsible, *TOP} <= {*what.to}
    assert after.next_at is None
