"""What is to be done about Kafka's topics and rights: what there should be, held against what there is."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from schemas.topics import INBOUND, PARKED, Right, Topic, organisation

OURS = "carepath."


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A topic as it is. ``copies`` is the smallest number among its partitions."""

    partitions: int
    copies: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What Kafka has. ``rights`` is ``None`` where it does not ask who somebody is.

    ``others`` are rules in words that concern us and are more than a ``Right`` can say: on prefixes, on hosts, denials.
    """

    topics: Mapping[str, Found]
    rights: frozenset[Right] | None
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in this order. ``faults`` are what only a person can mend, by topic."""

    revoke: tuple[Right, ...] = ()
    create: tuple[Topic, ...] = ()
    partitions: Mapping[str, int]
    configs: Mapping[str, Mapping[str, str]]
    grant: tuple[Right, ...] = ()
    faults: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.revoke or self.create or self.partitions or self.configs or self.grant)


def plan(
    wanted: Sequence[Topic],
    kept: Iterable[Topic],
    rights: frozenset[Right],
    known: Collection[str],
    state: State,
) -> Plan:
    """What makes Kafka as ``wanted``, with these ``rights``.

    ``kept`` are topics that are not made, but put right where they are: those of organisations that have ended.
    What the ``known`` principals may do beyond ``rights`` with our topics is taken away; of what others may do
    there is a note.
    """
    found = state.topics
    there = [topic for topic in (*wanted, *kept) if topic.name in found]
    had = frozenset[Right]() if state.rights is None else state.rights
    beyond = sorted(right for right in had - rights if _concerns_us(right))
    return Plan(
        create=tuple(topic for topic in wanted if topic.name not in found),
        partitions={t.name: t.partitions for t in there if _grows(t, found[t.name])},
        configs={t.name: lacks for t in there if (lacks := _differing(t, found[t.name]))},
        grant=() if state.rights is None else tuple(sorted(rights - had)),
        revoke=tuple(right for right in beyond if right.principal in known),
        faults={t.name: wrong for t in there if (wrong := "; ".join(_faults(t, found[t.name])))},
        notes=tuple(_notes(state, [right for right in beyond if right.principal not in known])),
    )


def _differing(topic: Topic, found: Found) -> dict[str, str]:
    return {name: value for name, value in topic.config.items() if found.config.get(name) != value}


def _faults(topic: Topic, found: Found) -> Iterator[str]:
    owned = organisation(topic.name) is not None  # the operator's notices may lie in any order
    if owned and found.partitions != topic.partitions and not _grows(topic, found):
        yield f"partitions are {found.partitions} and should be {topic.partitions}. {_PARTITIONS}"
    if found.copies < topic.copies:
        yield f"copies are {found.copies} and should be {topic.copies}. {_COPIES}"


_PARTITIONS = (
    "Kafka takes none away, and more would show the readers of other topics a patient's updates out of order:"
    " set CAREPATH_KAFKA_PARTITIONS to what the largest inbound topic has, or have the topic read to its end,"
    " delete it and run this again"
)
_COPIES = "Move its partitions with kafka-reassign-partitions"


def _grows(topic: Topic, found: Found) -> bool:
    """Inbound topics all have the same number of partitions, or one worker gets them all (trap T24)."""
    return topic.name.startswith(INBOUND) and found.partitions < topic.partitions


def _concerns_us(right: Right) -> bool:
    if right.resource == "GROUP":
        return right.name.startswith(OURS) or right.name == "*"
    return organisation(right.name) is not None or right.name in (PARKED, "*")


def _notes(state: State, strange: Iterable[Right]) -> Iterator[str]:
    if state.rights is None:
        yield "Kafka has no authorizer: everybody may read and write every topic, and no rights are set."
    for principal, rights in groupby(strange, key=lambda right: right.principal):
        told = [f"{right.operation} {right.name}" for right in rights]
        yield f"{principal} may {told[0]} and {len(told) - 1} things more: not given here, left as it is."
    yield from state.others
