"""How requests come in: uvicorn's protocol, which by itself would read headers without end, and wait for them for ever.

What stands before a body may be ``MOST`` bytes and take ``SECONDS``; the body is for the application to limit
(``carepath.api.bounds``). Refusals from here are plain text: nobody knows yet what is asked for.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST: Final = 64 * 1024  # bytes
SECONDS: Final = 20.0

_SAID: Final[Mapping[int, bytes]] = {
    408: b"408 Request Timeout",
    431: b"431 Request Header Fields Too Large",
}
"""https://www.rfc-editor.org/rfc/rfc9110#section-15.5.9, https://www.rfc-editor.org/rfc/rfc6585#section-5"""


class Connection(HttpToolsProtocol):
    """A connection whose peer has to say what it wants, in few words and soon."""

    _read = 0  # bytes of a head that is not whole yet
    _late: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._wait()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._done()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._late is None:
            return
        self._read += len(data)
        if self._read > MOST:
            self._refuse(431)

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait()

    @override
    def on_headers_complete(self) -> None:
        self._done()
        super().on_headers_complete()

    def _wait(self) -> None:
        """A head is to come."""
        self._done()
        self._late = self.loop.call_later(SECONDS, self._refuse, 408)

    def _done(self) -> None:
        self._read = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _refuse(self, status: int) -> None:
        """Say so and hang up; a peer that never said a word is only hung up on."""
        begun = self._read > 0
        self._done()
        if self.transport.is_closing():
            return
        if begun:
            head = b"HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            self.transport.write(head % _SAID[status])
        self.transport.close()


OPTIONS: Final[Mapping[str, Any]] = {"http": Connection, "server_header": False}
"""Of ``uvicorn.Config``. Nobody is told what the server is made of."""
