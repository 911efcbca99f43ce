"""The server: HTTP in, streams out."""

from importlib.metadata import version

from starlette.applications import Starlette

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
from carepath.ui.data import data
from carepath.ui.routes import routes
from carepath.wiring.deliveries import publisher
from carepath.wiring.logs import configure_logs
from carepath.wiring.store import open_as_set, service_on
from carepath.wiring.watching import rounds
from fhir_mappings.reading import MAX_BYTES
from pathways.payment import RATES


def application(settings: Settings) -> Starlette:
    """The whole server on an up-to-date database."""
    configure_logs()
    opened = open_as_set(settings)
    relay = Relay(opened)
    service = service_on(settings, opened)
    service.place_due()
    metrics = Metrics()
    hooks = Options(
        base_url=f"{settings.address}/fhir",
        allow_loopback=settings.allow_loopback_hooks,
        schedule=settings.hook_schedule,
        seen=metrics.called,
    )
    context = Context(
        database=opened,
        gather=Gather(service.handle, relay.wake, window=settings.gather_ms / 1000),
        relay=relay,
        answers=Answers(opened),
        hooks=Hooks(opened, relay, hooks),
        live=Live(opened, relay, f"{settings.address}/fhir"),
        parties=Parties(opened, open_mode=False),
        address=settings.address,
        version=version("carepath"),
        open_network=settings.open_network == NETWORK_CONSENT,
        max_bytes=MAX_BYTES,
        publisher=publisher(settings, opened, relay),
        rounds=rounds(settings, opened, relay.wake),
        metrics=metrics,
        tariff=Tariff({**RATES, **settings.payment_rates}, settings.payment_same_day),
    )
    return server(context, routes(data(opened, relay)))
