"""A client that costs next to nothing: HTTP/1.1 over kept connections, and a reader of server-sent events.

It shares the machine with the server it measures, so it parses no more than it must.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Final
from urllib.parse import urlsplit

_BUNDLE: Final = re.compile(rb'"resourceType":"Bundle","id":"([^"]+)"')
_LIMIT: Final = 1 << 24


def post(path: str, body: bytes) -> bytes:
    """A request with a FHIR message."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/fhir+json\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body


def get(path: str) -> bytes:
    """A request for something."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def bundle_id(text: bytes) -> bytes:
    """The id of the first Bundle in ``text``; empty when there is none."""
    found = _BUNDLE.search(text)
    return found[1] if found else b""


class Connection:
    """One kept connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, request: bytes) -> bytes:
        """The body of the answer, which has to be 200."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        body = await self._reader.readexactly(length)
        assert head.startswith(b"HTTP/1.1 200"), body
        return body

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of an answer without end."""
        while line := await self._reader.readline():
            yield line

    def send(self, request: bytes) -> None:
        """A request whose answer is read by ``lines``."""
        self._writer.write(request)


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[Connection]:
    """A connection to the server at ``url``."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=_LIMIT)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def timed(
    one: Connection, requests: Iterator[bytes], done: Callable[[bytes, float], None]
) -> None:
    """Ask one after the other; ``done`` hears of each request and the seconds until its answer."""
    for request in requests:
        begun = time.perf_counter()
        await one.ask(request)
        done(request, time.perf_counter() - begun)


class Feed:
    """When each Bundle of a feed came, by its id."""

    def __init__(self) -> None:
        self.came: dict[bytes, float] = {}
        self._news = asyncio.Event()

    async def listen(self, lines: AsyncIterator[bytes]) -> None:
        """Note what comes, without end."""
        async for line in lines:
            if line.startswith(b"data"):
                self.came.setdefault(bundle_id(line), time.perf_counter())
                self._news.set()

    async def until(self, wanted: Collection[bytes], patience: float = 30.0) -> None:
        """Wait for the Bundles with these ids. Raises ``TimeoutError`` when they do not come."""
        async with asyncio.timeout(patience):
            while not self.came.keys() >= set(wanted):
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def feed(url: str) -> AsyncIterator[Feed]:
    """The operator's feed from now on, as long as one listens."""
    async with connection(url) as stream:
        stream.send(get("/events"))
        lines = stream.lines()
        await anext(lines)  # the status: the server listens
        heard = Feed()
        task = asyncio.create_task(heard.listen(lines))
        try:
            yield heard
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
