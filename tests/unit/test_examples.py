"""Real messages from the field are read as their READMEs say they should be."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir_mappings.inbound import Options, read
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, ReceiptFacts, StayFacts, StayKind
from pathways.messages import KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.refusals import Reason, Refusal

OPTIONS = Options(received=datetime(2027, 1, 1, tzinfo=UTC))
NOTIFICATIONS = "medcom-hospitalnotification"
BRUNO = (Identifier("urn:oid:1.2.208.176.1.2", "2509479989"),)
WARD = "265161000016000"
SHARED_ID = "b9b4818e-02de-4cc4-b418-d20cbc399006"


def message(examples: Path, folder: str, name: str) -> Message:
    """A file that is read without faults."""
    found = read((examples / folder / f"{name}.json").read_bytes(), OPTIONS)
    assert isinstance(found, Message), found
    return found


def notification(examples: Path, name: str) -> tuple[Message, StayFacts]:
    """A HospitalNotification about Bruno, from the ward to the municipality."""
    found = message(examples, NOTIFICATIONS, name)
    assert found.format == "medcom"
    assert found.patient is not None
    assert found.patient.identifiers == BRUNO
    assert WARD in {one.value for one in found.sender.identifiers}
    [destination] = found.destinations
    assert not destination.copy
    assert Identifier("https://www.gs1.org/gln", "5790001348120") in destination.party.identifiers
    assert isinstance(found.facts, StayFacts)
    return found, found.facts


def episode(found: Message) -> str:
    """The one key, the episode's."""
    [key] = found.keys
    assert key.rank is KeyRank.EPISODE
    return key.value.rpartition("|")[2]


def at(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("name", "episode_id"),
    [
        ("STIN_A", "82873e50"),
        ("STIN_H", "d3d03544"),
        ("STIN_N", "5a6c371c"),
        ("TEK_DUB", "9840fa2e"),
    ],
)
def test_an_admission_happened_when_the_stay_began(
    examples: Path, name: str, episode_id: str
) -> None:
    """Not when the message was written."""
    found, facts = notification(examples, name)
    assert (found.code, found.activity, found.target) == (
        EventCode.ADMISSION,
        Activity.NEW,
        None,
    )
    assert found.happened == Moment(at("2023-03-01T12:00:00+01:00"))
    assert episode(found).startswith(episode_id)
    assert facts.encounter_class == "IMP"
    assert facts.stay_kind is StayKind.HOSPITAL
    assert facts.report_wanted is True


def test_a_discharge_that_names_its_admission_is_no_correction(examples: Path) -> None:
    """The activity decides, not the entity's role."""
    found, facts = notification(examples, "SLHJ_H")
    assert (found.code, found.activity) == (EventCode.DISCHARGE, Activity.NEW)
    assert found.happened == Moment(at("2023-03-07T09:45:30+01:00"))
    assert found.written == at("2023-03-07T09:45:32+01:00")
    assert facts.ends == found.happened
    assert found.keys == notification(examples, "STIN_H")[0].keys


def test_a_cancelled_admission_names_what_it_cancels(examples: Path) -> None:
    """By message, and by the episode."""
    found, _ = notification(examples, "AN_STIN_N")
    assert (found.code, found.activity) == (EventCode.ADMISSION, Activity.CANCEL)
    assert found.target == SHARED_ID
    assert found.keys == notification(examples, "STIN_N")[0].keys


def test_one_id_with_two_contents_can_be_told_from_a_duplicate(examples: Path) -> None:
    """The content is compared, without what a resend may change."""
    first, other = (notification(examples, name)[0] for name in ("STIN_A", "TEK_DUB"))
    assert first.id == other.id
    assert first.content != other.content
    again = notification(examples, "TEK_DUB")[0]
    assert again == other
    shared = {notification(examples, name)[0].id for name in ("STIN_H", "STIN_N")}
    assert shared == {SHARED_ID}


def test_a_message_without_event_and_class_is_refused(examples: Path) -> None:
    """Both faults are told, each with its place."""
    refusal = read((examples / NOTIFICATIONS / "TEK_FCC.json").read_bytes(), OPTIONS)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.INVALID
    assert [issue.where for issue in refusal.issues] == [
        "Bundle.entry[0].resource",
        "Bundle.entry[2].resource.class",
    ]
    assert "eventCoding" in refusal.issues[0].text


def test_a_care_communication_keeps_its_opaque_ids(examples: Path) -> None:
    """An E-CPR, and a MessageHeader.id that is no UUID."""
    name = "R-Tek-B-82875f08-4b9e-4a23-b81a-e23ec1251334"
    found = message(examples, "medcom-carecommunication", name)
    assert found.id == "ejklfdsio8klakfd.hjfkdshfjk-hfjkdshfj89432n7f"
    assert (found.code, found.activity) == (EventCode.INQUIRY, Activity.NEW)
    assert found.patient is not None
    assert found.patient.identifiers == (
        Identifier("urn:oid:1.2.208.176.1.6.1.3.177", "1206550VK9"),
    )
    assert (found.patient.family, found.patient.given) == (None, ("Peter",))
    [key] = found.keys
    assert (key.rank, key.value) == (
        KeyRank.CONVERSATION,
        "urn:uuid:3fab3414-6c8b-45bf-af93-27dd333554c6",
    )
    assert isinstance(found.facts, InquiryFacts)
    assert found.facts.topic == "assistive-devices"
    assert found.facts.owner == found.destinations[0].party
    assert found.author.name == "Michael Burns"
    assert found.author.phone == "+4512345789"


@pytest.mark.parametrize(
    ("name", "response", "about"),
    [
        ("ack-ok", "ok", "42cb9200-f421-4d08-8391-7d51a2503cb4"),
        ("ack-fatal-error", "fatal-error", "5b89a5d0-707a-4b42-8597-ef694e399006"),
    ],
)
def test_an_acknowledgement_is_about_what_its_response_quotes(
    examples: Path, name: str, response: str, about: str
) -> None:
    """Whatever its Provenance names."""
    found = message(examples, "medcom-acknowledgement", name)
    assert found.code is EventCode.ACKNOWLEDGEMENT
    assert found.patient is None
    note = None if response == "ok" else "message-development-error"
    assert found.facts == ReceiptFacts(about=about, response=response, note=note)


def test_da_vinci_notifications_are_one_stay(examples: Path) -> None:
    """Known by Encounter.identifier; the patient's local numbers are accepted as such."""
    admit, discharge = (
        message(examples, "davinci-alerts", f"{name}-notification-message-bundle-01")
        for name in ("admit", "discharge")
    )
    assert (admit.code, discharge.code) == (EventCode.ADMISSION, EventCode.DISCHARGE)
    assert admit.keys == discharge.keys
    assert admit.keys[0].rank is KeyRank.STAY
    assert admit.patient is not None
    assert admit.patient == discharge.patient
    mrn = Identifier("http://example.org/fhir/mrn", "06e1f0dd-5fbe-4480-9bb4-6b54ec02d31b")
    assert mrn in admit.patient.identifiers
    assert admit.sender.name == "HOLY FAMILY HOSPITAL"
    assert admit.happened == Moment(at("2018-10-21T21:22:15-07:00"))
    assert discharge.happened == Moment(at("2018-10-23T22:22:15-07:00"))
    assert admit.written == at("2020-08-17T17:15:12.011868Z")
    assert isinstance(admit.facts, StayFacts)
    assert admit.facts.ends is None  # told while the stay was in progress
    assert isinstance(discharge.facts, StayFacts)
    assert discharge.facts.ends == discharge.happened


def test_every_message_keeps_its_source(examples: Path) -> None:
    """Byte for byte."""
    source = (examples / NOTIFICATIONS / "STIN_A.json").read_bytes()
    found = read(source, OPTIONS)
    assert isinstance(found, Message)
    assert found.source == source
    assert replace(found, source=b"") != found
