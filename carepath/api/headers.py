"""What every answer says to browsers and caches, errors and redirects among them.

An answer's own header counts more, so that pages can have a content policy that lets them look like something.
https://owasp.org/www-project-secure-headers/, https://www.rfc-editor.org/rfc/rfc6797#section-6.1
"""

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ALWAYS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
OVER_TLS: Final[Mapping[str, str]] = {
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains"
}
_STATIC: Final = "/static/"
_ASK_AGAIN: Final = "no-cache"
"""Stylesheets and scripts, which are nobody's: kept, and asked for again by their ETag."""


class SecurityHeaders:
    """ASGI application around all others. ``address``: how we are reached, so whether over TLS."""

    def __init__(self, app: ASGIApp, *, address: str) -> None:
        self._app = app
        self._told = {**ALWAYS, **(OVER_TLS if address.startswith("https:") else {})}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The same answer with these headers."""

        async def told(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                self._tell(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self._app(scope, receive, told)

    def _tell(self, headers: MutableHeaders, path: str) -> None:
        if path.startswith(_STATIC):
            headers.setdefault("Cache-Control", _ASK_AGAIN)
        for name, value in self._told.items():
            headers.setdefault(name, value)
