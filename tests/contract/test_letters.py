"""Who reads nothing but Norwegian XML or HL7 v2 gets its updates so: on a stream, and as Kafka's records."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace

import orjson
import pytest

from carepath.delivery.content import cloud_event
from carepath.delivery.kafka_records import record
from carepath.delivery.letters import Letters, Written
from carepath.service import Submission, directory
from carepath.store.feed import Item
from fhir_mappings.codes import HER_ID
from fhir_mappings.formats import HL7_V2, KITH_XML
from fhir_mappings.inbound import Options, read
from pathways.events import Activity, EventCode
from pathways.facts import Need, StayFacts
from pathways.messages import Message
from pathways.parties import Identifier, Party
from tests import norwegian as no
from tests.contract.door import NOW, PARTIES, STAY, Door, closed_door, correction

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
    letters = Letters(door.service.database, BASE)
    with door.service.database.read() as conn:
        letters.refresh(conn)
    return item, letters.written(NURSING, item)


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
    """As does everybody for a receipt."""
    door.tell(EventCode.ADMISSION, facts=NEEDED)
    _, written = update(door)
    assert written is None
    assert "data" in orjson.loads(cloud_event(door.feed(NURSING)[-1], BASE))


def test_what_may_no_longer_be_seen_is_not_written(door: Door) -> None:
    """It keeps its number, and has no content in any language."""
    speaks(door, "hl7v2")
    door.tell(EventCode.ADMISSION, facts=NEEDED)
    item, _ = update(door)
    letters = Letters(door.service.database, BASE)
    with door.service.database.read() as conn:
        letters.refresh(conn)
    assert letters.written(NURSING, replace(item, withheld=True, source=None)) is None
