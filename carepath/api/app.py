"""The ASGI application: every address, and which interaction answers there."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, nullcontext
from typing import Final, TypeAlias

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp
from typing_extensions import override

from carepath.api.access_log import access_log_, audit_event_, audit_events
from carepath.api.allowance import NONE, Throttle
from carepath.api.audited import Audited
from carepath.api.binary import binary
from carepath.api.binding import (
    WEBSOCKET,
    binding,
    binding_by_parameters,
    bindings,
    bindings_by_parameters,
)
from carepath.api.bounds import Bounds
from carepath.api.break_glass import break_glass_
from carepath.api.bundle import message
from carepath.api.context import Context
from carepath.api.errors import HANDLERS, on_fault
from carepath.api.events import events
from carepath.api.everything import everything, everything_by_parameters
from carepath.api.guard import Guard
from carepath.api.headers import SecurityHeaders
from carepath.api.health import livez, metrics, readyz
from carepath.api.history import history
from carepath.api.inside import Inside
from carepath.api.kith import kith_messages
from carepath.api.mailbox import confirm, mailbox
from carepath.api.metadata import metadata
from carepath.api.mirror import Mirror
from carepath.api.open_mode import OpenModeGuard
from carepath.api.openapi import openapi
from carepath.api.payment_days import payment_days_
from carepath.api.process_message import process_message
from carepath.api.quiet import quiet_
from carepath.api.read import read
from carepath.api.rendering import OnFault, Rendering, rendered
from carepath.api.search import search, search_by_form
from carepath.api.security import SCHEMES, schemes_of
from carepath.api.seeing import Seeing
from carepath.api.smart import smart_configuration
from carepath.api.statistics import statistics_
from carepath.api.subscription import create, delete, update
from carepath.api.subscription_operations import events as subscription_events
from carepath.api.subscription_operations import (
    events_by_parameters,
    status,
    status_by_parameters,
    statuses,
    statuses_by_parameters,
)
from carepath.api.summary import summary
from carepath.api.throttle import Clients, Strangers
from carepath.api.timeline import timeline
from carepath.api.token import token
from carepath.api.vread import vread
from carepath.api.websocket import websocket
from carepath.api.where import where_
from carepath.api.worklist import worklist_, worklist_by_parameters
from carepath.delivery.recorder import Recorder
from carepath.identity.entrance import TOKEN
from fhir_mappings.search_parameters import PARAMETERS


class _Type(StringConvertor):
    regex = "|".join(PARAMETERS)


class _Id(StringConvertor):
    regex = r"[A-Za-z0-9\-.]{1,64}"  # https://hl7.org/fhir/R4/datatypes.html#id


class _Version(StringConvertor):
    regex = "[1-9][0-9]{0,8}"


register_url_convertor("fhir_type", _Type())
register_url_convertor("fhir_id", _Id())
register_url_convertor("fhir_version", _Version())

_RESOURCE = "/fhir/{type:fhir_type}/{id:fhir_id}"

ROUTES: Sequence[BaseRoute] = (
    Route("/fhir/$process-message", process_message, methods=["POST"]),
    Route("/fhir/$mailbox", mailbox),
    Route("/fhir/$confirm", confirm, methods=["POST"]),
    Route("/fhir/$quiet", quiet_),
    Route("/fhir/$statistics", statistics_),
    Route("/fhir/$worklist", worklist_),
    Route("/fhir/$worklist", worklist_by_parameters, methods=["POST"]),
    Route("/fhir/metadata", metadata),
    Route("/fhir/.well-known/smart-configuration", smart_configuration),
    Route(TOKEN, token, methods=["POST"]),
    Route("/fhir/Patient/$break-glass", break_glass_, methods=["POST"]),
    Route("/fhir/Patient/{id:fhir_id}/$timeline", timeline),
    Route("/fhir/Patient/{id:fhir_id}/$summary", summary),
    Route("/fhir/Patient/{id:fhir_id}/$everything", everything),
    Route("/fhir/Patient/{id:fhir_id}/$everything", everything_by_parameters, methods=["POST"]),
    Route("/fhir/Patient/{id:fhir_id}/$access-log", access_log_),
    Route("/fhir/AuditEvent", audit_events),
    Route("/fhir/AuditEvent/{id:fhir_id}", audit_event_),
    Route("/fhir/Encounter/{id:fhir_id}/$payment-days", payment_days_),
    Route("/fhir/MessageHeader/{id:fhir_id}/$where", where_),
    Route("/fhir/Binary/{id:fhir_id}", binary),
    Route("/fhir/Bundle/{id:fhir_id}", message),
    Route("/fhir/Subscription", create, methods=["POST"]),
    Route("/fhir/Subscription/$status", statuses),
    Route("/fhir/Subscription/$status", statuses_by_parameters, methods=["POST"]),
    Route("/fhir/Subscription/$get-ws-binding-token", bindings),
    Route("/fhir/Subscription/$get-ws-binding-token", bindings_by_parameters, methods=["POST"]),
    Route("/fhir/Subscription/{id:fhir_id}/$get-ws-binding-token", binding),
    Route(
        "/fhir/Subscription/{id:fhir_id}/$get-ws-binding-token",
        binding_by_parameters,
        methods=["POST"],
    ),
    Route("/fhir/Subscription/{id:fhir_id}", update, methods=["PUT"]),
    Route("/fhir/Subscription/{id:fhir_id}", delete, methods=["DELETE"]),
    Route("/fhir/Subscription/{id:fhir_id}/$status", status),
    Route("/fhir/Subscription/{id:fhir_id}/$status", status_by_parameters, methods=["POST"]),
    Route("/fhir/Subscription/{id:fhir_id}/$events", subscription_events),
    Route("/fhir/Subscription/{id:fhir_id}/$events", events_by_parameters, methods=["POST"]),
    Route("/fhir/{type:fhir_type}", search),
    Route("/fhir/{type:fhir_type}/_search", search_by_form, methods=["POST"]),
    Route(_RESOURCE, read),
    Route(f"{_RESOURCE}/_history", history),
    Route(f"{_RESOURCE}/_history/{{version:fhir_version}}", vread),
    Route("/events", events),
    Route("/kith/messages", kith_messages, methods=["POST"]),
    WebSocketRoute(WEBSOCKET, websocket),
    Route("/livez", livez),
    Route("/readyz", readyz),
    Route("/metrics", metrics),
    Route("/openapi.json", openapi),
)


Told: TypeAlias = Callable[[Request, Response], Response]
"""What is answered to a request, instead of the OperationOutcome that it would be answered with."""


_HANDLERS: Final = {**HANDLERS, Exception: rendered(on_fault)}


def _as_it_is(_request: Request, answer: Response) -> Response:
    return answer


def _telling(handler: OnFault, told: Told) -> OnFault:
    async def answer(request: Request, fault: Exception) -> Response:
        return told(request, await handler(request, fault))

    return answer


def _lifespan(context: Context) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    """While the server runs, so does all that it has beside its answers."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        publisher = context.publisher
        with context.relay.running(), ExitStack() as beside:
            for rounds in context.rounds:
                beside.enter_context(rounds.running())
            async with (
                publisher.running() if publisher else nullcontext(),
                context.answers.running(),
                context.hooks.running(),
                context.live.running(),
                context.gather.running(),
            ):
                yield

    return lifespan


def application(
    context: Context,
    pages: Sequence[BaseRoute] = (),
    own_door: Collection[str] = (),
    told: Told = _as_it_is,
) -> Starlette:
    """The whole server; while it runs, messages are gathered and feeds are relayed.

    ``own_door``: the names of those pages that let people in themselves. ``told``: how a fault is told to who asked.
    """
    routes = [*ROUTES, *pages]
    app = _Broker(
        routes=routes,
        middleware=[
            Middleware(Rendering),
            Middleware(Bounds),
            *_doors(context, routes, own_door),
            Middleware(Audited, Recorder(context.database)),
            Middleware(Seeing, context),
        ],
        exception_handlers={fault: _telling(on, told) for fault, on in _HANDLERS.items()},
        lifespan=_lifespan(context),
    )
    app.router.redirect_slashes = False  # the address would be repeated, with whatever is asked for
    app.state.context = context
    app.state.schemes, app.state.schemes_of = SCHEMES, schemes_of
    return app


class _Broker(Starlette):
    """Starlette, whose every answer, those to its own faults too, has the headers that browsers need."""

    @override
    def build_middleware_stack(self) -> ASGIApp:
        address: str = self.state.context.address
        return SecurityHeaders(Mirror(super().build_middleware_stack()), address=address)


def _doors(
    context: Context, routes: Sequence[BaseRoute], own_door: Collection[str]
) -> Iterator[Middleware]:
    """Who is let in where, and how often: whoever is near, in open mode, else whoever signs in."""
    if context.metrics_port:
        yield Middleware(Inside, port=context.metrics_port)
    throttle = Throttle(context.limits, lambda limit: context.metrics.throttled.labels(limit).inc())
    counted = Middleware(Clients, throttle=throttle, open_mode=context.open_mode)
    if context.open_mode:
        yield Middleware(OpenModeGuard, open_network=context.open_network, address=context.address)
    else:
        yield Middleware(Strangers, throttle=throttle)
        yield Middleware(Guard, context=context, routes=routes, pages=own_door)
    if context.limits != NONE:
        yield counted
