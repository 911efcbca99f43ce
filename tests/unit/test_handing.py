"""What is handed over to somebody who joins, and who learns where a protected person lives."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from pathways.bars import Ground
from pathways.events import EventCode, Family
from pathways.facts import ConsentKind, CourseFacts, PersonFacts, ReportFacts, StayFacts, StayKind
from pathways.handing import Joining, may_locate, without_place
from pathways.messages import Key, KeyRank, Message, Patient
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.pathway import Thread
from pathways.states import State
from tests.unit.rights import DIRECTORY, NOW, OSLO, Said, consents, header, record

C = EventCode
NO = C.OBJECTION_REGISTERED
PERSONNEL = {"consent": ConsentKind.HEALTH_PERSONNEL}


def joining(*said: Said, partners: frozenset[str] | None = None) -> Joining:
    """The home nurses."""
    ground = Ground(consents=consents(*said), directory=DIRECTORY, at=NOW, zone=OSLO)
    return Joining(reader="nursing", ground=ground, partners=partners)


def thread(family: Family = Family.STAY, facts: State | None = None, **told: Any) -> Thread:
    """A matter of the ward."""
    made = Thread(
        id="t",
        patient="p",
        family=family,
        anchor=Key(KeyRank.STAY, "1"),
        sender="ward",
        facts=facts,
    )
    return replace(made, **told)


PSYCHIATRY = StayFacts(stay_kind=StayKind.MENTAL_HEALTH)


@pytest.mark.parametrize(
    ("matter", "told"),
    [
        (thread(), True),
        (thread(facts=StayFacts()), True),
        (thread(Family.COURSE, CourseFacts()), False),
        (thread(facts=PSYCHIATRY), False),
        (thread(Family.COURSE, told=frozenset({"nursing"})), True),
        (thread(facts=PSYCHIATRY, told=frozenset({"town"})), False),
    ],
)
def test_matters_of_psychiatry_are_for_those_who_have_a_part(matter: Thread, told: bool) -> None:
    """A part of the house is none of theirs."""
    assert joining().matters([matter]) == ([matter] if told else [])


@pytest.mark.parametrize(
    ("partners", "owner", "told"),
    [
        (None, "sus", True),
        (frozenset({"sus"}), "ward", True),
        (frozenset({"sus"}), None, True),
        (frozenset({"gp"}), None, False),
        (frozenset(), "ward", False),
        (frozenset(), "town", True),
        (frozenset(), "nursing", True),
    ],
)
def test_where_it_has_to_be_agreed_partners_share(
    partners: frozenset[str] | None, owner: str | None, told: bool
) -> None:
    """Matters by their owner, reports by their sender."""
    one = thread(owner=owner)
    assert joining(partners=partners).matters([one]) == ([one] if told else [])
    written = record("r", sender=owner or "ward")
    assert joining(partners=partners).reports([written]) == ([written] if told else [])


@pytest.mark.parametrize(
    ("marks", "receivers", "told"),
    [
        ((), (), True),
        (("withheld",), (), True),
        (("limited",), (), False),
        (("limited",), ("nursing",), True),
        (("sensitive",), (), False),
        (("sensitive",), ("gp",), False),
        (("sensitive",), ("nursing",), True),
    ],
)
def test_titles_that_are_for_their_receivers(
    marks: tuple[str, ...], receivers: tuple[str, ...], told: bool
) -> None:
    """Also where nothing is agreed."""
    one = record("r", markings=marks, receivers=receivers)
    assert joining().reports([one]) == ([one] if told else [])
    assert joining(partners=frozenset()).reports([one]) == (
        [one] if receivers == ("nursing",) else []
    )


def test_a_report_of_a_course_is_for_its_receivers() -> None:
    """And for whoever wrote it."""
    one = record("r", matter=Family.COURSE, facts=ReportFacts(title="r"))
    assert joining().reports([one]) == []
    assert joining().reports([replace(one, sender="nursing")])


def test_what_the_patient_keeps_is_not_handed_over() -> None:
    """Not even by its title."""
    one, other = record("a"), record("b", receivers=("nursing",))
    shut = joining((NO, PERSONNEL | {"document": "m-a"}))
    assert shut.reports([one, other]) == [other]
    assert joining((NO, PERSONNEL | {"document": "m-b"})).reports([one, other]) == [one]
    assert joining((NO, PERSONNEL)).reports([one, other]) == []


@pytest.mark.parametrize(
    ("reader", "may"),
    [
        ("town", True),
        ("nursing", True),
        ("village", False),
        ("ward", False),
        ("gp", False),
        ("seen", False),
    ],
)
def test_the_municipality_that_has_the_duty_learns_a_protected_address(
    reader: str, may: bool
) -> None:
    """With its units; of others everybody does."""
    protected = header(date(1990, 1, 1), municipality="1103", protection="strict")
    assert may_locate(reader, protected, DIRECTORY) is may
    assert may_locate(reader, header(date(1990, 1, 1), municipality="1103"), DIRECTORY)


def test_a_message_without_place_says_all_the_rest() -> None:
    """And one that tells no place is as it was."""
    patient = Patient(family="Bråten", municipality="1103", district="030101", protection="strict")
    told = Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=C.MUNICIPALITY_CHANGED,
        sender=PartyRef(),
        happened=Moment(NOW),
        written=datetime(2026, 1, 1, tzinfo=UTC),
        patient=patient,
        facts=PersonFacts(home_municipality="1103", stay_municipality="1124", sheet="s"),
    )
    cut = without_place(told)
    assert cut.patient == Patient(family="Bråten", protection="strict")
    assert cut.facts == PersonFacts(sheet="s")
    report = replace(told, facts=ReportFacts(title="t"), patient=None)
    assert without_place(report) == report
