"""The contracts on the wire: the files are what the code says, and what the code writes is what the files say."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from carepath.api import examples
from carepath.api.binding import WEBSOCKET
from carepath.delivery import kafka_records
from carepath.delivery.content import cloud_event
from carepath.store import feed
from carepath.store.feed import Item
from carepath.store.times import instant
from pathways.events import RULES
from schemas import topics
from schemas.asyncapi import document
from schemas.envelopes import (
    ENVELOPES,
    EVENT_TYPES,
    EXPIRED,
    PARKED,
    WITHHELD,
    WITHOUT_CONTENT,
    UpdateEvent,
    UpdateHeaders,
    event_type,
)
from schemas.jsonschema import schemas
from scripts import contracts
from tests.unit.wire import JSON, faults

AT = datetime(2026, 3, 2, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
ITEM = Item(
    number=7,
    id="o1",
    kind="admission",
    created=AT,
    received=None,
    withheld=False,
    patient="p1",
    format=None,
    media_type=None,
    body=orjson.dumps(examples.message()),
    source=None,
)
HIDDEN = replace(ITEM, withheld=True, patient=None, body=None)
EXPIRED_ITEM = replace(ITEM, expired=True, body=None)
RESTORED_ITEM = replace(ITEM, kind=feed.RESTORED, patient=None, body=None)
NOTICE = replace(ITEM, kind=feed.PARKED, patient=None, body=b"{}")


def event(item: Item) -> JSON:
    """The item as it is sent."""
    told: JSON = orjson.loads(cloud_event(item, examples.BASE_URL))
    return told


def headers(item: Item, *, replayed: bool = False) -> JSON:
    """The headers of the item's Kafka record."""
    whole = kafka_records.record(item, None, examples.BASE_URL, replayed=replayed)
    return {name: value.decode() for name, value in whole.headers}


# --- the files


def test_the_files_are_what_the_code_says() -> None:
    """And nothing else is there."""
    assert list(contracts.differences(contracts.contracts(), contracts.GENERATED)) == []


def test_a_release_is_kept() -> None:
    """There is one to keep, and the code keeps it."""
    assert list(contracts.RELEASED.glob("*/*.json"))
    assert list(contracts.broken(schemas(), contracts.RELEASED)) == []


def test_every_difference_is_told(tmp_path: Path) -> None:
    """A file that is changed, that is gone, that nobody made."""
    made = {"a.json": "1\n2\n", "b.json": "3\n"}
    contracts.write(made, tmp_path)
    assert list(contracts.differences(made, tmp_path)) == []

    (tmp_path / "a.json").write_text("1\n9\n")
    (tmp_path / "b.json").unlink()
    (tmp_path / "c.json").write_text("4\n")

    told = list(contracts.differences(made, tmp_path))
    assert [line for line in told if line[0] in "+-" and line[1] not in "+-"] == [
        *("-9", "+2"),
        "+3",
        "-4",
    ]
    contracts.write(made, tmp_path)
    assert list(contracts.differences(made, tmp_path)) == []


def test_what_breaks_a_release_is_told(tmp_path: Path) -> None:
    """With the release, the schema and the place; a schema that is gone, too."""
    (tmp_path / "9.9.9").mkdir()
    for name in ("old", "gone"):
        (tmp_path / "9.9.9" / f"{name}.json").write_text('{"required": ["a"]}')

    assert list(contracts.broken({"old": {}}, tmp_path)) == [
        "gone of 9.9.9: is gone",
        "old of 9.9.9: /required: a is not",
    ]


def test_files_are_the_same_at_every_time() -> None:
    """Sorted, with a newline at the end."""
    for text in contracts.contracts().values():
        assert text.endswith("}\n")
        assert orjson.loads(text) == orjson.loads(
            orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)
        )


# --- the JSON Schemas


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_schema_is_sound_and_stands_alone(name: str) -> None:
    """It is 2020-12, names itself, and lets pass what it does not know."""
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(f"/{name}.json")
    assert "false" not in str(schema.get("additionalProperties", "")).lower()
    assert "null" not in orjson.dumps(schema).decode()


@given(
    st.sampled_from([code.value for code in RULES]),
    st.sampled_from([ITEM, HIDDEN, EXPIRED_ITEM]),
    st.integers(1, 2**60),
    st.integers(0, 4_102_444_800_000_000).map(instant),
)
def test_every_update_fits_its_schema(kind: str, item: Item, number: int, at: datetime) -> None:
    """Whatever happened, whenever; withheld or expired or not. The model reads it, too."""
    item = replace(item, kind=kind, number=number, created=at)
    told = event(item)
    assert faults("update-event", told) == []
    read = UpdateEvent.model_validate(told)
    assert (read.sequence, read.time) == (str(number), at)
    assert read.type == event_type(WITHHELD if item.withheld else EXPIRED if item.expired else kind)
    assert (read.data is None) is (item.body is None)


@given(
    st.sampled_from([code.value for code in RULES]),
    st.sampled_from([ITEM, HIDDEN, EXPIRED_ITEM]),
    st.integers(1, 2**60),
    st.booleans(),
)
def test_every_kafka_record_has_headers_that_fit(
    kind: str, item: Item, number: int, replayed: bool
) -> None:
    """The same attributes as over SSE; and the model reads them."""
    item = replace(item, kind=kind, number=number)
    told, same = headers(item, replayed=replayed), event(item)
    assert faults("update-headers", told) == []
    read = UpdateHeaders.model_validate(told)
    assert read.ce_replay == ("true" if replayed else None)
    for name in ("specversion", "id", "source", "type", "time", "sequence"):
        assert told[f"ce_{name}"] == same[name]
    assert {*told} - {"ce_replay"} == {*UpdateHeaders.model_json_schema()["required"]}


def test_a_record_that_is_too_large_says_where_it_is() -> None:
    """In a header that the schema knows."""
    whole = kafka_records.record(ITEM, None, examples.BASE_URL, replayed=False)
    small = kafka_records.by_reference(whole, "gp", examples.BASE_URL)
    told = {name: value.decode() for name, value in small.headers}
    assert faults("update-headers", told) == []
    assert str(UpdateHeaders.model_validate(told).ce_dataref) == told["ce_dataref"]


def test_what_is_no_event_fits_too() -> None:
    """That the feed begins anew, to everybody; what was parked, to the operator."""
    assert faults("update-event", event(RESTORED_ITEM)) == []
    assert faults("update-headers", headers(RESTORED_ITEM)) == []
    assert faults("parked-headers", headers(RESTORED_ITEM)) == []
    assert faults("parked-headers", headers(NOTICE)) == []
    types = {headers(item)["ce_type"] for item in (HIDDEN, EXPIRED_ITEM, RESTORED_ITEM, NOTICE)}
    assert types == {event_type(code) for code in (*WITHOUT_CONTENT, PARKED)}
    assert types <= {*EVENT_TYPES}


@pytest.mark.parametrize("name", sorted(event(HIDDEN)))
def test_an_update_without_one_of_its_attributes_does_not_fit(name: str) -> None:
    """Every attribute that we always write is required."""
    told = event(HIDDEN)
    del told[name]
    assert faults("update-event", told) == [f"$: '{name}' is a required property"]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("specversion", "0.3"),
        ("id", ""),
        ("sequence", "0"),
        ("sequence", "07"),
        ("sequence", 7),
        ("time", "2026-03-02T09:30:00"),
        ("type", "example.carepath.admission"),
        ("type", "Admission"),
        ("datacontenttype", "application/json"),
        ("data", None),
        ("data", {"resourceType": "Bundle", "type": "collection", "entry": [{}]}),
        ("data", {"resourceType": "Bundle", "type": "message", "entry": []}),
    ],
)
def test_a_wrong_attribute_does_not_fit(name: str, wrong: object) -> None:
    """The schema says more than the names."""
    [fault] = faults("update-event", event(ITEM) | {name: wrong})
    assert fault.startswith(f"$.{name}")


def test_what_a_later_release_adds_fits_already() -> None:
    """New attributes, and new kinds of events."""
    told = event(ITEM) | {"type": event_type("measure-proposed"), "traceparent": "00-1-2-01"}
    assert faults("update-event", told) == []


# --- the AsyncAPI document


@pytest.fixture(scope="module")
def asyncapi() -> JSON:
    """The document."""
    return document("1.2.3", examples.message())


def test_asyncapi_has_every_topic_stream_and_channel(asyncapi: JSON) -> None:
    """Under the addresses that the code uses, each with an operation."""
    channels = {name: channel["address"] for name, channel in asyncapi["channels"].items()}
    assert channels == {
        "inbound": topics.inbound("{org}"),
        "updates": topics.updates("{org}"),
        "parked": topics.PARKED,
        "events": "/events",
        "websocket": WEBSOCKET,
        "restHook": None,
    }
    used = {
        (operation["channel"]["$ref"].rpartition("/")[2], operation["action"])
        for operation in asyncapi["operations"].values()
    }
    send = {(name, "send") for name in channels if name != "inbound"}
    assert used == {("inbound", "receive"), ("websocket", "receive")} | send


@pytest.mark.parametrize(("model", "name"), [("UpdateHeaders", "ce_type"), ("UpdateEvent", "type")])
def test_asyncapi_lists_every_event(asyncapi: JSON, model: str, name: str) -> None:
    """And that later releases may add some."""
    known, later = asyncapi["components"]["schemas"][model]["properties"][name]["anyOf"]
    assert set(known["enum"]) == {event_type(code) for code in (*RULES, *WITHOUT_CONTENT, PARKED)}
    assert list(later) == ["pattern"]


def test_asyncapi_examples_fit_their_schemas(asyncapi: JSON) -> None:
    """Headers and payloads."""
    shown = 0
    for message in asyncapi["components"]["messages"].values():
        for part in ("headers", "payload"):
            for example in message["examples"]:
                if part in message and part in example:
                    shown += 1
                    _check(asyncapi, message[part], example[part])
    assert shown == 13


def _check(document: JSON, schema: JSON, told: Any) -> None:
    whole = schema | {"components": document["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker(["date-time"])).validate(told)
