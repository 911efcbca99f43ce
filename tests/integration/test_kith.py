"""The door for Norwegian XML, from outside: AppRec for everything, and the timeline that FHIR gives."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from lxml import etree

from carepath.cli.publish import post, receipt
from fhir_mappings.inbound import read
from fhir_mappings.kith import names
from fhir_mappings.outbound import write
from pathways.messages import Message
from tests import norwegian as no
from tests.integration.embedded import Broker, codes, embedded
from tests.integration.test_medcom_in_xml import everything
from tests.unit.test_kith import OPTIONS

XML = {"Content-Type": "application/xml"}
AR = {"a": names.APPREC_11}
GUNDERSEN = "urn:oid:2.16.578.1.12.4.1.4.1|15076500565"


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Broker, Broker]]:
    """Two servers; the second hears of one stay only."""
    folder = tmp_path_factory.mktemp("kith")
    with (
        embedded(f"sqlite:///{folder}/one.db") as one,
        embedded(f"sqlite:///{folder}/other.db") as other,
    ):
        yield one, other


@pytest.fixture
def broker(brokers: tuple[Broker, Broker]) -> Broker:
    """The first of them."""
    return brokers[0]


def send(broker: Broker, source: bytes, **headers: str) -> httpx.Response:
    """To the door for Norwegian XML."""
    return broker.http.post("/kith/messages", content=source, headers=XML | headers)


def said(answer: httpx.Response, status: int = 200) -> tuple[str, list[str]]:
    """Status and errors of the AppRec in an answer."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/xml"
    root = etree.fromstring(answer.content)
    return (
        root.xpath("string(a:Status/@V)", namespaces=AR),
        [str(one) for one in root.xpath("a:Error/@V", namespaces=AR)],
    )


def in_our_profile(source: bytes) -> dict[str, object]:
    """The same message in FHIR."""
    message = read(source, OPTIONS)
    assert isinstance(message, Message)
    return write(message, base_url="http://hospital.example/fhir")


def admission(number: int) -> bytes:
    """A message of its own about somebody else."""
    patient = no.person(no.OTHER)
    return no.logistics("LOG_INNLAGT", number, ("1", "2026-03-02T10:00:00"), patient=patient)


def test_a_stay_told_in_plo_is_the_stay_told_in_our_profile(brokers: tuple[Broker, Broker]) -> None:
    """The same timeline and state, told in order in the one, in the other each way in turn; the bytes are kept."""
    broker, other = brokers
    stay = no.stay()
    for number, source in enumerate(stay.values()):
        answer = send(broker, source)
        assert said(answer) == ("1", [])
        assert send(broker, source).content == answer.content
        if number % 2:
            send(other, source)
        else:
            other.taken(in_our_profile(source))
    assert everything(broker) == everything(other)
    (patient,) = broker.patients()
    timeline = broker.timeline(patient)
    assert codes(timeline) == list(stay)
    (encounter,) = broker.get("Encounter", patient=patient)["entry"]
    assert encounter["resource"]["status"] == "finished"
    original = broker.http.get(f"/fhir/Binary/{timeline[0]['id']}")
    assert original.content == stay["admission"]
    assert original.headers["content-type"] == "application/xml"


def test_what_is_wrong_is_answered_as_its_world_expects(broker: Broker) -> None:
    """Refused, in conflict, not XML, without effect."""
    good = admission(21)
    assert said(send(broker, good)) == ("1", [])
    assert said(send(broker, good.replace(b"Moe", b"Lie")), 409) == ("2", ["E10"])
    wrong = good.replace(no.OTHER.encode(), b"20089040088")
    assert said(send(broker, wrong), 400) == ("2", ["E31"])
    assert said(send(broker, b'{"resourceType":"Bundle"}'), 400) == ("2", ["T01"])
    assert said(send(broker, good, **{"Content-Type": "text/plain"}), 415) == ("2", ["T10"])
    assert send(broker, b" " * 6_000_000).status_code == 413
    nothing = no.logistics("LOG_INNLAGT", 22, ("1", "2026-03-02"), status="C", sender=no.LEGEVAKT)
    assert said(send(broker, nothing)) == ("3", ["X99"])


def test_receipts_are_never_answered(broker: Broker) -> None:
    """One settles the delivery to the receiver that it comes from; one of nothing is kept."""
    send(broker, admission(31))
    assert send(broker, no.apprec(no.message_id(31), "2")).status_code == 204
    confirmed = broker.select(
        "SELECT confirmed_code FROM outbox WHERE receiver = 'her-201' AND message_id = ?",
        no.message_id(31),
    )
    assert confirmed == [("fatal-error",)]
    unmatched = send(broker, no.apprec("nothing", number=951))
    assert (unmatched.status_code, unmatched.content) == (204, b"")
    assert broker.parked()[-1] == ("unmatched-receipt", "open")
    unsound = send(broker, no.apprec("x").replace(b"<Status", b"<Statu"))
    assert (unsound.status_code, unsound.json()["resourceType"]) == (400, "OperationOutcome")


def test_published_from_the_command_line(broker: Broker) -> None:
    """The AppRec in words."""
    good = admission(41)
    told = receipt("a.xml", post(broker.http, good))
    assert (told.answer, told.message, told.details) == ("ok", no.message_id(41), ())
    again = receipt("a.xml", post(broker.http, good.replace(b"Moe", b"Lie")))
    assert again.answer == "fatal-error"
    assert again.details[0].startswith("E10: Ugyldig meldingsidentifikator: this message id came")


def test_the_fields_own_stay(broker: Broker, examples: Path) -> None:
    """Admitted on 29 January at ten, ready on 31 January: the type decides."""
    for name in ("Innlagt", "Utskrivningsklar"):
        file = f"norway-plo-1.6-transcribed/Pasientlogistikk_{name}_pasient_v1-6_Ny.xml"
        assert said(send(broker, (examples / file).read_bytes())) == ("1", [])
    (patient,) = broker.patients(GUNDERSEN)
    timeline = broker.timeline(patient)
    assert codes(timeline) == ["admission", "discharge-ready"]
    assert timeline[0]["occurredDateTime"] == "2018-01-29T09:00:00Z"
    assert timeline[1]["occurredDateTime"] == "2018-01-31"
