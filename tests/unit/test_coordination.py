"""Who coordinates: never two batons in one role, and none changes hands before it is accepted."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pathways.coordination import baton_of, holder, holders
from pathways.decide import Case, decide
from pathways.events import Activity, EventCode, Family
from pathways.facts import CoordinatorFacts, InquiryFacts, Role
from pathways.messages import Author, Key, KeyRank, Message, Patient, Record
from pathways.moments import Moment, on_day
from pathways.parties import Directory, Identifier, Party, PartyRef
from pathways.pathway import Thread, fold
from pathways.refusals import Cause, Refusal
from pathways.states import Hand, Team
from tests.unit.records import BEGIN, OSLO, records

C = EventCode
ANCHOR = Key(KeyRank.EPISODE, Family.COORDINATION)
HOUR = timedelta(hours=1)


def record(number: int, code: EventCode, facts: CoordinatorFacts, sender: str = "ke") -> Record:
    """Record ``number``, an hour after the one before."""
    at = BEGIN + number * HOUR
    return Record(
        id=f"e{number:03}",
        patient="p",
        message_id=f"m{number}",
        code=code,
        activity=Activity.NEW,
        target=None,
        sender=sender,
        sender_name=sender,
        sender_root=None,
        author=Author(),
        happened=Moment(at),
        written=at,
        received=at,
        keys=(),
        facts=facts,
    )


def team_of(records: list[Record]) -> Team:
    """What the records make, folded in the order of events."""
    thread = Thread(id="t", patient="p", family=Family.COORDINATION, anchor=ANCHOR)
    known = fold(thread, records).facts
    return known if isinstance(known, Team) else Team()


def now(
    records: list[Record], role: Role = Role.MUNICIPAL, at: datetime | None = None
) -> Hand | None:
    """Who has the baton after the last of them, or at ``at``."""
    baton = baton_of(team_of(records), role)
    return holder(baton, at or records[-1].happened.at, UTC) if baton else None


NAMES = st.sampled_from(["Kari", "Ola", "Liv"])
ROLES = st.sampled_from([Role.MUNICIPAL, Role.HOSPITAL, Role.CHILD])
TIMES = st.none() | st.integers(-3, 6)


class Coordinating(RuleBasedStateMachine):
    """Anything may be told of three roles, about the past and the future."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    def tell(self, code: EventCode, facts: CoordinatorFacts) -> tuple[Team, Team]:
        """The team before and after one more record."""
        before = team_of(self.records)
        self.records.append(record(len(self.records), code, facts))
        return before, team_of(self.records)

    def at(self, hours: int | None) -> Moment | None:
        """Hours from the next record on."""
        return None if hours is None else Moment(BEGIN + (len(self.records) + hours) * HOUR)

    @rule(role=ROLES, name=NAMES, since=TIMES, first=st.sampled_from([None, True, False]))
    def appoint(self, role: Role, name: str, since: int | None, first: bool | None) -> None:
        """Somebody is given the baton."""
        said = CoordinatorFacts(role=role, name=name, since=self.at(since), first=first)
        self.tell(C.COORDINATOR_APPOINTED, said)

    @rule(role=ROLES, name=NAMES)
    def offer(self, role: Role, name: str) -> None:
        """The holder keeps it until the next one accepts."""
        said = CoordinatorFacts(role=role, name=name)
        before, after = self.tell(C.COORDINATOR_HANDOVER_OFFERED, said)
        had, has = baton_of(before, role), baton_of(after, role)
        assert (had and had.tenures) == (has and has.tenures)
        assert (had and had.handovers) == (has and has.handovers)

    @rule(role=ROLES)
    def accept(self, role: Role) -> None:
        """Whoever it was offered to has it now, and the change is counted."""
        before, after = self.tell(C.COORDINATOR_HANDOVER_ACCEPTED, CoordinatorFacts(role=role))
        had, has = baton_of(before, role), baton_of(after, role)
        assert has is not None
        assert has.offer is None
        if had is not None and had.offer is not None:
            changed = had.tenures[-1].hand.name != had.offer.hand.name
            assert has.tenures[-1].hand.name == had.offer.hand.name
            assert has.handovers == had.handovers + changed

    @rule(role=ROLES, name=NAMES, since=TIMES, until=TIMES)
    def leave(self, role: Role, name: str, since: int | None, until: int | None) -> None:
        """Somebody stands in; the baton is whose it was."""
        said = CoordinatorFacts(
            role=role, substitute=f"for {name}", since=self.at(since), until=self.at(until)
        )
        before, after = self.tell(C.COORDINATOR_ABSENT, said)
        assert [b.tenures for b in before.batons] == [b.tenures for b in after.batons]

    @rule(role=st.none() | ROLES)
    def need(self, role: Role | None) -> None:
        """A need stays until there is a coordinator of the kind that is wanted."""
        _, after = self.tell(C.COORDINATION_NEED, CoordinatorFacts(role=role))
        assert any(need.role is role for need in after.needs)

    @invariant()
    def one_in_each_role(self) -> None:
        """At every moment, and one to call first."""
        team = team_of(self.records)
        roles = [baton.role for baton in team.batons]
        assert len(roles) == len({*roles})
        for hours in range(-4, len(self.records) + 7):
            held = [role for role, _ in holders(team, BEGIN + hours * HOUR, UTC)]
            assert len(held) == len({*held})
        for baton in team.batons:
            begins = [tenure.since.at for tenure in baton.tenures]
            assert begins == sorted({*begins})

    @invariant()
    def any_order_of_arrival_is_the_same(self) -> None:
        """The state follows from the order of events."""
        mixed = random.Random(len(self.records)).sample(self.records, len(self.records))
        assert team_of(mixed) == team_of(self.records)


Coordinating.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)
TestCoordinating = Coordinating.TestCase


def replied(one: Record) -> Record:
    """A reply in the place of a record."""
    facts = InquiryFacts(text="Nei")
    return replace(one, code=C.REPLY, facts=facts, matter=Family.COORDINATION)


# --- who has it now


MUNICIPAL: dict[str, Any] = {"role": Role.MUNICIPAL}
APPOINTED = record(0, C.COORDINATOR_APPOINTED, CoordinatorFacts(name="Kari", **MUNICIPAL))


def test_the_substitute_has_it_for_as_long_as_the_absence_lasts() -> None:
    """Without anybody doing anything, and whole days are whole days where the people are."""
    days = [on_day(BEGIN.date() + timedelta(days=n), BEGIN, OSLO) for n in (2, 4)]
    away = CoordinatorFacts(substitute="Liv", since=days[0], until=days[1], **MUNICIPAL)
    baton = baton_of(team_of([APPOINTED, record(1, C.COORDINATOR_ABSENT, away)]), Role.MUNICIPAL)
    assert baton is not None
    midnight = datetime(2026, 11, 18, tzinfo=OSLO)
    told = {
        hours: hand.name
        for hours in (-1, 0, 71, 72)
        if (hand := holder(baton, midnight + timedelta(hours=hours), OSLO))
    }
    assert told == {-1: "Kari", 0: "Liv", 71: "Liv", 72: "Kari"}


def test_what_is_agreed_for_later_begins_then() -> None:
    """Until then it is whoever has it."""
    later = Moment(BEGIN + 10 * HOUR)
    next_ = record(
        1, C.COORDINATOR_APPOINTED, CoordinatorFacts(name="Ola", since=later, **MUNICIPAL)
    )
    records = [APPOINTED, next_]
    assert [
        hand and hand.name
        for hours in (-1, 9, 10)
        for hand in [now(records, at=BEGIN + hours * HOUR)]
    ] == [None, "Kari", "Ola"]


def test_a_reply_of_who_was_offered_it_is_a_no() -> None:
    """The holder keeps it, and nothing is offered any more."""
    offered = CoordinatorFacts(name="Ola", **MUNICIPAL)
    records = [APPOINTED, record(1, C.COORDINATOR_HANDOVER_OFFERED, offered)]
    baton = baton_of(team_of(records), Role.MUNICIPAL)
    assert baton
    assert baton.offer
    baton = baton_of(team_of([*records, replied(record(2, C.REPLY, offered))]), Role.MUNICIPAL)
    assert baton
    assert baton.offer is None
    assert baton.tenures[-1].hand.name == "Kari"


# --- what is refused


def _ref(name: str) -> PartyRef:
    return PartyRef((Identifier("urn:x", name),), name)


KEYS = ("ke", "hospital", "town")
DIRECTORY = Directory({key: Party(key, key, identifiers=_ref(key).identifiers) for key in KEYS})
OFFERED = CoordinatorFacts(name="Ola", party=_ref("hospital"), **MUNICIPAL)


def told(code: EventCode, sender: str, known: list[Record], **facts: object) -> Refusal | None:
    """What becomes of a request."""
    thread = Thread(id="t", patient="p", family=Family.COORDINATION, anchor=ANCHOR)
    message = Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=_ref(sender),
        happened=Moment(BEGIN + 20 * HOUR),
        written=BEGIN + 20 * HOUR,
        patient=Patient(),
        facts=CoordinatorFacts(**{**MUNICIPAL, **facts}),
    )
    found = decide(
        Case(
            message=message,
            sender=sender,
            asked=None,
            thread=fold(thread, known) if known else None,
            directory=DIRECTORY,
            now=BEGIN + 30 * HOUR,
            clock_skew=HOUR,
        )
    )
    assert found is None or isinstance(found, Refusal)
    return found


OFFER = replace(record(1, C.COORDINATOR_HANDOVER_OFFERED, OFFERED), named={"party": ("hospital",)})


@pytest.mark.parametrize(
    ("code", "sender", "known", "facts", "cause"),
    [
        (C.COORDINATOR_HANDOVER_ACCEPTED, "hospital", [APPOINTED], {}, Cause.NOT_OFFERED),
        (C.COORDINATOR_HANDOVER_ACCEPTED, "town", [APPOINTED, OFFER], {}, Cause.OFFERED_TO_ANOTHER),
        (
            C.COORDINATOR_HANDOVER_ACCEPTED,
            "hospital",
            [APPOINTED, OFFER],
            {"name": "Per"},
            Cause.OFFERED_TO_ANOTHER,
        ),
        (C.COORDINATOR_HANDOVER_ACCEPTED, "hospital", [APPOINTED, OFFER], {}, None),
        (C.COORDINATOR_HANDOVER_OFFERED, "town", [APPOINTED], {"name": "P"}, Cause.NOT_THE_HOLDER),
        (C.COORDINATOR_HANDOVER_OFFERED, "ke", [APPOINTED], {"name": "P"}, None),
        (C.COORDINATOR_APPOINTED, "ke", [], {"party": _ref("gone")}, Cause.UNKNOWN_ORGANISATION),
        (C.COORDINATOR_APPOINTED, "ke", [], {}, Cause.NOBODY_NAMED),
        (C.COORDINATOR_APPOINTED, "ke", [], {"name": "Kari"}, None),
        (
            C.COORDINATOR_APPOINTED,
            "ke",
            [],
            {"name": "Kari", "since": Moment(BEGIN), "until": Moment(BEGIN - HOUR)},
            Cause.ENDS_BEFORE_IT_BEGINS,
        ),
        (C.COORDINATOR_ABSENT, "ke", [APPOINTED], {"substitute": "KARI"}, Cause.OWN_SUBSTITUTE),
        (C.COORDINATOR_ABSENT, "ke", [APPOINTED], {}, Cause.NOBODY_NAMED),
        (C.COORDINATOR_ABSENT, "town", [APPOINTED], {"substitute": "P"}, Cause.NOT_THE_HOLDER),
        (C.COORDINATOR_ABSENT, "ke", [APPOINTED], {"substitute": "Liv"}, None),
        (C.COORDINATOR_CHANGE_REQUESTED, "town", [APPOINTED], {}, None),
    ],
)
def test_requests_are_refused_with_their_cause(
    code: EventCode, sender: str, known: list[Record], facts: dict[str, object], cause: Cause | None
) -> None:
    """And what is right is taken in."""
    found = told(code, sender, known, **facts)
    assert (found.issues[0].cause if found else None) is cause


@st.composite
def coordinations(draw: st.DrawFn) -> list[Record]:
    """Records of one patient's coordination, replies among them."""
    told = [
        draw(records(family=Family.COORDINATION, number=n)) for n in range(draw(st.integers(1, 9)))
    ]
    return [replied(one) if draw(st.integers(0, 4)) == 0 else one for one in told]


@given(coordinations())
@settings(max_examples=100)
def test_nobody_waits_for_what_is_answered(told: list[Record]) -> None:
    """Of what coordination promises, what is open is what the state says is open.

    A call settles that an offer is answered, not how: it may still be accepted.
    """
    thread = Thread(id="t", patient="p", family=Family.COORDINATION, anchor=ANCHOR)
    state = fold(thread, told)
    team = state.facts if isinstance(state.facts, Team) else Team()
    open_ = [promise for promise in state.promises if promise.is_open]
    offers = [baton.role for baton in team.batons if baton.offer]
    waiting = {p.about for p in open_ if p.kind == "handover-answer"}
    assert waiting >= {*offers} or any(r.code is EventCode.SETTLED_BY_PHONE for r in told)
    wanted = {(n.role, n.change) for n in team.needs}
    owed = {(p.about, p.kind == "change-answer") for p in open_ if p.kind != "handover-answer"}
    assert wanted == owed
