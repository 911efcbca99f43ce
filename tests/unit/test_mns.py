"""MNS signals: in each of their three forms, what they say, and what they leave unsaid."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import orjson
import pytest

from fhir_mappings import codes, formats, outbound
from fhir_mappings.inbound import Options, read
from pathways.events import Activity, EventCode
from pathways.facts import StayFacts
from pathways.messages import Message, Patient
from pathways.moments import Moment
from pathways.parties import Identifier
from pathways.refusals import Reason, Refusal
from tests.unit.foreign import JSON, OPTIONS
from tests.unit.nhs_bars import NUMBER
from tests.unit.strategies import BASE_URL

ID: Final = "236a1d4a-5d69-4fa9-9c7f-e72bf505aa5b"
AT: Final = "2026-11-20T13:00:00Z"
SPINE: Final = "https://fhir.nhs.uk/Id/nhsSpineASID"
DEATH: Final = "pds-death-notification-2"


def before(status: str | None = "2", type_: str = "pds-death-notification-1") -> JSON:
    """The JSON of before."""
    return {
        "id": ID,
        "type": type_,
        "subject": {"dob": "1950-10-02", "familyName": "EXAMPLE", "nhsNumber": NUMBER},
        "source": {"name": "PDS", "identifier": {"system": SPINE, "value": "477"}},
        "time": AT,
        "data": {} if status is None else {"deathNotificationStatus": status},
    }


def cloud_event(type_: str = DEATH) -> JSON:
    """A CloudEvent."""
    return {
        "specversion": "1.0",
        "id": ID,
        "source": f"{SPINE}/477",
        "type": type_,
        "time": AT,
        "dataref": f"https://pds.example/Patient/{NUMBER}",
        "subject": NUMBER,
    }


def in_fhir(type_: str = DEATH, record: JSON | None = None) -> JSON:
    """A notification Bundle."""
    context: list[JSON] = [
        {"name": "event-type", "valueString": type_},
        {"name": "source", "valueUri": f"{SPINE}/477"},
        {"name": "subject", "valueReference": {"identifier": {"value": NUMBER}}},
    ]
    event: list[JSON] = [
        {"name": "event-number", "valueString": "1"},
        {"name": "timestamp", "valueInstant": AT},
    ]
    parameters = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "type", "valueCode": "event-notification"},
            {"name": "notification-event", "part": event},
            {"name": "additional-context", "part": context},
        ],
    }
    entries = [{"fullUrl": f"urn:uuid:{ID}", "resource": parameters}]
    if record:
        entries.append({"fullUrl": "https://pds.example/Patient/1", "resource": record})
    return {
        "resourceType": "Bundle",
        "id": ID,
        "type": "history",
        "timestamp": AT,
        "entry": entries,
    }


def person(number: str = NUMBER, **said: Any) -> JSON:
    """The record in PDS."""
    numbers = [{"system": codes.NHS_NUMBER, "value": number}]
    return {"resourceType": "Patient", "identifier": numbers, **said}


def told(signal: JSON) -> Message | Refusal:
    """What it is read as."""
    return read(orjson.dumps(signal), OPTIONS)


@pytest.mark.parametrize(
    ("signal", "activity", "happened"),
    [
        (before("1"), Activity.NEW, AT),
        (before("2"), Activity.NEW, AT),
        (before("U"), Activity.CANCEL, AT),
        (in_fhir(record=person(deceasedBoolean=True)), Activity.NEW, AT),
        (
            in_fhir(record=person(deceasedDateTime="2026-11-19T08:00:00Z")),
            Activity.NEW,
            "2026-11-19T08:00:00Z",
        ),
        (in_fhir(record=person(deceasedBoolean=False)), Activity.CANCEL, AT),
        (in_fhir(record=person()), Activity.CANCEL, AT),
    ],
)
def test_a_death_and_that_there_was_none(signal: JSON, activity: Activity, happened: str) -> None:
    """Where the status or the record says so; nothing of the person but the number is kept."""
    found = told(signal)
    assert isinstance(found, Message), found
    assert (found.id, found.format) == (ID, "mns")
    assert (found.code, found.activity) == (EventCode.DEATH, activity)
    assert found.happened == Moment(datetime.fromisoformat(happened))
    assert found.written == datetime.fromisoformat(AT)
    assert found.patient == Patient((Identifier(codes.NHS_NUMBER, NUMBER),))
    assert found.sender.identifiers == (Identifier(SPINE, "477"),)
    again = read(orjson.dumps(outbound.write(found, base_url=BASE_URL)), _here())
    assert isinstance(again, Message), again
    same = ("id", "code", "activity", "happened", "written", "patient", "keys", "facts")
    assert {name: getattr(again, name) for name in same} == {
        name: getattr(found, name) for name in same
    }


def _here() -> Options:
    return replace(OPTIONS, base_url=BASE_URL)


def test_a_death_and_its_removal_are_one_matter() -> None:
    """Whoever tells of them."""
    dead, removed = told(before("2")), told(in_fhir(record=person()))
    assert isinstance(dead, Message)
    assert isinstance(removed, Message)
    assert dead.keys == removed.keys != ()
    assert isinstance(dead.facts, StayFacts)


@pytest.mark.parametrize(
    ("signal", "lacking"),
    [
        (cloud_event(), "died or the death was removed"),
        (in_fhir(), "died or the death was removed"),
        (before(None), "died or the death was removed"),
        (before(None, "pds-change-of-gp-1"), "who the GP is now"),
        (cloud_event("pds-change-of-gp-2"), "who the GP is now"),
        (in_fhir("nhs-number-change-2"), "which number"),
        (cloud_event("imms-vaccination-record-change-1"), "no event here"),
        (in_fhir("mns-test-signal-1"), "no event here"),
    ],
)
def test_what_a_signal_does_not_say_is_not_guessed(signal: JSON, lacking: str) -> None:
    """The type alone tells that something has changed, not to what."""
    refusal = told(signal)
    assert isinstance(refusal, Refusal)
    assert refusal.reason is Reason.UNKNOWN_EVENT
    (issue,) = refusal.issues
    assert lacking in issue.text
    assert issue.where in {"CloudEvent.type", "Bundle.entry[0].resource.parameter"}


@pytest.mark.parametrize("name", ["id", "type", "source", "subject", "time"])
def test_every_signal_has_all_five(name: str) -> None:
    """What is missing is named, with its place."""
    nobody = {"nhsNumber": None}  # which tells that it is a signal at all
    for signal in (
        before() | {"subject": nobody} if name == "subject" else before() | {name: None},
        cloud_event() | {name: None},
    ):
        refusal = told(signal)
        assert isinstance(refusal, Refusal)
        assert [(i.code, i.where) for i in refusal.issues] == [("required", f"CloudEvent.{name}")]


def test_about_whom_it_is_has_to_be_right() -> None:
    """Ten digits; and the record is that person's."""
    for signal, where in (
        ({**cloud_event(), "subject": "943476591"}, "CloudEvent.subject"),
        (in_fhir(record=person("9434765870")), "Bundle.entry[1].resource.identifier"),
    ):
        refusal = told(signal)
        assert isinstance(refusal, Refusal)
        assert refusal.reason is Reason.PATIENT
        assert [issue.where for issue in refusal.issues] == [where]


def test_a_time_needs_its_zone() -> None:
    """As everywhere."""
    refusal = told({**before(), "time": "2026-11-20T13:00:00"})
    assert isinstance(refusal, Refusal)
    assert [issue.where for issue in refusal.issues] == ["CloudEvent.time"]


def test_what_it_is_its_content_tells() -> None:
    """Also the JSON of before; FHIR with such a property stays FHIR."""
    assert formats.media_type(orjson.dumps(cloud_event())) == formats.CLOUD_EVENT
    assert formats.media_type(orjson.dumps(before())) == formats.CLOUD_EVENT
    assert formats.media_type(orjson.dumps(in_fhir())) == formats.FHIR_JSON
    odd = {"resourceType": "Bundle", "specversion": "1.0"}
    assert formats.media_type(orjson.dumps(odd)) == formats.FHIR_JSON


@pytest.mark.parametrize(
    "odd",
    [
        {"resourceType": "Bundle", "type": "history"},
        {"resourceType": "Bundle", "type": "history", "entry": [1, {"resource": []}]},
        {"resourceType": "Bundle", "type": "history", "entry": {"resource": {"parameter": 1}}},
        {"specversion": "1.0", "subject": [], "source": {"identifier": 7}, "time": 1},
    ],
)
def test_what_has_not_even_the_shape_is_refused(odd: JSON) -> None:
    """Every field is looked at before it is believed."""
    refusal = told(odd)
    assert isinstance(refusal, Refusal)
    assert all(issue.where for issue in refusal.issues)
