"""What must hold whatever was broken, judged by what the broker acknowledged and what can be seen from outside."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kafka.partitioner.default import murmur2

from schemas.topics import inbound
from tests.chaos.sender import Place
from tests.chaos.traffic import SPOILINGS, Good, Poison
from tests.integration.oracle import differences

OPERATOR: Final = "*"
PARKED: Final = "parked"
WAITED: Final = "placed"
"""The state of what was parked because it came early, and has found its matter."""
SECONDS: Final = 5.0
"""After kill -9 the next commit, and after SIGTERM the end, comes within so many."""
_MOST: Final = 20  # objections of a kind that are told in full


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A record of a receiver's topic. ``message`` is the id of the message that it carries.

    ``about``: what a receipt answers (message id, response code), or what a notice of something parked says
    (parked id, reason). ``content`` is a digest of the value, ``headers`` all but the mark of a replay.
    """

    partition: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    content: bytes
    id: str
    number: int
    kind: str
    message: str | None = None
    about: tuple[str, str] | None = None
    place: tuple[str, int, int] | None = None  # of what was parked: topic, partition, offset


@dataclass(frozen=True, slots=True)
class Told:
    """A place in a receiver's feed, as the broker has it."""

    number: int | None
    id: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A parked message. ``about`` is what its sender knows it by, ``content`` a digest of its bytes."""

    id: str
    reason: str
    state: str
    organisation: str
    about: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """Everything that can be known from outside."""

    goods: Mapping[str, Good]
    poisons: Mapping[tuple[str, bytes], Poison]
    """By the topic and the digest of their bytes."""
    acknowledged: Mapping[Place, bytes]
    inbound: Mapping[Place, bytes]
    """All that is, or was before a topic was deleted, in the inbound topics: digests of values."""
    timelines: Mapping[str, Sequence[tuple[str, str]]]
    """By the patient's identifier: (event id, message id) of every entry. Of those in poison only, too."""
    told: Mapping[str, Sequence[Told]]
    """By receiver, the operator and the parked notices too."""
    updates: Mapping[str, Sequence[Update]]
    """By receiver, each partition in its order."""
    parked: Sequence[Kept]
    unread: Mapping[tuple[str, int], int]
    """How many records of each inbound partition were not taken in."""
    rebuilt: str
    """What ``carepath rebuild`` complained of."""
    recoveries: Sequence[float]
    """Seconds from each kill -9 to the next commit."""
    within: float = SECONDS
    """What 95 in 100 of them may take: more where the machine has others to serve."""
    terms: Sequence[float]
    """Seconds from each SIGTERM to the end."""


def objections(seen: Observed) -> list[str]:
    """All that is not as it must be; nothing when all is well."""
    return [wrong for law in LAWS for wrong in _not_too_many(law, list(law(seen)))]


def _not_too_many(law: Callable[..., object], wrong: list[str]) -> list[str]:
    more = len(wrong) - _MOST
    return [*wrong[:_MOST], f"{law.__name__}: {more} more like these"] if more > 0 else wrong


def _kept_by_kafka(seen: Observed) -> Iterator[str]:
    """Else nothing that follows says anything about us."""
    for place, content in seen.acknowledged.items():
        if seen.inbound.get(place) != content:
            yield f"Kafka itself has lost {place}"


def _read_to_the_end(seen: Observed) -> Iterator[str]:
    for (topic, partition), left in seen.unread.items():
        if left:
            yield f"{left} records of {topic} {partition} were not taken in"


def _once_on_the_timeline(seen: Observed) -> Iterator[str]:
    """Every good message once, on the timeline of its own patient; and nothing else is there."""
    due = Counter((good.patient, good.id) for good in seen.goods.values())
    shown = Counter((who, message) for who, some in seen.timelines.items() for _, message in some)
    yield from differences("timelines", due, shown)


def _told_to_those_named(seen: Observed) -> Iterator[str]:
    """Once by id, under the sender's event code."""
    due = Counter((who, good.code, good.id) for good in seen.goods.values() for who in good.named)
    came = Counter(
        (receiver, update.kind, update.message or "")
        for receiver, updates in _without_repeats(seen).items()
        for update in updates
    )
    yield from differences("receivers", due, {key: came[key] for key in due})


def _told_as_the_broker_says(seen: Observed) -> Iterator[str]:
    """What it says it told a receiver is in the receiver's topic, and nothing else; the operator has all."""
    for receiver in {*seen.told, *seen.updates} - {OPERATOR}:
        due = Counter((str(t.number), t.id, t.kind) for t in seen.told.get(receiver, ()))
        updates = _first(seen.updates.get(receiver, ()))
        came = Counter((str(update.number), update.id, update.kind) for update in updates)
        yield from differences(f"updates of {receiver}", due, came)
    everything = Counter((told.kind, told.message) for told in seen.told.get(OPERATOR, ()))
    due_ = Counter((good.code, good.id) for good in seen.goods.values())
    yield from differences("the operator's feed", due_, everything)


def _carried_as_sent(seen: Observed) -> Iterator[str]:
    """Byte for byte, whoever gets it."""
    for receiver, updates in seen.updates.items():
        for update in updates:
            good = seen.goods.get(update.message or "")
            if good and update.content not in good.passed:
                yield f"{receiver} was sent other bytes of message {good.id}"


def _numbered_without_gaps(seen: Observed) -> Iterator[str]:
    """From 1, by one; every number is one event's."""
    for receiver, updates in _without_repeats(seen).items():
        numbers = sorted(update.number for update in updates)
        for due, number in zip(range(1, len(numbers) + 1), numbers, strict=True):
            if due != number:
                yield f"updates of {receiver} have {number} where {due} should be"
                break


def _in_order(seen: Observed) -> Iterator[str]:
    """What comes for the first time about a patient has a higher number than all that came about them before."""
    for receiver, updates in _without_repeats(seen).items():
        newest: dict[bytes, int] = {}
        for update in updates:
            if update.key is None:
                continue
            if update.number < newest.get(update.key, 0):
                yield f"{receiver}: {update.number} comes after {newest[update.key]}"
            newest[update.key] = max(update.number, newest.get(update.key, 0))


def _in_its_partition(seen: Observed) -> Iterator[str]:
    """Where every Kafka client looks for a key. All topics of a run have the same number of partitions."""
    partitions = 1 + max((p for _, p in seen.unread), default=0)
    for receiver, updates in seen.updates.items():
        for update in updates:
            if update.key is not None:
                due = (murmur2(update.key) & 0x7FFFFFFF) % partitions
                if due != update.partition:
                    yield f"{receiver}: {update.number} is in partition {update.partition}"


def _one_key_per_patient(seen: Observed) -> Iterator[str]:
    keys: dict[str, set[bytes | None]] = defaultdict(set)
    patients: dict[bytes | None, set[str]] = defaultdict(set)
    for updates in seen.updates.values():
        for update in updates:
            if good := seen.goods.get(update.message or ""):
                keys[good.patient].add(update.key)
                patients[update.key].add(good.patient)
    for sets in (keys.values(), patients.values()):
        yield from (f"{len(some)} share what is one's" for some in sets if len(some) != 1)


def _repeats_are_the_same(seen: Observed) -> Iterator[str]:
    """Partition, key, headers and value."""
    for receiver, updates in seen.updates.items():
        known: dict[str, Update] = {}
        for update in updates:
            if known.setdefault(update.id, update) != update:
                yield f"{receiver}: {update.number} is another when it comes again"


def _answered(seen: Observed) -> Iterator[str]:
    """In the sender's updates: for each record ok, or a fatal error where it is parked for good.

    A record that is read again is not answered again. What waits for its matter is answered in the end.
    """
    records = Counter((place.topic, content) for place, content in seen.inbound.items())
    came = Counter(
        (receiver, *update.about)
        for receiver, updates in _without_repeats(seen).items()
        for update in updates
        if receiver != PARKED and update.about
    )
    due: Counter[tuple[str, str, str]] = Counter()
    for good in seen.goods.values():
        key = (good.organisation, good.id, "ok")
        times = sum(records[inbound(good.organisation), digest] for digest in good.digests)
        due[key] = min(max(came[key], 1), times) if good.kind == "early" else times
    for kept in seen.parked:
        if kept.state != WAITED:
            once = kept.reason != "conflict"  # the others are parked record by record
            times = 1 if once else records[inbound(kept.organisation), kept.content]
            due[kept.organisation, kept.about, "fatal-error"] += times
    yield from differences("answers", due, came)


def _poison_is_parked(seen: Observed) -> Iterator[str]:
    """With its bytes and reason, each record by itself; the same content under the same id once."""
    due: Counter[tuple[str, str, str]] = Counter()
    for place, content in seen.inbound.items():
        if poison := seen.poisons.get((place.topic, content)):
            key = (poison.organisation, SPOILINGS[poison.kind], content.hex())
            due[key] = 1 if poison.kind == "conflict" else due[key] + 1
    parked = Counter(
        (kept.organisation, kept.reason, kept.content.hex())
        for kept in seen.parked
        if kept.state != WAITED
    )
    yield from differences("parked", due, parked)


def _parked_is_told(seen: Observed) -> Iterator[str]:
    """The operator hears of each once, and where it stood."""
    contents: dict[tuple[str, int, int], set[bytes]] = defaultdict(set)
    for place, content in seen.inbound.items():
        contents[place.topic, place.partition, place.offset].add(content)
    notices = _without_repeats(seen).get(PARKED, ())
    due = Counter((kept.id, kept.reason) for kept in seen.parked)
    yield from differences("notices", due, Counter(n.about for n in notices if n.about))
    parked = {kept.id: kept.content for kept in seen.parked}
    for notice in notices:
        id_, _ = notice.about or ("", "")
        if notice.place is None or parked.get(id_) not in contents[notice.place]:
            yield f"what is parked as {id_} is not what stood at {notice.place}"


def _rebuild_changes_nothing(seen: Observed) -> Iterator[str]:
    if seen.rebuilt:
        yield f"rebuild: {seen.rebuilt}"


def _in_time(seen: Observed) -> Iterator[str]:
    """The 95th percentile after kill -9, every time after SIGTERM."""
    if seen.recoveries and (slow := percentile(seen.recoveries, 0.95)) > seen.within:
        yield f"after kill -9 the next commit took {slow:.1f} s (95th percentile)"
    if seen.terms and max(seen.terms) > SECONDS:
        yield f"after SIGTERM it took {max(seen.terms):.1f} s"


LAWS: Sequence[Callable[[Observed], Iterator[str]]] = (
    _kept_by_kafka,
    _read_to_the_end,
    _once_on_the_timeline,
    _told_to_those_named,
    _told_as_the_broker_says,
    _carried_as_sent,
    _numbered_without_gaps,
    _in_order,
    _in_its_partition,
    _one_key_per_patient,
    _repeats_are_the_same,
    _answered,
    _poison_is_parked,
    _parked_is_told,
    _rebuild_changes_nothing,
    _in_time,
)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -(-int(share * 100) * len(ranked) // 100) - 1))]


def lost(seen: Observed) -> int:
    """Good messages that are on no timeline."""
    shown = {message for entries in seen.timelines.values() for _, message in entries}
    return len(seen.goods.keys() - shown)


def doubled(seen: Observed) -> int:
    """Timeline entries, and places in updates by id, that are there once too often."""
    entries = Counter(message for some in seen.timelines.values() for _, message in some)
    told = Counter(
        (receiver, update.kind, update.message)
        for receiver, updates in _without_repeats(seen).items()
        for update in updates
        if update.message in seen.goods
    )
    return sum(times - 1 for times in (*entries.values(), *told.values()))


def _without_repeats(seen: Observed) -> dict[str, list[Update]]:
    return {receiver: _first(updates) for receiver, updates in seen.updates.items()}


def _first(updates: Iterable[Update]) -> list[Update]:
    """The first of each id, in their order."""
    first: dict[str, Update] = {}
    for update in updates:
        first.setdefault(update.id, update)
    return list(first.values())
