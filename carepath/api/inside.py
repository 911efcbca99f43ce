"""Figures at a port of their own: there they are and nothing else, and nowhere else are they.

Load balancers ask anywhere whether the server answers.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from carepath.api.errors import outcome_response
from pathways.refusals import Issue

FIGURES: Final = "/metrics"
_ANYWHERE: Final = frozenset({"/livez", "/readyz"})
_NOT_HERE: Final = Issue("not-found", "there is nothing here", where="http.url")


class Inside:
    """ASGI middleware: 404 for what is not at the port where it was asked for."""

    def __init__(self, app: ASGIApp, *, port: int) -> None:
        self._app, self._port = app, port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        asked = scope["type"] in {"http", "websocket"} and scope["path"] not in _ANYWHERE
        if asked and (scope["path"] == FIGURES) is not (scope["server"][1] == self._port):
            await outcome_response(404, (_NOT_HERE,))(scope, receive, send)
        else:
            await self._app(scope, receive, send)
