"""Reading a timeline over HTTP: of a patient with fifty entries, and of one with two thousand."""

import asyncio
from collections.abc import Iterator
from itertools import chain, islice

import orjson

from bench import stores, wire
from bench.figures import Figure, latencies
from bench.messages import stay
from carepath.service import Service, Submission
from tests import servers
from tests.integration.serving import serving

PART = "Reading a timeline"
ENTRIES = {50: 300, 2000: 30}
"""How many entries a timeline has, and how often it is read."""
_AIM = 20.0  # ms, for the short one


def run() -> Iterator[Figure]:
    """Both stores, one reader."""
    for store in stores.STORES:
        with stores.fresh(store) as url:
            with stores.opened(url) as database:
                service = Service(database)
                patients = {entries: patient_with(service, entries) for entries in ENTRIES}
            with serving(url, servers.run_folder() / f"timeline-{store}.log") as server:
                for entries, times in ENTRIES.items():
                    path = f"/fhir/Patient/{patients[entries]}/$timeline"
                    seconds, size = asyncio.run(_read(server.url, path, times))
                    yield from _told(store, entries, seconds, size)


def patient_with(service: Service, entries: int) -> str:
    """The key of a patient about whom so many messages came."""
    told = chain.from_iterable(stay(entries) for _ in range(entries))
    batch = [Submission(orjson.dumps(message)) for message in islice(told, entries)]
    answers = chain.from_iterable(
        service.handle(batch[at : at + 100]) for at in range(0, entries, 100)
    )
    (patient,) = {answer.patient for answer in answers}
    assert patient is not None
    return patient


async def _read(url: str, path: str, times: int) -> tuple[list[float], int]:
    """Seconds of every read but the first few, and the size of the answer in bytes."""
    seconds: list[float] = []
    async with wire.connection(url) as one:
        size = len(await one.ask(wire.get(path)))
        requests = iter([wire.get(path)] * (times + 5))
        await wire.timed(one, requests, lambda _, taken: seconds.append(taken))
    return seconds[5:], size


def _told(store: str, entries: int, seconds: list[float], size: int) -> Iterator[Figure]:
    short = entries == min(ENTRIES)
    median, worst = latencies(PART, store, f"{entries:,} entries", seconds)
    yield median
    yield Figure(
        part=PART,
        store=store,
        name=worst.name,
        value=worst.value,
        unit=worst.unit,
        aim=_AIM if short else None,
    )
    yield Figure(
        part=PART, store=store, name=f"{entries:,} entries: answer", value=size / 1024, unit="KiB"
    )
