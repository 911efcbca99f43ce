"""Who reads nothing but Norwegian XML or HL7 v2 gets its updates so: on a stream, and as Kafka's records."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest
from lxml import etree
from sqlalchemy import update as change

from carepath.delivery.content import cloud_event
from carepath.delivery.kafka_records import record
from carepath.delivery.letters import Letters, Written
from carepath.service import Submission, directory
from carepath.service.directory import Parties
from carepath.store.feed import Item
from carepath.store.positions import Origin
from carepath.store.tables import inbox
from fhir_mappings.codes import HER_ID
from fhir_mappings.formats import HL7_V2, KITH_XML
from fhir_mappings.inbound import Options, read
from pathways.events import Activity, EventCode
from pathways.facts import Need, ReceiptFacts, StayFacts
from pathways.messages import Destination, Message
from pathways.moments import Moment
from pathways.parties import Identifier, Party
from tests import norwegian as no
from tests.contract import matters
from tests.contract.door import (
    NOW,
    PARTIES,
    STAY,
    STAY_KEYS,
    Door,
    closed_door,
    correction,
    ref,
)

BASE = "https://broker.example/fhir"
NEEDED = StayFacts(identifiers=STAY, municipal_need=Need.YES, ward="Post 3", equipment="Rullator")
HER = {"trust": "100", "ward": "101", "town": "200", "town-nursing": "201"}
NURSING = "town-nursing"


@pytest.fixture
def door(database_url: str) -> Iterator[Door]:
    """A broker in whose directory these parties have HER-ids."""
    with closed_door(database_url) as door:
        enter(door, *(party for party in PARTIES if party.key in HER))
        yield door


def enter(door: Door, *parties: Party, dialect: str = "carepath") -> None:
    """Into the directory, with this dialect."""
    database = door.service.database
    with database.write() as conn:
        for party in parties:
            numbered = Identifier(HER_ID, HER[party.key])
            known = (*party.identifiers, numbered)
            told = replace(party, identifiers=known, dialect=dialect)
            directory.enter(conn, database.keys, told, NOW)


def speaks(door: Door, dialect: str) -> None:
    """Home nursing reads nothing else."""
    enter(door, *(party for party in PARTIES if party.key == NURSING), dialect=dialect)


def update(door: Door) -> tuple[Item, Written | None]:
    """Home nursing's newest place in its feed, and what is written for it."""
    item = door.feed(NURSING)[-1]
    return item, letter(door, NURSING, item)


def letter(door: Door, party: str, item: Item) -> Written | None:
    """What is written for a party of what stands there."""
    letters = Letters(Parties(door.service.database, open_mode=False), BASE)
    with door.service.database.read() as conn:
        letters.refresh(conn)
        return letters.written(conn, party, item)


def understood(written: Written) -> Message:
    """What the receiver's system reads."""
    found = read(written.content, Options(received=NOW))
    assert isinstance(found, Message), found
    return found


@pytest.mark.parametrize(("dialect", "kind"), [("kith", KITH_XML), ("hl7v2", HL7_V2)])
def test_an_update_is_written_in_the_receivers_language(
    door: Door, dialect: str, kind: str
) -> None:
    """With the houses of both, every fact, and a correction after it."""
    speaks(door, dialect)
    door.tell(EventCode.ADMISSION, facts=NEEDED)
    item, written = update(door)
    assert written is not None
    assert written.media_type == kind
    assert "Rullator" in written.content.decode()
    admission = understood(written)
    assert (admission.code, admission.activity) == (EventCode.ADMISSION, Activity.NEW)
    assert admission.sender.identifiers == (Identifier(HER_ID, "101"),)
    assert [one.party.identifiers[0].value for one in admission.destinations] == ["201"]
    door.tell(EventCode.ADMISSION, facts=NEEDED, **correction(Activity.CANCEL, 0))
    _, cancelled = update(door)
    assert cancelled is not None
    assert understood(cancelled).activity is Activity.CANCEL
    assert item.kind == "admission"


def test_it_is_carried_as_bytes(door: Door) -> None:
    """A record's value with its content type; in an event, which is JSON, in Base64."""
    speaks(door, "kith")
    door.tell(EventCode.ADMISSION, facts=NEEDED)
    item, written = update(door)
    assert written is not None
    made = record(item, None, BASE, replayed=False, written=written)
    assert made.value == written.content
    assert dict(made.headers)["content-type"] == KITH_XML.encode()
    event = orjson.loads(cloud_event(item, BASE, written))
    assert (event["datacontenttype"], b64decode(event["data_base64"])) == (
        KITH_XML,
        written.content,
    )
    assert "data" not in event


def test_what_came_in_that_language_goes_on_byte_for_byte(door: Door) -> None:
    """Whatever else stands in it."""
    speaks(door, "kith")
    source = no.stay()["admission"]
    for party in (no.HOSPITAL, no.NURSING):
        assert {party[0], party[2]} <= {*HER.values()}
    (answer,) = door.service.handle([Submission(source)])
    assert answer.status == 200, answer.body
    _, written = update(door)
    assert written == Written(KITH_XML, source)


def test_others_get_fhir(door: Door) -> None:
    """Whatever was sent."""
    door.tell(EventCode.ADMISSION, facts=NEEDED)
    _, written = update(door)
    assert written is None
    assert "data" in orjson.loads(cloud_event(door.feed(NURSING)[-1], BASE))


def test_what_may_no_longer_be_seen_is_not_written(door: Door) -> None:
    """It keeps its number, and has no content in any language."""
    speaks(door, "hl7v2")
    door.tell(EventCode.ADMISSION, facts=NEEDED)
    item, _ = update(door)
    assert letter(door, NURSING, replace(item, withheld=True, source=None)) is None


# --- receipts


def receipts(door: Door, *sources: bytes) -> list[Written]:
    """What the ward, which reads Norwegian XML, is told in its feed of records in its topic."""
    enter(door, *(party for party in PARTIES if party.key == "ward"), dialect="kith")
    topic = "carepath.inbound.ward"
    door.service.receive(
        [
            Submission(source, organisation="ward", origin=Origin(topic, "a", 0, offset))
            for offset, source in enumerate(sources)
        ]
    )
    told = (letter(door, "ward", item) for item in door.feed("ward"))
    return [written for written in told if written is not None]


def answered(written: Written) -> tuple[str, str, str, list[str]]:
    """Which message an AppRec answers, of what kind that was; the status, and its errors."""
    root = etree.fromstring(written.content)
    kind, id_ = root.find("{*}OriginalMsgId/{*}MsgType"), root.findtext("{*}OriginalMsgId/{*}Id")
    status, errors = root.find("{*}Status"), root.findall("{*}Error")
    assert kind is not None
    assert status is not None
    told = kind.get("V"), status.get("V")
    return id_ or "", told[0] or "", told[1] or "", [one.get("V") or "" for one in errors]


def test_receipts_are_apprecs_for_who_reads_norwegian_xml(door: Door) -> None:
    """What was taken in, refused, read by nobody, or sent in FHIR: each AppRec names what it answers."""
    good, wrong = no.stay()["admission"], no.stay()["discharge-ready"]
    wrong = wrong.replace(no.PERSON.encode(), b"15857640037")
    told = receipts(door, good, wrong, b"<MsgHead", in_fhir(7))
    assert {one.media_type for one in told} == {KITH_XML}
    found = {answered(one)[0]: one for one in told}
    taken = found.pop(no.message_id(1))
    assert answered(taken)[1:] == ("LOG_INNLAGT", "1", [])
    assert answered(found.pop(no.message_id(4)))[1:] == ("LOG_UTSKRIVNINGSKLAR", "2", ["E31"])
    assert answered(found.pop(matters.message_id(7)))[1:3] == ("ukjent", "1")
    [unread] = found.values()
    assert answered(unread)[1:3] == ("ukjent", "2")
    assert all(b">101<" in one.content for one in told)  # to whom
    facts = understood(taken).facts
    assert isinstance(facts, ReceiptFacts)
    assert (facts.about, facts.response) == (no.message_id(1), "ok")


def test_a_receipt_outlives_what_it_answers(door: Door) -> None:
    """Its sender knows the message by its id."""
    [told] = receipts(door, no.stay()["admission"])
    with door.service.database.write() as conn:
        conn.execute(change(inbox).values(source=b""))
    [item] = [one for one in door.feed("ward") if one.kind == "acknowledgement"]
    again = letter(door, "ward", item)
    assert again is not None
    assert again != told
    assert answered(again) == (no.message_id(1), "ukjent", "1", [])


def in_fhir(number: int) -> bytes:
    """An admission as another of the ward's systems tells it."""
    at = Moment(matters.BEGIN)
    message = Message(
        id=matters.message_id(number),
        format="carepath",
        envelope=None,
        content=b"",
        code=EventCode.ADMISSION,
        sender=ref("ward"),
        happened=at,
        written=at.at,
        destinations=(Destination(ref("gp")),),
        patient=matters.patient(0),
        keys=STAY_KEYS,
        facts=StayFacts(identifiers=STAY),
    )
    return matters.source(message)
