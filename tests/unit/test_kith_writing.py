"""Whatever is told, in whichever language it came, can be sent on in Norwegian XML: read again, and nothing dropped."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from carepath import texts
from fhir_mappings.codes import DNR, FHN, FNR
from fhir_mappings.inbound import read
from fhir_mappings.kith.heads import clean
from fhir_mappings.kith.stays import LOGISTICS
from fhir_mappings.kith.writing import write
from pathways.events import Activity, EventCode
from pathways.facts import ReferralFacts, StayFacts
from pathways.messages import Message
from pathways.moments import Moment
from pathways.parties import PartyRef
from tests.unit.letters import ABOUT_SOMEBODY, LETTER, OPTIONS, words
from tests.unit.strategies import messages

C, A = EventCode, Activity
NATIONAL = {FNR, DNR, FHN}
STAYS = {event: kind for kind, (_, _, event) in LOGISTICS.items()}


def again(message: Message) -> Message:
    """What its receiver reads."""
    source = write(message, LETTER)
    found = read(source, OPTIONS)
    assert isinstance(found, Message), (found, source.decode())
    return found


def said(source: bytes) -> str:
    """All texts and attributes."""
    root = etree.fromstring(source)
    values = (value for one in root.iter() for value in one.attrib.values())
    return " ".join((" ".join(root.itertext()), *map(str, values)))


@given(ABOUT_SOMEBODY)
def test_everything_can_be_sent_and_read(message: Message) -> None:
    """With its id, its patient and its writer; the same message gives the same bytes."""
    found = again(message)
    assert found.id == message.id
    assert found.patient is not None
    assert message.patient is not None
    known = {one for one in message.patient.identifiers if one.system in NATIONAL}
    assert known & {*found.patient.identifiers} or not known
    assert found.test is message.test
    assert write(message, LETTER) == write(message, LETTER)


SAYABLE = (*STAYS, C.EARLY_NOTICE, C.ADMISSION_REPORT, C.DISCHARGE_REPORT, C.MEDICATION_LIST)


@given(st.sampled_from(SAYABLE).flatmap(messages))
def test_what_the_format_can_say_comes_back(message: Message) -> None:
    """The event, what was done to it, when, and the facts that have elements of their own."""
    if message.activity not in (A.NEW, A.REVISE, A.CANCEL):
        return
    found = again(message)
    assert (found.code, found.activity, found.target) == (
        message.code,
        message.activity,
        message.target,
    )
    assert found.written == message.written.replace(microsecond=0)
    if message.code in STAYS:
        assert isinstance(message.facts, StayFacts)
        begins = message.facts.begins if message.code is C.ADMISSION else None
        assert to_the_second(found.happened) == to_the_second(begins or message.happened)
    if isinstance(message.facts, StayFacts):
        assert isinstance(found.facts, StayFacts)
        assert found.facts.ward == in_one_line(message.facts.ward)


def to_the_second(moment: Moment) -> Moment:
    """As GenDate and the events' times are written; of a day its beginning does not count."""
    at = moment.at.astimezone(OPTIONS.zone)
    at = at.replace(hour=0, minute=0, second=0) if moment.day else at
    return Moment(at.replace(microsecond=0), day=moment.day)


def in_one_line(text: str | None) -> str | None:
    """A text without what XML has no place for."""
    return clean(text).strip() or None if text else None


@given(st.sampled_from((*STAYS, C.EARLY_NOTICE)).flatmap(messages))
def test_somebody_else_who_has_the_patient_is_named(message: Message) -> None:
    """The provider of a stay; only when it is the writer does the head say it."""
    assert isinstance(message.facts, StayFacts)
    elsewhere = PartyRef(name="Bytoppen")
    facts = replace(message.facts, provider=elsewhere)
    assert "Bytoppen" in said(write(replace(message, facts=facts), LETTER))


@given(st.sampled_from((C.REFERRAL, C.HOSPITAL_CHOICE)).flatmap(messages))
def test_how_urgent_it_is_comes_back_or_is_said(message: Message) -> None:
    """8304 has three levels, of which one is kept for the choice of a hospital; the others are told in words."""
    assert isinstance(message.facts, ReferralFacts)
    source = write(message, LETTER)
    found = read(source, OPTIONS)
    assert isinstance(found, Message)
    told = message.facts.priority
    same = isinstance(found.facts, ReferralFacts) and found.facts.priority == told
    assert same or told is None or f": {called(told)}" in said(source)


def called(priority: str) -> str:
    """In words, where it is a code that we know."""
    return texts.catalogue("nb").get(f"priority.{priority}", priority)


@given(ABOUT_SOMEBODY)
def test_no_word_is_dropped(message: Message) -> None:
    """What has no element of its own stands in the text."""
    text = said(write(message, LETTER))
    missing = [word for word in words(message.facts) if word not in text]
    assert missing == []
