"""GET /livez, /readyz, /metrics: for those who run the server."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from carepath.api.context import context_of
from carepath.store import feed
from carepath.store.figures import figures
from carepath.store.times import now

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


async def livez(_request: Request) -> Response:
    """200: the process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """200: the store answers too; a store that does not is a fault of ours like any other."""
    await context_of(request).ask(feed.waiting)
    return PlainTextResponse("ok\n")


async def metrics(request: Request) -> Response:
    """200 with the figures in Prometheus' text format."""
    context, at = context_of(request), now()
    context.metrics.look_up(await context.ask(figures, at), at / 1_000_000)
    return Response(context.metrics.page(), media_type=_PROMETHEUS)
