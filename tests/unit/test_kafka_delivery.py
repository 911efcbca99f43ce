"""What an update is as a Kafka record."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import DefaultPartitioner

from carepath.delivery.kafka_records import Record, by_reference, partition_of, record
from carepath.store.feed import Item


def item(**told: object) -> Item:
    """A place in a feed."""
    fixed: dict[str, object] = {
        "number": 7,
        "id": "a",
        "kind": "admission",
        "created": datetime(2026, 3, 20, 12, tzinfo=UTC),
        "received": None,
        "withheld": False,
        "patient": "p",
        "format": "carepath",
        "media_type": None,
        "body": None,
        "source": b'{"resourceType":"Bundle"}',
    }
    return Item(**(fixed | told))  # type: ignore[arg-type]


class _Cluster:
    """A cluster with one topic, as kafka-python's partitioner looks at it."""

    def __init__(self, count: int) -> None:
        self._partitions = set(range(count))

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, _topic: str) -> set[int]:
        return self._partitions

    available_partitions_for_topic = partitions_for_topic


@given(st.binary(min_size=1), st.integers(1, 12))
def test_other_clients_put_a_key_in_the_same_partition(key: bytes, count: int) -> None:
    """So whoever else writes to a topic keeps a patient's order."""
    ours = partition_of(Record(1, key, b"", []), range(count))
    assert ours == DefaultPartitioner().partition("t", key, key, b"", b"", _Cluster(count))


def test_without_a_key_partitions_take_turns() -> None:
    """By number, so the same number goes to the same partition again."""
    every = [0, 1, 2]
    assert [partition_of(Record(n, None, b"", []), every) for n in range(1, 5)] == [1, 2, 0, 1]


@pytest.mark.parametrize("base", ["http://h:8000", "https://h/care"])
def test_a_reference_leads_to_the_feed_of_the_same_server(base: str) -> None:
    """Just before the number that is meant."""
    whole = record(item(), b"k", f"{base}/fhir", replayed=True)
    told = by_reference(whole, "st. olav", f"{base}/fhir")
    assert (told.number, told.key, told.value) == (7, b"k", b"")
    wanted = f"{base}/events?org=st.%20olav&since=6"
    assert dict(told.headers) == {**dict(whole.headers), "ce_dataref": wanted.encode()}
    assert dict(told.headers)["ce_replay"] == b"true"
