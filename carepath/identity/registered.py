"""Registered clients and the directory, as a server needs them for every request: read once a second, not each time."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final

from carepath.service.directory import Parties
from carepath.store import clients
from carepath.store.clients import Client
from carepath.store.database import Database
from pathways.parties import Directory

_FRESH: Final = 1.0
"""Seconds that a registration counts as known: so long a revoked client may go on."""


@dataclass(slots=True)
class Registered:
    """May be used by several threads."""

    database: Database
    clock: Callable[[], float] = time.monotonic
    _parties: Parties = field(init=False)
    _read_at: float = field(init=False, default=float("-inf"))
    _known: dict[str, tuple[float, Client | None]] = field(init=False, default_factory=dict)
    _lock: Lock = field(init=False, default_factory=Lock)

    def __post_init__(self) -> None:
        self._parties = Parties(self.database, open_mode=False)

    @property
    def directory(self) -> Directory:
        """Who is who."""
        with self._lock:
            now = self.clock()
            if self._read_at + _FRESH <= now:
                with self.database.read() as connection:
                    self._parties.refresh(connection)
                self._read_at = now
            return self._parties.current

    def is_fresh(self, id_: str) -> bool:
        """Whether nothing has to be read to know the client and the directory."""
        now = self.clock()
        read_at, _ = self._known.get(id_, (float("-inf"), None))
        return min(read_at, self._read_at) + _FRESH > now

    def client(self, id_: str, at: datetime) -> Client | None:
        """The client that is registered at ``at``."""
        now = self.clock()
        read_at, known = self._known.get(id_, (float("-inf"), None))
        if read_at + _FRESH <= now:
            with self.database.read() as connection:
                known = clients.show(connection, id_, at)
            if known is not None:  # ids that are made up take no room
                self._known[id_] = (now, known)
            else:
                self._known.pop(id_, None)
        return known if known and known.holds_at(at) else None
