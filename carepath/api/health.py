"""GET /livez, /readyz, /metrics: for those who run the server."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from carepath.api.context import context_of
from carepath.store import answers, feed, parked

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
    context = context_of(request)
    figures = context.metrics
    figures.unnumbered.set(await context.ask(feed.pending))
    figures.unsent.set(await context.ask(answers.unsent))
    figures.parked.set(len(await context.ask(parked.listed)))
    for receiver, behind in (await context.ask(feed.lag)).items():
        figures.undelivered.labels(receiver).set(behind)
    return Response(figures.page(), media_type=_PROMETHEUS)
