"""How far each partition has been taken in: written with the messages, so it is true whatever Kafka remembers.

Used to find gaps only. What comes again is recognised by the inbox: a topic made anew starts at 0.
"""

from collections.abc import Collection, Iterable, Mapping
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
    if not topics:
        return {}
    at = positions.c
    wanted = select(at.topic, at.partition, at.topic_id, at.next).where(at.topic.in_(topics))
    return {
        (topic, partition): Position(topic_id, next_)
        for topic, partition, topic_id, next_ in conn.execute(wanted)
    }


class Skipped(Exception):
    """Records before these have not been taken in, whatever the reader thinks: nothing was written."""

    def __init__(self, topic: str, partition: int, start: int, stop: int) -> None:
        """Offsets from ``start`` up to, not with, ``stop``."""
        super().__init__(f"{topic} {partition}: {start} to {stop}")
        self.topic, self.partition, self.start, self.stop = topic, partition, start, stop


def advance(conn: Connection, taken: Iterable[Origin]) -> None:
    """Everything up to and with these has been taken in; a position goes back only with a new topic.

    Raises ``Skipped`` when they do not follow what was taken in before. A reader can be ahead of the database: one
    that failed over to a copy, or was restored, has forgotten what the reader remembers.
    """
    first: dict[tuple[str, int], int] = {}
    newest: dict[tuple[str, int], Origin] = {}
    for origin in taken:
        place = (origin.topic, origin.partition)
        first[place] = min(origin.offset, first.get(place, origin.offset))
        if place not in newest or newest[place].offset < origin.offset:
            newest[place] = origin
    known = load(conn, {topic for topic, _ in newest})
    for place, origin in newest.items():
        at = known.get(place)
        if at and at.topic_id == origin.topic_id and at.next < first[place]:
            raise Skipped(*place, at.next, first[place])
    _raise(conn, known, newest.values())


def skip(conn: Connection, upto: Origin) -> None:
    """Nothing before this, nor this, is to be had."""
    _raise(conn, load(conn, [upto.topic]), [upto])


def _raise(
    conn: Connection, known: Mapping[tuple[str, int], Position], newest: Iterable[Origin]
) -> None:
    rows = [
        {"topic": o.topic, "partition": o.partition, "topic_id": o.topic_id, "next": o.offset + 1}
        for o in sorted(newest, key=lambda o: (o.topic, o.partition))
        if (at := known.get((o.topic, o.partition), _NOWHERE)).topic_id != o.topic_id
        or at.next <= o.offset
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
