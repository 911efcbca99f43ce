"""Topics of a test's own on a broker, and what stands in them."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

from carepath.store import numbering, streams
from carepath.store.database import Database
from schemas.broker import Broker
from schemas.topics import PARKED, updates
from tests.contract.stored import granted, sent, taken_in
from tests.servers import PATIENCE

PARTITIONS = 3


def organisation() -> str:
    """The key of an organisation that no other test has."""
    return f"org-{secrets.token_hex(4)}"


def make(broker: Broker, *names: str, **config: str) -> None:
    """Topics with these settings."""
    options: dict[str, Any] = broker.options()
    made = {name: {"num_partitions": PARTITIONS, "configs": config} for name in names}
    with closing(KafkaAdminClient(**options, bootstrap_timeout_ms=int(PATIENCE * 1000))) as client:
        client.create_topics(made)


def make_parked(broker: Broker) -> None:
    """The operator's topic, which all tests share."""
    options: dict[str, Any] = broker.options()
    with closing(KafkaAdminClient(**options, bootstrap_timeout_ms=int(PATIENCE * 1000))) as client:
        if PARKED not in client.list_topics():
            client.create_topics({PARKED: {"num_partitions": 1}})


@contextmanager
def reading(broker: Broker, *topics: str) -> Iterator["Reader"]:
    """A reader of these topics from their beginning."""
    options: dict[str, Any] = broker.options()
    with closing(KafkaConsumer(**options, auto_offset_reset="earliest")) as consumer:
        parts = {topic: sorted(consumer.partitions_for_topic(topic)) for topic in topics}
        consumer.assign([TopicPartition(topic, n) for topic in topics for n in parts[topic]])
        yield Reader(consumer)


class Reader:
    """Gathers records; ``records`` are in the order of their partitions, ``numbers`` of each topic and partition."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self.records: list[Any] = []

    def until(self, number: int, patience: float = PATIENCE) -> list[Any]:
        """All records, once there are so many."""
        latest = time.monotonic() + patience
        while len(self.records) < number:
            assert time.monotonic() < latest, f"{len(self.records)} records instead of {number}"
            self._poll()
        return self.records

    def until_numbers(self, *numbers: int, patience: float = PATIENCE) -> list[Any]:
        """All records, once all these numbers have come."""
        latest = time.monotonic() + patience
        while missing := {*numbers} - {number_of(record) for record in self.records}:
            assert time.monotonic() < latest, f"missing: {sorted(missing)[:10]}"
            self._poll()
        return self.records

    def rest(self, seconds: float = 1.0) -> list[Any]:
        """All records, when nothing more comes for so long."""
        while self._poll(seconds):
            pass
        return self.records

    def _poll(self, seconds: float = 0.2) -> bool:
        found = self._consumer.poll(timeout_ms=int(seconds * 1000))
        for records in found.values():
            self.records += records
        return bool(found)


def headers(record: Any) -> dict[str, str]:
    """A record's headers."""
    return {name: value.decode() for name, value in record.headers}


def number_of(record: Any) -> int:
    """Its place in the feed."""
    return int(headers(record)["ce_sequence"])


def in_order(records: Sequence[Any]) -> bool:
    """Whether in each partition numbers go up, but for repeats of what stands there already."""
    highest: dict[tuple[str, int], int] = {}
    seen: set[tuple[str, int, int]] = set()
    for record in records:
        place, number = (record.topic, record.partition), number_of(record)
        if (*place, number) not in seen and number < highest.get(place, 0):
            return False
        seen.add((*place, number))
        highest[place] = max(number, highest.get(place, 0))
    return True


def entered(database: Database, *parties: str) -> None:
    """Organisations with topics."""
    with database.write() as conn:
        streams.enter(conn, parties)


def told(
    database: Database,
    party: str,
    *ids: str,
    patients: int = 3,
    created: int = 0,
    padding: int = 0,
) -> None:
    """Messages forwarded to an organisation that may see them, about several patients, not numbered yet."""
    for place, id_ in enumerate(ids):
        patient = f"{party}-p{place % patients}"
        source = b'{"resourceType":"Bundle","id":"%b"}' % id_.encode()
        taken_in(database, f"{party}-{id_}", source + b" " * padding)
        granted(database, party, f"{party}-{id_}", patient=patient)
        sent(
            database,
            party,
            f"{party}-{id_}",
            event=f"{party}-{id_}",
            patient=patient,
            created=created + place,
        )


def numbered(database: Database) -> None:
    """Give what waits its numbers."""
    with database.write() as conn:
        while numbering.number(conn):
            pass


def updates_of(*parties: str) -> list[str]:
    """Their topics."""
    return [updates(party) for party in parties]
