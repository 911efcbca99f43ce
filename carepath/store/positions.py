"""How far each partition has been taken in: written with the messages, so it is true whatever Kafka remembers.

Used to find gaps only. What comes again is recognised by the inbox: a topic made anew starts at 0.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from carepath.store.tables import meta, positions
from carepath.store.upserts import insert_new, replace_rows

_MISSING = "records-missing"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where in a stream a message stood. ``topic_id`` is the topic's UUID."""

    topic: str
    topic_id: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Position:
    """``next`` is the offset of the first record that has not been taken in."""

    topic_id: str
    next: int


def load(conn: Connection, topics: Collection[str]) -> dict[tuple[str, int], Position]:
    """The positions of these topics' partitions; none for a partition nobody has read."""
    at = positions.c
    wanted = select(at.topic, at.partition, at.topic_id, at.next).where(at.topic.in_(topics))
    return {
        (topic, partition): Position(topic_id, next_)
        for topic, partition, topic_id, next_ in conn.execute(wanted)
    }


def advance(conn: Connection, taken: Iterable[Origin]) -> None:
    """Everything up to and with these has been taken in; a position goes back only with a new topic."""
    newest: dict[tuple[str, int], Origin] = {}
    for origin in taken:
        place = (origin.topic, origin.partition)
        if place not in newest or newest[place].offset < origin.offset:
            newest[place] = origin
    known = load(conn, {topic for topic, _ in newest})
    rows = [
        {"topic": o.topic, "partition": o.partition, "topic_id": o.topic_id, "next": o.offset + 1}
        for place, o in sorted(newest.items())
        if known.get(place, _NOWHERE).topic_id != o.topic_id or known[place].next <= o.offset
    ]
    replace_rows(conn, positions, rows)


def missed(conn: Connection, count: int) -> None:
    """So many more records could not be read: they had expired, or there never were any at their offsets."""
    insert_new(conn, meta, [{"name": _MISSING, "value": 0}])
    mine = update(meta).where(meta.c.name == _MISSING)
    conn.execute(mine.values(value=meta.c.value + count))


def missing(conn: Connection) -> int:
    """How many records could not be read, ever: more than before is an alarm."""
    return conn.execute(select(meta.c.value).where(meta.c.name == _MISSING)).scalar() or 0


_NOWHERE = Position("", 0)
