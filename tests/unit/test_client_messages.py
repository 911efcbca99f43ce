"""What the client makes of plain values, the server reads as the same message."""

import json
import logging
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from pydantic import ValidationError

from carepath_client import Identifier, Inquiry, Message, Move, Party, Patient, Stay, bundle
from fhir_mappings import inbound
from fhir_mappings.options import Options
from pathways.events import RULES, EventCode
from pathways.facts import Facts
from pathways.messages import Destination
from pathways.messages import Message as Understood
from tests.unit import client_messages as expected
from tests.unit.client_messages import ANY, FACTS, FAMILIES

RECEIVED = datetime(2026, 11, 22, tzinfo=UTC)
WARD = Party(organisation_number="314270010", name="Solvik sykehus")
PATIENT = Patient(identifiers=("https://ehr.example/patients|1",))


def read(message: Message) -> Understood:
    """The message as the server understands it."""
    found = inbound.read(json.dumps(bundle(message)).encode(), Options(received=RECEIVED))
    assert isinstance(found, Understood), found
    return found


@given(ANY)
def test_the_envelope_is_understood(message: Message) -> None:
    """Who sends what to whom about whom, and when."""
    found = read(message)
    assert found.id == message.id
    assert found.code == message.event
    assert (found.activity, found.target) == (message.activity, message.target)
    assert found.sender == expected.party(message.sender)
    assert found.author == expected.author(message.author)
    assert (found.written, found.test) == (message.written, message.test)
    told = [(one, False) for one in message.receivers] + [(one, True) for one in message.copies]
    wanted = dict.fromkeys(Destination(expected.party(one), copy) for one, copy in told)
    assert found.destinations == tuple(wanted)
    assert found.happened == expected.fact(happened(message), message.written)
    if message.patient and not isinstance(message, Move):  # which tells another address
        assert found.patient == expected.patient(message.patient)


def happened(message: Message) -> datetime | date:
    """When it is said to have happened, or the event's own time."""
    own = {"admission": ("begins",), "emergency-contact": ("begins",), "discharge": ("ends",)}
    courses = {"course-started": ("begins",), "course-ended": ("ends",)}
    fields = own | courses | {"death": ("deceased", "ends")}
    told = (getattr(message, name) for name in fields.get(message.event, ()))
    return message.happened or next((one for one in told if one), message.written)


@given(ANY)
def test_every_field_is_understood(message: Message) -> None:
    """Each field is the fact of its name, and nothing else is told."""
    found = read(message)
    assert told(found.facts) == wanted(message)


def told(facts: Facts) -> dict[str, Any]:
    """The facts that are told."""
    return {n: v for n in facts.__dataclass_fields__ if (v := getattr(facts, n)) is not None}


def wanted(message: Message) -> dict[str, Any]:
    """The message's fields as facts."""
    family = type(message)
    names = {n: FACTS.get(family, {}).get(n, n) for n in family.model_fields}
    of_envelope = Message.model_fields.keys()
    return {
        fact: expected.fact(getattr(message, name), message.written)
        for name, fact in names.items()
        if name not in of_envelope and fact and getattr(message, name) not in (None, ())
    }


@given(ANY)
def test_the_same_message_is_written_the_same(message: Message) -> None:
    """A retry sends the same bytes."""
    assert bundle(message) == bundle(message.model_copy())


def test_every_event_of_a_sender_can_be_made() -> None:
    """Each but those that the broker makes, and who is who, which is the registries' to say."""
    events = {
        event
        for family in FAMILIES
        for event in family.model_json_schema()["properties"]["event"].get(
            "enum", [family.model_json_schema()["properties"]["event"].get("const")]
        )
    }
    others = {EventCode.IDENTITY_LINKED, EventCode.IDENTITY_UNLINKED}
    wanted = {code for code, rule in RULES.items() if not rule.ours} - others
    assert events == {str(code) for code in wanted}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("happened", datetime(2026, 3, 20, 12, 0)),  # noqa: DTZ001 -- that is what is refused
        ("happened", datetime(2026, 3, 20)),  # noqa: DTZ001 -- not a day, either
        ("happened", "2026-03-20T12:00:00"),
        ("written", date(2026, 3, 20)),
        ("medicines_days", 0),
        ("stay_kind", "hotel"),
        ("sender", {"organisation_number": "12345678"}),
        ("ward", " "),
        ("colour", "red"),
    ],
)
def test_a_wrong_value_names_its_field(field: str, value: object) -> None:
    """The error says where."""
    plain = {"event": "admission", "sender": WARD, "patient": PATIENT}
    with pytest.raises(ValidationError) as raised:
        Stay.model_validate(plain | {field: value})
    assert raised.value.errors()[0]["loc"][0] == field


def test_a_stay_does_not_end_before_it_begins() -> None:
    """Nor is a time compared with a day."""
    begins = datetime(2026, 3, 20, 12, tzinfo=UTC)
    for ends in (datetime(2026, 3, 19, tzinfo=UTC), date(2026, 3, 21)):
        with pytest.raises(ValidationError, match="ends"):
            Stay(event="discharge", sender=WARD, patient=PATIENT, begins=begins, ends=ends)


def test_plain_text_is_enough_for_an_id() -> None:
    """With its system before a bar, or the sender's own."""
    question = Inquiry(event="inquiry", sender=WARD, patient=PATIENT, conversation="C-1")
    assert question.conversation == Identifier(value="C-1")
    assert PATIENT.identifiers[0].system == "https://ehr.example/patients"


def test_someone_must_be_named() -> None:
    """A party without a name or an id, and a patient without an id, are refused; so is a message about nobody."""
    for kind in (Party, Patient):
        with pytest.raises(ValidationError, match="is needed"):
            kind()
    with pytest.raises(ValidationError, match="patient is missing"):
        Inquiry(event="inquiry", sender=WARD, conversation="C-1")


def test_an_error_does_not_quote_what_was_given() -> None:
    """Errors go to logs."""
    with pytest.raises(ValidationError) as raised:
        Patient(national_id="1282421244")
    assert "1282421244" not in str(raised.value)


def test_the_library_of_kafka_does_not_log_messages() -> None:
    """Its DEBUG quotes them whole."""
    assert logging.getLogger("kafka.producer.kafka").getEffectiveLevel() >= logging.INFO
