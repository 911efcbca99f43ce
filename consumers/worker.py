"""One worker's life: finds its topics, reads them, sees to it that it gets on, and ends in time.

It ends to begin anew (with new topics, or when Faust has failed) rather than mend what is running: Faust never
subscribes to what is added later, and drops the records of a topic that was made anew.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from carepath.service import Service
from consumers.alive import Sign
from consumers.app import App, application
from consumers.intake import Intake
from consumers.lookout import Lookout, Outlook
from consumers.metrics import Metrics
from consumers.records import Place
from consumers.reread import read_again
from consumers.topics import Scout, member
from consumers.watch import Ending, Watch
from schemas.broker import Broker

log = structlog.get_logger()

DRAIN_SECONDS: Final = 2.0
"""How long what is being taken in is waited for when the worker ends."""
STOP_SECONDS: Final = 1.5
"""How long Faust may take to stop."""
PAUSES: Final = (0.5, 10.0)
"""The first and the longest pause, in seconds, between two tries to reach Kafka and the database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``worker`` tells it from the others and stays the same; times in seconds.

    ``look``: how often topics and progress are looked at. ``sign`` is shown while all is well.
    """

    worker: str
    open_mode: bool
    restart: float
    stall: float
    look: float
    sign: Sign


class Worker:
    """Takes in what comes at Kafka until it is stopped or has to begin anew."""

    def __init__(
        self,
        options: Options,
        broker: Broker,
        service: Service,
        *,
        committed: Callable[[], None],
        metrics: Metrics,
    ) -> None:
        """``committed`` is called after each commit."""
        self._options, self._broker, self._service = options, broker, service
        self._committed, self._metrics = committed, metrics
        scout = Scout(broker, "carepath-scout")
        self._lookout = Lookout(
            service.database, scout, open_mode=options.open_mode, pause=options.restart
        )

    async def run(self, stop: asyncio.Event) -> Ending:
        """Live one life. Raises nothing that could be over soon."""
        try:
            outlook = await self._first(stop)
            return await self._live(stop, outlook) if outlook else Ending.STOPPED
        finally:
            self._options.sign.remove()
            self._lookout.close()

    async def _first(self, stop: asyncio.Event) -> Outlook | None:
        """Wait until Kafka and the database answer and there is a topic to read; ``None`` when told to stop."""
        pause = PAUSES[0]
        while not stop.is_set():
            try:
                outlook = await self._lookout.look()
                if outlook.chosen:
                    await self._lookout.activate(outlook.chosen)
                    return outlook
                self._options.sign.show()
                pause = self._options.look
            except Exception as fault:  # noqa: BLE001 -- whatever it is, it may be over soon
                log.warning("cannot start yet", fault=type(fault).__name__, again_in_seconds=pause)
                pause = min(pause * 2, PAUSES[1])
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)
        return None

    async def _live(self, stop: asyncio.Event, outlook: Outlook) -> Ending:
        """Read these topics until there is a reason to end."""
        reading = {topic: outlook.found[topic] for topic in outlook.chosen}
        intake = Intake(
            self._service.database,
            self._service.receive,
            partial(read_again, self._broker),
            {topic: found.id for topic, found in reading.items()},
            committed=self._committed,
            metrics=self._metrics,
        )
        name = member(self._options.worker, reading)
        app = application(self._broker, reading, name, intake.arrive, intake.begin)
        assigned = partial(_assigned, app)
        watch = Watch(
            self._lookout, intake, self._broker, reading, assigned, stall=self._options.stall
        )
        log.info("worker started", worker=self._options.worker, topics=len(reading))
        async with _running(app, intake) as faust:
            ending = await self._end(stop, faust, watch)
            log.info("worker ends", worker=self._options.worker, why=ending.value)
        if ending in (Ending.NEW_TOPICS, Ending.OTHER_TOPICS):
            with suppress(Exception):  # else the others wait for it in vain, until its session ends
                await self._lookout.leave(name)
        await watch.close()
        return ending

    async def _end(self, stop: asyncio.Event, faust: "asyncio.Task[None]", watch: Watch) -> Ending:
        """Wait for a reason to end."""
        stopping = asyncio.create_task(stop.wait())
        watching = asyncio.create_task(watch.run(self._options.look, self._options.sign))
        tasks = {stopping, faust, watching}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if stopping.done():
                return Ending.STOPPED
            return watching.result() if watching.done() else Ending.FAILED
        finally:
            stopping.cancel()
            watching.cancel()


@asynccontextmanager
async def _running(app: App, intake: Intake) -> "AsyncIterator[asyncio.Task[None]]":
    """Faust and the intake at work; at the end what is in hand is finished, but not waited for long."""
    taking = asyncio.create_task(intake.run())
    faust = asyncio.create_task(_run(app))
    try:
        yield faust
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(intake.settled(), DRAIN_SECONDS)
        taking.cancel()
        await asyncio.wait({asyncio.create_task(app.stop()), taking}, timeout=STOP_SECONDS)
        faust.cancel()


async def _run(app: App) -> None:
    """Ends when Faust has failed, or was stopped."""
    try:
        await app.start()
        await app.wait_until_stopped()
        fault = app.crash_reason
    except Exception as raised:  # noqa: BLE001 -- whatever it is, the worker begins anew
        fault = raised
    if fault is not None:
        log.error("Faust failed", fault=type(fault).__name__)


def _assigned(app: App) -> set[Place]:
    """The partitions that are this worker's now."""
    return {Place(*tp) for tp in app.consumer.assignment()} if app.started else set()
