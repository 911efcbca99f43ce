"""MLLP as it is set: HL7 v2 in, and out to those who want it."""

import asyncio
import ssl
from collections.abc import Callable
from pathlib import Path

from carepath.delivery.mllp import MllpCarrier
from carepath.settings import Settings
from carepath.wiring.logs import configure_logs
from carepath.wiring.networks import at_work, sender, stopping
from carepath.wiring.store import Unusable
from consumers.hl7v2 import Intake
from consumers.mllp import Listener, Options
from fhir_mappings.hl7v2.segments import MAX_BYTES


def run(settings: Settings, ready: Callable[[str, int], None]) -> None:
    """Listen and send until SIGTERM or SIGINT; ``ready`` is told where. Raises ``Unusable``."""
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
    carrier = MllpCarrier(_towards_receivers(settings))
    async with at_work(settings, settings.mllp_metrics, "CAREPATH_MLLP_METRICS") as here:
        intake = Intake(here.gather, here.metrics.received)
        listener = Listener(options, intake.answer, intake.refuse, here.metrics.connections.set)
        async with sender(settings, here, carrier).running():
            await _listen(listener, options, ready)


async def _listen(listener: Listener, options: Options, ready: Callable[[str, int], None]) -> None:
    try:
        await listener.run(stopping(), lambda port: ready(options.host, port))
    except OSError as fault:
        told = f"cannot listen on {options.host}:{options.port}: {fault.strerror}"
        raise Unusable(told, "Set another CAREPATH_MLLP_PORT, or give --port.") from None


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """Towards senders: they are asked for a certificate when it is set who vouches for them."""
    if settings.mllp_cert_file is None:
        return None
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _load(made, settings, settings.mllp_client_ca_file)
    if settings.mllp_client_ca_file:
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def _towards_receivers(settings: Settings) -> ssl.SSLContext:
    """They show a certificate for the name they are called by, and are shown ours, if there is one."""
    if settings.mllp_ca_file is None:
        made = ssl.create_default_context()
    else:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _load(made, settings, settings.mllp_ca_file)
    return made


def _load(made: ssl.SSLContext, settings: Settings, authorities: Path | None) -> None:
    """Who we are, and whom to believe; TLS 1.2 or later."""
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        if settings.mllp_cert_file:
            made.load_cert_chain(settings.mllp_cert_file, settings.mllp_key_file)
        if authorities:
            made.load_verify_locations(authorities)
    except OSError as fault:  # ssl.SSLError is one
        told = f"a certificate or key for MLLP cannot be read: {fault.strerror or fault}"
        hint = "Look at CAREPATH_MLLP_CERT_FILE, _KEY_FILE, _CLIENT_CA_FILE and _CA_FILE."
        raise Unusable(told, hint) from None
