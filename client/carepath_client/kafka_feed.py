"""Updates over Kafka. The consumer group remembers: the offsets, and in their metadata the number reached.

kafka-python's consumer is used by one thread, without a rebalance listener (dpkp/kafka-python#3131): that the
group was formed anew is seen by its generation. A consumer that failed is thrown away and made again.
"""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import suppress
from threading import Event
from typing import Any, Final

from kafka import KafkaConsumer, TopicPartition
from kafka.coordinator.assignors.abstract import (
    AbstractPartitionAssignor,
    ConsumerProtocolAssignment,
    ConsumerProtocolSubscription,
)
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from kafka.structs import OffsetAndMetadata

from carepath_client.broker import Security, opened, updates
from carepath_client.errors import Issue, Refused
from carepath_client.feeds import Arrived, Batch
from carepath_client.http import Attempts
from carepath_client.positions import Mark, Positions
from carepath_client.updates import from_headers

log = logging.getLogger("carepath_client")

_POLL: Final = 0.5  # seconds: so soon ``interrupt`` is noticed
_SAVE_EVERY: Final = 1.0  # seconds
_DUE: Final = 30.0  # seconds without a poll; after five minutes the group thinks one dead
_LIMIT: Final = 5_000  # milliseconds for a call
_OPTIONS: Final[dict[str, Any]] = {
    "auto_offset_reset": "earliest",
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    "max_poll_records": 100,
    "max_partition_fetch_bytes": 10 << 20,
    "session_timeout_ms": 10_000,
    "heartbeat_interval_ms": 3_000,
    "request_timeout_ms": 15_000,
    "bootstrap_timeout_ms": _LIMIT,
    "reconnect_backoff_max_ms": 2_000,
    "metadata_max_age_ms": 30_000,
}


class Whole(AbstractPartitionAssignor):  # type: ignore[misc]  # kafka-python has no types
    """One member has all partitions, the others wait to take over: numbers run across all of them."""

    name = "carepath-whole"
    version = 0

    def __init__(self) -> None:
        self._holds = False

    def assign(self, cluster: Any, members: Any) -> dict[str, Any]:
        """To the one who has them already, if it is still there."""
        chosen = min(members, key=lambda one: (one.metadata.user_data != b"holds", one.member_id))
        topics = sorted({topic for one in members for topic in one.metadata.topics})
        everything = [(name, sorted(cluster.partitions_for_topic(name) or ())) for name in topics]
        return {
            one.member_id: ConsumerProtocolAssignment(
                self.version, everything if one is chosen else [], b""
            )
            for one in members
        }

    def metadata(self, topics: Any) -> Any:
        """What this member tells whoever assigns."""
        told = b"holds" if self._holds else b""
        return ConsumerProtocolSubscription(self.version, list(topics), told)

    def on_assignment(self, assignment: Any, generation: int) -> None:
        """What this member was given."""
        self._holds = bool(assignment.partitions())


class KafkaFeed:
    """The topic ``carepath.updates.<organisation>``."""

    def __init__(
        self,
        bootstrap: str,
        organisation: str,
        security: Security,
        *,
        since: int,
        patience: float,
    ) -> None:
        self._topic, self._since = updates(organisation), since
        self._options = security.options(bootstrap) | {"group_id": f"carepath.{organisation}"}
        self._attempts = Attempts(patience)
        self._consumer: Any = None
        self._generation = -1
        self._positions = Positions()
        self._saved: dict[int, int] = {}
        self._saved_at = self._polled_at = time.monotonic()
        self._stopped = Event()

    def receive(self, passed: int, *, full: bool) -> Batch:
        """What comes within half a second. What fails is made again, for ever once it worked."""
        try:
            consumer = self._consumer or self._open()
            self._hold_back(full=full)
            polled = consumer.poll(timeout_ms=int(_POLL * 1000))
            self._polled_at = time.monotonic()
            restart = self._joined_anew()
            return Batch(list(self._arrived(polled)), restart)
        except (TopicAuthorizationFailedError, GroupAuthorizationFailedError):
            text = f"not allowed to read {self._topic}"
            raise Refused((Issue("fatal", "forbidden", text),)) from None
        except (KafkaError, OSError) as fault:
            log.warning("Kafka failed, and is tried again: %s", type(fault).__name__)
            self._discard()
            self._stopped.wait(self._attempts.pause(fault))
            return Batch()

    def is_due(self) -> bool:
        """Whether nothing was polled for long."""
        return time.monotonic() - self._polled_at > _DUE

    def finish(self, arrived: Arrived) -> None:
        """Its offset may be committed."""
        if arrived.mark is not None:
            self._positions.finished(arrived.mark)

    def save(self, number: int, *, now: bool) -> None:
        """Commit, at least every second; one that fails is made up for by the next."""
        due = now or time.monotonic() - self._saved_at > _SAVE_EVERY
        offsets = dict(self._positions.to_commit())
        if not due or self._consumer is None or offsets == self._saved:
            return
        told = {
            TopicPartition(self._topic, partition): OffsetAndMetadata(offset, str(number), -1)
            for partition, offset in offsets.items()
        }
        try:
            self._consumer.commit(told, timeout_ms=_LIMIT)
            self._saved = offsets
        except KafkaError as fault:
            log.warning("the position was not kept: %s", type(fault).__name__)
        self._saved_at = time.monotonic()

    def interrupt(self) -> None:
        """It is noticed at the next poll."""
        self._stopped.set()

    def close(self) -> None:
        """Leave the group."""
        self._stopped.set()
        self._discard()

    def _open(self) -> Any:
        self._generation = -1
        strategy = (Whole(),)
        self._consumer = opened(
            KafkaConsumer, **self._options, **_OPTIONS, partition_assignment_strategy=strategy
        )
        self._consumer.subscribe([self._topic])
        self._attempts.succeeded()
        self._attempts.limit = math.inf  # it was there: it comes back
        return self._consumer

    def _discard(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with suppress(KafkaError, OSError):
                consumer.close(autocommit=False, timeout_ms=_LIMIT)

    def _hold_back(self, *, full: bool) -> None:
        """When enough is held, only those partitions are read that may have what is missing."""
        assigned = self._consumer.assignment()
        ahead = {one for one in assigned if full and one.partition in self._positions.waiting()}
        self._consumer.resume(*(self._consumer.paused() - ahead))
        self._consumer.pause(*ahead)

    def _joined_anew(self) -> int | None:
        """Where to go on, when the group has been formed anew: what was read since the last commit comes again."""
        generation = self._consumer.group_metadata().generation_id
        if generation == self._generation:
            return None
        remembered = self._remembered()
        self._generation = generation
        self._positions.clear()
        self._saved = {}
        return self._since if remembered is None else remembered

    def _remembered(self) -> int | None:
        """The number reached, as the offsets' metadata tell it."""
        assigned = self._consumer.assignment()
        kept = [self._consumer.committed(one, metadata=True, timeout_ms=_LIMIT) for one in assigned]
        numbers = [int(one.metadata) for one in kept if one and one.metadata.isdecimal()]
        return max(numbers, default=None)

    def _arrived(self, polled: dict[Any, list[Any]]) -> Iterator[Arrived]:
        for records in polled.values():
            for record in records:
                mark = Mark(record.partition, record.offset)
                self._positions.came(mark)
                try:
                    yield Arrived(from_headers(record.headers, record.value), mark)
                except ValueError as wrong:
                    log.warning("record %d/%d was left out: %s", *mark, wrong)
                    self._positions.finished(mark)
