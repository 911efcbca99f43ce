"""The demo's own time: it runs as fast as the story is told, and deadlines are watched as their time comes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from carepath.service.watch import Watch
from carepath.settings import Settings
from carepath.store import promises
from carepath.store.database import Database
from carepath.wiring.watching import watch_on


@dataclass(slots=True)
class Clock:
    """Stands ``at`` the place where the story is; promises are looked at by it."""

    settings: Settings
    database: Database
    at: datetime
    _watch: Watch = field(init=False)

    def __post_init__(self) -> None:
        self._watch = watch_on(self.settings, self.database, lambda: self.at)

    def until(self, at: datetime) -> Iterator[datetime]:
        """Go on to ``at``; stops at every moment at which something was looked at."""
        while (look := self._next_look()) is not None and look <= at:
            self.at = max(self.at, look)
            while self._watch.round():
                pass
            if self._next_look() == look:  # it could not be looked at: no reason to wait for it
                break
            yield self.at
        self.at = max(self.at, at)

    def still_open(self) -> int:
        """How many promises are open now."""
        with self.database.read() as connection:
            return len(promises.listed(connection))

    def _next_look(self) -> datetime | None:
        with self.database.read() as connection:
            return promises.next_look(connection)
