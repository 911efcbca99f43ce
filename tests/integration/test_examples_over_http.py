"""The field's own messages, sent to a running server, behave as their READMEs say."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.integration.embedded import Broker, codes, embedded, marks

NOTIFICATIONS = "medcom-hospitalnotification"
BRUNO = "urn:oid:1.2.208.176.1.2|2509479989"
SYNTHEA = "http://example.org/fhir/mrn|06e1f0dd-5fbe-4480-9bb4-6b54ec02d31b"
FILES = {
    "davinci-alerts": {
        "admit-notification-message-bundle-01",
        "discharge-notification-message-bundle-01",
    },
    "medcom-acknowledgement": {"ack-fatal-error", "ack-ok"},
    "medcom-carecommunication": {"R-Tek-B-82875f08-4b9e-4a23-b81a-e23ec1251334"},
    "nhs-bars": {"ValidationRequest_POST"},
    NOTIFICATIONS: {"AN_STIN_N", "SLHJ_H", "STIN_A", "STIN_H", "STIN_N", "TEK_DUB", "TEK_FCC"},
}
"""Every file there is: a new one needs a test."""


@pytest.fixture
def broker(sqlite_url: str) -> Iterator[Broker]:
    """A server on an empty store, for each scenario its own."""
    with embedded(sqlite_url) as broker:
        yield broker


def test_every_file_has_its_test(examples: Path) -> None:
    """None is left out."""
    folders = [
        folder
        for name in ("medcom-*", "davinci-alerts", "nhs-bars")
        for folder in examples.glob(name)
    ]
    assert {f.name: {file.stem for file in f.glob("*.json")} for f in folders} == FILES


def example(examples: Path, name: str, folder: str = NOTIFICATIONS) -> bytes:
    """A message as it was sent."""
    return (examples / folder / f"{name}.json").read_bytes()


def of_bruno(broker: Broker) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """His timeline and his stays; there is nobody else."""
    (patient,) = broker.patients()
    assert broker.patients(BRUNO) == [patient]
    stays = broker.get("Encounter", patient=patient)["entry"]
    return broker.timeline(patient), [entry["resource"] for entry in stays]


def episode(stay: dict[str, Any]) -> str:
    """The episode of care that the sender gave the stay."""
    (one,) = stay["episodeOfCare"]
    return str(one["identifier"]["value"]).removeprefix("urn:uuid:")[:8]


def conflicts(broker: Broker, source: bytes) -> None:
    """The message is refused as a conflict, told to the sender, and kept."""
    answer = broker.post(source)
    assert answer.status_code == 409
    (issue,) = answer.json()["issue"]
    assert issue["expression"] == ["Bundle.entry[0].resource.id"]
    assert broker.parked() == [("conflict", "open")]


def test_a_an_admission_asks_for_a_report(broker: Broker, examples: Path) -> None:
    """STIN_A; what has its message id and says something else (TEK_DUB) is a conflict, not a duplicate."""
    broker.taken(example(examples, "STIN_A"))
    timeline, stays = of_bruno(broker)
    conflicts(broker, example(examples, "TEK_DUB"))
    assert (timeline, stays) == of_bruno(broker)
    ((entry,), (stay,)) = timeline, stays
    assert (codes([entry]), marks(entry) - {"late"}) == (["admission"], set())
    assert (stay["status"], stay["class"]["code"], episode(stay)) == (
        "in-progress",
        "IMP",
        "82873e50",
    )
    assert {"url", "valueBoolean"} <= {key for e in stay["extension"] for key in e}
    assert any(e.get("valueBoolean") is True for e in stay["extension"])


@pytest.mark.parametrize("order", [("STIN_H", "SLHJ_H"), ("SLHJ_H", "STIN_H")])
def test_h_a_discharge_ends_the_stay(
    broker: Broker, examples: Path, order: tuple[str, str]
) -> None:
    """Whichever comes first."""
    broker.taken(*(example(examples, name) for name in order))
    timeline, (stay,) = of_bruno(broker)
    assert codes(timeline) == ["admission", "discharge"]
    assert all(marks(entry) <= {"late"} for entry in timeline)
    assert (stay["status"], episode(stay)) == ("finished", "d3d03544")
    ended = datetime.fromisoformat(stay["period"]["end"])
    assert ended == datetime.fromisoformat("2023-03-07T09:45:30+01:00")
    (found,) = broker.get("Encounter", status="finished")["entry"]
    assert found["resource"]["id"] == stay["id"]


@pytest.mark.parametrize("order", [("STIN_N", "AN_STIN_N"), ("AN_STIN_N", "STIN_N")])
def test_n_a_cancelled_admission_is_none(
    broker: Broker, examples: Path, order: tuple[str, str]
) -> None:
    """He does not appear as admitted, also when the cancellation overtakes what it cancels."""
    broker.taken(*(example(examples, name) for name in order))
    timeline, (stay,) = of_bruno(broker)
    assert stay["status"] == "entered-in-error"
    assert broker.get("Encounter", status="in-progress")["total"] == 0
    assert any("cancelled" in marks(entry) for entry in timeline)


def test_h_and_n_share_a_message_id(broker: Broker, examples: Path) -> None:
    """In one store the second is a conflict to report."""
    broker.taken(example(examples, "STIN_H"))
    conflicts(broker, example(examples, "STIN_N"))
    timeline, (stay,) = of_bruno(broker)
    assert (len(timeline), episode(stay)) == (1, "d3d03544")


def test_tek_a_duplicate_gets_the_same_answer(broker: Broker, examples: Path) -> None:
    """One entry, and the same receipt both times."""
    first, again = (broker.post(example(examples, "TEK_DUB")) for _ in range(2))
    assert (first.status_code, first.content) == (again.status_code, again.content)
    timeline, (stay,) = of_bruno(broker)
    assert (codes(timeline), episode(stay)) == (["admission"], "9840fa2e")
    assert broker.parked() == []


def test_tek_what_is_invalid_is_refused_with_every_fault(broker: Broker, examples: Path) -> None:
    """No event and no class: each with its place, and nobody on a timeline."""
    answer = broker.post(example(examples, "TEK_FCC"))
    assert answer.status_code == 422
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert [issue["expression"] for issue in outcome["issue"]] == [
        ["Bundle.entry[0].resource"],
        ["Bundle.entry[2].resource.class"],
    ]
    assert broker.patients() == []


def test_a_care_communication_is_a_question(broker: Broker, examples: Path) -> None:
    """About a person with an E-CPR; its id is no UUID, and can be asked for."""
    name = "R-Tek-B-82875f08-4b9e-4a23-b81a-e23ec1251334"
    broker.taken(example(examples, name, "medcom-carecommunication"))
    (patient,) = broker.patients("urn:oid:1.2.208.176.1.6.1.3.177|1206550VK9")
    (entry,) = broker.timeline(patient)
    assert codes([entry]) == ["inquiry"]
    where = broker.get("MessageHeader/ejklfdsio8klakfd.hjfkdshfjk-hfjkdshfj89432n7f/$where")
    assert "receiver" in {part["name"] for part in where["parameter"][0]["part"]}


@pytest.mark.parametrize("name", ["ack-ok", "ack-fatal-error"])
def test_an_acknowledgement_of_nothing_is_kept_as_unmatched(
    broker: Broker, examples: Path, name: str
) -> None:
    """It is never applied to another message, and it is not acknowledged itself."""
    broker.taken(example(examples, "STIN_A"))
    before = broker.select("SELECT confirmed, confirmed_code, read FROM outbox")
    answer = broker.post(example(examples, name, "medcom-acknowledgement"))
    assert (answer.status_code, answer.json()["resourceType"]) == (202, "OperationOutcome")
    assert broker.parked() == [("unmatched-receipt", "open")]
    assert broker.select("SELECT confirmed, confirmed_code, read FROM outbox") == before
    assert len(of_bruno(broker)[0]) == 1


@pytest.mark.parametrize("order", [("admit", "discharge"), ("discharge", "admit")])
def test_da_vincis_notifications_are_one_stay(
    broker: Broker, examples: Path, order: tuple[str, str]
) -> None:
    """Admitted and discharged, whichever is told first; the local number is number enough."""
    for step in order:
        name = f"{step}-notification-message-bundle-01"
        broker.taken(example(examples, name, "davinci-alerts"))
    (patient,) = broker.patients(SYNTHEA)
    timeline = broker.timeline(patient)
    assert codes(timeline) == ["admission", "discharge"]
    (stay,) = broker.get("Encounter", patient=patient)["entry"]
    assert (stay["resource"]["status"], stay["resource"]["class"]["code"]) == ("finished", "IMP")
    period = {name: datetime.fromisoformat(at) for name, at in stay["resource"]["period"].items()}
    assert period == {
        "start": datetime.fromisoformat("2018-10-21T21:22:15-07:00"),
        "end": datetime.fromisoformat("2018-10-23T22:22:15-07:00"),
    }
    assert stay["resource"]["serviceProvider"]["display"] == "HOLY FAMILY HOSPITAL"


def test_bars_one_service_asks_another(broker: Broker, examples: Path) -> None:
    """A referral that goes by its Bundle's id; the same again is 409 and duplicate, other content a conflict."""
    source = example(examples, "ValidationRequest_POST", "nhs-bars")
    answer = broker.post(source)
    assert answer.status_code == 200
    header = answer.json()["entry"][0]["resource"]
    assert header["response"] == {
        "identifier": "86e3371d-1c15-4862-9552-d9560f8292ba",
        "code": "ok",
    } | {key: header["response"][key] for key in header["response"].keys() & {"details"}}
    (patient,) = broker.patients("https://fhir.nhs.uk/Id/nhs-number|3478526985")
    (entry,) = broker.timeline(patient)
    assert codes([entry]) == ["referral"]
    (found,) = broker.get("ServiceRequest", patient=patient)["entry"]
    assert (found["resource"]["status"], found["resource"]["code"]["text"]) == (
        "active",
        "For Validation",
    )
    for again, code in ((source, "duplicate"), (source.replace(b"C3", b"C2"), "conflict")):
        answer = broker.post(again)
        (issue,) = answer.json()["issue"]
        assert (answer.status_code, issue["code"]) == (409, code)
        assert issue["details"]["coding"][0] == {
            "system": "https://fhir.nhs.uk/Codesystem/http-error-codes",
            "code": "REC_CONFLICT",
        }
    assert broker.timeline(patient) == [entry]
    assert broker.parked() == [("conflict", "open")]
