"""What encrypting payloads costs: the same broker on a database that encrypts, and on one that does not.

Both take turns in one process, batch by batch, so that what disturbs one disturbs the other. What does not encrypt is a
database as an upgrade leaves it, before ``carepath encrypt``.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from itertools import islice

from bench import stores, wire
from bench.costs import Contest, database_clock
from bench.figures import Figure, percentile
from bench.messages import stream
from bench.pipe import handled
from bench.timeline import patient_with
from carepath.service import Service
from carepath.store import encrypting
from tests import servers
from tests.integration.serving import serving

PART = "Encryption of payloads"
ROUNDS = 20
_BATCH = 100
_READS = 300
_ENTRIES = 50
_AIM = 1.1


def run() -> Iterator[Figure]:
    """Ratios, encrypted to clear, of intake (processor time, the database's included) and of ``$timeline``."""
    for store in stores.STORES:
        with stores.fresh(store) as clear, stores.fresh(store) as encrypted:
            urls = {"clear": clear, "encrypted": encrypted}
            with stores.opened(clear) as database:
                encrypting.decrypt(database)
            yield from _intake(store, urls)
            yield from _reading(store, urls)


def _intake(store: str, urls: Mapping[str, str]) -> Iterator[Figure]:
    with ExitStack() as stack:
        opened = {name: stack.enter_context(stores.opened(url)) for name, url in urls.items()}
        ways = {name: handled(Service(one), _BATCH) for name, one in opened.items()}
        with opened["clear"].read() as connection:
            clock = database_clock(connection)
        contest, warm_up = Contest(ways, dict.fromkeys(ways, clock)), Contest(ways)
        messages = {name: stream() for name in ways}
        for number in range(ROUNDS + 5):
            batches = {name: list(islice(messages[name], _BATCH)) for name in ways}
            (contest if number >= 5 else warm_up).round(batches)
    costs = {name: contest.costs[name].each for name in ways}
    name = f"handle, {_BATCH} at a time"
    yield from _told(store, f"{name}: CPU per message", costs, "µs")
    yield from _told(
        store,
        f"{name}: time per message",
        {n: c.wall / c.messages * 1e6 for n, c in contest.costs.items()},
        "µs",
    )


def _reading(store: str, urls: Mapping[str, str]) -> Iterator[Figure]:
    with ExitStack() as stack:
        asked: dict[str, tuple[str, str]] = {}
        for name, url in urls.items():
            with stores.opened(url) as database:
                key = patient_with(Service(database), _ENTRIES)
            log = servers.run_folder() / f"encryption-{store}-{name}.log"
            server = stack.enter_context(serving(url, log))
            asked[name] = (server.url, f"/fhir/Patient/{key}/$timeline")
        seconds = asyncio.run(_read(asked))
    medians = {name: percentile(some, 0.5) * 1000 for name, some in seconds.items()}
    yield from _told(store, f"$timeline of {_ENTRIES} entries, p50", medians, "ms")


async def _read(asked: Mapping[str, tuple[str, str]]) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    async with AsyncExitStack() as stack:
        ones = {
            name: await stack.enter_async_context(wire.connection(url))
            for name, (url, _) in asked.items()
        }
        for number in range(_READS + 10):
            for name, one in ones.items():
                began = time.perf_counter()
                await one.ask(wire.get(asked[name][1]))
                if number >= 10:
                    seconds[name].append(time.perf_counter() - began)
    return seconds


def _told(store: str, what: str, values: Mapping[str, float], unit: str) -> Iterator[Figure]:
    for name, value in values.items():
        yield Figure(part=PART, store=store, name=f"{what}, {name}", value=value, unit=unit)
    ratio = values["encrypted"] / values["clear"]
    yield Figure(
        part=PART, store=store, name=f"{what}, encrypted / clear", value=ratio, unit="×", aim=_AIM
    )
