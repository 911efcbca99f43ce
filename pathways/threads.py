"""Which matter a message belongs to: threads are the connected components of the senders' keys.

Keys connect within one patient and one family. A thread's id comes from its strongest key, so it does not
depend on the order of arrival; when a stronger key turns up, or two threads turn out to be one, the old ids
stay as aliases.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from pathways.events import WHOLE, Activity, EventCode, Family
from pathways.facts import StayFacts
from pathways.messages import Key, KeyRank, Message, Record, stable_id
from pathways.pathway import Thread


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message goes: the thread's id and anchor, and the threads it brings together."""

    id: str
    anchor: Key
    joins: tuple[Thread, ...]

    @property
    def moved(self) -> bool:
        """Whether threads are joined or renamed, so that their records have to be folded together."""
        return any(thread.id != self.id for thread in self.joins)


def message_key(message_id: str, sender: str, root: str | None) -> Key:
    """The key of a message named by id; ids that are not UUIDs may collide, so they stay with their sender."""
    try:
        return Key(KeyRank.MESSAGE, str(UUID(message_id)))
    except ValueError:
        return Key(KeyRank.MESSAGE, f"{root or sender}|{message_id}")


def keys_of(message: Message | Record, sender: str, root: str | None) -> tuple[Key, ...]:
    """All keys of a message: what it is about, itself, and the message it names."""
    if message.family in WHOLE:
        return (Key(KeyRank.EPISODE, message.family.value),)
    id_ = message.message_id if isinstance(message, Record) else message.id
    named = [id_, *([message.target] if message.target else [])]
    itself = (message_key(name, sender, root) for name in named)
    return (*message.keys, *itself, *_begin_key(message, root or sender))


def _begin_key(message: Message | Record, house: str) -> Iterator[Key]:
    """When a stay began, and in which house: what tells of it by a number, and what knows none, have that in common.

    Nobody begins two stays in one house at one instant. Two visits on one day are two, and so are outpatients' visits,
    which systems put at midnight.
    """
    begins = _begins(message) if message.family is Family.STAY else None
    if begins:
        yield Key(KeyRank.BEGIN, f"{house}|{begins.astimezone(UTC).isoformat()}")


def _begins(message: Message | Record) -> datetime | None:
    """The instant that the stay began at, as the message tells it; a report tells it by its key."""
    facts = message.facts
    if not isinstance(facts, StayFacts):
        told = (one.begins for one in message.keys if one.rank is KeyRank.START)
        return next((datetime.fromisoformat(one) for one in told if "T" in one), None)
    new = message.code is EventCode.ADMISSION and message.activity is Activity.NEW
    begins = facts.begins or (message.happened if new else None)
    known = begins is not None and not begins.day and facts.encounter_class != _OUTPATIENT
    return begins.at if begins and known else None


_OUTPATIENT = "AMB"
"""In v3-ActCode."""


def place(patient: str, family: Family, keys: Collection[Key], joins: Collection[Thread]) -> Place:
    """Where a message with ``keys`` goes, given the threads that already have one of them."""
    anchor = min([*keys, *(thread.anchor for thread in joins)])
    thread_id = stable_id("thread", patient, family, anchor.rank.name, anchor.value)
    return Place(thread_id, anchor, tuple(sorted(joins, key=lambda t: t.id)))


def components(records: Iterable[Record]) -> list[list[Record]]:
    """The matters of one patient, made anew from all its records."""
    matters: list[list[Record]] = []
    by_key: dict[tuple[Family, Key], list[Record]] = {}
    for record in records:
        keys = [(record.family, key) for key in _keys(record)]
        joined = {id(matter): matter for key in keys if (matter := by_key.get(key))}
        whole = [record, *(member for matter in joined.values() for member in matter)]
        matters = [matter for matter in matters if id(matter) not in joined] + [whole]
        for member in whole:
            by_key.update({(member.family, key): whole for key in _keys(member)})
    return matters


def _keys(record: Record) -> tuple[Key, ...]:
    return keys_of(record, record.sender, record.sender_root)


def begin(place: Place, patient: str, family: Family) -> Thread:
    """A thread that nothing has happened in yet."""
    return Thread(id=place.id, patient=patient, family=family, anchor=place.anchor)
