"""Kafka in, Kafka out: real workers beside the raw pipe, which consumes, parses and inserts, and does nothing else."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Final

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from bench import costs, stores, working
from bench.figures import Figure, latencies
from bench.messages import messages
from bench.pipe import raw
from bench.working import Site
from carepath.store.database import Database
from schemas import topics
from tests.integration.stories import CASE_OFFICE, GP, HOSPITAL, NURSING

PART: Final = "Over Kafka"
BACKLOG: Final = 3000
"""Messages that wait when the workers start, as after an outage."""
SECONDS: Final = 15
"""How long half the load is held."""
SENDERS: Final = tuple(one.number for one in (HOSPITAL, NURSING, CASE_OFFICE, GP))
_PATIENCE: Final = 120.0
_BATCH: Final = 100


def run() -> Iterator[Figure]:
    """One worker and two on the same kind of backlog, then one at half of what it can."""
    with working.site(SENDERS) as site, stores.opened(site.database_url) as database:
        yield from asyncio.run(_measure(site, database))


async def _measure(site: Site, database: Database) -> list[Figure]:
    figures: list[Figure] = []
    with database.read() as connection:
        clock = costs.database_clock(connection)
    pipe = await _raw_pipe(site, database, clock)
    rates: dict[int, float] = {}
    for number in (1, 2):
        cost, rates[number] = await _catch_up(site, clock, number)
        named = f"{number} worker{'s' if number > 1 else ''}"
        figures += [
            _figure(f"{named}: catch-up after an outage", rates[number], "/s"),
            _figure(f"{named}: CPU per message", cost, "µs"),
            _figure(f"{named}: CPU / raw pipe", cost / pipe, "×", 2.0 if number == 1 else None),
        ]
    figures.append(_figure("2 workers / 1 worker, messages/s", rates[2] / rates[1], "×"))
    figures.append(_figure("raw pipe: CPU per message", pipe, "µs"))
    return figures + await _half_load(site, rates[1] / 2)


def _figure(name: str, value: float, unit: str, aim: float | None = None) -> Figure:
    return Figure(part=PART, store="postgresql", name=name, value=value, unit=unit, aim=aim)


async def _raw_pipe(site: Site, database: Database, clock: costs.Clock) -> float:
    """Microseconds of processor time a message: consumed, parsed by the models, inserted a hundred at a time."""
    topic = working.topic(site)
    await produce(site, messages(BACKLOG), topic=topic)
    work = raw(database)
    consumer = AIOKafkaConsumer(topic, **site.client, group_id=topic, auto_offset_reset="earliest")
    await consumer.start()
    done, before = 0, costs.own() + clock()
    while done < BACKLOG:
        found = await consumer.getmany(timeout_ms=1000, max_records=_BATCH)
        records = [*chain.from_iterable(found.values())]
        await asyncio.to_thread(work, [record.value for record in records])
        await consumer.commit()
        done += len(records)
    used = costs.own() + clock() - before
    await consumer.stop()
    return used / BACKLOG * 1e6


async def _catch_up(site: Site, clock: costs.Clock, number: int) -> tuple[float, float]:
    """CPU in microseconds a message, and messages a second, of workers that were frozen while all was sent."""
    sent = messages(BACKLOG)
    async with listening(site, SENDERS) as heard:
        with working.workers(site, number) as workers:
            await _warm_up(site, heard)
            before = sum(costs.of(worker.pid) for worker in workers) + clock()
            working.freeze(workers)
            await produce(site, sent)
            working.thaw(workers)
            begun = time.perf_counter()
            await heard.until(map(_message_id, sent))
            took = time.perf_counter() - begun
            used = sum(costs.of(worker.pid) for worker in workers) + clock() - before
    return used / BACKLOG * 1e6, BACKLOG / took


async def _warm_up(site: Site, heard: "Heard") -> None:
    """Every partition has been read, every model is loaded."""
    await heard.until(await produce(site, messages(200)))


async def _half_load(site: Site, rate: float) -> list[Figure]:
    """Seconds from handing a record over until its receipt is read from Kafka, at ``rate`` messages a second."""
    sent = messages(int(rate * SECONDS))
    async with listening(site, SENDERS) as heard:
        with working.workers(site, 1):
            await _warm_up(site, heard)
            begun = await produce(site, sent, rate=rate)
            await heard.until(begun)
    delays = [heard.came[id_] - at for id_, at in begun.items()]
    return [
        _figure("1 worker at half load: messages", rate, "/s"),
        *latencies(PART, "postgresql", "1 worker at half load: until its receipt", delays),
    ]


async def produce(
    site: Site, sent: Sequence[bytes], *, topic: str | None = None, rate: float | None = None
) -> dict[str, float]:
    """Send everything, evenly over the partitions; when each message id was handed over."""
    producer = AIOKafkaProducer(**site.client, acks="all", linger_ms=2, max_request_size=1 << 23)
    begun: dict[str, float] = {}
    await producer.start()
    start, waiting = time.perf_counter(), []
    for number, message in enumerate(sent):
        if rate and (ahead := start + number / rate - time.perf_counter()) > 0:
            await asyncio.sleep(ahead)
        where = topic or topics.inbound(_sender(message))
        begun[_message_id(message)] = time.perf_counter()
        waiting.append(await producer.send(where, message, partition=number % working.PARTITIONS))
    await asyncio.gather(*waiting)
    await producer.stop()
    return begun


class Heard:
    """When the receipt for each message came, by message id."""

    def __init__(self) -> None:
        self.came: dict[str, float] = {}
        self._news = asyncio.Event()

    async def listen(self, consumer: AIOKafkaConsumer) -> None:
        """Note what comes, without end."""
        async for record in consumer:
            if (b"acknowledgement") in dict(record.headers)["ce_type"]:
                said = orjson.loads(record.value)["entry"][0]["resource"]["response"]
                self.came[said["identifier"]] = time.perf_counter()
                self._news.set()

    async def until(self, wanted: Iterable[str]) -> None:
        """Wait for the receipts of these messages. Raises ``TimeoutError`` when they do not come."""
        due = set(wanted)
        async with asyncio.timeout(_PATIENCE):
            while not self.came.keys() >= due:
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def listening(site: Site, organisations: Iterable[str]) -> AsyncIterator[Heard]:
    """Everything that these are told from now on."""
    names = [topics.updates(organisation) for organisation in organisations]
    consumer = AIOKafkaConsumer(*names, **site.client, auto_offset_reset="latest")
    await consumer.start()
    await consumer.seek_to_end()
    heard = Heard()
    task = asyncio.create_task(heard.listen(consumer))
    try:
        yield heard
    finally:
        task.cancel()
        await consumer.stop()


def _message_id(message: bytes) -> str:
    return str(orjson.loads(message)["entry"][0]["resource"]["id"])


def _sender(message: bytes) -> str:
    """The organisation number of the message's sender."""
    bundle = orjson.loads(message)
    wanted = bundle["entry"][0]["resource"]["sender"]["reference"]
    entry = next(entry for entry in bundle["entry"] if entry["fullUrl"] == wanted)
    return str(entry["resource"]["identifier"][0]["value"])
