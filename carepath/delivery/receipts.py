"""Goes through what receivers were sent and have not confirmed: sent again, then told as refused and under watch.

Any number of workers side by side: each has a receiver's cursor locked while it moves it, and what it writes has ids
that follow from the message, so nothing is done twice.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import orjson

from carepath.delivery.content import bundle, sent_anew
from carepath.service.watch import Watch, end
from carepath.store import feed, receipts, transports
from carepath.store.database import Connection
from carepath.store.promises import Claimed
from carepath.store.times import instant, micros
from fhir_mappings.receipt import rejection
from pathways.messages import stable_id
from pathways.parties import CITIZENS, Directory, Party
from pathways.receipts import AFTER, Awaited, Mode, Stage, stages
from pathways.refusals import Issue

_PAGE: Final = 200
_LATE: Final = "has not confirmed it for 96 hours: it counts as refused. A receipt that comes later still counts"


@dataclass(slots=True)
class Receipts:
    """Does what is due. ``watch``: who keeps what becomes a promise; its clock is ours."""

    watch: Watch
    _begun: set[tuple[str, Stage]] = field(default_factory=set)

    def round(self) -> int:
        """How many messages were looked at. Raises the database's fault when it is away."""
        now = self.watch.options.now()
        with self.watch.database.read() as conn:
            directory = self.watch.directory(conn)
            waiting = receipts.due(conn, micros(now))
        wanted = {(p.key, stage) for p in directory.parties.values() for stage in stages(p)}
        if fresh := wanted - self._begun:
            with self.watch.database.write() as conn:
                receipts.begin(conn, fresh)
            self._begun |= fresh
        return sum(self._work(directory, receiver, stage, now) for receiver, stage in waiting)

    def _work(self, directory: Directory, receiver: str, stage: Stage, now: datetime) -> int:
        """One page of a feed; what is not old enough yet is looked at when it is."""
        with self.watch.database.write() as conn:
            upto = receipts.lock(conn, receiver, stage, micros(now))
            if upto is None:
                return 0
            page = receipts.sent(conn, receiver, upto, _PAGE)
            old = [one for one in page if instant(one.created) + AFTER[stage] <= now]
            party = directory.parties.get(receiver)
            if party is not None and stage in stages(party):
                self._treat(conn, party, stage, [one.awaited for one in old if one.awaited], now)
            age = round(AFTER[stage].total_seconds() * 1e6)
            next_at = next((one.created + age for one in page if one not in old), None)
            receipts.move(conn, receiver, stage, old[-1].number if old else upto, next_at)
            return len(old)

    def _treat(
        self,
        conn: Connection,
        receiver: Party,
        stage: Stage,
        sent: Sequence[Awaited],
        now: datetime,
    ) -> None:
        silent = [one for one in sent if one.heard(Mode(receiver.receipt_mode)) is None]
        if stage is not Stage.REFUSED:
            self._send_again(conn, receiver.key, stage, silent, now)
        elif silent:
            self._watch(conn, silent, now)

    def _send_again(
        self,
        conn: Connection,
        receiver: str,
        stage: Stage,
        sent: Collection[Awaited],
        now: datetime,
    ) -> None:
        """The same message in a new envelope: who has it already sees a repeat."""
        items = feed.items(conn, receiver, [one.id for one in sent], micros(now))
        for one in sent:
            id_, item = stable_id("again", one.id, stage), items.get(one.id)
            told = item and bundle(item, self.watch.options.base_url)
            if not item or not told:
                continue  # no longer theirs to see
            body = sent_anew(told, id_, now)
            feed.send(
                conn,
                id=id_,
                receiver=receiver,
                kind=item.kind,
                patient=one.patient,
                event=one.event,
                message_id=one.message_id,
                created=micros(now),
                body=body,
            )

    def _watch(self, conn: Connection, sent: Sequence[Awaited], now: datetime) -> None:
        """The sender is told that it counts as refused, and the receipt is a promise."""
        claimed = [Claimed(one.id, one.thread, one.patient) for one in sent]
        unit, effects = self.watch.begin(conn, claimed, now)
        late = receipts.awaited(conn, {(one.event, one.receiver) for one in sent})
        for one in late:
            effects.promised.awaits(one)
            if one.sender != CITIZENS:
                self._tell(conn, effects.directory, one, now)
        end(unit, effects, {one.thread for one in late})

    def _tell(self, conn: Connection, directory: Directory, one: Awaited, now: datetime) -> None:
        id_ = stable_id("not-confirmed", one.id)
        text = f"{directory.ref(one.receiver).name} {_LATE}"
        told = rejection(
            directory.ref(one.sender),
            id=id_,
            about=one.message_id,
            code="fatal-error",
            issues=(Issue("timeout", text, "Bundle.entry[0].resource.destination"),),
            at=now,
            base_url=self.watch.options.base_url,
        )
        transports.tell(conn, one.sender, id_, orjson.dumps(told), micros(now))
