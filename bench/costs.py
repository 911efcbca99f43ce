"""Processor time, the machine's own measure: of this process, of a server, of PostgreSQL behind it."""

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from sqlalchemy import Connection

_TICK: Final = os.sysconf("SC_CLK_TCK")
Clock: TypeAlias = Callable[[], float]
"""Seconds of processor time used so far."""


def own() -> float:
    """Seconds of processor time this process has used."""
    return time.process_time()


def of(pid: int) -> float:
    """Seconds of processor time another process has used, all its threads; 0 when it is gone."""
    try:
        user, system = _stat(pid)[11:13]
    except FileNotFoundError:
        return 0.0
    return (int(user) + int(system)) / _TICK


def _stat(pid: int) -> list[str]:
    """The fields of proc(5) ``stat`` from the third (state) on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def memory(pid: int) -> float:
    """Resident memory of a process in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    told = next(line for line in lines if line.startswith("VmRSS"))
    return int(told.split()[1]) / 1024


def database_clock(connection: Connection) -> Clock:
    """The processor time of all of PostgreSQL's processes here; SQLite has none of its own."""
    if connection.dialect.name == "sqlite":
        return lambda: 0.0
    backend = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    try:
        postmaster = int(_stat(backend)[1])
    except FileNotFoundError:  # it runs elsewhere
        return lambda: 0.0
    return lambda: sum(_exactly(pid) for pid in _processes() if _parent(pid) == postmaster)


def _exactly(pid: int) -> float:
    """As ``of`` and finer, for a process of one thread."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return of(pid)


def _processes() -> Iterable[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int:
    try:
        return int(_stat(pid)[1])
    except FileNotFoundError:
        return 0


@dataclass(slots=True)
class Cost:
    """What a number of messages cost."""

    messages: int = 0
    cpu: float = 0.0
    database: float = 0.0
    wall: float = 0.0

    @property
    def each(self) -> float:
        """Microseconds of processor time for each message, the database's own included."""
        return (self.cpu + self.database) / self.messages * 1e6


Work: TypeAlias = Callable[[Sequence[bytes]], None]


@dataclass(slots=True)
class Contest:
    """Ways to do the same work, taking turns batch by batch, so that what disturbs one disturbs all."""

    ways: Mapping[str, Work]
    database: Mapping[str, Clock] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)

    def round(self, batches: Mapping[str, Sequence[bytes]]) -> None:
        """One batch for every way; each may have its own."""
        for name, batch in batches.items():
            clock = self.database.get(name, lambda: 0.0)
            cost = self.costs.setdefault(name, Cost())
            before = (own(), clock(), time.perf_counter())
            self.ways[name](batch)
            cost.messages += len(batch)
            cost.cpu += own() - before[0]
            cost.database += clock() - before[1]
            cost.wall += time.perf_counter() - before[2]
