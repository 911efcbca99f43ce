"""The Faust app: reads raw records of the topics it is given, hands each to a function, and does nothing else.

What Faust would do besides is left off or taken from it (the traps: docs/adr): it declares no topics, produces
nothing, serves no web, keeps no tables, and where it begins to read is for the database to say.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, cast

import faust
from faust.agents import Agent
from faust.app.base import BootStrategy
from faust.streams import Stream
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, EventT, StreamT
from faust.types.auth import CredentialsT
from mode.threads import WorkerThread
from typing_extensions import override

from consumers.progress import Log
from consumers.records import Ack, Place, Record, media_type
from schemas.broker import Broker
from schemas.topics import INTAKE_GROUP

Arrive = Callable[[Record, Ack], Awaitable[None]]
"""Is given each record that has come."""
Begin = Callable[[Mapping[Place, Log]], Awaitable[Mapping[Place, int]]]
"""Is told what Kafka has of the partitions that were assigned, and says where to begin in each."""

_SOON = 0.02  # seconds


class _Boot(BootStrategy):
    """The consumer and what it needs: no producer, no web."""

    enable_kafka_producer = False
    enable_web = False
    enable_sensors = False


class App(faust.App):
    """A Faust app that asks ``begin`` where to begin."""

    BootStrategy = _Boot
    begin: Begin

    @override
    async def on_first_start(self) -> None:
        """Faust would make folders here."""


class _Tables(TableManager):
    """None: nobody needs the second that Faust waits for others to register theirs."""

    @override
    async def on_start(self) -> None:
        await self._update_channels()
        await self.recovery.start()


class _Thread(WorkerThread):
    """Does not keep the process alive, and does not block the event loop that it may itself be waiting for."""

    def __init__(self, service: "_ConsumerThread", **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True

    @override
    def stop(self) -> None:
        """``_ConsumerThread.stop`` waits for it."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    Worker = _Thread

    @override
    async def stop(self) -> None:
        await super().stop()
        while self._thread is not None and self._thread.is_alive():  # noqa: ASYNC110 -- has no event
            await asyncio.sleep(_SOON)


class _Consumer(driver.Consumer):
    """Begins where it is told, not where the group has committed; and has no pauses of a second under load."""

    @override
    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @override
    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Seek; the answer is where. Called after each assignment."""
        assigned = [*self.assignment()]
        first, end = await self.earliest_offsets(*assigned), await self.highwaters(*assigned)
        logs = {Place(*tp): Log(first[tp], end[tp]) for tp in assigned}
        begin = await cast(App, self.app).begin(logs)
        starts = {tp: begin[Place(*tp)] for tp in assigned}
        await self.seek_wait(starts)
        return starts

    @override
    def on_buffer_full(self, tp: TP) -> None:
        """Fetch on: whoever puts a record into a full buffer waits, which is pressure enough."""


class _Transport(driver.Transport):
    Consumer = _Consumer


def application(
    broker: Broker, topics: Collection[str], member: str, arrive: Arrive, begin: Begin
) -> App:
    """An app that reads these topics as that static member of the group. Not started."""
    urls = ";".join(f"kafka://{address}" for address in broker.bootstrap)
    app = App(INTAKE_GROUP, broker=urls, consumer_group_instance_id=member, **_settings(broker))
    app.begin = begin
    app.transport = _Transport(app.conf.broker_consumer, app)
    app.sensors.add(faust.Sensor())  # without any, each rebalance is complained of
    source = app.topic(
        *sorted(topics),
        key_type=bytes,
        value_type=bytes,
        key_serializer="raw",
        value_serializer="raw",
        internal=True,  # exists: is not to be declared
    )

    async def intake(stream: StreamT[Any]) -> None:
        unacknowledged = cast(Stream[Any], stream).noack()
        async for event in unacknowledged.events():
            await arrive(_record(event), partial(unacknowledged.ack, event))

    # not by the decorator, which looks at the source file of every module there is
    app.agents["intake"] = Agent(intake, name="intake", app=app, channel=source, concurrency=1)
    return app


def _record(event: EventT[Any]) -> Record:
    message = event.message
    headers: Any = message.headers or ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    place = Place(message.topic, message.partition)
    return Record(place, message.offset, message.value, media_type(pairs, message.value))


def _settings(broker: Broker) -> dict[str, Any]:
    return {
        "broker_client_id": "carepath-worker",
        "broker_credentials": _credentials(broker),
        "broker_commit_interval": 0.5,
        "broker_heartbeat_interval": 3.0,
        "broker_rebalance_timeout": 20.0,
        "broker_request_timeout": 20.0,
        "broker_session_timeout": 10.0,
        "consumer_auto_offset_reset": "earliest",
        "consumer_metadata_max_age_ms": 30_000,
        "processing_guarantee": "at_least_once",
        "store": "memory://",
        "TableManager": _Tables,
        "stream_buffer_maxsize": 200,
        "stream_wait_empty": False,
        "table_standby_replicas": 0,  # Kafka's own assignor: Faust's shares partitions out by number
        "topic_allow_declare": False,
        "topic_disable_leader": True,
        "web_enabled": False,
    }


def _credentials(broker: Broker) -> CredentialsT | None:
    context = broker.ssl_context()
    if broker.authenticates:
        return faust.SASLCredentials(
            username=broker.username,
            password=broker.password,
            ssl_context=context,
            mechanism=broker.mechanism,
        )
    return faust.SSLCredentials(context) if context else None
