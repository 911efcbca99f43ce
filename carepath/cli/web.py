"""How the server listens, in ``serve`` and in the demo: uvicorn, set so that slow readers cost little."""

import socket
from collections.abc import Mapping
from typing import Any, Final

import uvicorn
from starlette.applications import Starlette
from typing_extensions import override

from carepath.cli import connection

_WEBSOCKETS: Final[Mapping[str, Any]] = {
    "ws": "websockets-sansio",
    "ws_max_size": 65_536,  # bytes; clients say nothing but tokens
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 60.0,  # over a slow line, a page is before the ping
    "ws_per_message_deflate": False,  # would be done for each subscriber anew, and show lengths of what is secret
}
_CONNECTIONS: Final[Mapping[str, int]] = {
    "TCP_USER_TIMEOUT": 60_000,  # ms; who takes nothing for so long is cut off, whatever waits for it
    "TCP_NOTSENT_LOWAT": 131_072,  # bytes the kernel keeps for a reader beyond what is on its way
}
"""Options of a connection's socket, as far as the system has them."""


class Server(uvicorn.Server):
    """Its connections have limits of their own, since one that never reads would keep its buffers for ever."""

    def __init__(self, application: Starlette, **options: Any) -> None:
        """``options`` are uvicorn's."""
        told = {"access_log": False, **_WEBSOCKETS, **connection.OPTIONS, **options}
        super().__init__(uvicorn.Config(application, **told))

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            for listener in server.sockets:
                _limit(listener.fileno())


def bound(address: str) -> socket.socket:
    """A socket that listens at HOST:PORT. Raises ``OSError``."""
    host, _, port = address.rpartition(":")
    return socket.create_server((host, int(port)))


def _limit(listener: int) -> None:
    """What is accepted inherits its listener's options."""
    with socket.socket(fileno=socket.dup(listener)) as own:
        for name, value in _CONNECTIONS.items():
            if hasattr(socket, name):
                own.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
