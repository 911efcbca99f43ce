"""The same over HTTP for programs on an event loop."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from types import TracebackType
from typing import Final, Self

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError, aconnect_sse
from typing_extensions import override

from carepath_client import http
from carepath_client.cursors import Cursor, Unkept
from carepath_client.feeds import Arrived
from carepath_client.http import Attempts, Request, Server
from carepath_client.http_feed import update_of
from carepath_client.letters import Sendable, letter
from carepath_client.order import OnGap, Order
from carepath_client.receipts import Receipt
from carepath_client.timeline import History, as_of_text, history, patient_id, token
from carepath_client.updates import Update
from carepath_client.values import Identifier, When

_FAULTS: Final = (*http.FAULTS, SSEError)


class _Asks:
    """A server, and a client that is closed with it unless it is the caller's."""

    def __init__(
        self,
        url: str,
        *,
        organisation: str | None = None,
        limit: float = 60.0,
        client: httpx.AsyncClient | None = None,
        auth: httpx.Auth | None = None,
    ) -> None:
        self._server, self._limit = Server(url, organisation), limit
        self._client, self._own = client or httpx.AsyncClient(auth=auth), client is None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        _fault: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the connections."""
        if self._own:
            await self._client.aclose()

    async def _ask(self, request: Request, attempts: Attempts) -> httpx.Response:
        while True:
            try:
                asked = self._client.build_request(**request, timeout=attempts.timeout)
                return http.settled(await self._client.send(asked))
            except http.FAULTS as fault:
                await asyncio.sleep(attempts.pause(fault))


class AsyncPublisher(_Asks):
    """As ``Publisher.http``."""

    async def publish(self, message: Sendable) -> Receipt:
        """As ``Publisher.publish``."""
        one = letter(message)
        response = await self._ask(self._server.publish(one.source), Attempts(self._limit))
        return http.receipt(response, one.message_id)


class AsyncTimeline(_Asks):
    """As ``Timeline``."""

    async def of(
        self, patient: Identifier | str, *, as_of: When | None = None, language: str = "nb"
    ) -> History:
        """As ``Timeline.of``."""
        attempts = Attempts(self._limit)
        known = patient_id(patient)
        if known is None:
            found = await self._ask(self._server.find(token(patient)), attempts)
            known = http.patient_id(found)
        asked = self._server.timeline(known, as_of_text(as_of), language)
        return history(known, http.timeline(await self._ask(asked, attempts)))


class AsyncSubscriber(_Asks):
    """As ``Subscriber.http``: ``async for update in subscriber``. Cancel the task to end it."""

    def __init__(  # noqa: PLR0913 -- given by name
        self,
        url: str,
        *,
        organisation: str | None = None,
        cursor: Cursor | None = None,
        since: int = 0,
        on_gap: OnGap | None = None,
        patience: float = 60.0,
        client: httpx.AsyncClient | None = None,
        auth: httpx.Auth | None = None,
    ) -> None:
        super().__init__(url, organisation=organisation, limit=patience, client=client, auth=auth)
        self._cursor, self._order = cursor or Unkept(), Order(on_gap)
        known = self._cursor.load()
        self._order.restart(since if known is None else known)
        self._attempts = Attempts(patience)
        self._connection = AsyncExitStack()
        self._events: AsyncIterator[ServerSentEvent] | None = None
        self._is_at_hand = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Update:
        self._settle()
        while (arrived := self._order.next()) is None:
            update = await self._receive()
            if update is not None:
                self._order.take(Arrived(update))
            if (hole := self._order.line.hole(0.0)) is not None:
                self._order.give_up(hole[1])
        self._is_at_hand = True
        return arrived.update

    @override
    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._settle()
        await super().__aexit__(kind, fault, trace)

    @override
    async def aclose(self) -> None:
        """End the connection."""
        await self._disconnect()
        await super().aclose()

    def _settle(self) -> None:
        """The code that had the last update has returned."""
        if self._is_at_hand:
            self._is_at_hand = False
            self._cursor.save(self._order.line.passed)

    async def _receive(self) -> Update | None:
        try:
            events = self._events or await self._connect()
            event = await anext(events, None)
            if event is None:
                raise httpx.RemoteProtocolError("the server ended the stream")
            return update_of(event)
        except _FAULTS as fault:
            await self._disconnect()
            await asyncio.sleep(self._attempts.pause(fault))
            return None

    async def _connect(self) -> AsyncIterator[ServerSentEvent]:
        request = self._server.events(self._order.line.passed)
        source = await self._connection.enter_async_context(_listen(self._client, request))
        self._events = source.aiter_sse()
        self._attempts.succeeded()
        self._attempts.limit = math.inf  # it was there: it comes back
        return self._events

    async def _disconnect(self) -> None:
        self._events = None
        await self._connection.aclose()


@asynccontextmanager
async def _listen(client: httpx.AsyncClient, request: Request) -> AsyncIterator[EventSource]:
    """The open stream, once the answer is known to be good."""
    method, url, headers = request["method"], request["url"], request["headers"]
    timeout = httpx.Timeout(http.SILENCE, connect=http.CONNECT)
    async with aconnect_sse(client, method, url, headers=headers, timeout=timeout) as source:
        if not source.response.is_success:
            await source.response.aread()
            http.check(source.response)
        yield source
