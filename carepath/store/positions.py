"""How far each partition has been taken in: written with the messages, so it is true whatever Kafka remembers.

Used to find gaps only. What comes again is recognised by the inbox: a topic made anew starts at 0.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from carepath.store.tables import positions
from carepath.store.upserts import replace_rows


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


_NOWHERE = Position("", 0)
