"""What the access log costs: reading with it and without it, and taking in beside readers.

The same application, with and without the middleware that writes lines, in this process and on the same store.
"""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.types import Message

from bench import costs, stores
from bench.figures import Figure, latencies
from bench.messages import messages
from bench.pipe import handled
from bench.timeline import patient_with
from carepath.api.app import application
from carepath.service import Service
from carepath.service.audit import Sealer
from carepath.store.database import Database
from tests.contract.front import context

PART = "The access log"
ENTRIES = 50
_READS = 400
_AT_ONCE = 16
_ROUNDS = 5
_TAKEN_IN = 600
_BATCH = 20
_MOST = 1.25
"""With the log divided by without: what access, audit and encryption may cost together."""


@dataclass(slots=True)
class Reading:
    """Seconds of each read; processor seconds of all."""

    seconds: list[float] = field(default_factory=list)
    cpu: float = 0.0


def run() -> Iterator[Figure]:
    """Both stores."""
    for store in stores.STORES:
        with stores.fresh(store) as url, stores.opened(url) as database:
            bench = _Bench(store, database)
            yield from bench.reading()
            yield from bench.sealing()
            yield from bench.taking_in()


class _Bench:
    def __init__(self, store: str, database: Database) -> None:
        self._store, self._database = store, database
        self._service = Service(database)
        self._path = f"/fhir/Patient/{patient_with(self._service, ENTRIES)}/$timeline"
        with database.read() as connection:
            self._clock = costs.database_clock(connection)
        self._apps = {True: self._app(audit=True), False: self._app(audit=False)}

    def _app(self, *, audit: bool) -> Starlette:
        app = application(context(self._service))
        if not audit:
            app.user_middleware = [
                one for one in app.user_middleware if getattr(one.cls, "__name__", "") != "Audited"
            ]
        return app

    def _figure(self, name: str, value: float, unit: str, aim: float | None = None) -> Figure:
        return Figure(part=PART, store=self._store, name=name, value=value, unit=unit, aim=aim)

    def reading(self) -> Iterator[Figure]:
        """Timelines of fifty entries, by turns with and without."""
        found = {True: Reading(), False: Reading()}
        for number in range(_ROUNDS + 1):
            for audit in (True, False):
                read = self._read(audit=audit)
                if number:  # the first warms up
                    found[audit].seconds += read.seconds
                    found[audit].cpu += read.cpu
        for audit, name in ((False, "reads without it"), (True, "reads with it")):
            yield from latencies(PART, self._store, name, found[audit].seconds)
            each = found[audit].cpu / len(found[audit].seconds) * 1e6
            yield self._figure(f"{name}: CPU", each, "µs")
        yield self._figure(
            "CPU of a read, with / without", found[True].cpu / found[False].cpu, "×", _MOST
        )
        walls = {audit: sum(reading.seconds) for audit, reading in found.items()}
        yield self._figure("time of a read, with / without", walls[True] / walls[False], "×")

    def _read(self, *, audit: bool) -> Reading:
        begun = costs.own() + self._clock()
        seconds = asyncio.run(_asked(self._apps[audit], self._path, _READS))
        return Reading(seconds, costs.own() + self._clock() - begun)

    def sealing(self) -> Iterator[Figure]:
        """What is written is sealed behind the readers."""
        sealer, total, begun = Sealer(self._database), 0, costs.own() + self._clock()
        while number := sealer.round():
            total += number
        used = costs.own() + self._clock() - begun
        yield self._figure("sealing: CPU per line", used / total * 1e6, "µs")

    def taking_in(self) -> Iterator[Figure]:
        """Messages a second while sixteen readers read, with the log and its sealer and without."""
        rates: dict[bool, list[float]] = {True: [], False: []}
        for number in range(_ROUNDS + 1):
            for audit in (True, False):
                rate = asyncio.run(self._beside(audit=audit))
                if number:
                    rates[audit].append(rate)
        best = {audit: sorted(found)[len(found) // 2] for audit, found in rates.items()}
        yield self._figure("intake beside readers, without it", best[False], "/s")
        yield self._figure("intake beside readers, with it", best[True], "/s")
        ratio = best[False] / best[True]
        yield self._figure("intake beside readers, without / with", ratio, "×", _MOST)

    async def _beside(self, *, audit: bool) -> float:
        """Messages a second: taken in on a thread while the loop answers two hundred reads a second at most."""
        batch = [*messages(_TAKEN_IN)]
        work, done = handled(self._service, _BATCH), threading.Event()
        wall = 0.0

        def take() -> None:
            nonlocal wall
            begun = time.perf_counter()
            work(batch)
            wall = time.perf_counter() - begun
            done.set()

        def seal() -> None:
            sealer = Sealer(self._database)
            while not done.wait(1.0):
                sealer.round()

        threads = [asyncio.create_task(asyncio.to_thread(take))]
        if audit:
            threads.append(asyncio.create_task(asyncio.to_thread(seal)))
        while not done.is_set():
            await _asked_at_once(self._apps[audit], self._path, _AT_ONCE // 4)
            await asyncio.sleep(0.02)
        await asyncio.gather(*threads)
        return _TAKEN_IN / wall


async def _asked(app: Starlette, path: str, number: int) -> list[float]:
    """Seconds of each of so many reads, sixteen at a time."""
    left = iter(range(number))

    async def reader() -> list[float]:
        return [await _one(app, path) for _ in left]

    taken = await asyncio.gather(*(reader() for _ in range(_AT_ONCE)))
    return [seconds for one in taken for seconds in one]


async def _asked_at_once(app: Starlette, path: str, number: int) -> Sequence[float]:
    return await asyncio.gather(*(_one(app, path) for _ in range(number)))


async def _one(app: Starlette, path: str) -> float:
    status = 0

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status
        status = message.get("status", status)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:8000"), (b"accept", b"application/fhir+json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    begun = time.perf_counter()
    await app(scope, receive, send)
    assert status == 200, status
    return time.perf_counter() - begun
