"""How much a request may be: of address, headers, parameters and waiting. Bodies are limited where they are read.

Refused before anything is looked up, and without repeating what was sent. The head as a whole is limited where
connections are (``carepath.cli.connection``); nesting where a format is read (``fhir_mappings.reading`` and
``xml_parsing``).
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carepath.api.errors import outcome_response
from pathways.refusals import Issue

ADDRESS: Final = 8 * 1024
"""Bytes of path and query; the links that we make to next pages are far shorter unless the search was not."""
HEADERS: Final = 100
HEADER: Final = 24 * 1024
"""Bytes of one header: a token and its proof may have 16 KiB each (``carepath.identity.jose``)."""
PARAMETERS: Final = 200
"""In an address or a form. A search understands 100 criteria (``results.MOST_CRITERIA``) and some more."""
SECONDS: Final = 60.0
"""For the next piece of a body."""

_REFUSALS: Final[Mapping[int, Issue]] = {
    400: Issue("too-costly", f"at most {PARAMETERS} parameters", "http.query"),
    408: Issue("timeout", f"nothing of the body came for {SECONDS:g} seconds", "http.body"),
    414: Issue("too-long", f"an address may have {ADDRESS} bytes: search by POST", "http.url"),
    415: Issue("not-supported", "send the body as it is, without Content-Encoding", "http.body"),
    431: Issue("too-long", f"at most {HEADERS} headers, of {HEADER} bytes each", "http.headers"),
}


class Bounds:
    """ASGI middleware: an OperationOutcome for what is too much."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or refuse it."""
        status = _wrong(scope) if scope["type"] in {"http", "websocket"} else None
        if status is not None:
            more = {"Accept-Encoding": "identity"} if status == 415 else None  # RFC 9110 §15.5.16
            await outcome_response(status, (_REFUSALS[status],), more)(scope, receive, send)
        elif scope["type"] == "http":
            await self._app(scope, _Patient(receive), send)
        else:
            await self._app(scope, receive, send)


def _wrong(scope: Scope) -> int | None:
    """The status for a request that is too much; ``None``: it is not."""
    query, headers = scope["query_string"], scope["headers"]
    if len(scope.get("raw_path") or scope["path"]) + len(query) > ADDRESS:
        return 414
    if query.count(b"&") >= PARAMETERS:
        return 400
    if len(headers) > HEADERS or any(len(n) + len(v) > HEADER for n, v in headers):
        return 431
    encoded = any(n == b"content-encoding" and v.lower() != b"identity" for n, v in headers)
    return 415 if encoded else None


class _Patient:
    """The pieces of a body, awaited for so long and no longer. Raises 408."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._whole = receive, False

    async def __call__(self) -> Message:
        if self._whole:  # what comes now is that the client has left
            return await self._receive()
        try:
            async with asyncio.timeout(SECONDS):
                message = await self._receive()
        except TimeoutError:
            issue = _REFUSALS[408]
            raise HTTPException(408, issue.text, {"Connection": "close"}) from None
        self._whole = not message.get("more_body")
        return message
