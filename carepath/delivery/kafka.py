"""The publisher: carries numbered feeds to Kafka, each to its receiver's topic, in order and without a gap.

An organisation's cursor moves when Kafka has acknowledged everything up to there; whatever fails is written again
from the cursor. So a number may come twice, with the same id, but none is left out, and in a partition numbers go
back only to repeat what stands there already. Several publishers share the work, organisation by organisation, by
leases in the database; one that dies or stands still is relieved when its lease ends.

A record that the broker finds too large goes without its value, and says where to fetch it over HTTP: it keeps its
place, so nothing behind it waits. What is wrong with one topic (missing, forbidden) holds up that topic alone.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from carepath.delivery.kafka_records import Record, by_reference, key_of, record, topic_of
from carepath.delivery.kafka_writer import Away, Writer, Written
from carepath.delivery.letters import Letters
from carepath.delivery.recorder import Recorder, delivered
from carepath.delivery.relay import Relay
from carepath.delivery.turns import Turns, land
from carepath.service.directory import Parties
from carepath.store import feed, streams, times
from carepath.store.database import Connection, Database, DatabaseError
from carepath.store.disclosures import Disclosures
from carepath.store.failpoints import reached
from carepath.store.feed import Item
from carepath.store.queries import pseudonym_versions
from carepath.store.streams import Cursor, Mark
from carepath.store.times import micros
from pathways.access_log import Line
from schemas.broker import Broker

log = structlog.get_logger()

LEASE: Final = 15.0
"""Seconds; more than a flight takes, so that whoever works as it should keeps its turn."""
_AT_ONCE: Final = 64  # organisations
_LIMIT: Final = 500  # records of one organisation at once
_SIZE: Final = 1_000_000  # bytes of one organisation at once
_TOTAL: Final = 8_000_000  # bytes read at once
_IN_THE_AIR: Final = 16_000_000  # bytes not yet acknowledged, beyond which no more are taken
_GATHER: Final = 0.02  # seconds for more to come: one record costs about as much as fifty at once
_MANY: Final = 100  # records at once, after which there is no waiting for more
_LONGEST_REST: Final = 10.0  # seconds
_LEAVING: Final = 1.0  # seconds for what is in the air when we are told to stop


@dataclass(frozen=True, slots=True)
class Flight:
    """Records of one organisation on their way, all that there is after ``since`` up to some number."""

    party: str
    since: int
    records: Sequence[Record]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(len(record.value) for record in self.records)


@dataclass(slots=True)
class Rest:
    """A topic with trouble is left alone until ``until`` (monotonic seconds), the longer the oftener."""

    pause: float
    until: float


class Publisher:
    """Publishes what the relay numbers; ``poll``: the longest time in seconds that another's commit goes unseen."""

    def __init__(
        self, database: Database, relay: Relay, broker: Broker, *, base_url: str, poll: float = 1.0
    ) -> None:
        """``base_url`` is FHIR's."""
        self._database, self._relay = database, relay
        self._base_url = base_url
        self._turns = Turns(relay, poll)
        self._writer = Writer(broker)
        self._recorder = Recorder(database)
        self._letters = Letters(Parties(database, open_mode=False), base_url)
        self._name = secrets.token_hex(8)
        self._connecting: asyncio.Task[None] | None = None
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._in_the_air = 0
        self._taken = 0  # records, at the last turn
        self._landed: list[Mark] = []
        self._rests: dict[str, Rest] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish while inside. On leaving, what is in the air has a moment to be acknowledged."""
        async with self._turns.running(self._run):
            yield

    async def _run(self) -> None:
        poll = self._turns.poll
        while not self._turns.over:
            if self._taken < _MANY:
                await asyncio.sleep(_GATHER)
            self._turns.begin()
            try:
                await self._turn()
            except Exception:
                log.exception("updates cannot be published", again_in_seconds=poll)
                await asyncio.sleep(poll)
            await self._turns.next()
        await self._leave()

    async def _turn(self) -> None:
        """Note what has landed, take what is to be published, and send it off."""
        if not self._writer.connected and (self._connecting is None or self._connecting.done()):
            self._connecting = asyncio.create_task(self._connect())
        room = self._writer.connected and self._in_the_air < _IN_THE_AIR
        taken = await self._settle(_AT_ONCE if room else 0)
        flights = await asyncio.to_thread(self._load, taken) if taken else []
        self._taken = sum(len(flight.records) for flight in flights)
        for flight in flights:
            self._in_the_air += flight.size
            self._flying[flight.party] = asyncio.create_task(self._fly(flight))
        if self._landed:
            self._turns.tell()

    async def _connect(self) -> None:
        while not self._writer.connected:
            with suppress(Away):
                await self._writer.connect()
        self._turns.tell()

    async def _settle(self, at_once: int) -> list[str]:
        """Note what has landed; the organisations that are taken on."""
        landed, self._landed = self._landed, []
        try:
            taken = await asyncio.to_thread(self._book, landed, self._besides(landed), at_once)
        except BaseException:
            self._landed = [*landed, *self._landed]
            raise
        for mark in landed:
            self._flying.pop(mark.party, None)
        if landed:
            self._turns.tell()  # others may have left an organisation alone because it was ours
        return taken

    def _besides(self, landed: Sequence[Mark]) -> frozenset[str]:
        """Whom not to take on now."""
        resting = {party for party, rest in self._rests.items() if rest.until > time.monotonic()}
        return frozenset(resting | (self._flying.keys() - {mark.party for mark in landed}))

    def _book(self, landed: Sequence[Mark], besides: frozenset[str], at_once: int) -> list[str]:
        now = datetime.now(UTC)
        if not landed:
            with self._database.read() as conn:
                if not at_once or besides.issuperset(self._behind(conn, now)):
                    return []
        moved = {mark.party: mark.upto for mark in landed if mark.upto > mark.since}
        if moved:
            reached("after_outbox_publish_before_mark")
        with self._database.write() as conn:
            streams.settle(conn, self._name, landed, micros(now))
            feed.delivered(conn, moved, micros(now))
            wanted = [party for party in self._behind(conn, now) if party not in besides]
            taken = self._claim(conn, wanted[:at_once], now)
        if moved:
            self._relay.wake()  # it may have left a feed alone because we had it locked
        return taken

    def _behind(self, conn: Connection, now: datetime) -> list[str]:
        return streams.behind(conn, self._name, micros(now))

    def _claim(self, conn: Connection, parties: Sequence[str], now: datetime) -> list[str]:
        until = micros(now + timedelta(seconds=LEASE))
        return streams.claim(conn, parties, self._name, now=micros(now), until=until)

    def _load(self, taken: Sequence[str]) -> list[Flight]:
        """What they are to be sent; those with nothing to send have landed already."""
        now = times.now()
        with self._database.read() as conn:
            cursors = streams.cursors(conn, taken)
            self._letters.refresh(conn)
            found = feed.unpublished(conn, taken, now, limit=_LIMIT, size=_SIZE, total=_TOTAL)
            for party in cursors.keys() - found.keys():
                found[party] = self._jump(conn, party, cursors[party], now)
            about = {item.patient for items in found.values() for item in items if item.patient}
            versions = pseudonym_versions(conn, about)
            flights = [
                self._flight(conn, party, cursor, found[party], versions)
                for party, cursor in cursors.items()
            ]
        flying = [flight for flight in flights if flight is not None]
        self._record_of(found, {flight.party for flight in flying})
        return flying

    def _record_of(self, found: Mapping[str, Sequence[Item]], flying: Collection[str]) -> None:
        """Of each patient and receiver a line, before any record leaves."""
        lines: list[Line] = []
        for party in flying:
            tells = Disclosures()
            for item in found[party]:
                tells.tell(item.of, "Bundle", (item.id,))
            lines += delivered(party, "kafka", tells.taken(), topic_of(party))
        self._recorder.written(lines)

    def _jump(self, conn: Connection, party: str, cursor: Cursor, now: int) -> list[Item]:
        """The next item beyond missing numbers, if that is why nothing was found."""
        following = feed.after(conn, party, cursor.published, now, limit=1)
        if not following:
            log.error("updates are no longer kept", party=party, after=cursor.published)
            self._landed.append(Mark(party, cursor.published, cursor.last))
        return [item for item in following if item.number > cursor.published + 1]

    def _flight(
        self,
        conn: Connection,
        party: str,
        cursor: Cursor,
        items: Sequence[Item],
        versions: dict[str, int],
    ) -> Flight | None:
        try:
            records = [self._record(conn, party, item, cursor, versions) for item in items]
        except Exception:
            log.exception("updates cannot be written", party=party)
            self._rest(party, _LONGEST_REST)
            records = []
        if records:
            return Flight(party, cursor.published, records)
        self._landed.append(Mark(party, cursor.published, cursor.published))
        return None

    def _record(
        self, conn: Connection, party: str, item: Item, cursor: Cursor, versions: dict[str, int]
    ) -> Record:
        key = key_of(item, self._database.keys, versions)
        again = item.number <= cursor.replay_upto
        written = self._letters.written(conn, party, item)
        return record(item, key, self._base_url, replayed=again, written=written)

    async def _fly(self, flight: Flight) -> None:
        upto = flight.since
        try:
            written = await self._deliver(flight)
            upto = written.upto
            self._judge(flight.party, written)
        except Exception:
            log.exception("updates cannot be sent", party=flight.party)
            self._rest(flight.party, _LONGEST_REST)
        finally:
            self._landed.append(Mark(flight.party, flight.since, upto))
            self._in_the_air -= flight.size
            self._turns.tell()

    async def _deliver(self, flight: Flight) -> Written:
        topic = topic_of(flight.party)
        written = await self._writer.write(topic, flight.since, flight.records)
        if not written.too_large:
            return written
        upto = written.upto
        for one in flight.records:
            if one.number > upto:
                written = await self._alone(flight.party, upto, one)
                if written.fault is not None:
                    return written
                upto = written.upto
        return Written(upto)

    async def _alone(self, party: str, since: int, whole: Record) -> Written:
        """One record, without its value if it is too large with it."""
        written = await self._writer.write(topic_of(party), since, [whole])
        if not written.too_large:
            return written
        log.error("update too large for its topic", party=party, number=whole.number)
        reference = by_reference(whole, party, self._base_url)
        return await self._writer.write(topic_of(party), since, [reference])

    def _judge(self, party: str, written: Written) -> None:
        if written.fault is None:
            self._rests.pop(party, None)
        else:
            self._rest(party, _LONGEST_REST if written.by_topic else 1.0)
            fault = type(written.fault).__name__
            log.warning("updates not published", party=party, fault=fault)

    def _rest(self, party: str, longest: float) -> None:
        before = self._rests.get(party)
        pause = min(before.pause * 2 if before else 0.2, longest)
        self._rests[party] = Rest(pause, time.monotonic() + pause)

    async def _leave(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        await land([*self._flying.values()], _LEAVING)
        await self._writer.close()
        try:
            await asyncio.to_thread(self._book, self._landed, frozenset(), 0)
        except DatabaseError as fault:  # their leases end by themselves
            log.warning("cursors not moved", fault=type(fault).__name__)
