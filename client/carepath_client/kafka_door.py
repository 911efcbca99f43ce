"""Messages in over Kafka, and their receipts out of the organisation's updates.

The producer is not idempotent in Kafka's sense: such ones may hang when the broker is gone, and the message id does
what is needed. One that failed is thrown away and made again.
"""

import hashlib
import logging
import secrets
import threading
import time
from contextlib import suppress
from typing import Any, Final

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from carepath_client.broker import Security, inbound, opened, updates
from carepath_client.codes import FHIR_JSON
from carepath_client.errors import Issue, Refused, Unanswered
from carepath_client.http import Attempts
from carepath_client.letters import Letter
from carepath_client.receipts import Answer, Receipt
from carepath_client.updates import from_headers

log = logging.getLogger("carepath_client")

_LIMIT: Final = 5_000  # milliseconds for a call
_OPTIONS: Final[dict[str, Any]] = {
    "acks": "all",
    "enable_idempotence": False,
    "max_in_flight_requests_per_connection": 1,  # no retry overtakes
    "allow_auto_create_topics": False,
    "bootstrap_timeout_ms": _LIMIT,
    "max_block_ms": _LIMIT,
    "request_timeout_ms": _LIMIT,
    "delivery_timeout_ms": 2 * _LIMIT,
    "max_request_size": 32 << 20,  # the broker has the last word
    "reconnect_backoff_max_ms": 2_000,
}
_NEVER: Final = {
    AuthorizationError: ("forbidden", "not allowed to write this topic"),
    MessageSizeTooLargeError: ("too-long", "the broker takes no message of this size"),
    RecordListTooLargeError: ("too-long", "the broker takes no message of this size"),
}


class KafkaDoor:
    """Writes ``carepath.inbound.<organisation>``; one message at a time, whoever asks."""

    def __init__(self, bootstrap: str, organisation: str, security: Security) -> None:
        self._options = security.options(bootstrap)
        self._topic = inbound(organisation)
        self._receipts = _Receipts(self._options, updates(organisation))
        self._producer: Any = None
        self._salt = secrets.token_bytes(16)
        self._lock = threading.Lock()

    def send(self, one: Letter, limit: float, wait: float | None) -> Receipt:
        """Raises ``Refused``, ``Unavailable`` and ``Unanswered``."""
        attempts = Attempts(limit)
        with self._lock:
            while True:
                try:
                    if wait is not None:
                        self._receipts.begin()
                    self._write(one, attempts.left)
                    break
                except (KafkaError, OSError) as fault:
                    self._discard()
                    self._refuse(fault, one)
                    time.sleep(attempts.pause(fault))
            if wait is None:
                return Receipt("published", one.message_id)
            return self._receipts.of(one.message_id, wait).receipt()

    def close(self) -> None:
        """Everything was sent: ``send`` waits for it."""
        with self._lock:
            self._discard()

    def _write(self, one: Letter, left: float) -> None:
        if self._producer is None:
            self._producer = opened(KafkaProducer, **self._options, **_OPTIONS)
        sent = self._producer.send(
            self._topic,
            value=one.source,
            key=self._key(one),
            headers=[("content-type", FHIR_JSON.encode())],
        )
        sent.get(timeout=min(left, 3 * _LIMIT / 1000))

    def _key(self, one: Letter) -> bytes:
        """The same for one patient, that the messages keep their order; it says nothing to anybody else."""
        about = one.patient or one.message_id
        return hashlib.blake2b(about.encode(), key=self._salt, digest_size=12).hexdigest().encode()

    def _discard(self) -> None:
        producer, self._producer = self._producer, None
        self._receipts.close()
        if producer is not None:
            with suppress(KafkaError, OSError):
                producer.close(timeout=1)

    @staticmethod
    def _refuse(fault: Exception, one: Letter) -> None:
        for kind, (code, text) in _NEVER.items():
            if isinstance(fault, kind):
                issue = Issue("fatal", code, text)
                raise Refused((issue,), message_id=one.message_id) from None


class _Receipts:
    """Reads an organisation's updates from now on, beside whoever else does."""

    def __init__(self, options: dict[str, Any], topic: str) -> None:
        self._options, self._topic = options, topic
        self._consumer: Any = None

    def begin(self) -> None:
        """What comes from now on is seen. Raises ``KafkaError``."""
        if self._consumer is None:
            self._consumer = opened(
                KafkaConsumer,
                **self._options,
                group_id=None,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                bootstrap_timeout_ms=_LIMIT,
                request_timeout_ms=3 * _LIMIT,
                max_partition_fetch_bytes=10 << 20,
            )
            numbers = self._consumer.partitions_for_topic(self._topic) or ()
            self._consumer.assign([TopicPartition(self._topic, number) for number in numbers])
        assigned = list(self._consumer.assignment())
        for partition, end in self._consumer.end_offsets(assigned, timeout_ms=_LIMIT).items():
            self._consumer.seek(partition, end)

    def of(self, message_id: str, wait: float) -> Answer:
        """The receipt for a message. Raises ``Unanswered``."""
        latest = time.monotonic() + wait
        while (left := latest - time.monotonic()) > 0:
            for answer in self._poll(min(left, 0.5)):
                if answer.message_id == message_id:
                    return answer
        raise Unanswered(message_id)

    def close(self) -> None:
        """Begin again with a new connection."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError):
                consumer.close(autocommit=False, timeout_ms=_LIMIT)

    def _poll(self, seconds: float) -> list[Answer]:
        try:
            polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        except (KafkaError, OSError) as fault:
            log.warning("receipts cannot be read now: %s", type(fault).__name__)
            time.sleep(seconds)
            return []
        records = [record for records in polled.values() for record in records]
        return [found for record in records if (found := _answer(record))]


def _answer(record: Any) -> Answer | None:
    with suppress(ValueError):  # a subscriber tells of it
        update = from_headers(record.headers, record.value)
        return update.receipt if update.event == "acknowledgement" else None
    return None
