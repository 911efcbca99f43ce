"""How answers leave: interactions write FHIR JSON; here it becomes XML or is indented for those who asked for that.

https://hl7.org/fhir/R4/http.html#mime-type
https://hl7.org/fhir/R4/http.html#pretty
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carepath.api.exchange import asked_format, is_pretty, is_verbatim
from carepath.api.negotiation import Format
from fhir_mappings.formats import indented
from fhir_mappings.xml import from_json

_FHIR: Final = "/fhir/"
_THREAD_FROM: Final = 16 * 1024
"""Bytes: what is longer is converted on a thread, so that nobody else waits for it."""

OnFault = Callable[[Request, Exception], Awaitable[Response]]


class Rendering:
    """ASGI middleware around all FHIR interactions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through; its answer leaves as it was asked for."""
        if scope["type"] != "http" or not scope["path"].startswith(_FHIR):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(Request(scope), send))


def rendered(on_fault: OnFault) -> OnFault:
    """The same for what answers outside of all middleware."""

    async def answer(request: Request, fault: Exception) -> Response:
        response = await on_fault(request, fault)
        look = _look(request, response.headers)
        if look is None or not request.url.path.startswith(_FHIR):
            return response
        made = look.of(bytes(response.body))
        return Response(made, response.status_code, media_type=look.format)

    return answer


@dataclass(frozen=True, slots=True)
class _Look:
    """How an answer is to look, other than as it was written."""

    format: Format
    pretty: bool

    def of(self, body: bytes) -> bytes:
        """The answer so. There is none to HEAD."""
        if not body:
            return body
        return from_json(body, indent=self.pretty) if self.format is Format.XML else indented(body)


def _look(request: Request, headers: MutableHeaders) -> _Look | None:
    """``None`` where the answer leaves as it is."""
    if not headers.get("content-type", "").startswith(Format.JSON) or is_verbatim(request):
        return None
    look = _Look(asked_format(request) or Format.JSON, is_pretty(request))
    return look if look.pretty or look.format is Format.XML else None


class _Answer:
    """An answer on its way out; one that is to look otherwise waits until all of it is there."""

    def __init__(self, request: Request, send: Send) -> None:
        self._request, self._send = request, send
        self._start: Message | None = None
        self._look: _Look | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Accept")
            self._look = _look(self._request, headers)
            if self._look:
                self._start = message
                return
        elif self._start and self._look:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._converted(self._start, self._look)
            return
        await self._send(message)

    async def _converted(self, start: Message, look: _Look) -> None:
        body = bytes(self._body)
        if len(body) < _THREAD_FROM:
            made = look.of(body)
        else:
            made = await run_in_threadpool(look.of, body)
        headers = MutableHeaders(scope=start)
        headers["Content-Type"] = look.format
        headers["Content-Length"] = str(len(made))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": made})
