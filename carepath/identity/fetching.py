"""Keys and metadata that others publish: fetched with care, kept as long as their publisher says.

A URL is called as rest-hooks are: https, within ``Reach``, looked up once, no redirect (``delivery.targets``).
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpcore
import httpx
import orjson

from carepath.delivery.targets import Guarded, Reach, problem
from carepath.identity.refusals import OutOfReach

_MOST: Final = 64 * 1024  # bytes
_SECONDS: Final = 5.0  # for a whole answer
_DEFAULT: Final = 300.0  # seconds that something is kept whose publisher says nothing
_LONGEST: Final = 24 * 3600.0
_AGAIN: Final = 10.0  # seconds before a URL is asked once more, however much it is wanted
_KEPT: Final = 500  # URLs


@dataclass(slots=True)
class _Known:
    """What a URL told, until when it is kept, when it was asked; monotonic seconds."""

    value: Mapping[str, Any] | None = None
    until: float = 0.0
    asked: float = -_LONGEST
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Fetcher:
    """What was fetched, for one event loop."""

    def __init__(self, *, reach: Reach) -> None:
        self._reach = reach
        self._known: dict[str, _Known] = {}

    async def json(self, url: str, *, anew: bool = False) -> Mapping[str, Any]:
        """The JSON object at a URL. ``anew``: what is kept did not do; it is not asked again within seconds.

        Raises ``OutOfReach``; until it answers again, too.
        """
        known = self._known.setdefault(url, _Known())
        self._tidy(url)
        async with known.lock:
            now = time.monotonic()
            stale = anew or known.until <= now
            if stale and known.asked + _AGAIN <= now:
                known.asked = now
                known.value, lasts = await self._fetched(url)
                known.until = time.monotonic() + lasts
            elif stale and known.value is None:
                raise OutOfReach("the keys could not be fetched a moment ago")
            if known.value is None:
                raise OutOfReach("the keys cannot be fetched")
            return known.value

    async def _fetched(self, url: str) -> tuple[Mapping[str, Any] | None, float]:
        """What is there, and for how many seconds it holds."""
        if problem(url, reach=self._reach):
            return None, 0.0
        guarded = Guarded(reach=self._reach)
        try:
            async with (
                asyncio.timeout(_SECONDS),
                httpcore.AsyncConnectionPool(
                    ssl_context=httpx.create_ssl_context(), network_backend=guarded
                ) as pool,
            ):
                return await _read(pool, url)
        except (*_THEIRS, TimeoutError):
            return None, 0.0
        finally:
            guarded.close()

    def _tidy(self, url: str) -> None:
        """What was asked for the longest ago goes first."""
        self._known[url] = self._known.pop(url)
        while len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]


_THEIRS: Final = (
    httpcore.NetworkError,
    httpcore.TimeoutException,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    OSError,
    ValueError,  # what was answered is no JSON object, or too long
)


async def _read(pool: httpcore.AsyncConnectionPool, url: str) -> tuple[Mapping[str, Any], float]:
    headers = [("Accept", "application/json"), ("User-Agent", "carepath")]
    async with pool.stream("GET", url, headers=headers) as got:
        if got.status != 200:
            raise ValueError("not found")
        body = bytearray()
        async for part in got.aiter_stream():
            body += part
            if len(body) > _MOST:
                raise ValueError("too long")
        value = orjson.loads(bytes(body))
        if not isinstance(value, dict):
            raise ValueError("no object")  # noqa: TRY004 -- of whoever wrote it
        return value, _lasts([*got.headers])


def _lasts(headers: list[tuple[bytes, bytes]]) -> float:
    """Seconds for which ``Cache-Control`` lets an answer be kept (RFC 9111 §5.2.2)."""
    told = ",".join(v.decode("latin-1") for n, v in headers if n.lower() == b"cache-control")
    directives = {
        name.strip().lower(): value.strip(' "')
        for name, _, value in (each.partition("=") for each in told.split(","))
    }
    if {"no-store", "no-cache"} & {*directives}:
        return 0.0
    age = directives.get("max-age", "")
    return min(float(age[:9]), _LONGEST) if age.isascii() and age.isdigit() else _DEFAULT
