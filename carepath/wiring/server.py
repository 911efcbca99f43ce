"""The server: HTTP in, streams out."""

from dataclasses import replace
from importlib.metadata import version

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
from carepath.service.directory import Parties
from carepath.service.terms import Tariff
from carepath.settings import NETWORK_CONSENT, Settings
from carepath.store import sharing
from carepath.ui.data import data
from carepath.ui.door import Door
from carepath.ui.routes import OWN_DOOR, routes
from carepath.wiring.auditing import sealing
from carepath.wiring.deliveries import publisher
from carepath.wiring.entrance import entrance_on
from carepath.wiring.logs import configure_logs
from carepath.wiring.people import sign_in
from carepath.wiring.store import open_as_set, reporting, service_on
from carepath.wiring.watching import rounds
from fhir_mappings.reading import MAX_BYTES
from pathways.payment import RATES


def application(settings: Settings) -> Starlette:
    """The whole server on an up-to-date database."""
    configure_logs()
    opened = open_as_set(settings)
    with reporting(settings):
        opened.keyring.check()
    with opened.write() as conn:
        sharing.ask(conn, asked=not settings.open_mode)
    relay = Relay(opened)
    service = service_on(settings, opened)
    service.place_due()
    metrics = Metrics()
    people = sign_in(settings, opened, lambda fault: metrics.refused_sign_ins.labels(fault).inc())
    context = Context(
        database=opened,
        gather=Gather(service.handle, relay.wake, window=settings.gather_ms / 1000),
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
        tariff=Tariff({**RATES, **settings.payment_rates}, settings.payment_same_day),
    )
    door = Door(people, settings.open_mode)
    return server(context, routes(data(opened, relay), door), OWN_DOOR)


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
        allow_loopback=settings.allow_loopback_hooks,
        schedule=settings.hook_schedule,
        seen=metrics.called,
    )
