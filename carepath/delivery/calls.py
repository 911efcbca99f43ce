"""Calls to subscribers' endpoints: one POST, at most so long, of whose answer only the head matters.

No redirect is followed, no proxy of the environment used, no cookie kept, no answer read beyond a little. Nothing
here is logged: a URL's path and a header may hold secrets. ``SSL_CERT_FILE`` names the authorities that are believed,
else those that come with ``certifi``.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final

import httpcore
import httpx

from carepath.delivery.targets import Guarded, Reach, Unresolved, problem
from carepath.store.failpoints import reached

RESERVED: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that a channel may not set, in lower case: they say how the request is carried, and whose it is."""
_READ: Final = 65_536  # bytes of an answer, after which its connection is closed
_READING: Final = 0.5  # seconds for them
_IDLE: Final = 4.0  # seconds that a connection is kept, less than servers do
_KEPT: Final = 4  # connections of a host
_HOSTS: Final = 200  # whose connections are kept


class Fault(StrEnum):
    """Why a call failed, in the codes of http://terminology.hl7.org/CodeSystem/subscription-error ."""

    DNS = "dns-resolution-error"
    NO_RESPONSE = "no-response"
    ERROR_RESPONSE = "error-response"


@dataclass(frozen=True, slots=True)
class Answer:
    """``status`` of HTTP, ``None`` when there was none; ``pause``: seconds that it asked to be left alone."""

    status: int | None
    fault: Fault | None = None
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A POST of ``body`` that may take ``seconds``; ``headers`` as a channel has them: ``Name: value``."""

    url: str
    headers: Iterable[str]
    media_type: str
    body: bytes
    seconds: float


@dataclass(slots=True)
class _Host:
    """Connections to one host and port, and how many calls use them now."""

    pool: httpcore.AsyncConnectionPool
    calls: int = 0


class Caller:
    """Connections to all endpoints: a pool for each host, since a pool looks at all it has for every call."""

    def __init__(self, *, reach: Reach) -> None:
        self._reach = reach
        self._guarded = Guarded(reach=reach)
        self._tls = httpx.create_ssl_context()
        self._hosts: dict[str, _Host] = {}

    async def post(self, call: Call) -> Answer:
        """Never raises for what the other side does."""
        if problem(call.url, reach=self._reach):
            return Answer(None, Fault.NO_RESPONSE)
        answer = Answer(None, Fault.NO_RESPONSE)
        try:
            async with (
                asyncio.timeout(call.seconds),
                self._pool(call) as pool,
                _sent(pool, call) as got,
            ):
                answer = _judged(got)
                await _drain(got)
        except Unresolved:
            return Answer(None, Fault.DNS)
        except (*_THEIRS, TimeoutError):
            return answer
        return answer

    @asynccontextmanager
    async def _pool(self, call: Call) -> AsyncIterator[httpcore.AsyncConnectionPool]:
        url = httpx.URL(call.url)
        name = f"{url.scheme}://{url.netloc.decode()}"
        host = self._hosts.pop(name, None) or _Host(self._new())
        self._hosts[name] = host  # the last used stands last
        host.calls += 1
        try:
            yield host.pool
        finally:
            host.calls -= 1
            await self._tidy()

    def _new(self) -> httpcore.AsyncConnectionPool:
        return httpcore.AsyncConnectionPool(
            ssl_context=self._tls,
            max_connections=None,  # who calls has a limit of its own
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_IDLE,
            network_backend=self._guarded,
        )

    async def _tidy(self) -> None:
        """Let go of hosts that have not been called for long, when there are many."""
        while len(self._hosts) > _HOSTS:
            name = next((name for name, host in self._hosts.items() if not host.calls), None)
            if name is None:
                return
            await self._hosts.pop(name).pool.aclose()

    async def close(self) -> None:
        """No more calls."""
        for host in self._hosts.values():
            await host.pool.aclose()
        self._guarded.close()


@asynccontextmanager
async def calling(*, reach: Reach) -> AsyncIterator[Caller]:
    """Calls can be made inside."""
    caller = Caller(reach=reach)
    try:
        yield caller
    finally:
        await caller.close()


_THEIRS: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,  # an answer that is no HTTP, a header that may not be sent
    httpcore.UnsupportedProtocol,
    OSError,
)


async def _watch(step: str, _told: dict[str, Any]) -> None:
    if step == "http11.send_request_headers.complete":
        reached("mid_webhook")


_WATCHED: Final[MutableMapping[str, Any]] = {"trace": _watch}


def _sent(
    pool: httpcore.AsyncConnectionPool, call: Call
) -> AbstractAsyncContextManager[httpcore.Response]:
    url = httpx.URL(call.url)
    whole = httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )
    headers = _headers(call, url)
    return pool.stream("POST", whole, headers=headers, content=call.body, extensions=_WATCHED)


def _headers(call: Call, url: httpx.URL) -> list[tuple[bytes, bytes]]:
    """The channel's, and ours."""
    lines = [line.partition(":") for line in call.headers]
    theirs = {name.strip().lower(): (name.strip(), value.strip()) for name, _, value in lines}
    ours = {
        "host": ("Host", url.netloc.decode()),
        "content-type": ("Content-Type", call.media_type),
        "content-length": ("Content-Length", str(len(call.body))),
    }
    free = {name: header for name, header in theirs.items() if name not in RESERVED}
    headers = {**ours, "user-agent": ("User-Agent", "carepath"), **free}
    return [(name.encode(), value.encode()) for name, value in headers.values()]


def _judged(got: httpcore.Response) -> Answer:
    if 200 <= got.status < 300:
        return Answer(got.status)
    asked = next((value for name, value in got.headers if name.lower() == b"retry-after"), b"")
    return Answer(got.status, Fault.ERROR_RESPONSE, _pause(asked.decode("latin-1")))


def _pause(asked: str) -> float:
    """``Retry-After`` in seconds; 0 where it says nothing that can be read.

    https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    with suppress(ValueError):
        until = parsedate_to_datetime(asked)
        return max(
            (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0
        )
    return 0.0


async def _drain(got: httpcore.Response) -> None:
    """Read what little there is, so that the connection can be used again."""
    read = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_READING):
            async for part in got.aiter_stream():
                read += len(part)
                if read > _READ:
                    return
