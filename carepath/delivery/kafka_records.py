"""A place in a feed as a Kafka record: CloudEvents' binary mode.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/kafka-protocol-binding.md
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple
from urllib.parse import quote, urljoin

from aiokafka.partitioner import murmur2

from carepath.delivery.content import attributes, bundle, media_type
from carepath.delivery.letters import Written
from carepath.store.blind import Keys
from carepath.store.feed import PARKED, Item
from schemas import topics

_CONTENT_TYPE: Final = "content-type"


class Record(NamedTuple):
    """``number`` is the place in the feed. Records with the same key stay in order."""

    number: int
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]]


def topic_of(receiver: str) -> str:
    """Where a receiver's feed goes."""
    return topics.PARKED if receiver == PARKED else topics.updates(receiver)


def record(
    item: Item, key: bytes | None, base_url: str, *, replayed: bool, written: Written | None = None
) -> Record:
    """The whole message as its value; no value when it is withheld or no longer kept. ``written``: instead of FHIR."""
    told = {f"ce_{name}": value for name, value in attributes(item, base_url).items()}
    if replayed:
        told["ce_replay"] = "true"
    told[_CONTENT_TYPE] = written.media_type if written else media_type(item)
    headers = [(name, value.encode()) for name, value in told.items()]
    value = written.content if written else bundle(item, base_url)
    return Record(item.number, key, value or b"", headers)


def by_reference(whole: Record, receiver: str, base_url: str) -> Record:
    """The same without its value, which is too large for the topic: ``ce_dataref`` is where to fetch it.

    https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/dataref.md
    """
    place = f"events?org={quote(receiver)}&since={whole.number - 1}"
    reference = ("ce_dataref", urljoin(base_url, place).encode())
    return whole._replace(value=b"", headers=[*whole.headers, reference])


def key_of(item: Item, keys: Keys, versions: dict[str, int]) -> bytes | None:
    """The patient's pseudonym; ``None`` when it is about no patient that the receiver may see."""
    if item.patient is None:
        return None
    return keys.pseudonym(item.patient, versions.get(item.patient, 1)).encode()


def partition_of(record: Record, partitions: Sequence[int]) -> int:
    """As every Kafka client chooses by key; records without one take turns."""
    place = record.number if record.key is None else _hash(record.key)
    return partitions[place % len(partitions)]


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    hashed: int = murmur2(key) & 0x7FFFFFFF
    return hashed
