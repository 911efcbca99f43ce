"""Messages about one patient where everything collides: few senders, few keys, corrections of one another."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import orjson
from hypothesis import strategies as st

from carepath.service import Service, Submission
from fhir_mappings.codes import FNR, ORGANISATION_NUMBER
from fhir_mappings.outbound import write
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    ConsentFacts,
    ConsentKind,
    CoordinatorFacts,
    CourseFacts,
    Facts,
    InquiryFacts,
    Need,
    Outcome,
    PersonFacts,
    ReferralFacts,
    Relative,
    ReportFacts,
    Role,
    StayFacts,
)
from pathways.messages import Destination, Message, Patient
from pathways.moments import Moment, on_day
from pathways.parties import Identifier, PartyRef
from tests.unit.strategies import OSLO, with_control_digits

BEGIN = datetime(2026, 11, 16, 8, tzinfo=UTC)
SENDERS = [
    PartyRef((Identifier(ORGANISATION_NUMBER, number),), name)
    for number, name in (("915933149", "Ward"), ("974795833", "Unit"), ("940198763", "Town"))
]


def patient(number: int) -> Patient:
    """A synthetic person of their own for each number."""
    day, month, turn = 1 + number % 28, 81 + number // 28 % 9, number // 252
    every = (with_control_digits(f"{day:02}{month}50{serial:03}") for serial in range(500))
    valid = [value for value in every if value]
    return Patient((Identifier(FNR, valid[turn]),), family="Nordmann", given=("Kari",))


def _ids(*names: str) -> st.SearchStrategy[tuple[Identifier, ...] | None]:
    one = st.sampled_from(names).map(lambda name: (Identifier("https://ehr.example/id", name),))
    return st.none() | one


OTHER = Identifier("https://ehr.example/patient", "77")
FACTS: dict[type[Facts], st.SearchStrategy[Facts]] = {
    StayFacts: st.builds(
        StayFacts,
        identifiers=_ids("s1", "s2"),
        episodes=_ids("e1"),
        ward=st.sampled_from([None, "A", "B"]),
        municipal_need=st.sampled_from([None, Need.YES]),
        can_receive=st.sampled_from([None, True, False]),
    ),
    CoordinatorFacts: st.builds(
        CoordinatorFacts, role=st.sampled_from([None, Role.CHILD]), reason=st.just("Alene")
    ),
    ConsentFacts: st.builds(
        ConsentFacts,
        consent=st.sampled_from([ConsentKind.RELATIVES, ConsentKind.HEALTH_PERSONNEL]),
        person=st.sampled_from([None, "Ola"]),
    ),
    ReportFacts: st.builds(ReportFacts, title=st.sampled_from(["Epikrise", "Sykepleie"])),
    ReferralFacts: st.builds(
        ReferralFacts, identifiers=_ids("r1", "r2"), performer=st.sampled_from(SENDERS)
    ),
    InquiryFacts: st.builds(
        InquiryFacts,
        identifiers=_ids("c1", "c2"),
        text=st.just("Når?"),
        owner=st.sampled_from(SENDERS),
    ),
    ApplicationFacts: st.builds(
        ApplicationFacts,
        identifiers=_ids("a1", "a2"),
        outcome=st.sampled_from([None, *Outcome]),
        valid_to=st.sampled_from([None, Moment(BEGIN + timedelta(days=90))]),
    ),
    CourseFacts: st.builds(
        CourseFacts, identifiers=_ids("k1", "k2"), title=st.sampled_from([None, "Angst"])
    ),
    PersonFacts: st.builds(
        PersonFacts,
        home_municipality=st.sampled_from([None, "0301", "1103"]),
        relatives=st.sampled_from([(Relative("Ola"),), (Relative("Liv", "daughter"),)]),
        linked=st.just((OTHER,)),
        unlinked=st.just((OTHER,)),
    ),
}


REPORTS = [
    code
    for code, rule in RULES.items()
    if rule.facts in FACTS and rule.family is not Family.BROKER and not (rule.request or rule.ours)
]
"""What is told without being asked, of the families that are told of here."""


@st.composite
def stories(
    draw: st.DrawFn, least: int = 2, most: int = 10, codes: Sequence[EventCode] = REPORTS
) -> list[Message]:
    """Reports of these kinds, some correcting others by id, some by kind; dates and instants mixed."""
    count = draw(st.integers(least, most))
    return [draw(_messages(number, count, codes)) for number in range(count)]


@st.composite
def _messages(draw: st.DrawFn, number: int, count: int, codes: Sequence[EventCode]) -> Message:
    code = draw(st.sampled_from(codes))
    # ids decide only between messages of one instant; the ids of two people differ, so none are
    written = BEGIN + timedelta(minutes=draw(st.integers(0, 4000)), seconds=number)
    activity = draw(st.sampled_from([Activity.NEW, Activity.NEW, Activity.REVISE, Activity.CANCEL]))
    target = draw(st.none() | st.integers(0, count - 1))
    corrects = activity is not Activity.NEW and target is not None
    day = draw(st.none() | st.integers(0, 3))
    happened = Moment(BEGIN + timedelta(minutes=draw(st.integers(0, 4000))))
    return Message(
        id=message_id(number),
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        activity=activity,
        target=message_id(target) if corrects and target is not None else None,
        sender=draw(st.sampled_from(SENDERS)),
        happened=happened
        if day is None
        else on_day(BEGIN.date() + timedelta(days=day), written, OSLO),
        written=written,
        destinations=tuple(
            Destination(party) for party in draw(st.sets(st.sampled_from(SENDERS), max_size=1))
        ),
        patient=patient(0),
        facts=draw(FACTS[RULES[code].facts]),
    )


def message_id(number: int, person: int = 0) -> str:
    """A UUID that says which message of whom it is."""
    return str(UUID(int=0xCA4E << 96 | person << 32 | number))


def of_person(message: Message, person: int) -> Message:
    """The same message about somebody else."""
    number = UUID(message.id).int & 0xFFFF
    target = UUID(message.target).int & 0xFFFF if message.target else None
    return replace(
        message,
        id=message_id(number, person),
        target=None if target is None else message_id(target, person),
        patient=patient(person),
    )


def source(message: Message) -> bytes:
    """The message as its sender writes it."""
    return orjson.dumps(write(message, base_url="https://ehr.example/fhir"))


def take(service: Service, messages: list[Message]) -> str:
    """Take messages in one by one; the patient's key. Every one is accepted."""
    patients = set()
    for message in messages:
        (answer,) = service.handle([Submission(source(message))])
        assert answer.status == 200, answer.body
        patients.add(answer.patient)
    (key,) = patients
    assert key is not None
    return key
