"""What documents are marked with, what a child asked, and whose an event is."""

from typing import Any

import pytest

from pathways.access import Role
from pathways.events import Activity, EventCode, Family
from pathways.facts import CourseFacts, Disclosure, InquiryFacts, StayFacts, StayKind
from pathways.markings import Marking, is_mental_health, markings, voices
from pathways.messages import Record
from tests.unit.rights import record

M, C = Marking, EventCode


@pytest.mark.parametrize("mark", ["limited", "withheld", "hidden", "needed", "sensitive"])
def test_a_document_bears_what_its_sender_says(mark: str) -> None:
    """And others in the matter do not."""
    told = [record("a", markings=[mark]), record("b", at=-9)]
    assert markings(told) == {"a": {Marking(mark)}}


@pytest.mark.parametrize(
    ("mark", "lifted"),
    [
        ("withheld", True),
        ("hidden", True),
        ("needed", True),
        ("limited", False),
        ("sensitive", False),
    ],
)
def test_a_revision_without_the_label_lifts_what_is_lifted_by_talking(
    mark: str, lifted: bool
) -> None:
    """The rest was said of that very document."""
    first = record("a", markings=[mark])
    second = record("b", at=-8, activity=Activity.REVISE, target="a")
    assert markings([first, second]) == ({} if lifted else {"a": {Marking(mark)}})


def test_a_revision_with_the_label_withholds_what_it_revises_too() -> None:
    """Over a chain, in any order."""
    told = [
        record("a"),
        record("b", at=-9, activity=Activity.REVISE, target="a"),
        record("c", at=-8, activity=Activity.REVISE, target="b", markings=["withheld"]),
    ]
    assert markings(told) == {key: {M.WITHHELD} for key in "abc"}
    assert markings(told[::-1]) == markings(told)


def test_a_cancellation_lifts_nothing() -> None:
    """What was wrong is still not to be read."""
    told = [
        record("a", markings=["withheld"]),
        record("b", at=-9, activity=Activity.CANCEL, target="a"),
    ]
    assert markings(told)["a"] == {M.WITHHELD}


def test_psychiatry_is_known_by_its_stays_and_courses() -> None:
    """Without any label."""
    stay = record("s", C.ADMISSION, facts=StayFacts(stay_kind=StayKind.MENTAL_HEALTH))
    course = record("c", C.COURSE_STARTED, facts=CourseFacts())
    other = record("o", C.ADMISSION, facts=StayFacts(stay_kind=StayKind.HOSPITAL))
    assert [is_mental_health(one) for one in (stay, course, other)] == [True, True, False]
    assert markings([stay]) == {"s": {M.SENSITIVE}}
    assert markings([course]) == {"c": {M.SENSITIVE}}
    assert markings([other]) == {}


# --- a child's own question


def asked(role: Role, **told: Any) -> list[Record]:
    """A question and its answer."""
    return [
        record("q", C.INQUIRY, facts=InquiryFacts(text="?"), citizen=role, person="me"),
        record("r", C.REPLY, facts=InquiryFacts(**told), at=-9),
    ]


def test_what_a_child_asks_is_kept_from_the_parents_with_the_answer() -> None:
    """Also where the answer says nothing of it."""
    for told in ({}, {"disclosure": Disclosure.RECEIVE_AND_GUIDE}):
        assert markings(asked(Role.CHILD, **told)) == {key: {M.CHILDS} for key in "qr"}
    assert markings(asked(Role.CHILD)[:1]) == {"q": {M.CHILDS}}


def test_until_a_professional_decides() -> None:
    """The newest decision counts."""
    may = asked(Role.CHILD, disclosure=Disclosure.MAY_DISCLOSE, reason="danger")
    assert markings(may) == {}
    later = record("x", C.REPLY, facts=InquiryFacts(disclosure=Disclosure.RECEIVE_AND_GUIDE), at=-8)
    assert markings([*may, later]) == {key: {M.CHILDS} for key in "qrx"}
    earlier = record(
        "x", C.REPLY, facts=InquiryFacts(disclosure=Disclosure.RECEIVE_AND_GUIDE), at=-9.5
    )
    assert markings([earlier, *may]) == {}


def test_not_by_what_a_citizen_says_of_it() -> None:
    """The child cannot be made to disclose."""
    question = InquiryFacts(disclosure=Disclosure.MAY_DISCLOSE, reason="mine")
    own = record("q", C.INQUIRY, facts=question, citizen=Role.CHILD, person="me")
    assert markings([own]) == {"q": {M.CHILDS}}


@pytest.mark.parametrize("role", [Role.PATIENT, Role.GUARDIAN, Role.RELATIVE])
def test_what_others_ask_is_kept_from_nobody(role: Role) -> None:
    """It is for children."""
    assert markings(asked(role)) == {}


# --- whose it is


def test_who_asked_hears_the_answers() -> None:
    """In whatever order they came; what is passed on is between professionals."""
    told = [
        record("q", C.INQUIRY, citizen=Role.RELATIVE, person="me"),
        record("f", C.INQUIRY_FORWARDED, at=-9),
        record("r", C.REPLY, at=-8),
        record("again", C.INQUIRY, citizen=Role.RELATIVE, person="you", at=-7),
        record("r2", C.REPLY, at=-6),
        record("mine", C.REPLY, citizen=Role.PATIENT, person="p", at=-5),
    ]
    wanted = {"q": "me", "r": "me", "again": "you", "r2": "me", "mine": "p"}
    assert voices(told) == voices(told[::-1]) == wanted


def test_where_no_citizen_said_anything_it_is_nobody_s() -> None:
    """Professionals have grants."""
    assert voices([record("q", C.INQUIRY), record("r", C.REPLY, at=-9)]) == {}


def test_the_family_is_that_of_the_matter() -> None:
    """A reply about a course is of the course."""
    assert record("a", C.REPLY, matter=Family.COURSE).family is Family.COURSE
    assert is_mental_health(record("a", C.REPLY, matter=Family.COURSE))
