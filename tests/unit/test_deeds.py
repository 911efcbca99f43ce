"""What can be done about what is owed: each deed says and asks what its event can tell, and has its words."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath import texts
from carepath.service import typed
from carepath.service.terms import NORWAY
from carepath.ui.words import Words
from carepath.ui.worklist.data import Who
from carepath.ui.worklist.pages import DONE
from carepath.ui.worklist.words import codes_of, countdown
from pathways.access import Role
from pathways.calendars import Limit, Unit
from pathways.deeds import ALWAYS, DEEDS, About, Declined, Deed, offered
from pathways.events import RULES, EventCode, Family
from pathways.facts import InquiryFacts
from pathways.messages import Key, KeyRank
from pathways.moments import Moment
from pathways.parties import Kind
from pathways.pathway import Thread
from pathways.promises import Duty, Promise, PromiseKind, PromiseState
from pathways.transitions import Status
from pathways.worklist import Group

EVERY = [*{deed.code + deed.name: deed for of in (*DEEDS.values(), ALWAYS) for deed in of}.values()]
NOW = datetime(2026, 3, 31, 10, 30, tzinfo=UTC)
"""Half past twelve on the Tuesday before Easter."""


@pytest.mark.parametrize("deed", EVERY, ids=lambda deed: f"{deed.code}-{deed.name}")
def test_a_deed_says_what_its_event_can_tell(deed: Deed) -> None:
    """What it says can be read, what it asks can be filled in, and all of it has words in both languages."""
    known = typed.field_types(deed.code)
    assert {*deed.says, *deed.asks} <= known.keys()
    assert not {*deed.says} & {*deed.asks}
    assert (deed.about is About.MATTER) is (
        RULES[deed.code].facts is not InquiryFacts or deed.name == "forward"
    )
    for language in texts.LANGUAGES:
        said = texts.catalogue(language)
        assert said[f"deed.{deed.name}"]
        for name in deed.asks:
            assert said[f"field.{name}"]
            assert all(texts.words(code, language) for code in codes_of(name, known[name]))


def test_what_the_list_says_has_its_words() -> None:
    """Groups, holders, endings, what was done, and why a referral is not taken."""
    keys = {
        *(f"worklist.group.{group}" for group in Group),
        *(f"worklist.who.{who}" for who in Who),
        *(f"worklist.ended.{state}" for state in PromiseState),
        *(f"worklist.done.{done}" for done in DONE),
        *(f"declined.{code}" for code in Declined),
    }
    assert keys <= texts.catalogue("nb").keys()


def owed(
    kind: PromiseKind, family: Family, status: Status, **more: object
) -> tuple[Promise, Thread]:
    """A promise, and its matter as it stands."""
    promise = Promise(kind=kind, opened_by="1", opened=Moment(NOW), duty=Duty("ward"), **more)  # type: ignore[arg-type]
    anchor = Key(KeyRank.REFERRAL, "1")
    return promise, Thread(id="t", patient="p", family=family, anchor=anchor, status=status)


def test_what_is_not_possible_now_is_not_offered() -> None:
    """A referral that was rejected is not accepted; what is closed, not at all; a school sends nothing of health."""
    assess = PromiseKind.REFERRAL_ASSESSMENT
    asked = offered(*owed(assess, Family.REFERRAL, Status.REQUESTED), Kind.HOSPITAL, Role.CLINICIAN)
    assert [deed.name for deed in asked] == ["accept", "reject", "forward", "answer", "phone"]
    rejected = owed(assess, Family.REFERRAL, Status.REJECTED)
    assert {deed.code for deed in offered(*rejected, Kind.HOSPITAL, Role.CLINICIAN)} == {
        EventCode.REFERRAL_FORWARDED,
        EventCode.REPLY,
        EventCode.SETTLED_BY_PHONE,
    }
    closed = owed(assess, Family.REFERRAL, Status.ACCEPTED, state=PromiseState.KEPT)
    assert offered(*closed, Kind.HOSPITAL, Role.CLINICIAN) == ()
    school = owed(PromiseKind.CAPACITY_ANSWER, Family.STAY, Status.READY)
    assert offered(*school, Kind.SCHOOL, Role.NON_HEALTH) == ()
    assert "can" not in {d.name for d in offered(*school, Kind.HOSPITAL, Role.CLINICIAN)}


def test_the_other_side_is_asked_where_there_is_one() -> None:
    """And a role that was asked for is said, not asked about."""
    need = PromiseKind.COORDINATION_ANSWER
    told = owed(need, Family.COORDINATION, Status.ACTIVE, other="gp", about="child")
    deeds = {deed.name: deed for deed in offered(*told, Kind.MUNICIPALITY, Role.COORDINATOR)}
    assert "ask" in deeds
    assert deeds["appoint"].says == {"role": "child"}
    assert deeds["appoint"].needs == ("name",)


@pytest.mark.parametrize(
    ("due", "nb", "en"),
    [
        ("2026-03-31T11:15", "45 min igjen", "45 min left"),
        ("2026-03-31T15:00", "I dag kl. 17:00", "Today at 17:00"),
        ("2026-03-31T21:59:59", "I dag", "Today"),
        ("2026-04-01T12:00", "1 virkedag igjen", "1 working day left"),
        ("2026-04-03T12:00", "1 virkedag igjen", "1 working day left"),  # Good Friday
        ("2026-04-08T12:00", "3 virkedager igjen", "3 working days left"),
        ("2026-12-24T12:00", "tor. 24. des. 13:00", "Thu 24 Dec 13:00"),
        ("2026-03-31T08:00", "Frist kl. 10:00 i dag", "Was due at 10:00 today"),
        ("2026-03-27T12:00", "2 virkedager over", "2 working days over"),
        ("2026-03-30T12:00", "1 virkedag over", "1 working day over"),
        ("2025-03-30T12:00", "Siden søn. 30. mars", "Since Sun 30 Mar"),
    ],
)
def test_what_is_left_is_counted_in_working_days(due: str, nb: str, en: str) -> None:
    """Norwegian ones, by the local day; the last hours and minutes by the clock."""
    at = datetime.fromisoformat(due).replace(tzinfo=UTC)
    assert (countdown(NOW, at, Words("nb", {})), countdown(NOW, at, Words("en", {}))) == (nb, en)


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 60))
def test_a_limit_of_working_days_is_that_many_away(day: date, days: int) -> None:
    """What a due time is counted with, and what is told of it, agree."""
    began = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    due = NORWAY.due(began, Limit(days, Unit.WORKING_DAYS))
    assert NORWAY.working_days_after(day, NORWAY.local_day(due)) == days
