"""Open mode: no clients are registered, so who calls is taken at its word; all the more must it be near.

The peer must be on this machine, and Host and Origin must say so too: a page from elsewhere that makes a
browser call us (DNS rebinding, cross-site requests) is refused. ``open_network`` widens this to a private
container network: private addresses, names without a dot, and the host of the base URL.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from carepath.api.errors import outcome_response
from pathways.refusals import Issue

_LOOPBACK_NAME: Final = "localhost"


class OpenModeGuard:
    """ASGI middleware: 403 with an OperationOutcome for whoever is not near."""

    def __init__(self, app: ASGIApp, *, open_network: bool, address: str) -> None:
        self._app, self._open_network = app, open_network
        self._own_host = urlsplit(address).hostname

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        wrong = self._wrong(scope) if scope["type"] in {"http", "websocket"} else None
        if wrong is None:
            await self._app(scope, receive, send)
            return
        text = f"open mode answers only to its own machine or network: {wrong} is not of it"
        issue = Issue("forbidden", text, f"http.{wrong.lower()}")
        await outcome_response(403, (issue,))(scope, receive, send)

    def _wrong(self, scope: Scope) -> str | None:
        """What is not near, if anything: the peer, the Host or the Origin."""
        headers = Headers(scope=scope)
        client = scope.get("client")
        if client is not None and not self._near(client[0]):
            return "the peer's address"
        if not self._near(_host(f"//{headers.get('host', '')}")):
            return "Host"
        origin = headers.get("origin")
        if origin is not None and not self._near(_host(origin)):
            return "Origin"
        return None

    def _near(self, host: str | None) -> bool:
        if not host:
            return False
        address = _address(host)
        if address is not None:
            return address.is_loopback or (self._open_network and address.is_private)
        if host == _LOOPBACK_NAME:
            return True
        return self._open_network and ("." not in host or host == self._own_host)


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None
