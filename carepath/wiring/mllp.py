"""The MLLP listener: HL7 v2 in; and what numbers and publishes what follows from it."""

import asyncio
import signal
import ssl
from collections.abc import Callable
from contextlib import nullcontext

from carepath.delivery.gather import Gather
from carepath.delivery.relay import Relay
from carepath.settings import Settings
from carepath.wiring.deliveries import publisher
from carepath.wiring.logs import configure_logs
from carepath.wiring.store import Unusable, open_as_set, service_on
from consumers.hl7v2 import Intake
from consumers.mllp import Listener, Options
from fhir_mappings.hl7v2.segments import MAX_BYTES


def run(settings: Settings, ready: Callable[[str, int], None]) -> None:
    """Listen until SIGTERM or SIGINT; ``ready`` is told where. Raises ``Unusable``."""
    configure_logs()
    asyncio.run(_live(settings, ready))


async def _live(settings: Settings, ready: Callable[[str, int], None]) -> None:
    options = Options(
        host=settings.mllp_host,
        port=settings.mllp_port,
        limit=MAX_BYTES,
        idle=settings.mllp_idle_seconds,
        tls=_tls(settings),
    )
    opened = open_as_set(settings)
    try:
        relay = Relay(opened)
        publishing = publisher(settings, opened, relay)
        service = service_on(settings, opened)
        service.place_due()
        gather = Gather(service.handle, relay.wake, window=settings.gather_ms / 1000)
        intake = Intake(gather)
        listener = Listener(options, intake.answer, intake.refuse)
        with relay.running():
            async with publishing.running() if publishing else nullcontext(), gather.running():
                await _listen(listener, options, ready)
    finally:
        opened.close()


async def _listen(listener: Listener, options: Options, ready: Callable[[str, int], None]) -> None:
    try:
        await listener.run(_stop(), lambda port: ready(options.host, port))
    except OSError as fault:
        told = f"cannot listen on {options.host}:{options.port}: {fault.strerror}"
        raise Unusable(told, "Set another CAREPATH_MLLP_PORT, or give --port.") from None


def _stop() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """TLS 1.2 or later; senders are asked for a certificate when it is set who vouches for them."""
    if settings.mllp_cert_file is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(settings.mllp_cert_file, settings.mllp_key_file)
        if settings.mllp_client_ca_file:
            made.load_verify_locations(settings.mllp_client_ca_file)
            made.verify_mode = ssl.CERT_REQUIRED
    except OSError as fault:  # ssl.SSLError is one
        told = f"a certificate or key for MLLP cannot be read: {fault.strerror or fault}"
        hint = "Look at CAREPATH_MLLP_CERT_FILE, _KEY_FILE and _CLIENT_CA_FILE."
        raise Unusable(told, hint) from None
    return made
