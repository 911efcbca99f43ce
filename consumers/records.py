"""A record as Kafka has it, and the submission that it is."""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from carepath.service.answers import Submission
from carepath.store.positions import Origin
from fhir_mappings import formats
from schemas import topics

Ack = Callable[[], Awaitable[object]]
"""What is to be called when a record is committed."""

_MEDIA_TYPE: Final = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}(;[ -~]{0,64})?", re.ASCII)


class Place(NamedTuple):
    """A partition."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Record:
    """``value`` is ``None`` in a tombstone."""

    place: Place
    offset: int
    value: bytes | None
    media_type: str = formats.FHIR_JSON


def media_type(headers: Iterable[tuple[str, bytes]], value: bytes | None) -> str:
    """What the record says that it is; FHIR JSON or XML, as its value begins, when it says nothing of the kind."""
    told = next((value for name, value in headers if name.lower() == "content-type"), b"")
    text = told.decode("ascii", "replace")
    return text if _MEDIA_TYPE.fullmatch(text) else formats.media_type(value or b"")


def submission(record: Record, topic_id: str) -> Submission:
    """The topic's organisation sends it. A tombstone is nothing at all, and is parked as such."""
    topic, partition = record.place
    return Submission(
        record.value or b"",
        record.media_type,
        topics.organisation(topic),
        origin=Origin(topic, topic_id, partition, record.offset),
    )
