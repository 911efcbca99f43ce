"""The real server under load: how many messages a second, how long until committed and until delivered."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench import costs, stores, wire
from bench.figures import Figure, latencies
from bench.messages import messages
from bench.pipe import raw
from carepath.store.database import Database
from tests import servers
from tests.integration.serving import Server, serving

PART = "Over HTTP"
LOADS = ((1, 600), (16, 3000))
"""Connections, and how many messages they send in all."""
_WARM_UP = 200
_PATH = "/fhir/$process-message"


@dataclass(slots=True)
class Load:
    """What a load did: seconds until committed and until delivered, and in all."""

    committed: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    wall: float = 0.0


def run() -> Iterator[Figure]:
    """Both stores, few and many connections."""
    for store in stores.STORES:
        with stores.fresh(store) as url, stores.opened(url) as database:
            log = servers.run_folder() / f"{store}.log"
            with serving(url, log) as server:
                asyncio.run(send(server, messages(_WARM_UP), 16))
                bench = Bench(store, server, database)
                for connections, number in LOADS:
                    yield from bench.measure(connections, messages(number))
                memory = costs.memory(server.process.pid)
                yield bench.figure("server's memory afterwards", memory, "MiB")


class Bench:
    """A server, and the raw pipe on the same store to compare it with."""

    def __init__(self, store: str, server: Server, database: Database) -> None:
        self._store, self._server = store, server
        with database.read() as connection:
            self._clock = costs.database_clock(connection)
        self._pipe = costs.Contest({"raw": raw(database)}, {"raw": self._clock})
        self._pipe.round({"raw": messages(100)})

    def measure(self, connections: int, sent: Sequence[bytes]) -> Iterator[Figure]:
        """One load, with the raw pipe before and after."""
        many = f"{connections} connection{'s' if connections > 1 else ''}"
        self._pipe.costs.clear()
        self._pipe.round({"raw": messages(200)})
        before = self._used()
        load = asyncio.run(send(self._server, sent, connections))
        each = (self._used() - before) / len(sent) * 1e6
        self._pipe.round({"raw": messages(200)})
        yield self.figure(f"{many}: messages", len(sent) / load.wall, "/s")
        yield from latencies(PART, self._store, f"{many}: committed", load.committed)
        yield from latencies(PART, self._store, f"{many}: delivered", load.delivered)
        yield self.figure(f"{many}: CPU per message", each, "µs")
        yield self.figure(f"{many}: CPU / raw pipe", each / self._pipe.costs["raw"].each, "×")

    def figure(self, name: str, value: float, unit: str) -> Figure:
        """A figure of this part."""
        return Figure(part=PART, store=self._store, name=name, value=value, unit=unit)

    def _used(self) -> float:
        """Seconds of processor time of the server and of PostgreSQL behind it."""
        return costs.of(self._server.process.pid) + self._clock()


async def send(server: Server, sent: Sequence[bytes], connections: int) -> Load:
    """Send everything, each connection one message after the other; all are delivered in the end."""
    load = Load()
    begun: dict[bytes, float] = {}
    requests = iter([wire.post(_PATH, message) for message in sent])

    def done(request: bytes, seconds: float) -> None:
        load.committed.append(seconds)
        begun[wire.bundle_id(request)] = time.perf_counter() - seconds

    async def client() -> None:
        async with wire.connection(server.url) as one:
            await wire.timed(one, requests, done)

    async with wire.feed(server.url) as feed:
        start = time.perf_counter()
        await asyncio.gather(*(client() for _ in range(connections)))
        load.wall = time.perf_counter() - start
        await feed.until(begun.keys())
    load.delivered = [feed.came[key] - at for key, at in begun.items()]
    return load
