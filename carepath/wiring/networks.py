"""What processes that speak with other networks have in common: intake, and what numbers and publishes what follows."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass

from carepath.delivery.gather import Gather
from carepath.delivery.relay import Relay
from carepath.delivery.sending import Carrier, Options, Sender
from carepath.settings import Settings
from carepath.store.database import Database
from carepath.wiring.deliveries import publisher
from carepath.wiring.figures import served
from carepath.wiring.store import open_as_set, service_on
from consumers.network_metrics import NetworkMetrics


@dataclass(frozen=True, slots=True)
class AtWork:
    """An open database, and those who work on it in this process."""

    database: Database
    relay: Relay
    gather: Gather
    metrics: NetworkMetrics


@asynccontextmanager
async def at_work(settings: Settings, figures: str | None, setting: str) -> AsyncIterator[AtWork]:
    """While inside. ``figures``: HOST:PORT as ``setting`` has it. Raises ``Unusable``."""
    opened, metrics = open_as_set(settings), NetworkMetrics()
    try:
        relay, service = Relay(opened), service_on(settings, opened)
        publishing = publisher(settings, opened, relay)
        service.place_due()
        gather = Gather(service.handle, relay.wake, window=settings.gather_ms / 1000)
        with served(metrics.registry, figures, setting), relay.running():
            async with publishing.running() if publishing else nullcontext(), gather.running():
                yield AtWork(opened, relay, gather, metrics)
    finally:
        opened.close()


def sender(settings: Settings, here: AtWork, carrier: Carrier) -> Sender:
    """Who sends over a network."""
    options = Options(base_url=f"{settings.address}/fhir", seen=here.metrics.sent)
    return Sender(here.database, here.relay, carrier, options)


def stopping() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
