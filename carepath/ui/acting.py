"""The pages' way in: what somebody does is a message, and what becomes of it is told on the page (ADR 23)."""

from collections.abc import Awaitable, Callable
from typing import Final

import orjson
from starlette.concurrency import run_in_threadpool

from carepath.delivery.gather import Full
from carepath.service import ServiceOptions, Submission, Verdict
from carepath.service.answers import Answer
from carepath.service.directory import Parties
from carepath.service.drafts import Draft, UnknownParty, message, sender_of
from carepath.service.glass import Telling, break_glass
from carepath.service.viewers import viewer
from carepath.service.watch import Change, Watch
from carepath.store import naming, queries
from carepath.store.database import Connection, Database
from carepath.store.glass import Broken
from carepath.store.times import instant, now
from carepath.ui.values import Done, Fate, Visit
from fhir_mappings import outbound
from pathways.glass import GlassReason
from pathways.parties import Identifier
from pathways.refusals import Reason, Refusal
from pathways.watched import Watched

Submit = Callable[[Submission], Awaitable[Answer]]


_UNKNOWN: Final = Refusal(Reason.NOT_FOUND, ())


class Acting:
    """Sends what visitors do. ``base_url`` is FHIR's; ``submit`` takes a message in and answers when it is kept."""

    def __init__(
        self, database: Database, base_url: str, submit: Submit, *, mail: bool = False
    ) -> None:
        """``mail``: whether organisations can be told by e-mail that somebody broke the glass."""
        self._database, self._base_url, self._submit = database, base_url, submit
        self._telling = Telling(base_url, mail)
        self._parties = Parties(database, open_mode=False)

    async def send(self, visit: Visit, draft: Draft) -> Done:
        """What becomes of it; nothing is done twice, and of nobody whom the visitor may not know."""
        source = await run_in_threadpool(self._written, visit, draft)
        if isinstance(source, Done):
            return source
        actor = visit.actor
        try:
            submission = Submission(
                source, organisation=actor.party, actor=actor, after=draft.after
            )
            return _done(await self._submit(submission))
        except Full:
            return Done(Fate.REFUSED, refusal=Refusal(Reason.TRANSIENT, ()))

    def change(self, promise: str, how: Change) -> Watched | None:
        """What people do about a promise that is no message: they take it, or put it off; how it stands since."""
        return Watch(self._database, ServiceOptions(base_url=self._base_url)).change(promise, how)

    def break_glass(
        self, visit: Visit, identifier: Identifier, reason: GlassReason, words: str
    ) -> str | Refusal | None:
        """The patient whom they may read of now; or why not. ``None``: nobody bears that identifier."""
        at = instant(now())
        with self._database.write() as conn:
            found = break_glass(
                conn, self._database.keys, visit.actor, identifier, reason, words, at, self._telling
            )
        if not isinstance(found, Broken):
            return found
        visit.disclosed.tell(found.patient, "Patient", (found.patient,))
        return found.patient

    def _written(self, visit: Visit, draft: Draft) -> bytes | Done:
        actor = visit.actor
        with self._database.read() as conn:
            self._parties.refresh(conn)
            directory = self._parties.current
            if not self._may_know(conn, visit, draft):
                return Done(Fate.REFUSED, refusal=_UNKNOWN)
            try:
                if naming.is_sent(conn, sender_of(draft, actor, directory).key, draft.id):
                    return Done(Fate.AGAIN)
                at = instant(now())
                told = message(conn, self._database.keys, draft, actor, directory, at)
            except UnknownParty:
                return Done(Fate.REFUSED, refusal=Refusal(Reason.UNKNOWN_RECEIVER, ()))
        return orjson.dumps(outbound.write(told, base_url=self._base_url))

    def _may_know(self, conn: Connection, visit: Visit, draft: Draft) -> bool:
        """Whom somebody names themselves they know; whether they may send it is for the door to say."""
        if not isinstance(draft.patient, str):
            return True
        seeing = viewer(conn, self._database.keys, visit.actor, now(), visit.disclosed)
        known = queries.exists_patient(conn, draft.patient, seeing)
        return known and seeing.may_know(draft.patient)


def _done(answer: Answer) -> Done:
    if answer.verdict in (Verdict.ACCEPTED, Verdict.DUPLICATE):
        return Done(Fate.DONE, answer.patient)
    if answer.verdict is Verdict.PARKED:
        return Done(Fate.WAITS, answer.patient)
    return Done(Fate.REFUSED, answer.patient, answer.refusal)
