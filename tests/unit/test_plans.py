"""Plans, meetings, measures and follow-ups: whose they are, what is owed, what is refused, what changed."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pathways import plans
from pathways.decide import Case, decide
from pathways.events import Activity, EventCode, Family
from pathways.facts import FollowUpFacts, Goal, MeasureFacts, MeetingFacts, Participant, PlanFacts
from pathways.messages import Message, Patient, Record
from pathways.moments import Moment
from pathways.parties import Directory, Identifier, PartyRef
from pathways.pathway import Header, Thread
from pathways.plan_promises import outlived
from pathways.plan_versions import Change, differences
from pathways.promises import Promise, PromiseKind, PromiseState
from pathways.refusals import Cause, Refusal
from pathways.states import Meeting, PlanParties
from pathways.transitions import Status
from tests.unit.records import BEGIN, admission, records
from tests.unit.test_pathway import arrive

C, K, S = EventCode, PromiseKind, Status
OSLO = ZoneInfo("Europe/Oslo")
PLAN = (Identifier("https://ke.example", "7"),)


def told(hour: int, code: EventCode, facts: object, **more: object) -> Record:
    """What somebody told at an hour."""
    return admission(hour, code=code, facts=facts, **more)


def owed(thread: Thread) -> list[Promise]:
    """What is open."""
    return [promise for promise in thread.promises if promise.is_open]


def at(day: int) -> Moment:
    """Noon of a day after the beginning."""
    return Moment(BEGIN + timedelta(days=day))


@st.composite
def of_measure(draw: st.DrawFn) -> list[Record]:
    """All that is told of one measure, in whatever order."""
    return [draw(records(Family.MEASURE, number)) for number in range(draw(st.integers(1, 12)))]


@given(of_measure())
def test_an_open_measure_is_its_owners_and_owed_by_them(history: list[Record]) -> None:
    """Whoever it passes to, there is never an open one that nobody has; nobody else owes it."""
    thread = arrive(history)
    assert thread.owner or not thread.is_open
    for promise in owed(thread):
        assert promise.kind is not K.MEASURE or promise.duty.party == thread.owner
    if thread.status in (S.PROMISED, S.IN_PROGRESS, S.DELAYED):
        settled = [r for r in history if r.code is C.SETTLED_BY_PHONE]
        assert settled or K.MEASURE in {promise.kind for promise in owed(thread)}


@given(of_measure())
def test_what_is_delayed_is_due_when_the_newest_word_says(history: list[Record]) -> None:
    """Never when it was to be done before."""
    thread = arrive(history)
    due = thread.facts.due if isinstance(thread.facts, MeasureFacts) else None
    assert {promise.due for promise in owed(thread) if promise.kind is K.MEASURE} <= {due}


def test_a_measure_passes_from_proposal_to_evaluation() -> None:
    """Each step closes what the one before opened; the answer to a proposal may be a promise."""
    steps = [
        told(0, C.MEASURE_PROPOSED, MeasureFacts(proposer="Kari"), asked="town"),
        told(1, C.MEASURE_PROMISED, MeasureFacts(due=at(5)), sender="town"),
        told(2, C.MEASURE_DELAYED, MeasureFacts(due=at(9)), sender="ke"),
        told(
            3,
            C.MEASURE_DONE,
            MeasureFacts(evaluate_by=at(20)),
            sender="town",
            named={"follows_up": ("ke",)},
        ),
        told(4, C.MEASURE_EVALUATED, MeasureFacts(), sender="ke"),
    ]
    seen = [arrive(steps[: number + 1]) for number in range(len(steps))]
    statuses = [thread.status for thread in seen]
    assert statuses == [S.PROPOSED, S.PROMISED, S.DELAYED, S.COMPLETED, S.EVALUATED]
    assert [[(p.kind, p.duty.party, p.due) for p in owed(thread)] for thread in seen] == [
        [(K.PROPOSAL_ANSWER, "town", None)],
        [(K.MEASURE, "town", at(5))],
        [(K.MEASURE, "town", at(9))],
        [(K.EVALUATION, "ke", at(20))],
        [],
    ]


def test_another_owner_has_another_name() -> None:
    """The person who was to do it does not follow the duty to another house."""
    first = told(0, C.MEASURE_PROMISED, MeasureFacts(owner_name="Per"), named={"owner": ("town",)})
    known = plans.measure_after(None, first)
    other = replace(first, facts=MeasureFacts(owner=PartyRef(name="ward")))
    assert (known.owner_name, plans.measure_after(known, other).owner_name) == ("Per", None)


# --- meetings


def summons(hour: int, *who: str, begins: Moment | None = None, **more: object) -> Record:
    """To a meeting about the plan."""
    facts = MeetingFacts(begins=begins)
    return told(hour, C.PLAN_MEETING, facts, named={"summoned": who}, **more)


def answer(hour: int, who: str, *, accepts: bool | None = True) -> Record:
    """From one of those summoned."""
    facts = MeetingFacts(accepts=accepts)
    return told(hour, C.PLAN_MEETING, facts, sender=who, activity=Activity.REPLY)


@pytest.mark.parametrize(
    ("history", "owing", "status"),
    [
        ([summons(0, "town", "gp")], {"town", "gp"}, S.OPEN),
        ([summons(0, "town", "gp"), answer(1, "gp", accepts=False)], {"town"}, S.OPEN),
        ([summons(0, "town"), answer(1, "town")], set(), S.ANSWERED),
        ([summons(0, "town"), answer(1, "passer-by")], {"town"}, S.OPEN),
        ([summons(0, "town", "gp"), summons(1, "gp")], {"gp"}, S.OPEN),
        ([summons(0, "gp", begins=at(1)), answer(1, "gp"), summons(2, "gp")], set(), S.ANSWERED),
        (
            [summons(0, "gp"), answer(1, "gp"), summons(2, "gp", begins=at(9))],
            {"gp"},
            S.OPEN,
        ),
        ([answer(1, "gp")], set(), S.UNKNOWN),
        (
            [summons(0, "gp"), summons(2, activity=Activity.CANCEL, target="m0"), answer(3, "gp")],
            set(),
            S.ENTERED_IN_ERROR,
        ),
    ],
)
def test_who_is_summoned_owes_an_answer(
    history: list[Record], owing: set[str], status: Status
) -> None:
    """Each for themselves; another time asks anew, and what is called off is owed by nobody."""
    for arrived in (history, history[::-1]):
        thread = arrive(arrived)
        assert {promise.duty.party for promise in owed(thread)} == owing
        assert thread.status is status


def test_the_newest_answer_of_each_stands() -> None:
    """Somebody may think better of it."""
    thread = arrive([summons(0, "gp"), answer(1, "gp"), answer(2, "gp", accepts=False)])
    assert isinstance(thread.facts, Meeting)
    assert [(one.party, one.accepts) for one in thread.facts.answers] == [("gp", False)]


# --- follow-ups


def follow_up(hour: int, **more: object) -> Record:
    """Agreed, or agreed otherwise."""
    return told(hour, C.FOLLOW_UP, FollowUpFacts(**more))  # type: ignore[arg-type]


def talked(hour: int) -> Record:
    """With a note."""
    return told(hour, C.FOLLOW_UP, FollowUpFacts(note="Bra"), activity=Activity.REPLY)


def contact(day: int, hour: int = 0) -> Moment:
    """On a day, whenever in it."""
    return Moment(BEGIN + timedelta(days=day, hours=hour), day=True)


@pytest.mark.parametrize(
    ("history", "due"),
    [
        ([follow_up(0, interval_days=14)], contact(14)),
        ([follow_up(0, interval_days=14), talked(2)], contact(14, 2)),
        ([follow_up(0, interval_days=14), follow_up(5, interval_days=7)], contact(7)),
        ([follow_up(0, interval_days=14), talked(2), follow_up(5, interval_days=7)], contact(7, 2)),
        ([follow_up(0, interval_days=14, until=at(10))], None),
        ([follow_up(0, interval_days=14), follow_up(5, until=at(10))], None),
        ([follow_up(0, interval_days=2**31)], Moment(datetime(9999, 11, 30, tzinfo=UTC), day=True)),
    ],
)
def test_each_contact_promises_the_next(history: list[Record], due: Moment | None) -> None:
    """Another interval counts from the last contact; after the end there is none, and it is over."""
    for arrived in (history, history[::-1]):
        thread = arrive(arrived)
        assert [promise.due for promise in owed(thread)] == ([due] if due else [])
        assert thread.status is (S.ACTIVE if due else S.ENDED)


def test_a_death_ends_what_was_agreed_before_it() -> None:
    """What is agreed with the bereaved afterwards stands."""
    thread = arrive([follow_up(5, interval_days=14)])
    for hour, state in ((4, PromiseState.OPEN), (6, PromiseState.WITHDRAWN)):
        died = Moment(BEGIN + timedelta(hours=hour))
        (promise,) = outlived(thread.promises, Family.FOLLOW_UP, died)
        assert promise.state is state
    assert outlived(thread.promises, Family.STAY, at(99)) == thread.promises


# --- what is refused


def judged(code: EventCode, facts: MeasureFacts, sender: str, *history: Record) -> Cause | None:
    """Why the rules say no."""
    said = Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=PartyRef(name=sender),
        happened=at(1),
        written=at(1).at,
        patient=Patient(),
        facts=facts,
    )
    parts = PlanParties("ke", PLAN, ())
    case = Case(
        message=said,
        sender=sender,
        asked=None,
        thread=arrive([*history]) if history else None,
        directory=Directory(),
        now=at(2).at,
        clock_skew=timedelta(),
        header=Header(plans={"plan": parts}),
    )
    verdict = decide(case)
    return verdict.issues[0].cause if isinstance(verdict, Refusal) else None


PROMISED = told(
    0, C.MEASURE_PROMISED, MeasureFacts(plan=PLAN, due=at(5)), named={"owner": ("town",)}
)
PROPOSED = told(0, C.MEASURE_PROPOSED, MeasureFacts(), asked="town")
DROPPED = told(3, C.MEASURE_DROPPED, MeasureFacts(reason="Flyttet"), sender="town")


@pytest.mark.parametrize(
    ("code", "facts", "sender", "history", "cause"),
    [
        (C.MEASURE_PROMISED, MeasureFacts(due=at(3)), "ward", (), None),
        (C.MEASURE_PROMISED, MeasureFacts(due=at(0)), "ward", (), Cause.DUE_IN_THE_PAST),
        (C.MEASURE_PROMISED, MeasureFacts(), "town", (PROPOSED,), None),
        (C.MEASURE_PROMISED, MeasureFacts(), "other", (PROPOSED,), Cause.NOT_ENTITLED),
        (C.MEASURE_DELAYED, MeasureFacts(due=at(9)), "town", (PROMISED,), None),
        (C.MEASURE_DELAYED, MeasureFacts(due=at(9)), "ke", (PROMISED,), None),
        (C.MEASURE_DELAYED, MeasureFacts(due=at(9)), "other", (PROMISED,), Cause.NOT_ENTITLED),
        (C.MEASURE_DELAYED, MeasureFacts(reason="Telen"), "town", (PROMISED,), Cause.NO_NEW_DATE),
        (C.MEASURE_DELAYED, MeasureFacts(due=at(0)), "town", (PROMISED,), Cause.DUE_IN_THE_PAST),
        (C.MEASURE_DROPPED, MeasureFacts(reason="Nei"), "ward", (PROPOSED,), None),
        (C.MEASURE_DROPPED, MeasureFacts(reason="Nei"), "other", (PROMISED,), Cause.NOT_ENTITLED),
        (C.MEASURE_DROPPED, MeasureFacts(), "town", (PROMISED,), Cause.NOT_SAID_WHY),
        (
            C.MEASURE_DROPPED,
            MeasureFacts(reason="Nei"),
            "town",
            (PROMISED, DROPPED),
            Cause.NOT_NOW,
        ),
        (C.MEASURE_DELAYED, MeasureFacts(due=at(9)), "town", (PROMISED, DROPPED), Cause.NOT_NOW),
    ],
)
def test_what_a_request_about_a_measure_needs(
    code: EventCode,
    facts: MeasureFacts,
    sender: str,
    history: tuple[Record, ...],
    cause: Cause | None,
) -> None:
    """A date that is to come, a reason, and somebody who is entitled; what is closed stays closed."""
    assert judged(code, facts, sender, *history) is cause


# --- who takes part, and what changed


@pytest.mark.parametrize(
    ("since", "until", "takes_part"),
    [
        (None, None, True),
        (at(1), None, False),
        (None, at(-1), False),
        (None, Moment(BEGIN - timedelta(hours=3), day=True), True),
    ],
)
def test_consent_to_take_part_begins_and_ends(
    since: Moment | None, until: Moment | None, takes_part: bool
) -> None:
    """A day is included to its end."""
    one = Participant("Kari", since=since, until=until)
    assert plans.takes_part(one, BEGIN, OSLO) is takes_part


def test_a_plan_tells_what_changed_in_it() -> None:
    """Goals by their text, participants by their name; what is the same is not told."""
    by = date(2026, 12, 24)
    before = PlanFacts(
        title="IP", goals=(Goal("Gå"), Goal("Bo hjemme")), participants=(Participant("Kari"),)
    )
    after = PlanFacts(
        title="IP", note="Ny", goals=(Goal("Gå", by),), participants=(Participant("Kari", "KE"),)
    )
    assert differences(before, after) == [
        Change("note", None, "Ny"),
        Change("goal", Goal("Gå"), Goal("Gå", by)),
        Change("goal", Goal("Bo hjemme"), None),
        Change("participant", Participant("Kari"), Participant("Kari", "KE")),
    ]


GOALS = st.lists(st.builds(Goal, st.sampled_from("abc")), max_size=4).map(tuple)


@given(GOALS, GOALS)
def test_no_change_is_no_difference_and_every_change_is_one(
    before: tuple[Goal, ...], after: tuple[Goal, ...]
) -> None:
    """Whatever stands twice, and in whatever order."""
    found = differences(PlanFacts(goals=before), PlanFacts(goals=after))
    assert bool(found) is (sorted(g.text for g in before) != sorted(g.text for g in after))
