"""A relay and a publisher at work, here or in a process of their own that a test may end or stop.

``python -m tests.integration.publishing DATABASE_URL HOST:PORT``
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from carepath.delivery.kafka import Publisher
from carepath.delivery.relay import Relay
from carepath.store.database import Database
from schemas.broker import Broker
from tests.contract.stored import opened
from tests.servers import PATIENCE

BASE = "http://broker.example/fhir"


@asynccontextmanager
async def publishing(database: Database, broker: Broker) -> AsyncIterator[Relay]:
    """Here."""
    relay = Relay(database)
    with relay.running():
        async with Publisher(database, relay, broker, base_url=BASE).running():
            yield relay


@contextmanager
def publisher(url: str, broker: Broker, failpoint: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """In a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", __name__, url, broker.bootstrap[0]],
        env=os.environ | {"CAREPATH_FAILPOINT": failpoint},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait(PATIENCE)


async def _main(url: str, address: str) -> None:
    with opened(url) as database:
        async with publishing(database, Broker(bootstrap=(address,))):
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
