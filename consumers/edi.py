"""NHN's EDI in: notifications of each HER-id that we act for are worked off in order, one after the other.

A message is fetched and taken in as any other; its sender gets the AppRec, and EDI is told that it is downloaded, once
it is committed. The offset is written down last, so whatever we die at is done again: the inbox knows the message, EDI
knows whether it has our AppRec, and to say downloaded twice says nothing new. News of what we sent is in
``carepath.delivery.edi``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog

from carepath.delivery.edi import NAME, her_id, judged
from carepath.delivery.edi_api import EdiApi, News, Notification, Trouble
from carepath.delivery.judging import Judging
from carepath.service import Answer, Submission, answers
from carepath.service.directory import Parties
from carepath.store import times, transports
from carepath.store.database import Database
from carepath.store.failpoints import reached
from carepath.store.transports import Judged, Sending, State
from fhir_mappings import formats, xml
from fhir_mappings.codes import HER_ID
from fhir_mappings.kith import apprec
from fhir_mappings.reply import Reply
from pathways.parties import Identifier, PartyRef

log = structlog.get_logger()

_BY_RECEIVER: Final = frozenset({News.SENT, News.DELIVERED, News.ANSWERED})
_AT_ONCE: Final = 8  # HER-ids


class NotNow(Exception):
    """It could not be taken in for reasons of ours: EDI keeps it, and it is fetched again."""


@dataclass(slots=True, kw_only=True)
class Postbox:
    """Polls. ``submit`` takes a message in. ``seen``: told what became of each notification."""

    database: Database
    api: EdiApi
    submit: Callable[[Submission], Awaitable[Answer]]
    base_url: str
    her_ids: Sequence[str]
    poll: float
    seen: Callable[[str], None]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _parties: Parties = field(init=False)
    _judging: Judging = field(init=False)

    def __post_init__(self) -> None:
        self._parties = Parties(self.database, open_mode=False)
        self._judging = Judging(self._parties, self.base_url)

    async def run(self, stop: asyncio.Event) -> None:
        """Until told to stop, and the notification in hand is dealt with."""
        while not stop.is_set():
            room = asyncio.Semaphore(_AT_ONCE)
            await asyncio.gather(*(self._round(her_id, room, stop) for her_id in self.her_ids))
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.poll)

    async def _round(self, her_id: str, room: asyncio.Semaphore, stop: asyncio.Event) -> None:
        """All that is there for one of them; what cannot be done now stays there, and what is behind it."""
        async with room:
            try:
                while await self._some(her_id, stop):
                    pass
            except (Trouble, NotNow) as fault:
                self.seen("again")
                log.warning("EDI cannot be worked off now", her_id=her_id, fault=str(fault))
            except Exception as fault:  # noqa: BLE001 -- ours or the database's: it is tried again
                self.seen("again")
                log.error("EDI not worked off", her_id=her_id, fault=type(fault).__name__)  # noqa: TRY400 -- personal

    async def _some(self, her_id: str, stop: asyncio.Event) -> bool:
        """Some notifications; whether there may be more."""
        begun = times.now()
        after = await asyncio.to_thread(self._seen, her_id)
        found = await self.api.notifications(her_id, after)
        for one in found:
            if stop.is_set():
                return False
            await self._deal_with(one, her_id)
            await asyncio.to_thread(self._keep, her_id, one.offset, 0)
        if not found:
            await asyncio.to_thread(self._keep, her_id, after, begun)
        return bool(found)

    async def _deal_with(self, one: Notification, her_id: str) -> None:
        id_ = one.related_message_id
        try:
            if one.type == News.MESSAGE and id_:
                await self._take(id_, her_id)
            elif one.type in _BY_RECEIVER and id_:
                await self._follow(id_)
            elif one.type == News.REFUSED:
                self.seen("refused by EDI")
                log.warning("EDI refused a message to us", her_id=her_id, message=id_)
        except Trouble as trouble:
            if not trouble.is_final:
                raise
            self.seen("lost")
            log.error("EDI does not give it", her_id=her_id, message=id_, fault=str(trouble))  # noqa: TRY400

    # --- what comes in

    async def _take(self, id_: str, her_id: str) -> None:
        metadata = await self.api.metadata(id_)
        content = await self.api.document(id_)
        reached("edi_fetched")
        sender = await asyncio.to_thread(self._sender, metadata.sender_her_id)
        answer = await self.submit(Submission(content, formats.KITH_XML, sender))
        if answer.status >= 500:
            raise NotNow("a message could not be taken in")
        reached("edi_committed")
        self.seen(answer.verdict)
        if xml.root_name(content) != "AppRec":
            await self._answer(id_, her_id, answers.reply(answer, content, self.now()))
        reached("edi_answered")
        await self.api.downloaded(id_, her_id)
        reached("edi_downloaded")

    async def _answer(self, id_: str, her_id: str, reply: Reply) -> None:
        """Once. An AppRec that EDI will not have holds nothing up: what it answers is committed."""
        if await self._is_answered(id_, her_id):
            return
        try:
            await self.api.answer(id_, her_id, apprec.coded(reply))
        except Trouble as trouble:
            if not trouble.is_final:
                raise
            log.error("EDI takes no AppRec", her_id=her_id, message=id_, fault=str(trouble))  # noqa: TRY400

    async def _is_answered(self, id_: str, her_id: str) -> bool:
        """Whether EDI has our AppRec already: we may have died since."""
        try:
            found = await self.api.statuses(id_)
        except Trouble as trouble:
            if trouble.is_final:
                return False
            raise
        mine = [one.apprec_info for one in found if str(one.receiver_her_id) == her_id]
        return any(one is not None and one.status for one in mine)

    def _sender(self, her_id: int | None) -> str | None:
        """Whom EDI says it comes from; who is not in the directory is judged by the message alone."""
        with self.database.read() as conn:
            self._parties.refresh(conn)
        ref = PartyRef((Identifier(HER_ID, str(her_id)),))
        found = self._parties.find(ref, self.now())
        return found.key if found else None

    # --- what became of what went out

    async def _follow(self, id_: str) -> None:
        found = await asyncio.to_thread(self._known, id_) or await self._identified(id_)
        if found is None:
            return  # an AppRec of ours, or another system's message
        receiver = await asyncio.to_thread(self._receiver, found.party)
        told = receiver and judged(await self.api.statuses(id_), receiver)
        if told:
            await asyncio.to_thread(self._judge, found, told)
            self.seen(told.state)

    async def _identified(self, id_: str) -> Sending | None:
        """The message of ours that EDI has taken without our hearing of it."""
        open_ = await asyncio.to_thread(self._unsure)
        if not open_:
            return None
        metadata = await self.api.metadata(id_)
        to = {str(number) for number in metadata.receiver_her_ids or ()}
        same = [one for one in open_ if one.message_id == metadata.business_document_id]
        for one in same:
            if await asyncio.to_thread(self._receiver, one.party) in to:
                told = Judged(state=State.SENT, reference=id_)
                await asyncio.to_thread(self._judge, one, told)
                return one
        return None

    # --- the store, on a thread

    def _seen(self, her_id: str) -> int:
        with self.database.read() as conn:
            return transports.edi_seen(conn, her_id)

    def _keep(self, her_id: str, seen: int, polled: int) -> None:
        with self.database.write() as conn:
            transports.edi_keep(conn, her_id, seen, polled)

    def _known(self, id_: str) -> Sending | None:
        with self.database.read() as conn:
            return transports.known_by(conn, NAME, id_)

    def _unsure(self) -> list[Sending]:
        with self.database.read() as conn:
            return transports.unsure(conn, NAME)

    def _receiver(self, party: str) -> str | None:
        with self.database.read() as conn:
            self._parties.refresh(conn)
        found = self._parties.current.parties.get(party)
        return her_id(found) if found else None

    def _judge(self, found: Sending, told: Judged) -> None:
        now = times.now()
        with self.database.write() as conn:
            self._judging.judge(conn, found.item, found.party, told, now)
