"""Records for tests of the rules: few senders, keys and times, so that everything collides."""

from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from hypothesis import strategies as st

from pathways.corrections import CORRECTIONS
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    ConsentKind,
    CoordinatorFacts,
    CourseFacts,
    Facts,
    FollowUpFacts,
    InquiryFacts,
    MeasureFacts,
    MeetingFacts,
    Need,
    Outcome,
    ReferralFacts,
    Role,
    StayFacts,
)
from pathways.messages import Author, Key, KeyRank, Record
from pathways.moments import Moment, on_day

BEGIN = datetime(2026, 11, 16, 8, tzinfo=UTC)
OSLO = timezone(timedelta(hours=1))
HOURS = st.builds(lambda hours: Moment(BEGIN + timedelta(hours=hours)), st.integers(0, 200))
SOMETIME = st.none() | HOURS
FACTS: dict[type[Facts], st.SearchStrategy[Facts]] = {
    StayFacts: st.builds(
        StayFacts,
        ward=st.sampled_from(["A", "B", None]),
        municipal_need=st.sampled_from([None, *Need]),
        report_wanted=st.sampled_from([None, True, False]),
        can_receive=st.sampled_from([None, True, False]),
        receive_from=SOMETIME,
        departs=SOMETIME,
    ),
    ReferralFacts: st.builds(
        ReferralFacts,
        title=st.sampled_from(["hip", "eye", None]),
        priority=st.sampled_from([None, "routine", "stat"]),
    ),
    InquiryFacts: st.builds(InquiryFacts, text=st.sampled_from(["when?", "who?", None])),
    MeasureFacts: st.builds(MeasureFacts, due=SOMETIME, evaluate_by=SOMETIME),
    FollowUpFacts: st.builds(
        FollowUpFacts, interval_days=st.sampled_from([None, 7, 30]), until=SOMETIME
    ),
    ApplicationFacts: st.builds(
        ApplicationFacts,
        outcome=st.sampled_from([None, *Outcome]),
        expected=SOMETIME,
        valid_to=SOMETIME,
    ),
    CourseFacts: st.builds(CourseFacts, contact=SOMETIME),
    CoordinatorFacts: st.builds(
        CoordinatorFacts,
        role=st.sampled_from([Role.MUNICIPAL, Role.CHILD]),
        name=st.sampled_from([None, "Kari", "Ola"]),
        first=st.sampled_from([None, True, False]),
        since=SOMETIME,
        until=SOMETIME,
        substitute=st.sampled_from(["Liv", "Per"]),
    ),
    ConsentFacts: st.builds(
        ConsentFacts,
        consent=st.sampled_from(ConsentKind),
        person=st.sampled_from([None, "Ola"]),
        since=SOMETIME,
        until=SOMETIME,
    ),
    MeetingFacts: st.builds(
        MeetingFacts, begins=SOMETIME, accepts=st.sampled_from([None, True, False])
    ),
}
RECEIVERS = st.sampled_from([(), ("other",), ("other", "unit")])
NAMED = st.fixed_dictionaries(
    {},
    optional={
        "owner": st.just(("unit",)),
        "follows_up": st.just(("other",)),
        "summoned": st.sampled_from([("other",), ("other", "unit", "ward")]),
    },
)


@st.composite
def moments(draw: st.DrawFn, written: datetime) -> Moment:
    """An instant or a whole day, around a week."""
    if draw(st.booleans()):
        day = BEGIN.date() + timedelta(days=draw(st.integers(0, 3)))
        return on_day(day, written, OSLO)
    return Moment(BEGIN + timedelta(hours=draw(st.integers(0, 72))))


@cache
def _facts(code: EventCode) -> st.SearchStrategy[Facts]:
    kind = RULES[code].facts
    return FACTS.get(kind, st.builds(kind))


@st.composite
def records(draw: st.DrawFn, family: Family = Family.STAY, number: int = 0) -> Record:
    """A record of one family; a third of them correct or cancel one with a number below twelve."""
    codes = [c for c in EventCode if RULES[c].family is family]
    code = draw(st.sampled_from([*codes, EventCode.SETTLED_BY_PHONE]))
    activity = draw(
        st.sampled_from(
            [Activity.NEW, Activity.NEW, Activity.REPLY, Activity.REVISE, Activity.CANCEL]
        )
    )
    written = BEGIN + timedelta(minutes=draw(st.integers(0, 4000)))
    target = draw(st.sampled_from([None, *(f"m{n}" for n in range(12))]))
    return Record(
        id=f"e{number}",
        patient="p",
        message_id=f"m{number}",
        code=code,
        activity=activity,
        target=target if activity in CORRECTIONS else None,
        sender=draw(st.sampled_from(["ward", "unit", "other"])),
        sender_name="",
        sender_root=draw(st.sampled_from(["hospital", None])),
        author=Author(),
        happened=draw(moments(written)),
        written=written,
        received=BEGIN + timedelta(days=10, seconds=number),
        keys=(Key(KeyRank.STAY, "s"),),
        facts=draw(_facts(code)),
        matter=family,
        asked=draw(st.sampled_from([None, "ward", "other"])),
        receivers=draw(RECEIVERS),
        named=draw(NAMED),
    )


@st.composite
def matters(draw: st.DrawFn, most: int = 12) -> list[Record]:
    """All records of one matter, in order of arrival."""
    family = draw(st.sampled_from([f for f in Family if f is not Family.BROKER]))
    count = draw(st.integers(1, most))
    return [draw(records(family=family, number=number)) for number in range(count)]


def admission(number: int, **changes: object) -> Record:
    """An admission by the ward at hour ``number``, its message id ``m<number>``."""
    at = BEGIN + timedelta(hours=number)
    told: dict[str, object] = {
        "id": f"e{number}",
        "patient": "p",
        "message_id": f"m{number}",
        "code": EventCode.ADMISSION,
        "activity": Activity.NEW,
        "target": None,
        "sender": "ward",
        "sender_name": "Ward",
        "sender_root": None,
        "author": Author(),
        "happened": Moment(at),
        "written": at,
        "received": at,
        "keys": (Key(KeyRank.STAY, "s"),),
        "facts": StayFacts(ward=f"W{number}"),
    }
    return Record(**{**told, **changes})  # type: ignore[arg-type]
