"""How much may be asked for, and how much has been, in this process.

Counted in this process alone (docs/adr/0021): what several ``serve`` allow together is the sum.
"""

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """0: without limit. ``requests`` of a client and ``strangers``' of an address a minute; ``streams`` at once."""

    requests: int = 6000
    strangers: int = 600
    streams: int = 100


GENEROUS: Final = Limits()
NONE: Final = Limits(requests=0, strangers=0, streams=0)


class Throttle:
    """The counts of one process. ``seen`` is told which limit was reached: address, client or streams."""

    def __init__(self, limits: Limits, seen: Callable[[str], object]) -> None:
        self._limits, self._seen = limits, seen
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._open: Counter[str] = Counter()

    async def client(self, key: str) -> int | None:
        """One request more of a client; the seconds to wait when it is one too many."""
        return await self._count("client", self._limits.requests, key)

    async def address(self, key: str) -> int | None:
        """The same of an address from which somebody unknown calls."""
        return await self._count("address", self._limits.strangers, key)

    def begin_stream(self, key: str) -> bool:
        """Whether a client may have one stream more, which then counts until ``end_stream``."""
        if self._limits.streams and self._open[key] >= self._limits.streams:
            self._seen("streams")
            return False
        self._open[key] += 1
        return True

    def end_stream(self, key: str) -> None:
        """A stream of a client has ended."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    async def _count(self, limit: str, most: int, key: str) -> int | None:
        if not most:
            return None
        item = RateLimitItemPerMinute(most)
        if await self._window.hit(item, limit, key):
            return None
        self._seen(limit)
        return await self._wait(item, limit, key)

    async def _wait(self, item: RateLimitItem, limit: str, key: str) -> int:
        stats = await self._window.get_window_stats(item, limit, key)
        return min(max(math.ceil(stats.reset_time - time.time()), 1), item.get_expiry())
