"""Updates over HTTP: server-sent events, resumed where the last one was done with."""

import logging
import math
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from threading import Event
from typing import Final

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError, connect_sse

from carepath_client import http
from carepath_client.cursors import Cursor
from carepath_client.errors import Unavailable
from carepath_client.feeds import Arrived, Batch
from carepath_client.http import Attempts, Server
from carepath_client.updates import Update, from_json

log = logging.getLogger("carepath_client")

_PAGE: Final = 500
_FETCH_SILENCE: Final = 10.0  # seconds
_FAULTS: Final = (*http.FAULTS, SSEError)


class HttpFeed:
    """One connection at a time. ``since``: where to begin when the cursor has nothing."""

    def __init__(
        self, server: Server, client: httpx.Client, cursor: Cursor, *, since: int, patience: float
    ) -> None:
        self._server, self._client, self._cursor, self._since = server, client, cursor, since
        self._attempts = Attempts(patience)
        self._begun = False
        self._stopped = Event()
        self._connection = ExitStack()
        self._socket: socket.socket | None = None
        self._events: Iterator[ServerSentEvent] | None = None
        self._saved = -1

    def receive(self, passed: int, *, full: bool) -> Batch:
        """The next update, however long it takes. A broken connection is taken up again for ever."""
        if not self._begun:
            self._begun = True
            known = self._cursor.load()
            return Batch(restart=self._since if known is None else known)
        try:
            update = self._next(passed)
            return Batch() if update is None else Batch((Arrived(update),))
        except _FAULTS as fault:
            self._disconnect()
            if not self._stopped.is_set():
                self._stopped.wait(self._attempts.pause(fault))
            return Batch()

    def is_due(self) -> bool:
        """Never: a server waits for those who are slow."""
        return False

    def finish(self, arrived: Arrived) -> None:
        """``save`` says it all."""

    def save(self, number: int, *, now: bool) -> None:
        """Keep it, if it is news."""
        if number != self._saved:
            self._cursor.save(number)
            self._saved = number

    def interrupt(self) -> None:
        """Wake the thread that reads by ending what it reads."""
        self._stopped.set()
        connected = self._socket
        if connected is not None:
            with suppress(OSError):
                connected.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        self._stopped.set()
        self._disconnect()

    def _next(self, passed: int) -> Update | None:
        if self._events is None:
            self._connect(passed)
        event = next(self._events, None) if self._events else None
        if event is None:
            raise httpx.RemoteProtocolError("the server ended the stream")
        return update_of(event)

    def _connect(self, passed: int) -> None:
        timeout = httpx.Timeout(http.SILENCE, connect=http.CONNECT)
        request = self._server.events(passed)
        source = self._connection.enter_context(_listen(self._client, request, timeout))
        self._socket = source.response.extensions["network_stream"].get_extra_info("socket")
        self._events = source.iter_sse()
        if self._stopped.is_set():  # ``interrupt`` came before there was anything to end
            raise httpx.ReadError("stopped")
        self._attempts.succeeded()
        self._attempts.limit = math.inf  # it was there: it comes back

    def _disconnect(self) -> None:
        self._socket = self._events = None
        self._connection.close()


class HttpMissing:
    """Fetches what did not come over Kafka."""

    def __init__(self, server: Server, client: httpx.Client) -> None:
        self._server, self._client = server, client

    def fetch(self, after: int, upto: int) -> tuple[list[Update], bool]:
        """A page of the feed. Raises ``Refused``, and ``Unavailable`` when the server does not tell."""
        found: list[Update] = []
        timeout = httpx.Timeout(_FETCH_SILENCE, connect=http.CONNECT)
        try:
            with _listen(self._client, self._server.events(after), timeout) as source:
                for update in filter(None, map(update_of, source.iter_sse())):
                    if update.sequence > upto:
                        return found, True
                    found.append(update)
                    if len(found) == _PAGE or update.sequence == upto:
                        return found, update.sequence == upto
        except _FAULTS as fault:
            words = str(fault) or type(fault).__name__
            raise Unavailable(f"updates {after + 1} to {upto} cannot be fetched: {words}") from None
        raise Unavailable("the server ended the stream")


def update_of(event: ServerSentEvent) -> Update | None:
    """What an event tells; ``None`` where it is not one of ours."""
    if not event.data:
        return None
    try:
        return from_json(event.data)
    except ValueError as wrong:
        log.warning("an event was left out: %s", wrong)
        return None


@contextmanager
def _listen(
    client: httpx.Client, request: http.Request, timeout: httpx.Timeout
) -> Iterator[EventSource]:
    """The open stream, once the answer is known to be good."""
    method, url, headers = request["method"], request["url"], request["headers"]
    with connect_sse(client, method, url, headers=headers, timeout=timeout) as source:
        if not source.response.is_success:
            source.response.read()
            http.check(source.response)
        yield source
