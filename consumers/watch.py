"""Looks after a running worker: whether these are still the topics to read, and whether it gets on."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Final

import structlog

from consumers.alive import Sign
from consumers.intake import Intake
from consumers.lookout import Lookout, Outlook
from consumers.progress import Gap, Log, Watchdog
from consumers.records import Place
from consumers.reread import Offsets, read_again
from consumers.topics import Found
from schemas.broker import Broker

log = structlog.get_logger()

_GONE_LOOKS: Final = 2
"""How often a topic must be missed: a broker that has just started may not know all of them."""


class Ending(StrEnum):
    """Why a worker ends."""

    STOPPED = "told to stop"
    NEW_TOPICS = "new topics"
    OTHER_TOPICS = "a topic has gone, was made anew or has more partitions"
    FAILED = "Faust failed"
    STALLED = "there is work and it gets nowhere"


class Watch:
    """``reading``: the topics that are read. ``assigned``: the partitions that are this worker's now."""

    def __init__(
        self,
        lookout: Lookout,
        intake: Intake,
        broker: Broker,
        reading: Mapping[str, Found],
        assigned: Callable[[], Collection[Place]],
        *,
        stall: float,
    ) -> None:
        self._lookout, self._intake, self._broker = lookout, intake, broker
        self._reading, self._assigned = reading, assigned
        self._watchdog = Watchdog(stall)
        self._offsets = Offsets(broker)
        self._partitions = [
            Place(topic, n) for topic, found in reading.items() for n in range(found.partitions)
        ]
        self._next: dict[Place, int] = {}
        self._logs: dict[Place, Log] = {}
        self._missed = 0

    async def run(self, every: float, sign: Sign) -> Ending:
        """Look every so many seconds until there is a reason to end; show ``sign`` while all is well."""
        while True:
            await asyncio.sleep(every)
            try:
                if ending := await self.look():
                    return ending
                sign.show()
            except Exception as fault:  # noqa: BLE001 -- Kafka or the database is away; the intake waits for them
                log.warning("cannot look", fault=type(fault).__name__)
            if await self._stalls():
                return Ending.STALLED

    async def look(self) -> Ending | None:
        """One look; a reason to end, or ``None``. Raises when Kafka or the database does not answer."""
        outlook = await self._lookout.look()
        if self._changed(outlook):
            return Ending.OTHER_TOPICS
        return Ending.NEW_TOPICS if outlook.chosen - self._reading.keys() else None

    def _changed(self, outlook: Outlook) -> bool:
        there = {topic: outlook.found.get(topic) for topic in self._reading}
        self._missed = self._missed + 1 if None in there.values() else 0
        other = any(found and found != self._reading[topic] for topic, found in there.items())
        return other or self._missed >= _GONE_LOOKS

    async def _stalls(self) -> bool:
        """Whether there has been work for too long and nothing was done. What cannot be asked now is as it was."""
        with suppress(Exception):
            await self._measure()
        mine = self._assigned() or self._partitions
        there = {place: self._logs[place] for place in mine if place in self._logs}
        waiting = self._watchdog.stalled(time.monotonic(), self._next, there)
        self._intake.metrics.measured(self._next, there, self._watchdog.waited)
        return any([await self._is_real(gap) for gap in waiting])

    async def close(self) -> None:
        """Let the connection to Kafka go."""
        await self._offsets.close()

    async def _measure(self) -> None:
        stored = await self._lookout.positions(self._reading)
        self._next = {
            place: at.next
            for place, at in stored.items()
            if at.topic_id == self._reading[place.topic].id
        }
        self._logs = await self._offsets.logs(self._partitions)

    async def _is_real(self, gap: Gap) -> bool:
        """Whether there is a record in what waits; else these offsets are nobody's, and passed over."""
        try:
            async for records in read_again(self._broker, gap):
                if records:
                    told = {"topic": gap.place.topic, "partition": gap.place.partition}
                    log.error("stalled", **told, next=gap.start, end=gap.stop)
                    return True
            await self._intake.give_up(gap)
        except Exception as fault:  # noqa: BLE001 -- Kafka or the database is away: that is no stall
            log.warning("cannot look", fault=type(fault).__name__)
        return False
