"""Whatever is told can be sent on in HL7 v2; what has a trigger is read again, and no word is dropped."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from fhir_mappings.hl7v2 import charsets
from fhir_mappings.hl7v2.segments import Content, parse
from fhir_mappings.hl7v2.writing import write
from fhir_mappings.inbound import read
from pathways.events import Activity, EventCode
from pathways.facts import ReferralFacts, StayFacts
from pathways.messages import Message
from pathways.moments import Moment
from pathways.refusals import Refusal
from tests.unit.letters import ABOUT_SOMEBODY, LETTER, OPTIONS, words
from tests.unit.strategies import messages

C = EventCode
SPOKEN = (
    *(C.ADMISSION, C.TRANSFER, C.DISCHARGE, C.DEATH, C.LEAVE_START, C.LEAVE_END, C.DISCHARGE_READY),
    *(C.DISCHARGE_READY_WITHDRAWN, C.REFERRAL, C.DISCHARGE_REPORT),
)


def taken_apart(source: bytes) -> Content:
    """The segments of what was written."""
    found = parse(source)
    assert not isinstance(found, Refusal), (found, source.decode())
    return found


def said(content: Content) -> str:
    """All that stands in the message, unescaped."""
    values = (v for s in content.segments for at in range(len(s.fields)) for v in s.values(at))
    return " ".join(part for value in values for parts in value.parts for part in parts)


@given(ABOUT_SOMEBODY)
def test_every_message_is_one_of_hl7_and_no_word_is_dropped(message: Message) -> None:
    """With its header, its patient's numbers, and every word of its facts."""
    source = write(message, LETTER)
    content = taken_apart(source)
    assert charsets.named(source) == charsets.UTF_8
    assert len(content.first("MSH").at(10) or "") == 20
    text = said(content)
    assert [word for word in words(message.facts) if word not in text] == []
    assert message.patient is not None
    assert {one.value.removeprefix("urn:uuid:") for one in message.patient.identifiers} <= {
        *text.split()
    }
    assert write(message, LETTER) == source


@given(st.sampled_from(SPOKEN).flatmap(messages))
def test_what_has_a_trigger_comes_back(message: Message) -> None:
    """The event, what was done to it, when; class, ward, begin and end of a stay; the words of a referral."""
    source = write(message, LETTER)
    if b"|MDM^T02|" in source:
        return
    found = read(source, OPTIONS)
    assert isinstance(found, Message), (found, source.decode())
    taken_back = message.code is C.DEATH and message.activity is Activity.CANCEL
    code = C.DISCHARGE if taken_back else message.code  # A13 says no more
    assert (found.code, found.activity, found.test) == (code, message.activity, message.test)
    assert found.written == to_the_digit(message.written)
    if isinstance(message.facts, StayFacts):
        assert isinstance(found.facts, StayFacts)
        assert found.facts.ward == one_line(message.facts.ward)
        assert as_told(found.facts.begins) == as_told(
            message.facts.begins
            or (
                message.happened
                if message.code is C.ADMISSION and message.activity == "new"
                else None
            )
        )
    if isinstance(message.facts, ReferralFacts):
        assert isinstance(found.facts, ReferralFacts)
        assert found.facts.priority == message.facts.priority


def to_the_digit(at: datetime) -> datetime:
    """An instant as far as a stamp can say it."""
    return at.astimezone(UTC).replace(microsecond=at.microsecond // 100 * 100)


def one_line(text: str | None) -> str | None:
    """As a field holds it."""
    return " ".join(text.split()) if text and text.split() else None


def as_told(moment: Moment | None) -> tuple[datetime | str, bool] | None:
    """As a stamp says it: of a day, which one."""
    if moment is None:
        return None
    if moment.day:
        return f"{moment.at.astimezone(OPTIONS.zone):%Y%m%d}", True
    return to_the_digit(moment.at), False
