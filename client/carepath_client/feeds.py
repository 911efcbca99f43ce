"""What a subscriber needs of whatever carries its updates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from carepath_client.positions import Mark
from carepath_client.updates import Update


@dataclass(frozen=True, slots=True)
class Arrived:
    """An update, and where it stood in Kafka, if it came from there."""

    update: Update
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """What came. ``restart``: everything after this number comes again, whatever was there before."""

    arrived: Sequence[Arrived] = ()
    restart: int | None = None


class Feed(Protocol):
    """Used by one thread, but for ``interrupt``."""

    def receive(self, passed: int, *, full: bool) -> Batch:
        """Wait for more after number ``passed``, for a moment or until there is; ``full``: enough is held.

        Raises ``Refused``, and ``Unavailable`` when nobody answers from the beginning.
        """

    def is_due(self) -> bool:
        """Whether it must be asked now, lest it is thought dead."""

    def finish(self, arrived: Arrived) -> None:
        """This one is done with."""

    def save(self, number: int, *, now: bool) -> None:
        """Remember that everything up to ``number`` is done with: at once, or soon."""

    def interrupt(self) -> None:
        """Let ``receive`` return, from another thread."""

    def close(self) -> None:
        """Give back what it holds."""


class Missing(Protocol):
    """Where updates are fetched that did not come."""

    def fetch(self, after: int, upto: int) -> tuple[list[Update], bool]:
        """Some of those after a number and up to another, in order; and whether that is all there is.

        Raises ``Refused`` and ``Unavailable``.
        """
