"""Numbered things in, in any order and with repeats; out in the order of their numbers, each once.

A number that is missing holds up what comes after it: who waits keeps the order of every patient, and knows what
was lost. Pure: it has no clock; who polls says how long it polled.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Line(Generic[T]):
    """Hands out what follows number ``passed``, without a hole."""

    def __init__(self, passed: int) -> None:
        self.passed = passed
        self._held: dict[int, T] = {}
        self._came: dict[int, float] = {}  # when what is held came
        self._gone: dict[int, int] = {}  # first to last of numbers that will not come
        self._polled = 0.0  # seconds in all

    def __len__(self) -> int:
        """How many things are held."""
        return len(self._held)

    def add(self, number: int, thing: T) -> bool:
        """Take it in; false when its number was here before."""
        if number <= self.passed or number in self._held:
            return False
        self._held[number], self._came[number] = thing, self._polled
        return True

    def pop(self) -> T | None:
        """The next one, if nothing is missing before it."""
        while (last := self._gone.pop(self.passed + 1, None)) is not None:
            self.passed = last
        if self.passed + 1 not in self._held:
            return None
        self.passed += 1
        del self._came[self.passed]
        return self._held.pop(self.passed)

    def waited(self, seconds: float) -> None:
        """So long it was polled for more."""
        self._polled += seconds

    def hole(self, patience: float) -> tuple[int, int] | None:
        """The first and last missing number before what is held, when a later one came so long ago."""
        if not self._held or self.passed + 1 in self._held:
            return None
        if self._polled - min(self._came.values()) < patience:
            return None
        return self.passed + 1, min(self._held) - 1

    def missing(self, upto: int) -> Iterator[tuple[int, int]]:
        """The stretches of numbers up to ``upto`` that are not here."""
        first = self.passed + 1
        for number in (*sorted(n for n in self._held if n <= upto), upto + 1):
            if first < number:
                yield first, number - 1
            first = number + 1

    def held(self, number: int) -> T | None:
        """What is held under this number."""
        return self._held.get(number)

    def give_up(self, first: int, last: int) -> None:
        """Go on as if these numbers had been handed out."""
        self._gone[first] = last

    def restart(self, passed: int) -> None:
        """Forget what is held; it comes again. Never goes back."""
        self.passed = max(self.passed, passed)
        self._held.clear()
        self._came.clear()
        self._gone.clear()
