"""MLLP in the demo: the listener beside the server, and the line of a hospital's system to it."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, TypeAlias

from carepath.delivery.frames import END, RETURN, START, framed
from carepath.settings import Settings
from carepath.wiring.networks import at_work
from consumers.hl7v2 import Intake
from consumers.mllp import Listener, Options
from fhir_mappings.hl7v2.segments import MAX_BYTES

_SECONDS: Final = 30.0
_Running: TypeAlias = tuple[asyncio.AbstractEventLoop, asyncio.Event, int]


@contextmanager
def listening(chosen: Settings, host: str) -> Iterator[int]:
    """``carepath mllp`` on a thread of this process; the port that it took. Raises what keeps it from listening."""
    begun: Future[_Running] = Future()
    thread = threading.Thread(target=_run, args=(chosen, host, begun), daemon=True)
    thread.start()
    loop, stop, port = begun.result()
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _run(chosen: Settings, host: str, begun: "Future[_Running]") -> None:
    try:
        asyncio.run(_listen(chosen, host, begun))
    except Exception as fault:
        if begun.done():
            raise
        begun.set_exception(fault)


async def _listen(chosen: Settings, host: str, begun: "Future[_Running]") -> None:
    options = Options(host=host, port=0, limit=MAX_BYTES, idle=chosen.mllp_idle_seconds)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with at_work(chosen, None, "CAREPATH_MLLP_METRICS") as here:
        intake = Intake(here.gather, here.metrics.received)
        listener = Listener(options, intake.answer, intake.refuse)
        await listener.run(stop, lambda port: begun.set_result((loop, stop, port)))


def send(content: bytes, host: str, port: int) -> bytes:
    """One message over a connection of its own; the acknowledgement."""
    with socket.create_connection((host, port), _SECONDS) as line:
        line.sendall(framed(content))
        line.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: line.recv(65_536), b""))
    return answer.removeprefix(START).removesuffix(END + RETURN)
