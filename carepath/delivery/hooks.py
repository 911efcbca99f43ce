"""Rest-hooks: notifications POSTed to subscribers' endpoints, for each Subscription one at a time and in order.

What is to be sent stands in the store under its numbers before anybody is called, and a Subscription goes on from
what its subscriber has taken: neither its absence nor our end loses an event or gives it another number. Should we die
between a 2xx and our note of it, the same events come once more. Several servers share the work, Subscription by
Subscription, by leases; one that dies is relieved when its lease ends.

Slow and broken subscribers wait for themselves alone: those that failed or were slow the last time, and those that
have never answered, have places of their own, and no host has more than its share.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from carepath.delivery import targets
from carepath.delivery.calls import Answer, Call, Caller, calling
from carepath.delivery.hook_flights import Flights, chosen
from carepath.delivery.hook_life import Done, Schedule, Step, after, step, text, timeout
from carepath.delivery.notifications import (
    as_asked,
    disclosed,
    is_whole_feed,
    next_events,
    parts,
    written,
)
from carepath.delivery.recorder import Recorder, delivered
from carepath.delivery.relay import Relay
from carepath.delivery.turns import Turns, land
from carepath.service.subscriptions import show
from carepath.store import hooks, times
from carepath.store.database import Connection, Database, out_of_reach
from carepath.store.disclosures import Shown
from carepath.store.failpoints import reached
from carepath.store.hooks import Due, Room
from carepath.store.subscriptions import Event, Subscribed
from carepath.store.times import instant
from pathways.subscriptions import NotificationType

log = structlog.get_logger()

LEASE: Final = 15.0
"""Seconds; renewed while a call takes longer."""
_SIZE: Final = 1_000_000  # bytes of a notification, unless one event alone has more
_GATHER: Final = 0.005  # seconds for others to land too
_LEAVING: Final = 2.0  # seconds for what is on its way when we are told to stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """``base_url`` is FHIR's. ``seen``: told of each call's outcome and seconds."""

    base_url: str
    reach: targets.Reach = targets.PUBLIC
    schedule: Schedule = "quick"
    seen: Callable[[str, float], None]


class Hooks:
    """Serves rest-hooks, and ends Subscriptions of whatever channel when their time is over."""

    def __init__(
        self, database: Database, relay: Relay, options: Options, *, poll: float = 1.0
    ) -> None:
        """``poll``: the longest time in seconds that what is due waits, or another process's commit goes unseen."""
        self._database, self._relay = database, relay
        self._options = options
        self._turns = Turns(relay, poll)
        self._recorder = Recorder(database)
        self._name = secrets.token_hex(8)
        self._flights = Flights()
        self._landed: list[Done] = []

    def problem(self, url: str) -> str | None:
        """What is wrong with an endpoint's URL; ``None``: it may be called, if its addresses may."""
        return targets.problem(url, reach=self._options.reach)

    def wake(self) -> None:
        """A Subscription was made or changed. Any thread may call this."""
        self._relay.streams.tell(())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while inside. On leaving, what is on its way has a moment to be taken."""
        async with (
            calling(reach=self._options.reach) as caller,
            self._turns.running(partial(self._run, caller)),
        ):
            yield

    async def _run(self, caller: Caller) -> None:
        poll = self._turns.poll
        while not self._turns.over:
            self._turns.begin()
            try:
                await self._turn(caller)
            except Exception:
                log.exception("subscriptions cannot be served", again_in_seconds=poll)
                await asyncio.sleep(poll)
            await self._turns.next()
            await asyncio.sleep(_GATHER)
        await self._leave()

    async def _turn(self, caller: Caller) -> None:
        """Note what has landed, take on what is due."""
        landed, self._landed = self._landed, []
        ids = {done.one.id for done in landed}
        flying = self._flights.flying() - ids
        rooms, renewed = self._flights.rooms(ids), self._flights.renewable(ids, LEASE / 3)
        try:
            held, taken = await asyncio.to_thread(self._book, landed, renewed, rooms)
        except BaseException:
            self._landed = [*landed, *self._landed]
            raise
        for id_ in ids:
            self._flights.end(id_)
        self._drop(flying - held)
        for one, due in taken:
            self._flights.begin(due, asyncio.create_task(self._serve(caller, one)))

    def _drop(self, lost: set[str]) -> None:
        """Their clients have changed them: what is on its way is not waited for."""
        self._landed = [done for done in self._landed if done.one.id not in lost]
        for id_ in lost & self._flights.flying():
            self._flights.drop(id_)
            self._turns.tell()

    async def _leave(self) -> None:
        await land(self._flights.tasks(), _LEAVING)
        try:
            await asyncio.to_thread(self._close)
        except Exception:
            log.exception("subscriptions cannot be left in order")

    # --- the store, on a thread

    def _book(
        self, landed: Sequence[Done], renewed: Sequence[str], rooms: Sequence[Room]
    ) -> tuple[set[str], list[tuple[Subscribed, Due]]]:
        """Which are still ours of those that fly, and who is taken on."""
        with self._database.read() as conn:
            held = hooks.held(conn, self._name)
            idle = not any(hooks.due(conn, room, times.now()) for room in rooms)
        if idle and not landed and not renewed:
            return held, []
        if any(done.answer for done in landed):
            reached("after_webhook_before_mark")
        now = times.now()
        with self._database.write() as conn:
            self._settle(conn, landed, now)  # in the order of ids, as numbers are given
            hooks.renew(conn, renewed, self._name, _until(now))  # waits for nobody
            found = [due for room in rooms for due in chosen(hooks.due(conn, room, now), room)]
            dues = {due.id: due for due in found}
            taken = hooks.claim(conn, [*dues], self._name, now=now, until=_until(now))
        return held, [(one, dues[one.id]) for one in taken]

    def _settle(self, conn: Connection, landed: Sequence[Done], now: int) -> None:
        in_order = sorted(landed, key=lambda done: done.one.id)  # as everybody locks them
        for done in in_order:
            try:
                with conn.begin_nested():
                    self._settle_one(conn, done, now)
            except (
                Exception
            ) as fault:  # its neighbours stand; its lease ends, and it is tried again
                if out_of_reach(fault):
                    raise
                log.exception("subscription not settled", subscription=done.one.id)

    def _settle_one(self, conn: Connection, done: Done, now: int) -> None:
        stands = after(done, now, self._options.schedule)
        if not hooks.settle(conn, self._name, stands):
            return  # its client changed or removed it meanwhile
        if stands.status is not done.one.status:
            error, at = text(stands, done.answer), instant(now)
            show(conn, self._database.keys, stands.id, stands.status, error, at)
            log.info("subscription changed", subscription=stands.id, status=stands.status)
        if done.handed and stands.delivered == done.upto:
            self._relay.handed(stands.receiver, done.handed)

    def _close(self) -> None:
        with self._database.write() as conn:
            self._settle(conn, self._landed, times.now())
        with self._database.write() as conn:
            hooks.release(conn, self._name)

    # --- one Subscription

    async def _serve(self, caller: Caller, one: Subscribed) -> None:
        try:
            done = await self._done(caller, one)
            self._landed.append(done)  # to the list as it is now
        except Exception:  # its lease ends, and it is tried again
            log.exception("subscription not served", subscription=one.id)
            self._flights.end(one.id)
        finally:
            self._turns.tell()

    async def _done(self, caller: Caller, one: Subscribed) -> Done:
        """Take the next step."""
        now = times.now()
        next_ = step(one, now)
        if not isinstance(next_.value, NotificationType):
            return Done(one, next_)
        message = await asyncio.to_thread(self._message, one, next_.value, now)
        await self._recorder.write(delivered(one.reader, "rest-hook", message.tells, one.id))
        channel = one.subscription.channel
        call = Call(
            url=channel.endpoint or "",
            headers=channel.headers,
            media_type=channel.media_type,
            body=message.body,
            seconds=timeout(one),
        )
        begun = time.monotonic()
        answer = await caller.post(call)
        self._tell(one, next_, answer, time.monotonic() - begun)
        return Done(one, next_, answer, upto=message.upto, handed=message.handed)

    def _message(self, one: Subscribed, kind: NotificationType, now: int) -> "_Message":
        with self._database.read() as conn:
            events: Sequence[Event] = ()
            if kind is NotificationType.EVENT_NOTIFICATION:
                events = next_events(conn, one, now)
                if not events:
                    raise LookupError("events that were numbered are not there")
            content = one.subscription.channel.content
            told = parts(conn, self._options.base_url, one.reader, content, events, now)
            body = written(self._options.base_url, one, kind, events, told, now)
            while len(body) > _SIZE and len(events) > 1:
                events, told = events[: len(events) // 2], told[: len(events) // 2]
                body = written(self._options.base_url, one, kind, events, told, now)
        upto = events[-1].number if events else one.delivered
        handed = events[-1].item.number if events and is_whole_feed(one) else 0
        return _Message(as_asked(one, body), upto, handed, disclosed(told))

    def _tell(self, one: Subscribed, next_: Step, answer: Answer, seconds: float) -> None:
        """For whoever watches: nothing of the URL or the headers, which may be secret."""
        self._options.seen("taken" if answer.fault is None else answer.fault, seconds)
        if answer.fault is not None:
            log.warning(
                "subscriber does not take it",
                subscription=one.id,
                receiver=one.receiver,
                kind=next_.value,
                fault=answer.fault,
                status=answer.status,
                tries=one.tries + 1,
            )


@dataclass(frozen=True, slots=True)
class _Message:
    """A notification with events up to the Subscription's number ``upto``, and the feed's ``handed``; 0: not all."""

    body: bytes
    upto: int
    handed: int
    tells: Mapping[str, Shown]  # of each patient


def _until(now: int) -> int:
    return now + round(LEASE * 1_000_000)
