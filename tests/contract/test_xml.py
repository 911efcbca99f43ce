"""Messages in XML on both stores: what came in a stream, what is kept of them, and what receivers are sent."""

from collections.abc import Iterator

import orjson
import pytest
from sqlalchemy import select, update

from carepath.delivery.content import bundle
from carepath.service import Answer, Submission, Verdict
from carepath.store import parked, tables
from carepath.store.positions import Origin
from fhir_mappings import xml
from fhir_mappings.content import content_hash, hash_of_old
from fhir_mappings.formats import FHIR_JSON, FHIR_XML
from tests.contract import matters
from tests.contract.door import Door, closed_door
from tests.contract.test_streamed import WARD, admission, receipts

BASE = "https://broker.example/fhir"
QUOTED = '<div xmlns="http://www.w3.org/1999/xhtml">&quot;Ward&quot; &amp; <br/></div>'
PLAIN = '<div xmlns="http://www.w3.org/1999/xhtml">"Ward" &amp; <br/></div>'


@pytest.fixture
def broker(database_url: str) -> Iterator[Door]:
    """A broker outside open mode with a directory, on each store."""
    with closed_door(database_url) as broker:
        yield broker


def in_xml(source: bytes) -> bytes:
    """The same message in XML."""
    return xml.to_xml(orjson.loads(source))


def receive(broker: Door, *sources: bytes, first: int = 0) -> list[Answer]:
    """Take in records of the ward's topic; none says what it is."""
    places = (Origin(WARD, "a", 0, first + n) for n in range(len(sources)))
    batch = [
        Submission(source, organisation="ward", origin=place)
        for source, place in zip(sources, places, strict=True)
    ]
    return broker.service.receive(batch)


def kept(broker: Door) -> list[tuple[str, bytes]]:
    """Media type and bytes of the messages in the inbox."""
    wanted = select(tables.inbox.c.media_type, tables.inbox.c.source)
    with broker.service.database.read() as conn:
        return [(media_type, bytes(source)) for media_type, source in conn.execute(wanted)]


def test_a_record_in_xml_is_taken_in_and_answered(broker: Door) -> None:
    """Its bytes are kept, and everybody else is sent FHIR JSON."""
    source = in_xml(admission(1))
    (answer,) = receive(broker, source)
    assert answer.verdict is Verdict.ACCEPTED
    assert receipts(broker) == [(matters.message_id(1), "ok")]
    assert kept(broker) == [(FHIR_XML, source)]
    (item,) = broker.feed("gp")
    assert item.media_type == FHIR_XML
    assert orjson.loads(bundle(item, BASE) or b"") == orjson.loads(admission(1))


def test_what_is_no_fhir_is_parked_with_its_bytes(broker: Door) -> None:
    """And the sender hears of it."""
    source = b'<Letter xmlns="urn:somebody-else"/>'
    receive(broker, source)
    with broker.service.database.read() as conn:
        (one,) = parked.listed(conn)
        assert (one.reason, parked.source(conn, one.id)) == ("malformed", source)
    ((_, code),) = receipts(broker)
    assert code == "fatal-error"


@pytest.mark.parametrize("first_in_xml", [True, False])
def test_a_repeat_in_the_other_format_changes_nothing(broker: Door, first_in_xml: bool) -> None:
    """In one batch or after it; narratives may be quoted in another way."""
    both = [with_narrative(QUOTED), in_xml(with_narrative(PLAIN))]
    first, second = both[::-1] if first_in_xml else both
    one, other = receive(broker, first, second)
    (third,) = receive(broker, second, first=2)
    assert [one.verdict, other.verdict, third.verdict] == [
        Verdict.ACCEPTED,
        Verdict.DUPLICATE,
        Verdict.DUPLICATE,
    ]
    assert one.body == other.body == third.body
    assert len(kept(broker)) == 1


def with_narrative(div: str) -> bytes:
    """An admission whose Encounter has a narrative."""
    message = orjson.loads(admission(1))
    (stay,) = (
        entry["resource"]
        for entry in message["entry"]
        if entry["resource"]["resourceType"] == "Encounter"
    )
    stay["text"] = {"status": "generated", "div": div}
    return orjson.dumps(message)


def test_a_repeat_of_what_an_older_release_took_in_is_a_repeat(broker: Door) -> None:
    """It counted narratives as strings."""
    source = with_narrative(QUOTED)
    assert hash_of_old(source) != content_hash(orjson.loads(source))
    (first,) = receive(broker, source)
    with broker.service.database.write() as conn:
        conn.execute(update(tables.inbox).values(content=hash_of_old(source)))
    (again,) = receive(broker, source, first=1)
    assert (again.verdict, again.body) == (Verdict.DUPLICATE, first.body)
    (other,) = receive(broker, with_narrative(PLAIN.replace("Ward", "Hall")), first=2)
    assert other.status == 409
    assert kept(broker) == [(FHIR_JSON, source)]
