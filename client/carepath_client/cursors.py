"""Where a subscriber over HTTP remembers how far it came. Over Kafka the consumer group remembers it."""

from pathlib import Path
from typing import Protocol


class Cursor(Protocol):
    """Anything that keeps a number: a file, a row of your own database."""

    def load(self) -> int | None:
        """The number kept last; ``None`` when there is none yet."""

    def save(self, number: int) -> None:
        """Keep it: everything up to it is done with."""


class FileCursor:
    """In a file of its own, which always holds a whole number."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)

    def load(self) -> int | None:
        """The number in the file. Raises ``ValueError`` when something else stands there."""
        return int(self._path.read_text()) if self._path.exists() else None

    def save(self, number: int) -> None:
        """Write it beside, then in its place."""
        beside = self._path.with_name(f"{self._path.name}.new")
        beside.write_text(str(number))
        beside.replace(self._path)


class Unkept:
    """Remembers nothing beyond this process."""

    def load(self) -> None:
        """Nothing."""

    def save(self, number: int) -> None:
        """Not kept."""
