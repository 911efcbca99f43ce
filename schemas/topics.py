"""Kafka's topics: what they are called, whose they are, what they are like and who may do what with them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

INBOUND: Final = "carepath.inbound."
"""What an organisation sends: it alone may write there."""
UPDATES: Final = "carepath.updates."
"""What an organisation is told: it alone may read there."""
PARKED: Final = "carepath.parked"
"""Notices of what could not be taken in, for the operator."""
INTAKE_GROUP: Final = "carepath-intake"
"""The consumer group of the workers. No organisation's group is called so: theirs have a dot."""
RETENTION: Final = timedelta(days=14)
"""How long Kafka keeps a record at least, unless set otherwise. The feed in the database has it longer.

Inbound: a restored backup of any age up to this reads again what came since. Updates: a reader that was away
for longer asks for a replay or fetches over HTTP. Not more, because here it lies unsealed.
"""
MAX_RECORD_BYTES: Final = 16 * 1024 * 1024
"""The largest record with its key and headers. A message has at most 5 MiB, and its translation into our profile
may be larger. What is over 5 MiB and under this gets in, to be parked with a reason that somebody sees."""

Operation = Literal["READ", "WRITE", "DESCRIBE"]
Resource = Literal["TOPIC", "GROUP"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicOptions:
    """``copies`` of each of the ``partitions``, of which ``min_isr`` must have a record before it counts as written."""

    partitions: int
    copies: int
    min_isr: int
    retention: timedelta = RETENTION


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as it should be; ``config`` has Kafka's own names."""

    name: str
    partitions: int
    copies: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """``principal`` (``User:NAME``) may do this with exactly the topic or consumer group of this name."""

    principal: str
    resource: Resource
    name: str
    operation: Operation


def inbound(org: str) -> str:
    """The topic that the organisation with this directory key writes to."""
    return f"{INBOUND}{org}"


def updates(org: str) -> str:
    """The topic that the organisation with this directory key reads."""
    return f"{UPDATES}{org}"


def group(org: str) -> str:
    """The consumer group of the organisation with this directory key."""
    return f"carepath.{org}"


def organisation(topic: str) -> str | None:
    """The directory key that an inbound or updates topic belongs to; ``None`` for other topics."""
    for prefix in (INBOUND, UPDATES):
        if topic.startswith(prefix):
            return topic.removeprefix(prefix) or None
    return None


def topics(organisations: Iterable[str], options: TopicOptions) -> list[Topic]:
    """The topics of these organisations, and the operator's as the last one.

    All of theirs have the same number of partitions: Faust shares them out among workers by number (trap T24).
    """
    owned = [name for org in organisations for name in (inbound(org), updates(org))]
    config = _config(options)
    return [
        Topic(
            name=name,
            partitions=1 if name == PARKED else options.partitions,
            copies=options.copies,
            config=config,
        )
        for name in (*owned, PARKED)
    ]


def rights(organisations: Iterable[str], service: str | None) -> frozenset[Right]:
    """What each organisation may do, and ``service``, the user that Carepath itself logs in as.

    Names stand for themselves: a right on a prefix would hold for other organisations whose keys begin alike.
    """
    granted = {right for org in organisations for right in _organisation(org)}
    if service is not None:
        owned = {right.name for right in granted if right.resource == "TOPIC"}
        granted |= {right for topic in (*owned, PARKED) for right in _own(service, topic)}
        granted.add(Right(f"User:{service}", "GROUP", INTAKE_GROUP, "READ"))
    return frozenset(granted)


def _organisation(org: str) -> Iterator[Right]:
    mine = f"User:{org}"
    yield Right(mine, "TOPIC", inbound(org), "WRITE")
    yield Right(mine, "TOPIC", inbound(org), "DESCRIBE")
    yield Right(mine, "TOPIC", updates(org), "READ")
    yield Right(mine, "TOPIC", updates(org), "DESCRIBE")
    yield Right(mine, "GROUP", group(org), "READ")


def _own(service: str, topic: str) -> Iterator[Right]:
    mine = f"User:{service}"
    yield Right(mine, "TOPIC", topic, "READ" if topic.startswith(INBOUND) else "WRITE")
    yield Right(mine, "TOPIC", topic, "DESCRIBE")


def _config(options: TopicOptions) -> dict[str, str]:
    kept = round(options.retention.total_seconds() * 1000)
    return {
        # A record goes when its time is over and for no other reason. A compacted topic has holes in its
        # offsets, and we could not tell them from records that Faust skipped (trap T11).
        "cleanup.policy": "delete",
        "retention.ms": str(kept),
        "retention.bytes": "-1",
        # Segments go whole, when their last record is too old: the first one is kept half as long again.
        "segment.ms": str(kept // 2),
        "max.message.bytes": str(MAX_RECORD_BYTES),
        # Kafka's clock, not the sender's: one that runs behind would have its records deleted on arrival.
        "message.timestamp.type": "LogAppendTime",
        # An acknowledged record is on this many disks, and a copy that lacks it never becomes the leader.
        "min.insync.replicas": str(options.min_isr),
        "unclean.leader.election.enable": "false",
    }
