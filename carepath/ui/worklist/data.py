"""What the pages of the worklist show, from the store; and what is done there that is no message.

Whoever visits sees what their organisation owes. In open mode they choose one, or see all.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from carepath.service import typed
from carepath.service.drafts import Matter
from carepath.service.senders import kind_of
from carepath.service.terms import NORWAY
from carepath.service.watch import Change
from carepath.store import looks, matters, parties, queries
from carepath.store import quiet as silence
from carepath.store import worklist as store
from carepath.store.blind import Keys
from carepath.store.database import Connection, Database
from carepath.store.quiet import Quiet
from carepath.store.rights import Viewer
from carepath.store.times import instant, micros, now
from carepath.ui.seeing import seen
from carepath.ui.values import Visit
from pathways.access import Role
from pathways.corrections import standing
from pathways.deeds import Deed, offered
from pathways.events import Activity
from pathways.messages import Record
from pathways.moments import Moment
from pathways.parties import Directory, Party
from pathways.pathway import Header, Thread
from pathways.promises import Duty, Promise, PromiseKind
from pathways.watched import Watched
from pathways.worklist import Group, Item, Listed, Look, worklist

MOST: Final = 200
"""Rows on the page; filters and the search lead to the others."""
WEEK: Final = timedelta(weeks=1)

Changing = Callable[[str, Change], Watched | None]


class Who(StrEnum):
    """Who has taken it."""

    MINE = "mine"
    NOBODY = "nobody"
    OTHERS = "others"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be shown; empty is everything.

    ``text``: of a name, or the whole number, of a patient. ``matter``: a thread's id; ``patient``: an id of ours.
    """

    group: Group | None = None
    kind: PromiseKind | None = None
    who: Who | None = None
    text: str = ""
    matter: str | None = None
    patient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise. ``opening``: what asked for it, where they may see that; ``before``: as they read it before.

    ``thread``: its matter, as they know it. ``deeds``: what can be done about it, what is done most first.
    """

    item: Item
    groups: tuple[Group, ...]
    header: Header
    thread: Thread | None
    opening: Record | None
    before: Record | None
    deeds: tuple[Deed, ...]

    @property
    def id(self) -> str:
        """The promise's."""
        return self.item.promise.id

    @property
    def promise(self) -> Watched:
        """As it is watched."""
        return self.item.promise

    def deed(self, name: str) -> Deed | None:
        """What can be done, by its name."""
        return next((deed for deed in self.deeds if deed.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The list at ``at``. ``numbers``: how many there are in each group, whatever is asked for.

    ``total``: how many of them are asked for; ``rows`` are the first of those. ``since``: the last look.
    """

    at: datetime
    since: datetime | None
    version: str
    numbers: Mapping[Group, int]
    kinds: Sequence[PromiseKind]
    holders: Sequence[str]  # by name
    total: int
    rows: Sequence[Row]
    directory: Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class One:
    """One promise, and the directory. ``sent``: what they have told in its matter, as far as it stands."""

    at: datetime
    row: Row
    directory: Directory
    sent: Sequence[Record]


class Worklists:
    """All of it runs in a worker thread. ``change``: what people do about a promise (``Watch.change``)."""

    def __init__(self, database: Database, change: Changing) -> None:
        self._database, self._change = database, change

    @property
    def keys(self) -> Keys:
        """What seals what browsers keep for us."""
        return self._database.keys

    def directory(self) -> Directory:
        """Who is who."""
        with self._database.read() as conn:
            return parties.directory(conn)

    def party(self, visit: Visit) -> Party | None:
        """Whose list it is; ``None``: everybody's."""
        return self.directory().parties.get(visit.actor.party or "")

    # --- reading

    def shown(self, visit: Visit, asked: Asked) -> Shown:
        """The list, the most pressing first."""
        since, directory = self._since(visit), self.directory()
        with seen(self._database, visit) as (conn, seeing):
            at = instant(seeing.now)
            look = Look(at, NORWAY.end_of_day(NORWAY.local_day(at)), since)
            items = store.items(conn, seeing, micros(since) if since else None)
            everything = worklist(items, look)
            wanted = self._wanted(conn, everything, asked, visit.actor.name)
            rows = self._rows(conn, seeing, visit, directory, wanted[:MOST])
            return Shown(
                at=at,
                since=since,
                version=store.version(conn, seeing),
                numbers={g: sum(g in groups for _, groups in everything) for g in Group},
                kinds=sorted({item.promise.kind for item, _ in everything}),
                holders=sorted({n for item, _ in everything if (n := item.promise.holder)}),
                total=len(wanted),
                rows=rows,
                directory=directory,
            )

    def one(self, visit: Visit, id_: str) -> One | None:
        """One of them, open or not; ``None`` where it is not theirs to see."""
        directory = self.directory()
        with seen(self._database, visit) as (conn, seeing):
            found = store.item(conn, seeing, id_)
            if found is None:
                return None
            at = instant(seeing.now)
            groups = Look(at, NORWAY.end_of_day(NORWAY.local_day(at))).groups(found)
            (row,) = self._rows(conn, seeing, visit, directory, [(found, groups)])
            told = matters.records(conn, [row.promise.thread], seeing)
            ours = visit.actor.party or row.promise.responsible
            sent = [
                one
                for one in standing(told.get(row.promise.thread, [])).records
                if one.sender == ours and one.activity is not Activity.CANCEL
            ]
        for one in sent:
            visit.disclosed.tell(one.patient, "Provenance", (one.id,))
        return One(at=at, row=row, directory=directory, sent=sent)

    def version(self, visit: Visit) -> str:
        """Another one whenever the list is another."""
        with seen(self._database, visit) as (conn, seeing):
            return store.version(conn, seeing)

    def said(self, visit: Visit, message_id: str) -> tuple[Record, Matter] | None:
        """What they sent, by the message's id, and the matter that it belongs to."""
        with seen(self._database, visit) as (conn, seeing):
            found = store.said(conn, seeing, visit.actor.party or "", message_id)
        if found is None:
            return None
        record, thread = found
        return record, Matter(thread, record.family)

    def unread(self, visit: Visit, ids: Collection[str]) -> dict[str, tuple[str, str]]:
        """Of those that nobody has read: the patient, and the message's id, by promise."""
        party = visit.actor.party or ""
        with seen(self._database, visit) as (conn, seeing):
            found = [one for one in store.some(conn, seeing, ids) if one.unread]
            opened = {one.promise.id: one.promise.course.opened_by for one in found}
            sent = store.messages(conn, party, opened.values())
            return {
                one.promise.id: (one.promise.patient, sent[opened[one.promise.id]])
                for one in found
                if opened[one.promise.id] in sent
            }

    def quiet(self, visit: Visit, weeks: int) -> list[tuple[Quiet, Header]]:
        """Whom nobody has been in contact with for so long, the longest silence first."""
        with seen(self._database, visit) as (conn, seeing):
            at = instant(seeing.now)
            found = silence.quiet(conn, seeing, at - weeks * WEEK, at)[:MOST]
            known = store.headers(conn, [one.patient for one in found])
        for one in found:
            visit.disclosed.tell(one.patient, "Patient", (one.patient,))
        return [(one, known[one.patient]) for one in found]

    def _since(self, visit: Visit) -> datetime | None:
        actor = visit.actor
        with self._database.read() as conn:
            at = looks.last(conn, actor.person, actor.party) if actor.party else None
        return None if at is None else instant(at)

    def _wanted(
        self, conn: Connection, listed: Sequence[Listed], asked: Asked, name: str | None
    ) -> Sequence[Listed]:
        found = [one for one in listed if _is_wanted(*one, asked, name)]
        return self._searched(conn, found, asked.text) if asked.text else found

    def _searched(self, conn: Connection, listed: Sequence[Listed], text: str) -> list[Listed]:
        """Of a patient with that number, or with all these words in their name."""
        bearer = queries.find_patient(conn, self._database.keys, typed.number(text))
        known = store.headers(conn, {item.promise.patient for item, _ in listed})
        words = text.casefold().split()
        named = {key for key, header in known.items() if _has_words(header, words)}
        wanted = named | ({bearer} if bearer else set())
        return [one for one in listed if one[0].promise.patient in wanted]

    def _rows(
        self,
        conn: Connection,
        seeing: Viewer,
        visit: Visit,
        directory: Directory,
        listed: Sequence[Listed],
    ) -> list[Row]:
        owed = [item.promise for item, _ in listed]
        headers = store.headers(conn, {one.patient for one in owed})
        whole = matters.threads_by_id(conn, {one.thread for one in owed})
        known = matters.some(conn, seeing, whole)
        opened = store.records(conn, seeing, {one.course.opened_by for one in owed})
        for one in owed:
            tell = visit.disclosed.tell
            tell(one.patient, "Patient", (one.patient,))
            tell(one.patient, "Task", (one.id,))
            if one.course.opened_by in opened:
                tell(one.patient, "Provenance", (one.course.opened_by,))
        before = store.read_before(conn, seeing, opened.values())
        return [
            Row(
                item=item,
                groups=groups,
                header=headers[item.promise.patient],
                thread=known.get(item.promise.thread),
                opening=opened.get(item.promise.course.opened_by),
                before=before.get(item.promise.course.opened_by),
                deeds=_deeds(
                    visit.actor.role, item.promise, whole.get(item.promise.thread), directory
                ),
            )
            for item, groups in listed
        ]

    # --- what is done

    def saw(self, visit: Visit, at: datetime) -> None:
        """They have seen all that was on the list until then, which is never later than now."""
        actor = visit.actor
        if actor.party is not None:
            with self._database.write() as conn:
                looks.saw(conn, actor.person, actor.party, min(micros(at), now()))

    def change(self, visit: Visit, ids: Collection[str], how: Change) -> int:
        """Do that with those of them that are theirs and open; how many those were."""
        with seen(self._database, visit) as (conn, seeing):
            found = store.some(conn, seeing, ids)
        own = [one.promise.id for one in found if one.promise.is_open]
        for id_ in own:
            self._change(id_, how)
        return len(own)


def _deeds(
    role: Role, one: Watched, thread: Thread | None, directory: Directory
) -> tuple[Deed, ...]:
    """What can be done about it, as whoever owes it."""
    promise = _promise(thread, one)
    owner = directory.parties.get(one.responsible)
    if thread is None or promise is None or owner is None:
        return ()
    asked = replace(promise, other=one.other)  # the directory knows, where the events name nobody
    return offered(asked, thread, kind_of(owner, directory), role)


def _promise(thread: Thread | None, one: Watched) -> Promise | None:
    """The promise as its matter has it; a receipt is owed for what was delivered, of which the matter knows nothing."""
    if one.kind is PromiseKind.RECEIPT:
        duty, opened = Duty(one.responsible), Moment(one.opened)
        return Promise(
            kind=one.kind, opened_by=one.course.opened_by, opened=opened, duty=duty, state=one.state
        )
    return next((p for p in thread.promises if p.id == one.id), None) if thread else None


def _is_wanted(item: Item, groups: tuple[Group, ...], asked: Asked, name: str | None) -> bool:
    promise = item.promise
    return (
        (asked.group is None or asked.group in groups)
        and (asked.kind is None or promise.kind is asked.kind)
        and (asked.who is None or _whose(promise.holder, name) is asked.who)
        and (asked.matter is None or promise.thread == asked.matter)
        and (asked.patient is None or promise.patient == asked.patient)
    )


def _whose(holder: str | None, name: str | None) -> Who:
    """Where nobody signs in, what is taken is others'."""
    if holder is None:
        return Who.NOBODY
    return Who.MINE if name and holder.casefold() == name.casefold() else Who.OTHERS


def _has_words(header: Header, words: Sequence[str]) -> bool:
    name = " ".join(filter(None, (header.told("given"), header.told("family")))).casefold()
    return bool(words) and all(word in name for word in words)
