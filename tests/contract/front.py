"""The HTTP door on a store of the test's own, without a server: for what is only asked."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
from starlette.routing import BaseRoute

from carepath.api.app import application
from carepath.api.context import Context
from carepath.api.exchange import ORGANISATION
from carepath.api.metrics import Metrics
from carepath.delivery.answers import Answers
from carepath.delivery.gather import Gather
from carepath.delivery.hooks import Hooks, Options
from carepath.delivery.live import Live
from carepath.delivery.relay import Relay
from carepath.service import Service
from carepath.service.directory import Parties
from carepath.ui.door import Door
from carepath.ui.operations.connect import Guide
from carepath.wiring.pages import pages

JSON = dict[str, Any]
ADDRESS = "http://127.0.0.1:8000"
GUIDE = Guide(address=ADDRESS, signs_in=True, broker=None, mllp_port=2575, mllp_tls=False)


def asked(service: Service, path: str, org: str | None = None, **query: str) -> httpx.Response:
    """GET a FHIR address, as an organisation or as the operator."""
    return _call(service, org, lambda client: client.get(f"/fhir/{path}", params=query))


def told(service: Service, path: str, org: str | None = None, **query: str) -> JSON:
    """The resource that is there."""
    return _found(asked(service, path, org, **query))


def posted(service: Service, path: str, asked: list[JSON], org: str | None = None) -> JSON:
    """What an operation answers that is asked with these parameters."""
    body = {"resourceType": "Parameters", "parameter": asked}
    said = {"Content-Type": "application/fhir+json"}
    return _found(_call(service, org, lambda c: c.post(f"/fhir/{path}", json=body, headers=said)))


def _found(answer: httpx.Response) -> JSON:
    assert answer.status_code == 200, answer.text
    found: JSON = answer.json()
    return found


def _call(
    service: Service,
    org: str | None,
    ask: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]],
) -> httpx.Response:
    inside = httpx.ASGITransport(application(context(service)))
    headers = {ORGANISATION: org} if org else {}

    async def call() -> httpx.Response:
        async with httpx.AsyncClient(transport=inside, base_url=ADDRESS, headers=headers) as client:
            return await ask(client)

    return asyncio.run(call())


def open_pages(broker: Context, service: Service) -> list[BaseRoute]:
    """The pages of a broker, open to everybody."""
    return pages(broker, Door(None, open_mode=True), service, GUIDE)


def context(service: Service) -> Context:
    """The broker in open mode, with no rounds beside it."""
    database = service.database
    relay, metrics = Relay(database), Metrics()
    options = Options(base_url=f"{ADDRESS}/fhir", seen=metrics.called)
    return Context(
        database=database,
        gather=Gather(service.handle, relay.wake, window=0),
        relay=relay,
        answers=Answers(database),
        hooks=Hooks(database, relay, options),
        live=Live(database, relay, f"{ADDRESS}/fhir"),
        parties=Parties(database, open_mode=False),
        address=ADDRESS,
        version="1",
        open_mode=True,
        max_bytes=1,
        metrics=metrics,
    )
