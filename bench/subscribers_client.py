"""Many subscribers in a process of their own: event streams and websockets that note when each message came.

``python -m bench.subscribers_client`` reads a ``Crowd`` as one line of JSON and answers a line when all of them listen.
Then, for each line with a list of message ids, it answers a ``Report`` when everybody has heard of those. It shares the
machine with the server, so it parses no more than it must.
"""

import asyncio
import base64
import os
import re
import sys
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, cast
from urllib.parse import urlsplit

import orjson
import uvloop
from typing_extensions import override

_MESSAGE: Final = re.compile(
    rb'"type":"message","timestamp":"[^"]*","entry":\[{"fullUrl":"urn:uuid:([^"]+)"'
)
_PATIENCE: Final = 60.0
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who is to listen to the server at ``url``: so many streams, and a websocket for each token."""

    url: str
    streams: int
    tokens: list[str]
    websocket: str


@dataclass(frozen=True, slots=True)
class Report:
    """When each message came, by the id of its header; how many subscribers were lost."""

    streams: dict[str, list[float]]
    websockets: dict[str, list[float]]
    lost: int


class _Subscriber(asyncio.Protocol):
    """What both have in common: bytes are kept until there is something whole."""

    def __init__(self, hello: bytes, heard: dict[str, list[float]]) -> None:
        self._hello, self._heard = hello, heard
        self._buffer = bytearray()
        self.listening = asyncio.get_running_loop().create_future()
        self.lost = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop has its own class
        self.transport.write(self._hello)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.listening.done():
            self.listening.set_exception(ConnectionError(f"never listened: {self._buffer!r}"))

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._take()

    def _take(self) -> None:
        raise NotImplementedError

    def _listens(self) -> None:
        if not self.listening.done():
            self.listening.set_result(None)

    def _note(self, text: bytes | bytearray) -> None:
        for found in _MESSAGE.finditer(text):  # a notification may tell of several
            self._heard[found[1].decode()].append(time.perf_counter())


class Stream(_Subscriber):
    """A reader of server-sent events."""

    @override
    def _take(self) -> None:
        while (end := self._buffer.find(b"\n\n")) >= 0:
            event = self._buffer[:end]
            del self._buffer[: end + 2]
            if b": connected" in event:
                self._listens()
            else:
                self._note(event)


class Socket(_Subscriber):
    """A websocket that is bound with a token."""

    def __init__(self, hello: bytes, token: str, heard: dict[str, list[float]]) -> None:
        super().__init__(hello, heard)
        self._token, self._open = token, False

    @override
    def _take(self) -> None:
        if not self._open:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            assert self._buffer.startswith(b"HTTP/1.1 101"), self._buffer
            del self._buffer[: end + 4]
            self._open = True
            self.transport.write(bound(self._token))
        while frame := self._next():
            self._frame_came(*frame)

    def _next(self) -> tuple[int, bytearray] | None:
        """The next whole frame; the server neither masks nor splits."""
        head = self._buffer
        if len(head) < 2:
            return None
        size, at = head[1], 2
        if size > 125:
            at = 4 if size == 126 else 10
            if len(head) < at:
                return None
            size = int.from_bytes(head[2:at], "big")
        if len(head) < at + size:
            return None
        payload = head[at : at + size]
        opcode = head[0] & 0xF
        del head[: at + size]
        return opcode, payload

    def _frame_came(self, opcode: int, payload: bytearray) -> None:
        if opcode == _PING:
            self.transport.write(_frame(_PONG, bytes(payload)))
        elif opcode == _CLOSE:
            self.transport.close()
        elif self.listening.done():
            self._note(payload)
        else:
            self._listens()  # the handshake


def _frame(opcode: int, payload: bytes) -> bytes:
    """A frame as clients send it, masked with zeros."""
    size = len(payload)
    head = bytes([0x80 | opcode, 0x80 | min(size, 126)])
    return head + (size.to_bytes(2, "big") if size > 125 else b"") + bytes(4) + payload


def address(url: str) -> tuple[str, int]:
    """Host and port."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def opening(url: str) -> bytes:
    """The request that opens a websocket."""
    where = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def bound(token: str) -> bytes:
    """The frame that binds a websocket."""
    return _frame(_TEXT, f"bind-with-token {token}".encode())


def watching(url: str) -> bytes:
    """The request for the operator's events from now on."""
    return f"GET /events HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n\r\n".encode()


async def _listen(crowd: Crowd, report: Report) -> list[_Subscriber]:
    """Connect them all, a few at a time."""
    loop = asyncio.get_running_loop()
    few = asyncio.Semaphore(20)

    async def one(made: _Subscriber) -> _Subscriber:
        async with few:
            await loop.create_connection(lambda: made, *address(crowd.url))
            await made.listening
        return made

    streams = [Stream(watching(crowd.url), report.streams) for _ in range(crowd.streams)]
    sockets = [Socket(opening(crowd.websocket), token, report.websockets) for token in crowd.tokens]
    return await asyncio.gather(*map(one, (*streams, *sockets)))


async def _complete(crowd: Crowd, report: Report, ids: list[str]) -> None:
    """Wait until everybody has heard of these messages, but not for ever."""
    due = ((report.streams, crowd.streams), (report.websockets, len(crowd.tokens)))
    with suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE):
            while any(len(heard[id_]) < number for heard, number in due for id_ in ids):  # noqa: ASYNC110
                await asyncio.sleep(0.2)


async def _serve() -> None:
    crowd = Crowd(**orjson.loads(sys.stdin.readline()))
    report = Report(defaultdict(list), defaultdict(list), 0)
    everybody = await _listen(crowd, report)
    print("listening", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        await _complete(crowd, report, orjson.loads(line))
        told = replace(report, lost=sum(one.lost for one in everybody))
        sys.stdout.buffer.write(orjson.dumps(told) + b"\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_serve())
