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
from carepath.delivery.letters import Letters, is_receipt
from carepath.delivery.recorder import Recorder, delivered
from carepath.delivery.relay import Relay
from carepath.delivery.turns import Turns, back_off, land
from carepath.service.directory import Parties
from carepath.store import feed, times, transports
from carepath.store.database import Connection, Database, DatabaseError
from carepath.store.disclosures import Disclosures
from carepath.store.failpoints import reached
from carepath.store.feed import Item
from carepath.store.transports import SETTLED, Again, Cursor, Judged, State
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
    """A message for one receiver, in its language; sent again it has the same ``message_id``."""

    to: Party
    content: bytes
    message_id: str


@dataclass(frozen=True, slots=True)
class Later:
    """It is to be sent again, after ``pause`` seconds or when it seems good. ``unsure``: it may have arrived."""

    fault: str
    pause: float | None = None
    unsure: bool = False

    def again(self, now: int, tries: int) -> Again:
        """When that is; ``now`` in microseconds, after so many tries in a row that failed."""
        seconds = self.pause or back_off(tries, _LONGEST_PAUSE)
        return Again(now + round(seconds * 1_000_000), self.fault, unsure=self.unsure)


Outcome: TypeAlias = Judged | Later
"""What became of a parcel: the network or its receiver has judged, or there is more to be done."""


class Carrier(Protocol):
    """A network. ``name`` is what ``Party.carrier`` calls it."""

    @property
    def name(self) -> str:
        """Its name."""

    def message_id(self, content: bytes) -> str:
        """What the receiver will know the message by."""

    def waits(self, tried: int) -> Later | None:
        """Whether what may have arrived when it was tried (microseconds since 1970) is not to be sent again yet.

        Asked on a thread, before anything is written down.
        """

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
        self._options = options
        self._turns = Turns(relay, poll)
        parties = Parties(database, open_mode=False)
        self._letters = Letters(parties, options.base_url)
        self._judging = Judging(parties, options.base_url)
        self._recorder = Recorder(database)
        self._name = secrets.token_hex(8)
        self._busy: dict[str, asyncio.Task[None]] = {}
        self._renewed = 0.0  # monotonic seconds

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while inside. On leaving, what is on its way has a moment to be taken."""
        async with self._turns.running(self._run):
            yield

    async def _run(self) -> None:
        poll = self._turns.poll
        while not self._turns.over:
            self._turns.begin()
            try:
                for party in await asyncio.to_thread(self._claim, [*self._busy]):
                    self._busy[party] = asyncio.create_task(self._serve(party))
            except Exception:
                log.exception("cannot look for what is to be sent", again_in_seconds=poll)
                await asyncio.sleep(poll)
            await self._turns.next()
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

    async def _serve(self, party: str) -> None:
        """All that it has to get, until something fails or we are told to stop."""
        try:
            while not self._turns.over and (step := await asyncio.to_thread(self._next, party)):
                if not await self._deliver(party, step):
                    break
            await asyncio.to_thread(self._release, party)
        except Exception as fault:  # noqa: BLE001 -- its lease ends, and it is tried again
            log.error("not sent", party=party, fault=type(fault).__name__)  # noqa: TRY400 -- the text may be personal
        finally:
            del self._busy[party]
            self._turns.tell()

    # --- the store, on a thread

    def _next(self, party: str) -> "_Step | None":
        """What is to be done now: the next message of the feed, or all places up to it that have none."""
        now = times.now()
        with self._database.read() as conn:
            self._letters.refresh(conn)
            stands = transports.cursor(conn, party, self._name)
            if stands is None:
                return None
            upto = stands.sent
            for limit in (1, _PAGE):  # mostly the very next place has one
                page = feed.after(conn, party, upto, now, limit=limit)
                for item in page:
                    letter = self._letter(conn, party, item)
                    if letter is not None:
                        return _Step(stands, upto, letter)
                    upto = item.number
                if not page:
                    break
        return _Step(stands, upto) if upto > stands.sent else None

    def _letter(self, conn: Connection, party: str, item: Item) -> "_Letter | None":
        to = self._letters.party(party)
        if to is None or is_receipt(item):  # networks have receipts of their own
            return None
        written = self._letters.written(conn, party, item)
        if written is None:
            return None
        known = transports.known(conn, item.id)
        unsure = known is not None and known.state is State.SENDING
        waits = self._carrier.waits(known.tried) if known is not None and unsure else None
        return _Letter(to, item, written.content, waits)

    def _begin(self, party: str, letter: "_Letter") -> transports.Sending:
        name, id_ = self._carrier.name, self._carrier.message_id(letter.content)
        with self._database.write() as conn:
            return transports.begin(conn, letter.item, party, name, id_, times.now())

    def _settle(self, party: str, step: "_Step", outcome: Outcome | None) -> None:
        """Note what came of it; nothing was sent where there is no outcome."""
        now, letter = times.now(), step.letter
        with self._database.write() as conn:
            if letter is not None and isinstance(outcome, Later):
                self._put_off(conn, party, letter, outcome.again(now, step.stands.tries))
                return
            if letter is not None and isinstance(outcome, Judged):
                self._judging.judge(conn, letter.item.id, party, outcome, now)
            upto = step.upto if letter is None else letter.item.number
            transports.move(conn, party, self._name, step.stands.sent, upto, now)
        self._relay.wake()

    def _put_off(self, conn: Connection, party: str, letter: "_Letter", again: Again) -> None:
        if letter.waits is None:
            transports.again(conn, letter.item.id, party, self._name, again)
        else:
            transports.wait(conn, party, self._name, again)

    def _release(self, party: str) -> None:
        with suppress(DatabaseError), self._database.write() as conn:  # else its lease ends
            transports.release(conn, party, self._name)

    # --- one message

    async def _deliver(self, party: str, step: "_Step") -> bool:
        """Take the step; false when the receiver has to wait."""
        letter, outcome = step.letter, None
        if letter is not None:
            outcome = letter.waits or await self._send(party, letter)
        await asyncio.to_thread(self._settle, party, step, outcome)
        return not isinstance(outcome, Later)

    async def _send(self, party: str, letter: "_Letter") -> Outcome | None:
        """What came of it; ``None``: the network has told of it meanwhile."""
        known = await asyncio.to_thread(self._begin, party, letter)
        if known.state in SETTLED:
            return None
        await self._record(party, letter.item)
        parcel = Parcel(to=letter.to, content=letter.content, message_id=known.message_id)
        outcome = await self._carrier.carry(parcel)
        self._tell(party, outcome)
        reached("after_sent_before_mark")
        return outcome

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
class _Letter:
    """The message of ``item``; ``waits``: why it is not to be sent yet."""

    to: Party
    item: Item
    content: bytes
    waits: Later | None


@dataclass(frozen=True, slots=True)
class _Step:
    """From where the cursor ``stands`` up to ``upto`` nothing is to be sent; then, if there is one, the letter."""

    stands: Cursor
    upto: int
    letter: _Letter | None = None
