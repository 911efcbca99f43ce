"""Sending over receivers' own networks: each feed in order, without a gap, whatever fails and whoever dies.

A network is a ``Carrier``; what they have in common is here. A message is written down before it is sent, and what
came of it together with the cursor afterwards: should we die in between, the carrier is told that it may have arrived.
A receiver with trouble waits for itself alone, longer and longer; what it refuses for good is set aside with its
reason, its sender is told, and the next one goes. Several processes share the work, receiver by receiver, by leases.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

import structlog

from carepath.delivery.judging import Judging
from carepath.delivery.letters import Letters
from carepath.delivery.recorder import Recorder, delivered
from carepath.delivery.relay import Relay
from carepath.delivery.turns import land, turns
from carepath.store import feed, times, transports
from carepath.store.database import Database, DatabaseError
from carepath.store.disclosures import Disclosures
from carepath.store.failpoints import reached
from carepath.store.feed import Item
from carepath.store.transports import SETTLED, Again, Judged, State
from pathways.parties import Party

log = structlog.get_logger()

LEASE: Final = 15.0
"""Seconds; renewed while a carrier takes longer."""
_AT_ONCE: Final = 32  # receivers
_PAGE: Final = 20  # places of a feed that are read at once
_LONGEST_PAUSE: Final = 300.0  # seconds
_LEAVING: Final = 2.0  # seconds for what is on its way when we are told to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A message for one receiver, in its language; ``unsure``: it may have arrived when it was tried.

    ``tried``: when that was, in microseconds since 1970.
    """

    to: Party
    content: bytes
    message_id: str
    unsure: bool
    tried: int


@dataclass(frozen=True, slots=True)
class Later:
    """It is to be sent again, after ``pause`` seconds or when it seems good. ``unsure``: it may have arrived."""

    fault: str
    pause: float | None = None
    unsure: bool = False


Outcome: TypeAlias = Judged | Later
"""What became of a parcel: the network or its receiver has judged, or there is more to be done."""


class Carrier(Protocol):
    """A network. ``name`` is what ``Party.carrier`` calls it."""

    @property
    def name(self) -> str:
        """Its name."""

    def message_id(self, content: bytes) -> str:
        """What the receiver will know the message by."""

    async def carry(self, parcel: Parcel) -> Outcome:
        """Send it, within seconds. Raises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``base_url`` is FHIR's. ``seen``: told of each outcome, as ``State`` names them, or ``again``."""

    base_url: str
    seen: Callable[[str], None]


class Sender:
    """Sends what feeds hold for receivers of one network. ``poll``: seconds that another's commit may go unseen."""

    def __init__(
        self,
        database: Database,
        relay: Relay,
        carrier: Carrier,
        options: Options,
        poll: float = 1.0,
    ) -> None:
        self._database, self._relay, self._carrier = database, relay, carrier
        self._options, self._poll = options, poll
        self._letters = Letters(database, options.base_url)
        self._judging = Judging(database, options.base_url)
        self._recorder = Recorder(database)
        self._name = secrets.token_hex(8)
        self._stopped = False
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._renewed = 0.0  # monotonic seconds

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while inside. On leaving, what is on its way has a moment to be taken."""
        async with turns(self._relay, self._run, self._stop):
            yield

    def _stop(self) -> None:
        self._stopped = True

    async def _run(self, news: asyncio.Event) -> None:
        while not self._stopped:
            news.clear()
            try:
                for party in await asyncio.to_thread(self._claim, [*self._busy]):
                    self._busy[party] = asyncio.create_task(self._serve(party, news))
            except Exception:
                log.exception("cannot look for what is to be sent", again_in_seconds=self._poll)
            with suppress(TimeoutError):
                await asyncio.wait_for(news.wait(), self._poll)
        await land([*self._busy.values()], _LEAVING)

    def _claim(self, busy: Sequence[str]) -> list[str]:
        """Who is taken on; the leases of those who are served are renewed in time."""
        now, free = times.now(), _AT_ONCE - len(busy)
        renews = bool(busy) and time.monotonic() - self._renewed > LEASE / 3
        with self._database.read() as conn:
            idle = not free or not transports.waiting(conn, self._carrier.name, now)
        if idle and not renews:
            return []
        until = now + round(LEASE * 1_000_000)
        with self._database.write() as conn:
            transports.keep(conn, busy, self._name, until)
            self._renewed = time.monotonic()
            if idle:
                return []
            name = self._carrier.name
            return transports.claim(conn, name, self._name, now=now, until=until, limit=free)

    async def _serve(self, party: str, news: asyncio.Event) -> None:
        """All that it has to get, until something fails or we are told to stop."""
        try:
            while not self._stopped and (todo := await asyncio.to_thread(self._next, party)):
                if not await self._deliver(party, todo):
                    break
            await asyncio.to_thread(self._release, party)
        except Exception as fault:  # noqa: BLE001 -- its lease ends, and it is tried again
            log.error("not sent", party=party, fault=type(fault).__name__)  # noqa: TRY400 -- the text may be personal
        finally:
            del self._busy[party]
            news.set()

    # --- the store, on a thread

    def _next(self, party: str) -> "_Todo | None":
        """What is to be done now: the next message of the feed, or all places up to it that have none."""
        now = times.now()
        with self._database.read() as conn:
            self._letters.refresh(conn)
            stands = transports.cursor(conn, party, self._name)
            if stands is None:
                return None
            to = self._letters.party(party)
            page = feed.after(conn, party, stands.sent, now, limit=_PAGE)
        since = upto = stands.sent
        for item in page:
            written = self._letters.written(party, item) if to else None
            if to is not None and written is not None:
                return _Todo(since, upto, to, item, written.content, stands.tries)
            upto = item.number
        return _Todo(since, upto) if page else None

    def _begin(self, party: str, item: Item, content: bytes) -> transports.Sending:
        now = times.now()
        with self._database.write() as conn:
            return transports.begin(conn, item, party, self._carrier.message_id(content), now)

    def _settle(self, party: str, todo: "_Todo", outcome: Outcome | None) -> None:
        """Note what came of it; nothing was sent where there is no outcome."""
        now, item = times.now(), todo.item
        with self._database.write() as conn:
            if isinstance(outcome, Later) and item is not None:
                pause = outcome.pause or min(2.0**todo.tries, _LONGEST_PAUSE)
                again = Again(now + round(pause * 1e6), outcome.fault)
                transports.again(conn, item.id, party, self._name, again, unsure=outcome.unsure)
                return
            if isinstance(outcome, Judged) and item is not None:
                self._judging.judge(conn, item.id, party, outcome, now)
            upto = item.number if item is not None else todo.upto
            transports.move(conn, party, self._name, todo.since, upto, now)
        self._relay.wake()

    def _release(self, party: str) -> None:
        with suppress(DatabaseError), self._database.write() as conn:  # else its lease ends
            transports.release(conn, party, self._name)

    # --- one message

    async def _deliver(self, party: str, todo: "_Todo") -> bool:
        """Take the step; false when the receiver has to wait."""
        if todo.item is None or todo.to is None:
            await asyncio.to_thread(self._settle, party, todo, None)
            return True
        known = await asyncio.to_thread(self._begin, party, todo.item, todo.content)
        outcome: Outcome | None = None
        if known.state not in SETTLED:
            await self._record(party, todo.item)
            outcome = await self._carrier.carry(_parcel(todo.to, todo.content, known))
            self._tell(party, outcome)
        reached("after_sent_before_mark")
        await asyncio.to_thread(self._settle, party, todo, outcome)
        return not isinstance(outcome, Later)

    async def _record(self, party: str, item: Item) -> None:
        """Of the patient and the receiver a line, before anything leaves."""
        tells = Disclosures()
        tells.tell(item.of, "Bundle", (item.id,))
        await self._recorder.write(delivered(party, self._carrier.name, tells.taken(), item.id))

    def _tell(self, party: str, outcome: Outcome) -> None:
        if isinstance(outcome, Later):
            self._options.seen("again")
            log.warning("not sent yet", party=party, over=self._carrier.name, fault=outcome.fault)
            return
        self._options.seen(outcome.state)
        if outcome.state is State.REFUSED:
            log.warning("refused", party=party, over=self._carrier.name, reason=outcome.reason)


@dataclass(frozen=True, slots=True)
class _Todo:
    """Behind ``since``: up to ``upto`` nothing is to be sent; then, if there is one, ``item`` to the party ``to``."""

    since: int
    upto: int
    to: Party | None = None
    item: Item | None = None
    content: bytes = b""
    tries: int = 0


def _parcel(to: Party, content: bytes, known: transports.Sending) -> Parcel:
    return Parcel(
        to=to,
        content=content,
        message_id=known.message_id,
        unsure=known.state is State.SENDING,
        tried=known.tried,
    )
