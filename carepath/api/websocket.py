"""/fhir/websocket: notifications for whoever binds the socket with a token.

The client says ``bind-with-token TOKEN``, as often as it likes: each Subscription of the token answers with a
handshake, then what its subscriber missed, then what happens. Whatever else it says is not answered. A socket holds
one page at a time and asks for the next when that was sent; ``delivered`` follows.
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/channels.html#websockets
"""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from typing import Final

import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from carepath.api.binding import MOST, Token, unsealed
from carepath.api.context import Context
from carepath.delivery.news import Asked, Bound, followed
from carepath.delivery.notifications import as_asked, notification
from carepath.store.database import Connection, DatabaseError
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Subscribed
from carepath.store.times import now
from pathways.subscriptions import NotificationType

log = structlog.get_logger()

_BIND: Final = re.compile(r"\s*bind-with-token(?:\s*:\s*|\s+)(\S+)\s*")
_UNBOUND: Final = 10.0  # seconds
_STUCK: Final = 60.0  # seconds in which nothing was taken
_NEVER: Final = float("inf")
_POLICY: Final = 1008
_FAULT: Final = 1011
_LATER: Final = 1013


class Closed(Exception):
    """The conversation is over. ``reason`` has at most 123 bytes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


async def websocket(socket: WebSocket) -> None:
    """Until the client leaves, or has nothing bound, or takes nothing."""
    context: Context = socket.app.state.context
    await socket.accept()
    with context.metrics.websockets.track_inprogress():
        end = await _end_of(_Conversation(socket, context))
    if end is not None:
        with suppress(WebSocketDisconnect, TimeoutError):
            async with asyncio.timeout(1):  # who takes nothing does not take this either
                await socket.close(end.code, end.reason)


async def _end_of(conversation: "_Conversation") -> Closed | None:
    """How it ended; ``None`` when the client left."""
    try:
        await conversation.run()
    except Closed as end:
        return end
    except DatabaseError:
        return Closed(_LATER, "try again later")
    except WebSocketDisconnect:
        pass
    except Exception:
        log.exception("websocket failed")
        return Closed(_FAULT, "something went wrong on our side")
    return None


@dataclass(slots=True)
class _Follower:
    """Its subscriber has everything up to ``since``; something was sent ``at`` last. Seconds."""

    since: int
    at: float
    heartbeat: int | None

    @property
    def beat(self) -> float:
        """When it is to hear something again."""
        return _NEVER if self.heartbeat is None else self.at + self.heartbeat


class _Conversation:
    """One socket, and the Subscriptions it is bound to."""

    def __init__(self, socket: WebSocket, context: Context) -> None:
        self._socket, self._context = socket, context
        self._listening = ExitStack()
        self._news = asyncio.Event()
        self._feeds: set[str] = set()
        self._bound: dict[str, _Follower] = {}
        self._rights, self._gone = AsyncExitStack(), asyncio.Event()
        self._empty_since = time.monotonic()

    async def run(self) -> None:
        """Hear and tell until one of both ends, or a right. Raises ``Closed`` and ``WebSocketDisconnect``."""
        works = (self._hear(), self._tell(), self._watch())
        tasks = [asyncio.create_task(one) for one in works]
        async with self._rights:
            await self._first_of(tasks)

    async def _first_of(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        with self._listening:
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                ended = await asyncio.gather(*tasks, return_exceptions=True)
        for end in ended:
            if isinstance(end, Exception):
                raise end

    # --- what the client says

    async def _hear(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1006))
            said = _BIND.fullmatch(message.get("text") or "")
            if said:
                token = unsealed(self._context.database.keys, said[1], now())
                await self._bind(token, said[1])

    async def _watch(self) -> None:
        await self._gone.wait()
        raise Closed(_POLICY, "the right to this has gone: sign in again")

    async def _hold(self, token: Token, text: str) -> None:
        """What the token was given by has to last as long as the socket."""
        standing = self._context.live.rights.behind(text)
        if standing is None:
            if not self._context.open_mode:
                raise Closed(_POLICY, "this token is of another process: get one here")
            standing = _always
        readers = () if token.reader is None else (token.reader,)
        held = self._context.live.rights.held(readers, standing, self._gone)
        await self._rights.enter_async_context(held)

    async def _bind(self, token: Token | None, text: str) -> None:
        if token is None:
            raise Closed(_POLICY, "this token is not valid, or no longer: get another")
        await self._hold(token, text)
        if self._gone.is_set():
            return
        found = await self._context.ask(_handshakes, self._context.base_url, token)
        if not found:
            raise Closed(_POLICY, "nothing of this token can be followed")
        if len({*self._bound, *(one.id for one, _ in found)}) > MOST:
            raise Closed(_POLICY, f"a socket follows {MOST} Subscriptions at most")
        for one, body in found:
            await self._send(body)
            self._follow(one)
        self._news.set()

    def _follow(self, one: Subscribed) -> None:
        """From what was delivered on; where it is bound already, as before."""
        known = self._bound.get(one.id)
        since = known.since if known else self._context.live.begins(one)
        heartbeat = one.subscription.channel.heartbeat
        self._bound[one.id] = _Follower(since, time.monotonic(), heartbeat)
        if one.receiver not in self._feeds:
            self._feeds.add(one.receiver)
            live = self._context.live
            self._listening.enter_context(live.listening(one.receiver, self._news))

    # --- what it is told

    async def _tell(self) -> None:
        while True:
            self._news.clear()
            more = False
            with suppress(DatabaseError):  # told by whoever reads for all; it is tried again
                more = bool(self._bound) and await self._page()
            if not more:
                await self._rest()

    async def _page(self) -> bool:
        """Send what is next; whether more follows."""
        asked = self._asked()
        news = await self._context.live.news(asked)
        for bound in asked:
            if bound.id not in news.live:
                self._end(bound.id)
        await self._context.live.keep(news.told)
        for told in news.told:
            follower = self._bound.get(told.one.id)
            if follower is not None and follower.since <= told.upto:
                await self._send(told.body)
                follower.since, follower.at = told.upto, time.monotonic()
                follower.heartbeat = told.one.subscription.channel.heartbeat
        self._context.live.sent(news.told)
        return news.more

    def _asked(self) -> Asked:
        """Who was told something the longest ago is served first."""
        at = time.monotonic()
        order = sorted(self._bound.items(), key=lambda each: each[1].at)
        return tuple(Bound(id_, each.since, each.beat <= at) for id_, each in order)

    def _end(self, id_: str) -> None:
        """It is off, over or gone; the socket stays for others."""
        del self._bound[id_]
        self._empty_since = time.monotonic()

    async def _rest(self) -> None:
        """Until there is news, or it is time to say something anyway."""
        at = time.monotonic()
        until = min(
            (one.beat for one in self._bound.values()), default=self._empty_since + _UNBOUND
        )
        if until <= at and not self._bound:
            raise Closed(_POLICY, "nothing is bound")
        with suppress(TimeoutError):
            async with asyncio.timeout(None if until == _NEVER else max(0.0, until - at)):
                await self._news.wait()

    async def _send(self, body: bytes) -> None:
        try:
            async with asyncio.timeout(_STUCK):
                await self._socket.send_text(body.decode())
        except TimeoutError:
            raise Closed(_POLICY, "nothing was taken for too long") from None


def _always(_conn: Connection, _now: int) -> bool:
    return True


def _handshakes(conn: Connection, base_url: str, token: Token) -> list[tuple[Subscribed, bytes]]:
    """A handshake for each Subscription of the token that can be followed."""
    at = now()
    found = followed(conn, Viewer(token.reader, at), token.ids)
    kind = NotificationType.HANDSHAKE
    return [
        (one, as_asked(one, notification(conn, base_url, one, kind, (), at)))
        for one in found.values()
    ]
