"""What a subscriber does with what comes, whatever carries it: each once, in order, and what is lost is told."""

from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeAlias

from carepath_client.errors import Gap
from carepath_client.feeds import Arrived
from carepath_client.sequence import Line
from carepath_client.updates import RESTORED, Update

OnGap: TypeAlias = Callable[[Gap], None]
"""Told of updates that can no longer be had; if it returns, the next ones follow."""


class Order:
    """Arrived updates by their numbers. What was sent again by request goes by, as it comes."""

    def __init__(self, on_gap: OnGap | None) -> None:
        self.line: Line[Arrived] = Line(0)
        self._again: deque[Arrived] = deque()
        self._on_gap = on_gap

    def take(self, arrived: Arrived) -> bool:
        """Keep it until it is its turn; false when it is only a repeat."""
        update = arrived.update
        if self.line.add(update.sequence, arrived):
            return True
        if update.replay and update.sequence <= self.line.passed:
            self._again.append(arrived)
            return True
        return False

    def next(self) -> Arrived | None:
        """Whose turn it is."""
        return self._again.popleft() if self._again else self.line.pop()

    def restart(self, passed: int) -> None:
        """What is held comes again, from this number on."""
        self.line.restart(passed)
        self._again.clear()

    def fill(self, found: Iterable[Update]) -> None:
        """These had not come."""
        for update in found:
            self.line.add(update.sequence, Arrived(update))

    def give_up(self, upto: int) -> None:
        """Go on without what is missing up to a number. Raises ``Gap`` where nobody is there to be told.

        After the server was restored, numbers are missing that nobody was ever given: its notice says so.
        """
        for first, last in list(self.line.missing(upto)):
            following = self.line.held(last + 1)
            if following is None or following.update.event != RESTORED:
                self._tell(Gap(first, last))
            self.line.give_up(first, last)

    def _tell(self, gap: Gap) -> None:
        if self._on_gap is None:
            raise gap
        self._on_gap(gap)
