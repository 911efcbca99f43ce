"""What a citizen may see is read when they ask, before anything is answered: others have grants, which queries ask."""

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from carepath.api.context import Context
from carepath.service.viewers import viewer
from carepath.store.times import now
from pathways.access import CITIZENS, Actor
from pathways.sight import Sight


class Seeing:
    """ASGI middleware inside the guard. Where it is not, a citizen sees nothing (``exchange.viewer_of``)."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note in the request what is to be seen."""
        actor: Actor | None = scope.get("state", {}).get("actor")
        if actor is not None and actor.role in CITIZENS:
            scope["state"]["sights"] = await run_in_threadpool(sights_of, self._context, actor)
        await self._app(scope, receive, send)


def sights_of(context: Context, actor: Actor) -> tuple[Sight, ...]:
    """What a citizen may see now, of every patient of whom they may see anything."""
    with context.database.read() as conn:
        return viewer(conn, context.database.keys, actor, now()).sights or ()
