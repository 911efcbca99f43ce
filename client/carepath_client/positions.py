"""How far a consumer has come in each partition, when its records are finished in another order than they came."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Mark(NamedTuple):
    """Where a record stands."""

    partition: int
    offset: int


@dataclass
class Positions:
    """The next offset of every partition: that of its first record that is not finished, else after the last."""

    _next: dict[int, int] = field(default_factory=dict)
    _open: dict[int, set[int]] = field(default_factory=dict)

    def came(self, mark: Mark) -> None:
        """A record was read; it is open until it is finished."""
        self._next[mark.partition] = mark.offset + 1
        self._open.setdefault(mark.partition, set()).add(mark.offset)

    def finished(self, mark: Mark) -> None:
        """A record need not be read again."""
        self._open.get(mark.partition, set()).discard(mark.offset)

    def waiting(self) -> set[int]:
        """The partitions that have open records."""
        return {partition for partition, offsets in self._open.items() if offsets}

    def to_commit(self) -> Mapping[int, int]:
        """By partition, where to go on after a restart."""
        return {
            partition: min(self._open.get(partition) or {after})
            for partition, after in self._next.items()
        }

    def clear(self) -> None:
        """Nothing was read: it comes again."""
        self._next.clear()
        self._open.clear()
