"""A thousand organisations on Kafka: each sends and each is told, on topics of its own."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from itertools import count, islice
from typing import Final

import orjson

from bench import working
from bench.figures import Figure
from bench.kafka import listening, produce
from bench.working import Site
from tests.contract.ways import organisation_numbers
from tests.integration.stories import Matter, Organisation, admission, person

PART: Final = "A thousand organisations"
NUMBER: Final = 1000
ROUNDS: Final = 3
"""How many messages each of them sends."""
_people = count(1_500_000)


def run() -> Iterator[Figure]:
    """Their topics made, one worker started on all of them, and messages from each to its neighbour."""
    numbers = [*islice(organisation_numbers(), NUMBER)]
    begun = time.perf_counter()
    with working.site(numbers) as site:
        yield _figure("topics and rights from the directory", time.perf_counter() - begun, "s")
        yield from asyncio.run(_measure(site, numbers))


async def _measure(site: Site, numbers: Sequence[str]) -> list[Figure]:
    async with listening(site, numbers[:20]) as heard:
        with working.workers(site, 1):
            started = time.perf_counter()
            first = _round(numbers[:20])
            await heard.until(await produce(site, first))
            ready = time.perf_counter() - started
    sent = [message for _ in range(ROUNDS) for message in _round(numbers)]
    async with listening(site, numbers) as heard:
        with working.workers(site, 1):
            await heard.until(await produce(site, _round(numbers[:20])))
            begun = time.perf_counter()
            await heard.until(await produce(site, sent))
            took = time.perf_counter() - begun
    return [
        _figure("one worker: from its start to the first receipts", ready, "s"),
        _figure("one worker: messages, sent meanwhile", len(sent) / took, "/s"),
    ]


def _round(numbers: Sequence[str]) -> list[bytes]:
    """A message of each to the next of them, about somebody new."""
    parties = [Organisation(number, number) for number in numbers]
    pairs = zip(parties, (*parties[1:], parties[0]), strict=True)
    return [
        orjson.dumps(admission(Matter(person(next(_people))), sender=one, receivers=(other,)))
        for one, other in pairs
    ]


def _figure(name: str, value: float, unit: str) -> Figure:
    return Figure(part=PART, store="postgresql", name=name, value=value, unit=unit)
