"""Answers in XML: interactions write FHIR JSON, and here it becomes XML for those who asked for that.

https://hl7.org/fhir/R4/http.html#mime-type
"""

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carepath.api.exchange import asked_format, is_verbatim
from carepath.api.negotiation import Format
from fhir_mappings.xml import from_json

_FHIR: Final = "/fhir/"
_THREAD_FROM: Final = 16 * 1024
"""Bytes: what is longer is converted on a thread, so that nobody else waits for it."""


class XmlAnswers:
    """ASGI middleware around all FHIR interactions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through; its answer leaves in the format asked for."""
        if scope["type"] != "http" or not scope["path"].startswith(_FHIR):
            await self._app(scope, receive, send)
            return
        await self._app(scope, receive, _Answer(Request(scope), send))


class _Answer:
    """An answer on its way out; one that becomes XML waits until all of it is there."""

    def __init__(self, request: Request, send: Send) -> None:
        self._request, self._send = request, send
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers.add_vary_header("Accept")
            if self._becomes_xml(headers):
                self._start = message
                return
        elif self._start is not None:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._converted(self._start)
            return
        await self._send(message)

    def _becomes_xml(self, headers: MutableHeaders) -> bool:
        of_json = headers.get("content-type", "").startswith(Format.JSON)
        wants_xml = of_json and asked_format(self._request) is Format.XML
        return wants_xml and not is_verbatim(self._request)

    async def _converted(self, start: Message) -> None:
        body = bytes(self._body)
        if len(body) < _THREAD_FROM:
            made = from_json(body) if body else b""
        else:
            made = await run_in_threadpool(from_json, body)
        headers = MutableHeaders(scope=start)
        headers["Content-Type"] = Format.XML
        headers["Content-Length"] = str(len(made))
        await self._send(start)
        await self._send({"type": "http.response.body", "body": made})
