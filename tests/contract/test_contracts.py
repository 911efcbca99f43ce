"""What each store gives back fits the schemas of what is sent: updates, receipts, notices of what was parked."""

import orjson

from carepath.delivery.content import cloud_event
from carepath.service import Submission, Verdict
from carepath.store.feed import PARKED, Item
from carepath.store.positions import Origin
from pathways.events import EventCode
from schemas.envelopes import ParkedNotice, event_type
from schemas.topics import inbound
from tests.contract.door import Door
from tests.unit.wire import JSON, faults

TOPIC = inbound("ward")


def event(item: Item) -> JSON:
    """The item as it is sent."""
    told: JSON = orjson.loads(cloud_event(item, "https://carepath.example/fhir"))
    return told


def test_updates_and_receipts_fit(broker: Door) -> None:
    """To everybody who was told of a stay, and the summary that a newcomer gets."""
    for code in (EventCode.ADMISSION, EventCode.DISCHARGE):
        broker.told(code, "ward", "gp")
    sent = [event(item) for item in broker.feed("gp")]
    assert {one["type"] for one in sent} >= {event_type("admission"), event_type("discharge")}
    assert [faults("update-event", one) for one in sent] == [[]] * len(sent)


def test_notices_of_what_was_parked_fit(broker: Door) -> None:
    """Where the record stood, and why; the model reads them, too. Its sender's receipt fits as well."""
    records = [b"{", b"", b'{"resourceType":"Patient"}']
    answers = broker.service.receive(
        [
            Submission(source, organisation="ward", origin=Origin(TOPIC, "a", 3, 40 + number))
            for number, source in enumerate(records)
        ]
    )
    assert {answer.verdict for answer in answers} == {Verdict.REFUSED}

    notices = [orjson.loads(item.body or b"") for item in broker.feed(PARKED)]
    assert [faults("parked-notice", notice) for notice in notices] == [[]] * len(records)
    read = [ParkedNotice.model_validate(notice) for notice in notices]
    assert {(one.organisation, one.topic, one.partition) for one in read} == {("ward", TOPIC, 3)}
    assert {one.offset for one in read} == {40, 41, 42}
    assert all(faults("update-event", event(item)) == [] for item in broker.feed("ward"))
