"""X-Request-Id and X-Correlation-Id go back as they came, on every answer, so that a sender can match the two.

BaRS demands it of receivers (*Transactional integrity*), FHIR of whoever is given a correlation id. Only UUIDs are
mirrored: nothing that could be somebody's number, or a line of a log, comes back from us.
"""

import re
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

IDS: Final = ("X-Request-Id", "X-Correlation-Id")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_uuid(text: str) -> bool:
    """Whether it is a UUID as it is usually written."""
    return _UUID.fullmatch(text) is not None


class Mirror:
    """ASGI application around all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same answer with the ids of its request."""
        sent = Headers(scope=scope) if scope["type"] == "http" else Headers()
        ids = {name: id_ for name in IDS if is_uuid(id_ := sent.get(name, ""))}

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(ids)
            await send(message)

        await self._app(scope, receive, told if ids else send)
