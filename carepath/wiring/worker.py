"""The worker: streams in from Kafka; and what numbers and publishes what follows from them."""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Final, NoReturn

from carepath.delivery.relay import Relay
from carepath.settings import Settings
from carepath.wiring.deliveries import publisher
from carepath.wiring.figures import served
from carepath.wiring.logs import configure_logs
from carepath.wiring.store import Unusable, open_as_set, service_on, tracing
from consumers.alive import Sign
from consumers.metrics import Metrics
from consumers.watch import Ending
from consumers.worker import Options, Worker

END_SECONDS: Final = 3.5
"""A worker that has to end is given so long; then it ends as it is, and says where it hung."""
PAUSE_SECONDS: Final = 1.0
"""Before a worker begins anew because Faust has failed."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def run(settings: Settings) -> NoReturn:
    """Work until stopped, and end the process, or replace it by a new one of itself. Raises ``Unusable``."""
    configure_logs()
    loop = asyncio.Runner()  # never closed: what Faust has begun does not always end when told to
    told = threading.Event()
    ending = loop.run(_live(settings, told))
    if traced := tracing(settings):
        traced.stop()
    if ending is Ending.FAILED:
        time.sleep(PAUSE_SECONDS)
    if ending in (Ending.NEW_TOPICS, Ending.OTHER_TOPICS, Ending.FAILED):
        _replace_unless(told)
    sys.stdout.flush()
    stopped = ending is Ending.STOPPED or told.is_set()
    os._exit(0 if stopped else 1)  # all that is ours is closed


def _replace_unless(told: threading.Event) -> None:
    """Begin anew as a process without threads of the old one; a signal that came meanwhile is not lost."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_DFL)  # from here on it ends the process by itself
    if not told.is_set():
        faulthandler.cancel_dump_traceback_later()
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 -- ourselves


async def _live(settings: Settings, told: threading.Event) -> Ending:
    opened = open_as_set(settings)
    relay = Relay(opened)
    broker, publishing = settings.broker, publisher(settings, opened, relay)
    if broker is None or publishing is None:
        raise Unusable("no Kafka is set.", "Set CAREPATH_KAFKA=HOST:PORT, or give --kafka.")
    options = Options(
        worker=settings.worker_id,
        open_mode=settings.open_mode,
        restart=settings.worker_restart_seconds,
        stall=settings.worker_stall_seconds,
        look=settings.worker_look_seconds,
        sign=Sign(settings.worker_id),
    )
    metrics, service = Metrics(), service_on(settings, opened)
    figures = served(metrics.registry, settings.worker_metrics, "CAREPATH_WORKER_METRICS")
    worker = Worker(options, broker, service, committed=relay.wake, metrics=metrics)
    try:
        with relay.running(), figures:
            async with publishing.running():
                ending = await worker.run(_stop(told))
                if ending is not Ending.STOPPED:  # else the time runs since the signal came
                    _end_in_time()
    finally:
        opened.close()
    return ending


def _stop(told: threading.Event) -> asyncio.Event:
    """An event that SIGTERM and SIGINT set, and ``told`` too, which holds when no loop runs any more."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def tell(_number: int, _frame: FrameType | None) -> None:
        told.set()
        _end_in_time()
        loop.call_soon_threadsafe(stop.set)

    for number in _SIGNALS:
        signal.signal(number, tell)
    return stop


def _end_in_time() -> None:
    """Whatever hangs, even outside Python: this timer is the interpreter's own."""
    faulthandler.dump_traceback_later(END_SECONDS, exit=True)
