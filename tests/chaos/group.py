"""The workers' consumer group, as an administrator sees it."""

import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, Final, TypeVar

from kafka import OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError, for_code

from schemas.broker import Broker
from schemas.topics import INTAKE_GROUP
from tests.chaos.logs import admin
from tests.chaos.view import Offset, Partition

Answer = TypeVar("Answer")
_PATIENCE: Final = 40.0  # seconds: longer than a member that is gone is waited for


def assigned(broker: Broker, worker: str) -> set[Partition]:
    """The partitions that the group has given to a worker; they stay its while it is away for a moment.

    Workers are members under their names and what they read.
    """
    group = _asked(broker, lambda client: client.describe_groups([INTAKE_GROUP]))[INTAKE_GROUP]
    return {
        (there["topic"], partition)
        for member in group["members"]
        if str(member["group_instance_id"]).startswith(f"{worker}-")
        for there in (member["member_assignment"] or {}).get("assigned_partitions", ())
        for partition in there["partitions"]
    }


def set_ahead(broker: Broker, offsets: Mapping[Partition, Offset]) -> bool:
    """Move the group's offsets; false when Kafka does not permit it, as while it has members."""
    told = {TopicPartition(*p): OffsetAndMetadata(to, "", -1) for p, (_, to) in offsets.items()}
    answers = _asked(broker, lambda client: client.alter_group_offsets(INTAKE_GROUP, told))
    return all(error is for_code(0) for error in answers.values())


def set_ahead_when_empty(broker: Broker, offsets: Mapping[Partition, Offset]) -> None:
    """Move them as soon as the members that have left are forgotten."""
    latest = time.monotonic() + _PATIENCE
    while not set_ahead(broker, offsets):
        assert time.monotonic() < latest, "Kafka does not let go of the group"
        time.sleep(0.5)


def _asked(broker: Broker, ask: Callable[[Any], Answer]) -> Answer:
    """Until Kafka answers: it may have been started a moment ago."""
    latest = time.monotonic() + _PATIENCE
    while True:
        try:
            with closing(admin(broker)) as client:
                return ask(client)
        except KafkaError:
            if time.monotonic() > latest:
                raise
            time.sleep(0.1)
