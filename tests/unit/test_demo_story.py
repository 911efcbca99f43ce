"""The demo's story: complete, in the past, and readable by our own reader."""

from datetime import UTC, date, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carepath import texts
from carepath.cli.demo import spoken
from carepath.cli.demo.people import REFERENCES, parties
from carepath.cli.demo.spoken import Language
from carepath.cli.demo.story import Step, latest_saturday, story
from fhir_mappings import formats, inbound, outbound
from fhir_mappings.options import Options
from pathways.events import EventCode
from pathways.messages import Message

SATURDAY = date(2026, 3, 14)
STEPS = story(SATURDAY)
DATED = ("early-notice", "home-report", "report")
"""What PLO has no other time for than when it was written."""


@given(st.dates(date(2020, 1, 1), date(2100, 1, 1)))
def test_the_week_lies_in_the_past(today: date) -> None:
    """Nothing in it is in the future, whatever day the demo is run; and it is the newest such week."""
    saturday = latest_saturday(today)
    now = datetime.combine(today, datetime.min.time(), texts.ZONE)
    assert saturday.weekday() == 5
    assert today - saturday < timedelta(days=20)
    assert all(step.message.happened.at < now for step in story(saturday))
    assert all(step.message.written < now for step in story(saturday))


def test_the_same_saturday_is_the_same_story() -> None:
    """So playing it twice changes nothing; another Saturday is another story."""
    assert story(SATURDAY) == STEPS
    other = {step.message.id for step in story(SATURDAY + timedelta(days=7))}
    assert not other & {step.message.id for step in STEPS}


def test_only_the_duplicate_is_sent_twice() -> None:
    """Every other message has an id of its own."""
    ids = [step.message.id for step in STEPS]
    twice = [step.name for step in STEPS if ids.count(step.message.id) > 1]
    assert twice == ["admission", "duplicate"]


def test_the_story_has_what_the_issue_asks_for() -> None:
    """The turns that make it realistic."""
    codes = [step.message.code for step in STEPS]
    assert codes.count(EventCode.DISCHARGE_READY) == 2
    assert {
        EventCode.HOSPITAL_CHOICE,
        EventCode.REDIRECT_PROPOSED,
        EventCode.HOSPITAL_CHOICE_CONFIRMED,
        EventCode.PERSON_SHEET,
        EventCode.DISCHARGE_READY_WITHDRAWN,
        EventCode.CAPACITY_ANSWER,
        EventCode.DISCHARGE_REPORT,
        EventCode.REFERRAL_FORWARDED,
        EventCode.INQUIRY_FORWARDED,
        EventCode.REPLY,
        EventCode.COORDINATOR_APPOINTED,
        EventCode.COORDINATOR_ABSENT,
        EventCode.MEASURE_PROMISED,
        EventCode.MEASURE_DELAYED,
        EventCode.MEASURE_DONE,
    } <= set(codes)
    first = next(step.message for step in STEPS)
    assert first.happened.at.strftime("%a %H:%M") == "Sat 02:10"
    ready = next(step.message for step in STEPS if step.name == "ready")
    assert ready.happened.at.strftime("%a %H:%M") == "Fri 14:40"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_is_told_in_both_languages(step: Step) -> None:
    """And sent by someone who is in the directory."""
    assert all(texts.render(step.text, {}, language) for language in texts.LANGUAGES)
    assert step.message.sender == REFERENCES[step.sender]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_message_can_be_read(step: Step) -> None:
    """What is written is read back as it was meant, keys and facts included."""
    source = orjson.dumps(outbound.write(step.message, base_url="http://127.0.0.1:8000/fhir"))
    read = inbound.read(source, Options(received=datetime.now(UTC)))
    assert isinstance(read, Message)
    meant = step.message
    assert (read.id, read.code, read.activity, read.target) == (
        meant.id,
        meant.code,
        meant.activity,
        meant.target,
    )
    assert (read.happened, read.written, read.facts) == (meant.happened, meant.written, meant.facts)
    assert set(meant.keys) <= set(read.keys)
    assert (read.patient, read.author) == (meant.patient, meant.author)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_every_step_says_the_same_in_its_senders_language(step: Step) -> None:
    """PLO and HL7 v2 say what they can: which event, when, of whom, to whom, and of which stay."""
    language = spoken.language(step)
    source = spoken.source(step, "http://127.0.0.1:8000/fhir")
    types = {Language.PLO: formats.KITH_XML, Language.HL7V2: formats.HL7_V2}
    assert formats.media_type(source) == types.get(language, formats.FHIR_JSON)
    read = inbound.read(source, Options(received=datetime.now(UTC)))
    assert isinstance(read, Message)
    meant = step.message
    assert (read.code, read.activity) == (meant.code, meant.activity)
    assert read.happened.at == (meant.written if step.name in DATED else meant.happened.at)
    assert (read.written, read.target, read.author.name) == (
        meant.written,
        meant.target,
        meant.author.name,
    )
    assert read.patient is not None
    assert meant.patient is not None
    assert {*read.patient.identifiers} == {*meant.patient.identifiers}
    for one, to in zip(read.destinations, meant.destinations, strict=True):
        assert {*one.party.identifiers} & {*to.party.identifiers}


def test_one_hospital_speaks_plo_and_another_hl7_v2() -> None:
    """And one receiver in the municipality gets its updates as PLO."""
    said = {(step.sender.partition("-")[0], spoken.language(step)) for step in STEPS}
    assert {("bjorkelia", Language.PLO), ("slagen", Language.HL7V2)} <= said
    assert ("bjorkelia", Language.HL7V2) not in said
    assert [one.key for one in parties() if one.dialect == "kith"] == ["solvik-hjemmesykepleie"]
