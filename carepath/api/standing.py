"""What is open for somebody, and closes when they may no longer have it."""

from collections.abc import AsyncIterable
from contextlib import suppress
from typing import Final

import anyio
from sse_starlette import EventSourceResponse
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from carepath.api.context import Context
from carepath.api.errors import outcome_response
from carepath.delivery.standing import Standing
from carepath.service.viewers import viewer
from carepath.store.database import Connection
from pathways.access import CITIZENS, Actor
from pathways.refusals import Issue

_LAST_WORD = 1.0  # seconds, for who takes nothing any more


def standing_of(connection: HTTPConnection, context: Context) -> Standing:
    """Whether who asks is still who they were, and a citizen still sees what they saw; without a sign-in, nobody is."""
    if context.open_mode:
        return _always
    state = connection.scope.get("state", {})
    actor: Actor | None = state.get("actor")
    signed_in: Standing = state.get("standing", _never)
    if actor is None or actor.role not in CITIZENS:
        return signed_in
    citizen, before = actor, state.get("sights", ())

    def standing(conn: Connection, now: int) -> bool:
        same = viewer(conn, context.database.keys, citizen, now).sights == before
        return same and signed_in(conn, now)

    return standing


def _always(_conn: Connection, _now: int) -> bool:
    return True


def _never(_conn: Connection, _now: int) -> bool:
    return False


class Withdrawable(EventSourceResponse):
    """Server-sent events that end when the right to them has gone, also while their reader takes nothing."""

    def __init__(
        self,
        content: AsyncIterable[bytes],
        *,
        context: Context,
        readers: tuple[str, ...],
        standing: Standing,
        ping: int,
    ) -> None:
        super().__init__(content, ping=ping, sep="\n")
        self._context, self._readers, self._standing = context, readers, standing

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the reader leaves, the server stops, or the right has gone."""
        async with self._context.live.rights.held(self._readers, self._standing) as right:
            if right.gone.is_set():
                await outcome_response(403, (_GONE,))(scope, receive, send)
                return
            async with anyio.create_task_group() as both:

                async def end() -> None:
                    await right.gone.wait()
                    both.cancel_scope.cancel()

                both.start_soon(end)
                await super().__call__(scope, receive, send)
                both.cancel_scope.cancel()
            if right.gone.is_set():
                with suppress(OSError), anyio.move_on_after(_LAST_WORD):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})


_GONE: Final = Issue("forbidden", "the right to this has gone: sign in again")
