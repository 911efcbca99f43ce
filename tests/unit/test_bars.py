"""What keeps a grant from holding, and from when until when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathways.access import Basis
from pathways.bars import Bar, Ground, Held, Plan, bars, holds, shut_out
from pathways.events import EventCode, Family
from pathways.facts import ConsentKind, Participant
from pathways.moments import Moment, has_passed
from pathways.parties import Directory, Identifier, Party
from pathways.statutory import LAWS, demanded
from tests.unit.rights import DAY, DIRECTORY, HOUR, NOW, OSLO, Said, consents, moment, ref

C, K, B = EventCode, ConsentKind, Basis
GIVEN, WITHDRAWN = C.CONSENT_GIVEN, C.CONSENT_WITHDRAWN
NO, NO_MORE = C.OBJECTION_REGISTERED, C.OBJECTION_WITHDRAWN
PERSONNEL = {"consent": K.HEALTH_PERSONNEL}
PLAN = (Identifier("urn:plan", "1"),)


def held(reader: str = "nursing", basis: Basis = B.ADDRESSED, **told: Any) -> Held:
    """A grant on a report."""
    known: dict[str, Any] = {
        "event": "e",
        "code": C.DOCTOR_REPORT,
        "family": Family.STAY,
        "thread": "t",
        "message_id": "m",
    }
    return Held(reader=reader, basis=basis, **{**known, **told})


def ground(*said: Said, **told: Any) -> Ground:
    """What the patient said, and who is who."""
    return Ground(consents=consents(*said), directory=DIRECTORY, at=NOW, zone=OSLO, **told)


def planned(*people: Participant, identifiers: tuple[Identifier, ...] = PLAN) -> dict[str, Any]:
    """A plan, and a measure that names it."""
    plan = Plan(identifiers=identifiers, participants=people)
    return {"plans": {"plan": plan}, "belongs": {"measure": PLAN, "other": ()}}


def at(hours: float) -> datetime:
    """So many hours after now."""
    return NOW + hours * HOUR


# --- objections


@pytest.mark.parametrize(
    ("said", "reader", "barred"),
    [
        ([], "nursing", False),
        ([(NO, PERSONNEL)], "nursing", True),
        ([(NO, PERSONNEL | {"party": ref("nursing")})], "nursing", True),
        ([(NO, PERSONNEL | {"party": ref("town")})], "nursing", True),
        ([(NO, PERSONNEL | {"party": ref("nursing")})], "town", False),
        ([(NO, PERSONNEL | {"party": ref("gp")})], "nursing", False),
        ([(NO, PERSONNEL), (NO_MORE, PERSONNEL)], "nursing", False),
        ([(NO, PERSONNEL | {"document": "m"})], "nursing", True),
        ([(NO, PERSONNEL | {"document": "another"})], "nursing", False),
        ([(NO, PERSONNEL | {"document": "m", "party": ref("town")})], "nursing", True),
        ([(NO, PERSONNEL | {"document": "m", "party": ref("gp")})], "nursing", False),
        ([(NO, PERSONNEL | {"document": "m"}), (NO_MORE, PERSONNEL)], "nursing", False),
        ([(NO, PERSONNEL | {"professional": "Kari Li"})], "nursing", False),
        ([(NO, PERSONNEL | {"document": "m", "professional": "Kari"})], "nursing", False),
        ([(NO, {"consent": K.PLAN})], "nursing", False),
        ([(GIVEN, PERSONNEL | {"document": "m"})], "nursing", False),
        ([(NO, {"consent": K.NAV, "document": "m"})], "nursing", False),
        ([(NO, PERSONNEL | {"party": ref("unknown-to-us")})], "nursing", False),
    ],
)
def test_an_objection_bars_whom_and_what_it_names(
    said: list[Said], reader: str, barred: bool
) -> None:
    """A house with its units, one document, everybody."""
    assert holds(held(reader), ground(*said), NOW) is not barred


def test_an_objection_bars_from_when_it_is_said_until_it_is_given_up() -> None:
    """Without an end, for good."""
    said = ground((NO, PERSONNEL), (NO_MORE, PERSONNEL))
    assert bars([held()], said) == {Bar("e", "nursing", at(-100), at(-99))}
    lasting = ground((NO, PERSONNEL))
    assert bars([held()], lasting) == {Bar("e", "nursing", at(-100), None)}


def test_what_is_said_of_days_ends_at_midnight_in_norway() -> None:
    """The whole of the last day counts."""
    day = Moment(NOW, day=True)
    said = ground((NO, PERSONNEL | {"since": day, "until": day}))
    begins = datetime(2026, 11, 21, 23, tzinfo=UTC)
    assert bars([held()], said) == {Bar("e", "nursing", begins, begins + DAY)}


@pytest.mark.parametrize("basis", Basis)
def test_what_is_their_own_and_what_the_glass_opened_is_never_barred(basis: Basis) -> None:
    """All other bases are."""
    own = basis in (B.SENT, B.BREAK_GLASS)
    assert holds(held(basis=basis), ground((NO, PERSONNEL)), NOW) is own


@pytest.mark.parametrize("code", EventCode)
def test_what_the_law_demands_is_not_barred(code: EventCode) -> None:
    """For those who need it by law, not for copies."""
    said = ground((NO, PERSONNEL))
    for basis in (B.ADDRESSED, B.ASKED, B.NEED, B.PARTICIPANT, B.SHARED, B.MISADDRESSED):
        assert demanded(code, basis) is (code in LAWS)
        assert holds(held(code=code, basis=basis), said, NOW) is (code in LAWS)
    for basis in (B.COPY, B.GP, B.SERVICE, B.PLAN, B.CONSENT):
        assert not demanded(code, basis)


def test_every_law_has_a_source() -> None:
    """So that a lawyer can check it."""
    assert all("§" in law.source or "art." in law.source for law in LAWS.values())
    assert {C.EARLY_NOTICE, C.CONSENT_WITHDRAWN} <= {*LAWS}


# --- who is no health service


@pytest.mark.parametrize(("reader", "kind"), [("school", K.SCHOOL), ("nav", K.NAV)])
def test_school_and_nav_see_what_a_consent_to_them_reaches(reader: str, kind: ConsentKind) -> None:
    """From when it is given until it is withdrawn."""
    yes = (GIVEN, {"consent": kind, "party": ref(reader)})
    measure = held(reader, family=Family.MEASURE)
    assert bars([measure], ground()) == {Bar("e", reader)}
    assert bars([measure], ground(yes)) == {Bar("e", reader, None, at(-100))}
    gone = ground(yes, (WITHDRAWN, {"consent": kind}))
    assert bars([measure], gone) == {
        Bar("e", reader, None, at(-100)),
        Bar("e", reader, at(-99), None),
    }
    other = (GIVEN, {"consent": K.PLAN, "party": ref(reader)})
    assert not holds(measure, ground(other), NOW)
    to_another = (GIVEN, {"consent": kind, "party": ref("gp")})
    assert not holds(measure, ground(to_another), NOW)


@pytest.mark.parametrize("family", Family)
def test_school_and_nav_see_plans_meetings_and_measures_only(family: Family) -> None:
    """Whatever was addressed to them."""
    yes = ground((GIVEN, {"consent": K.SCHOOL}))
    wanted = family in (Family.PLAN, Family.MEETING, Family.MEASURE, Family.DEADLINE)
    assert holds(held("school", family=family), yes, NOW) is wanted
    assert holds(held("nursing", family=family), yes, NOW)


def test_no_law_demands_that_school_or_nav_are_told() -> None:
    """Not of the consent itself; what they sent is theirs."""
    told = held("school", B.SHARED, code=C.CONSENT_GIVEN, family=Family.CONSENT)
    yes = ground((GIVEN, {"consent": K.SCHOOL}))
    assert not holds(told, yes, NOW)
    assert holds(replace(told, reader="nursing"), yes, NOW)
    reminder = held("school", code=C.REMINDER, family=Family.DEADLINE)
    assert holds(reminder, yes, NOW)
    assert not holds(reminder, ground(), NOW)
    assert holds(held("school", B.SENT), ground(), NOW)


def test_whom_nobody_knows_is_taken_for_health_personnel() -> None:
    """In open mode a party may be seen for the first time."""
    assert holds(held("seen"), ground(), NOW)


# --- plans


@pytest.mark.parametrize("thread", ["plan", "measure"])
def test_who_left_the_plan_loses_what_the_plan_alone_gave(thread: str) -> None:
    """And has it while they take part."""
    grant = held("gp", B.PLAN, thread=thread, family=Family.PLAN)
    assert bars([grant], ground(**planned(Participant("Li", party=ref("gp"))))) == frozenset()
    assert bars([grant], ground(**planned())) == {Bar("e", "gp")}
    assert bars([grant], ground()) == {Bar("e", "gp")}
    left = Participant("Li", party=ref("gp"), since=moment(-5), until=moment(5))
    assert bars([grant], ground(**planned(left))) == {
        Bar("e", "gp", None, at(-5)),
        Bar("e", "gp", at(5), None),
    }
    others = ground(**planned(Participant("Li"), Participant("Bo", party=ref("ward"))))
    assert not holds(grant, others, NOW)


def test_who_got_it_otherwise_keeps_it() -> None:
    """A part in the matter is no part in the plan."""
    assert holds(held("gp", B.PARTICIPANT, thread="plan"), ground(**planned()), NOW)


def test_a_measure_of_another_plan_is_not_given_by_this_one() -> None:
    """Nor one of no plan."""
    people = planned(Participant("Li", party=ref("gp")))
    for thread in ("other", "nowhere"):
        assert not holds(held("gp", B.PLAN, thread=thread), ground(**people), NOW)
    elsewhere = planned(Participant("Li", party=ref("gp")), identifiers=())
    assert not holds(held("gp", B.PLAN, thread="measure"), ground(**elsewhere), NOW)


@pytest.mark.parametrize(
    ("said", "sees"),
    [
        ([], True),
        ([(GIVEN, {"consent": K.PLAN})], True),
        ([(GIVEN, {"consent": K.PLAN}), (WITHDRAWN, {"consent": K.PLAN})], False),
        ([(WITHDRAWN, {"consent": K.PLAN})], False),
        ([(WITHDRAWN, {"consent": K.PLAN}), (GIVEN, {"consent": K.PLAN})], True),
        ([(WITHDRAWN, {"consent": K.PLAN, "party": ref("gp")})], False),
        ([(WITHDRAWN, {"consent": K.PLAN, "party": ref("ward")})], True),
        ([(NO, {"consent": K.PLAN})], False),
        ([(NO, {"consent": K.PLAN, "party": ref("gp")})], False),
        ([(GIVEN, {"consent": K.PLAN, "party": ref("ward")})], True),
        ([(GIVEN, {"consent": K.PLAN, "person": "Ola", "until": moment(-90)})], True),
        ([(GIVEN, {"consent": K.PLAN, "until": moment(-90)})], False),
        ([(GIVEN, {"consent": K.PLAN, "until": moment(1)})], True),
        ([(GIVEN, {"consent": K.PLAN, "since": moment(1)})], True),
        ([(GIVEN, {"consent": K.NAV, "until": moment(-90)})], True),
        ([(WITHDRAWN, {"consent": K.NAV})], True),
    ],
)
def test_the_patient_may_close_the_plan(said: list[Said], sees: bool) -> None:
    """To everybody or to one; being a participant is consent until then."""
    known = ground(*said, **planned(Participant("Li", party=ref("gp"))))
    assert holds(held("gp", B.PLAN, thread="plan"), known, NOW) is sees


# --- who is who


def test_what_is_said_of_a_house_is_said_of_its_units() -> None:
    """Also where parents go in a circle."""
    assert DIRECTORY.lineage("ward") == ("ward", "sus")
    assert DIRECTORY.lineage("sus") == ("sus",)
    assert DIRECTORY.lineage("nobody") == ("nobody",)
    circle = Directory({"a": Party("a", "A", parent="b"), "b": Party("b", "B", parent="a")})
    assert circle.lineage("a") == ("a", "b")


# --- persons at work


def test_a_professional_is_shut_out_by_name() -> None:
    """From when until when."""
    kari = PERSONNEL | {"professional": "Kari Li"}
    assert shut_out(consents((NO, kari)), OSLO) == {Bar("", "Kari Li", at(-100), None)}
    ended = consents((NO, kari), (NO_MORE, PERSONNEL | {"professional": "KARI  li"}))
    assert shut_out(ended, OSLO) == {Bar("", "Kari Li", at(-100), at(-99))}
    assert shut_out(consents((GIVEN, kari)), OSLO) == frozenset()
    assert shut_out(consents((NO, PERSONNEL)), OSLO) == frozenset()
    assert shut_out(consents((NO, kari | {"consent": K.PLAN})), OSLO) == frozenset()
    never = kari | {"since": moment(3), "until": moment(3)}
    assert shut_out(consents((NO, never)), OSLO) == frozenset()
    two = consents((NO, PERSONNEL), (NO, kari), (GIVEN, kari), (NO, kari | {"professional": "Bo"}))
    assert {bar.reader for bar in shut_out(two, OSLO)} >= {"Bo"}


def test_an_objection_to_one_professional_given_up_for_another_stands() -> None:
    """Names tell them apart."""
    kari = PERSONNEL | {"professional": "Kari Li"}
    known = consents((NO, kari), (NO_MORE, PERSONNEL | {"professional": "Bo"}))
    assert shut_out(known, OSLO) == {Bar("", "Kari Li", at(-100), None)}


# --- laws

HOURS = st.integers(-120, 120).map(moment)
DAYS = st.integers(-5, 5).map(lambda day: Moment(NOW + day * DAY, day=True))
WHEN = st.none() | HOURS | DAYS
SAID = st.tuples(
    st.sampled_from([GIVEN, WITHDRAWN, NO, NO_MORE]),
    st.fixed_dictionaries(
        {"consent": st.sampled_from([K.HEALTH_PERSONNEL, K.PLAN, K.SCHOOL])},
        optional={
            "party": st.sampled_from(["town", "nursing", "school", "gp"]).map(ref),
            "document": st.sampled_from(["m", "n"]),
            "since": WHEN,
            "until": WHEN,
        },
    ),
)
PEOPLE = st.builds(
    Participant,
    st.just("Li"),
    party=st.none() | st.sampled_from(["gp", "school", "nursing"]).map(ref),
    since=WHEN,
    until=WHEN,
)
GROUNDS = st.builds(
    lambda said, people: ground(*said, **planned(*people)),
    st.lists(SAID, max_size=6),
    st.lists(PEOPLE, max_size=3),
)
GRANTS = st.builds(
    held,
    st.sampled_from(["nursing", "school", "gp", "ward"]),
    st.sampled_from([B.SENT, B.ADDRESSED, B.PLAN, B.SHARED]),
    thread=st.sampled_from(["plan", "measure", "t"]),
    family=st.sampled_from([Family.PLAN, Family.MEASURE, Family.STAY]),
    code=st.sampled_from([C.DOCTOR_REPORT, C.EARLY_NOTICE, C.PLAN_UPDATED]),
)


@settings(max_examples=300)
@given(GRANTS, GROUNDS, st.integers(-150 * 60, 150 * 60).map(lambda m: NOW + timedelta(minutes=m)))
def test_bars_say_at_any_moment_what_the_rules_say(
    grant: Held, known: Ground, moment_: datetime
) -> None:
    """Law: intervals and rules agree everywhere."""
    covering = [
        bar
        for bar in bars([grant], known)
        if (bar.begins is None or bar.begins <= moment_)
        and (bar.ends is None or moment_ < bar.ends)
    ]
    assert (not covering) is holds(grant, known, moment_)
    assert len(covering) <= 1


@given(st.lists(GRANTS, max_size=4), GROUNDS)
def test_bars_of_many_are_those_of_each(grants: list[Held], known: Ground) -> None:
    """Law: one grant never changes another's."""
    each = [replace(grant, event=str(n)) for n, grant in enumerate(grants)]
    assert bars(each, known) == frozenset().union(*(bars([one], known) for one in each))


@settings(max_examples=200)
@given(GRANTS, GROUNDS)
def test_a_bar_never_begins_where_another_ends(grant: Held, known: Ground) -> None:
    """Law: they are as few as they can be."""
    made = bars([grant], known)
    ends = {bar.ends for bar in made} - {None}
    assert not ends & {bar.begins for bar in made}
    assert all(b.begins is None or b.ends is None or b.begins < b.ends for b in made)


@given(DAYS | HOURS)
def test_what_has_an_end_has_passed_from_there_on(until: Moment) -> None:
    """Law: to the microsecond."""
    said = ground((NO, PERSONNEL | {"since": moment(-500), "until": until}))
    (bar,) = bars([held()], said)
    assert bar.ends is not None
    assert has_passed(until, bar.ends, OSLO)
    assert not has_passed(until, bar.ends - timedelta(microseconds=1), OSLO)
