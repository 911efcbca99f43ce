"""The ways in and out of the broker, as one: messages go in, receipts and updates come back.

Every organisation that a test uses is its own: a ``Cast`` is handed out once.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, Final, Protocol

import httpx
from httpx_sse import connect_sse
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas import topics
from tests.integration.stories import Organisation, Resource, message_id
from tests.integration.talk import post

_WEIGHTS = (3, 2, 7, 6, 5, 4, 3, 2)
_PATIENCE: Final = 30.0


@dataclass(frozen=True, slots=True)
class Cast:
    """Organisations that only one test knows."""

    hospital: Organisation
    nursing: Organisation
    case_office: Organisation
    other: Organisation

    def __iter__(self) -> Iterator[Organisation]:
        return iter((self.hospital, self.nursing, self.case_office, self.other))


def casts() -> Iterator[Cast]:
    """New ones, without end."""
    numbers = organisation_numbers()
    while True:
        names = ("sykehus", "hjemmesykepleie", "tildelingskontor", "et annet sykehus")
        yield Cast(*(Organisation(next(numbers), name) for name in names))


def organisation_numbers() -> Iterator[str]:
    """Synthetic organisation numbers with a right check digit (modulus 11); no process has another's."""
    for number in count(80_000_000 + os.getpid() * 2000 % 9_000_000):
        digit = -sum(int(d) * w for d, w in zip(str(number), _WEIGHTS, strict=True)) % 11
        if digit < 10:
            yield f"{number}{digit}"


@dataclass(frozen=True, slots=True)
class Update:
    """What an organisation was told. ``message`` is ``None`` when it is withheld."""

    sequence: int
    type: str
    message: Resource | None

    @property
    def event(self) -> str:
        """The event code."""
        return self.type.removeprefix("example.carepath.").removesuffix(".v1")

    @property
    def is_receipt(self) -> bool:
        """Whether it answers a message of the organisation's own."""
        return self.event == "acknowledgement"


class Way(Protocol):
    """One way in and out. ``url`` is a server on the same store, to look things up; ``database``: the store's."""

    url: str
    database: str

    def cast(self) -> Cast:
        """Organisations nobody has used, ready to send and be told."""

    def send(self, sender: Organisation, *contents: bytes) -> None:
        """Send, in this order."""

    def receipts(self, sender: Organisation, number: int) -> Sequence[tuple[str, str]]:
        """What became of the first ``number`` messages, each answer once: (message id, if it has one; code)."""

    def updates(self, receiver: Organisation, number: int) -> Sequence[Update]:
        """The first ``number`` things an organisation was told that are not receipts, and all that came between."""


@dataclass(slots=True)
class OverHttp:
    """``$process-message`` in, ``GET /events`` out."""

    url: str
    database: str
    _casts: Iterator[Cast] = field(default_factory=casts)
    _answers: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def cast(self) -> Cast:
        """Whoever is named is entered in open mode."""
        return next(self._casts)

    def send(self, sender: Organisation, *contents: bytes) -> None:
        """One request for each."""
        said = self._answers.setdefault(sender.number, [])
        with httpx.Client(base_url=self.url, timeout=20, trust_env=False) as client:
            for content in contents:
                answer = post(client, content, **{"X-Carepath-Org": sender.number})
                said.append((_id_in(content), _code(answer)))

    def receipts(self, sender: Organisation, number: int) -> Sequence[tuple[str, str]]:
        """They came with the answers; the same answer again is the same receipt."""
        return [*dict.fromkeys(self._answers.get(sender.number, ()))][:number]

    def updates(self, receiver: Organisation, number: int) -> Sequence[Update]:
        """From the beginning of the feed."""
        got: list[Update] = []
        asked = {"org": receiver.number, "since": "0"}
        with (
            httpx.Client(base_url=self.url, timeout=20, trust_env=False) as client,
            connect_sse(client, "GET", "/events", params=asked) as source,
        ):
            for event in source.iter_sse():
                told = json.loads(event.data)
                got.append(Update(int(told["sequence"]), told["type"], told.get("data")))
                if _told(got) == number:
                    return got
        raise AssertionError("the stream ended")


class OverKafka:
    """Produced to the sender's inbound topic, consumed from the receiver's updates topic."""

    def __init__(self, url: str, database: str, bootstrap: str, cast: Iterator[Cast]) -> None:
        """``cast``: organisations with topics."""
        self.url, self.database, self._casts = url, database, cast
        self._client: Mapping[str, Any] = {"bootstrap_servers": bootstrap}
        self._producer = KafkaProducer(**self._client, acks="all", max_request_size=1 << 23)

    def close(self) -> None:
        """Let the connection go."""
        self._producer.close(timeout=5)

    def cast(self) -> Cast:
        """The next ones."""
        return next(self._casts)

    def send(self, sender: Organisation, *contents: bytes) -> None:
        """One record for each, in one partition."""
        for content in contents:
            topic = topics.inbound(sender.number)
            self._producer.send(topic, content, partition=0).get(timeout=_PATIENCE)

    def receipts(self, sender: Organisation, number: int) -> Sequence[tuple[str, str]]:
        """As the sender's updates have them; what had no message id of its own has none here."""
        return _answers(self._read(sender, lambda got: len(_answers(got)) == number))

    def updates(self, receiver: Organisation, number: int) -> Sequence[Update]:
        """All partitions, in the order they came."""
        return self._read(receiver, lambda got: _told(got) == number)

    def _read(
        self, receiver: Organisation, enough: Callable[[Sequence[Update]], bool]
    ) -> list[Update]:
        got: list[Update] = []
        with closing(KafkaConsumer(**self._client, fetch_max_wait_ms=50)) as consumer:
            topic = topics.updates(receiver.number)
            there = [TopicPartition(topic, n) for n in sorted(consumer.partitions_for_topic(topic))]
            consumer.assign(there)
            consumer.seek_to_beginning()
            latest = time.monotonic() + _PATIENCE
            while time.monotonic() < latest:
                found = consumer.poll(timeout_ms=200)
                for record in chain.from_iterable(found.values()):
                    got += [] if enough(got) else [_update(record)]
                if enough(got):
                    return got
        raise AssertionError(got)


def _answers(updates: Sequence[Update]) -> list[tuple[str, str]]:
    """What is answered, and how; each once."""
    receipts = (u.message for u in updates if u.message and u.is_receipt)
    said = (receipt["entry"][0]["resource"]["response"] for receipt in receipts)
    return [*dict.fromkeys((answer["identifier"], answer["code"]) for answer in said)]


def _update(record: Any) -> Update:
    headers = {name: value.decode() for name, value in record.headers}
    message = json.loads(record.value) if record.value else None
    return Update(int(headers["ce_sequence"]), headers["ce_type"], message)


def _code(answer: httpx.Response) -> str:
    if answer.status_code != 200:
        return "fatal-error"
    return str(answer.json()["entry"][0]["resource"]["response"]["code"])


def _id_in(content: bytes) -> str:
    """The message id, empty when there is none to be found."""
    try:
        return message_id(json.loads(content))
    except (ValueError, KeyError):
        return ""


def _told(updates: Sequence[Update]) -> int:
    return sum(not update.is_receipt for update in updates)


def as_bytes(message: Mapping[str, Any]) -> bytes:
    """As it goes on the wire."""
    return json.dumps(message).encode()
