"""How far each partition has been taken in, where to begin, and what is missing in between. Pure.

What the group has committed at Kafka is a hint: Faust commits past what is not done, and administrators move
offsets by hand. The database's position was written with the messages, so it decides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from carepath.store.positions import Position
from consumers.records import Place, Record


@dataclass(frozen=True, slots=True)
class Log:
    """What Kafka has of a partition: offsets from ``first`` up to, not with, ``end``."""

    first: int
    end: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets from ``start`` up to, not with, ``stop`` that never came."""

    place: Place
    start: int
    stop: int


def beginning(stored: Position | None, topic_id: str, log: Log) -> int:
    """The offset to begin at: the position, or the log's first in a topic made anew or cut short.

    Before the log's first offset when what was not taken in has expired meanwhile.
    """
    if stored is None or stored.topic_id != topic_id or stored.next > log.end:
        return log.first
    return stored.next


def runs(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Records of one partition, split where offsets are missing."""
    numbered = groupby(enumerate(records), lambda pair: pair[1].offset - pair[0])
    return ([record for _, record in run] for _, run in numbered)


@dataclass(slots=True)
class Progress:
    """What is expected next in each partition that is read."""

    next: dict[Place, int] = field(default_factory=dict)

    def steps(self, batch: Iterable[Record]) -> Iterator[Gap | list[Record]]:
        """The batch in its order: gaps to be read again, and the records that come after them.

        Nothing is noted: ``done`` is for that, when a step is committed.
        """
        upto = dict(self.next)
        step: list[Record] = []
        for record in batch:
            expected = upto.get(record.place, record.offset)
            if record.offset > expected:
                if step:
                    yield step
                yield Gap(record.place, expected, record.offset)
                step = []
            upto[record.place] = max(expected, record.offset + 1)
            step.append(record)
        if step:
            yield step

    def done(self, records: Iterable[Record]) -> None:
        """These are committed."""
        for record in records:
            self.reached(record.place, record.offset + 1)

    def reached(self, place: Place, offset: int) -> None:
        """Everything before ``offset`` is committed, or is never to be had."""
        self.next[place] = max(offset, self.next.get(place, 0))


@dataclass(slots=True)
class Watchdog:
    """Tells when there has been work for ``limit`` seconds and nothing was done.

    It is asked several times within the limit. Time that nobody asks in, as when the process was stopped, counts
    for a quarter of the limit at most.
    """

    limit: float
    _waited: float = 0
    _asked: float | None = None
    _seen: Mapping[Place, int] = field(default_factory=dict)

    @property
    def waited(self) -> float:
        """For how many seconds something has waited and nothing was done; 0 while all is well."""
        return self._waited

    def stalled(
        self, now: float, next_: Mapping[Place, int], logs: Mapping[Place, Log]
    ) -> list[Gap]:
        """What waits in partitions where it should have been taken in; empty while all is well."""
        waiting = [
            Gap(place, start, log.end)
            for place, log in logs.items()
            if (start := max(next_.get(place, 0), log.first)) < log.end
        ]
        since, self._asked = self._asked, now
        seen, self._seen = self._seen, {place: next_.get(place, 0) for place in logs}
        if not waiting or since is None or seen != self._seen:
            self._waited = 0
            self._asked = now if waiting else None
            return []
        self._waited += min(now - since, self.limit / 4)
        return waiting if self._waited >= self.limit else []
