"""Which topics are read: those of organisations in the directory, and new ones not too often."""

import hashlib
from collections.abc import Collection, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import MemberToRemove

from schemas import topics
from schemas.broker import Broker


@dataclass(frozen=True, slots=True)
class Found:
    """A topic that exists. ``id`` is its UUID: a topic made anew has another."""

    id: str
    partitions: int


class Scout:
    """Asks Kafka which topics there are. Synchronous: for a thread of its own."""

    def __init__(self, broker: Broker, client_id: str) -> None:
        self._broker, self._client_id = broker, client_id
        self._client: Any = None

    def look(self) -> dict[str, Found]:
        """The inbound topics. Raises whatever the client raises when Kafka does not answer."""
        try:
            if self._client is None:
                self._client = KafkaAdminClient(
                    **self._broker.options(),
                    client_id=self._client_id,
                    request_timeout_ms=5_000,
                    bootstrap_timeout_ms=2_000,
                )
            described = self._client.describe_topics()
        except Exception:
            self.close()
            raise
        return {
            topic["name"]: Found(str(topic["topic_id"]), len(topic["partitions"]))
            for topic in described
            if topic["name"].startswith(topics.INBOUND) and not topic["error_code"]
        }

    def leave(self, member: str) -> None:
        """Take a static member out of the group, so that nobody waits for it to come back."""
        if self._client is not None:
            self._client.remove_group_members(
                topics.INTAKE_GROUP, [MemberToRemove(group_instance_id=member)]
            )

    def close(self) -> None:
        """Let the connection go; the next look makes another."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                client.close()


def wanted(found: Collection[str], known: Collection[str] | None) -> set[str]:
    """Inbound topics whose organisation is in the directory; of all organisations when ``known`` is ``None``."""
    return {
        topic
        for topic in found
        if (key := topics.organisation(topic)) and (known is None or key in known)
    }


def chosen(
    wanted: Set[str], active: Mapping[str, datetime], now: datetime, pause: timedelta
) -> set[str]:
    """The topics to read now: the same for every worker, since all see the same ``active`` (topic → since when).

    New ones wait until ``pause`` has passed since others were added. The first ones wait for nothing.
    """
    reading = {topic for topic in wanted if topic in active}
    recent = any(now - since < pause for since in active.values())
    return reading if reading and recent else set(wanted)


def member(worker: str, reading: Mapping[str, Found]) -> str:
    """Whom the worker is in the group as long as it reads these topics.

    Kafka gives a static member that comes back what it had before, whatever it asks for now: the partitions of
    topics it does not read any more, and none of the new ones (https://issues.apache.org/jira/browse/KAFKA-13435).
    """
    told = "\n".join(f"{name} {it.id} {it.partitions}" for name, it in sorted(reading.items()))
    return f"{worker}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
