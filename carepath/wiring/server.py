"""The server: HTTP in, streams out."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import version

import structlog
from starlette.applications import Starlette

from carepath.api.allowance import GENEROUS, NONE, Limits
from carepath.api.app import application as server
from carepath.api.context import Context
from carepath.api.metrics import Metrics
from carepath.delivery.answers import Answers
from carepath.delivery.gather import Gather
from carepath.delivery.hooks import Hooks, Options
from carepath.delivery.live import Live
from carepath.delivery.relay import Relay
from carepath.delivery.targets import Reach
from carepath.service.directory import Parties
from carepath.service.subscriptions import end_open_mode
from carepath.service.terms import Tariff
from carepath.settings import NETWORK_CONSENT, Settings
from carepath.store import sharing
from carepath.store.database import Database
from carepath.ui.door import Door
from carepath.ui.faults import readable
from carepath.ui.operations.connect import Guide
from carepath.ui.routes import OWN_DOOR
from carepath.wiring.auditing import sealing
from carepath.wiring.deliveries import publisher
from carepath.wiring.entrance import entrance_on
from carepath.wiring.logs import configure_logs
from carepath.wiring.pages import pages
from carepath.wiring.people import sign_in
from carepath.wiring.store import open_as_set, reporting, service_on
from carepath.wiring.watching import rounds
from fhir_mappings.reading import MAX_BYTES
from pathways.payment import RATES

log = structlog.get_logger()


def application(settings: Settings) -> Starlette:
    """The whole server on an up-to-date database."""
    configure_logs()
    opened = open_as_set(settings)
    with reporting(settings):
        opened.keyring.check()
    _choose_mode(opened, open_mode=settings.open_mode)
    relay = Relay(opened)
    service = service_on(settings, opened)
    service.place_due()
    metrics = Metrics()
    people = sign_in(settings, opened, lambda fault: metrics.refused_sign_ins.labels(fault).inc())
    gather = Gather(service.handle, relay.wake, window=settings.gather_ms / 1000)
    context = Context(
        database=opened,
        gather=gather,
        relay=relay,
        answers=Answers(opened),
        hooks=Hooks(opened, relay, _hooks(settings, metrics)),
        live=Live(opened, relay, f"{settings.address}/fhir"),
        parties=Parties(opened, open_mode=False),
        address=settings.address,
        version=version("carepath"),
        open_mode=settings.open_mode,
        sessions=people.actor if people else None,
        entrance=entrance_on(settings, opened),
        open_network=settings.open_network == NETWORK_CONSENT,
        mail=settings.smtp is not None,
        max_bytes=MAX_BYTES,
        limits=limits_of(settings),
        publisher=publisher(settings, opened, relay),
        rounds=(*rounds(settings, opened, relay.wake), sealing(opened)),
        metrics=metrics,
        metrics_port=_port(settings.serve_metrics),
        tariff=Tariff({**RATES, **settings.payment_rates}, settings.payment_same_day),
    )
    door = Door(people, settings.open_mode)
    made = pages(context, door, service_on(settings, opened), _guide(settings))
    return server(context, made, OWN_DOOR, readable)


def _choose_mode(database: Database, *, open_mode: bool) -> None:
    """What holds from now on, by whether everybody signs in."""
    with database.write() as conn:
        sharing.ask(conn, asked=not open_mode)
        ended = () if open_mode else end_open_mode(conn, database.keys, datetime.now(UTC))
    for id_ in ended:
        log.warning("subscription made in open mode is off", subscription=id_)


def _guide(settings: Settings) -> Guide:
    """What those who connect are told."""
    return Guide(
        address=settings.address,
        signs_in=not settings.open_mode,
        broker=settings.broker,
        mllp_port=settings.mllp_port,
        mllp_tls=settings.mllp_cert_file is not None,
    )


def _port(address: str | None) -> int | None:
    return None if address is None else int(address.rpartition(":")[2])


def limits_of(settings: Settings) -> Limits:
    """As set; open mode, whose callers are all at home, has none of its own."""
    usual = NONE if settings.open_mode else GENEROUS
    asked = {
        "requests": settings.client_rate,
        "strangers": settings.stranger_rate,
        "streams": settings.client_streams,
    }
    return replace(usual, **{name: most for name, most in asked.items() if most is not None})


def _hooks(settings: Settings, metrics: Metrics) -> Options:
    return Options(
        base_url=f"{settings.address}/fhir",
        reach=Reach(settings.allow_loopback_hooks, settings.private_networks),
        schedule=settings.hook_schedule,
        seen=metrics.called,
    )
