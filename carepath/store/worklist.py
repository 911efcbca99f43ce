"""What is on the worklist of an organisation, as far as it may see the matters."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    tuple_,
)

from carepath.store import codec
from carepath.store.promises import watched
from carepath.store.rights import Viewer, of_entry, visible
from carepath.store.tables import (
    events,
    inbox,
    outbox,
    parties,
    patients,
    promises,
    resource_versions,
    resources,
)
from carepath.store.times import instant
from pathways.messages import Record
from pathways.pathway import Header
from pathways.promises import PromiseState
from pathways.watched import Watched
from pathways.worklist import Item

MOST: Final = 5000
"""Of a longer list, those that are due first are looked at."""


def items(conn: Connection, viewer: Viewer, since: int | None) -> list[Item]:
    """What is open of the viewer's own (the operator: of everybody's), and what has changed since then."""
    changed = false() if since is None else resources.c.updated > since
    return _read(conn, viewer, or_(promises.c.state == PromiseState.OPEN.value, changed))


def item(conn: Connection, viewer: Viewer, id_: str) -> Item | None:
    """One of them, however it stands; ``None``: it is not theirs, or they may not see it."""
    return next(iter(some(conn, viewer, (id_,))), None)


def some(conn: Connection, viewer: Viewer, ids: Collection[str]) -> list[Item]:
    """Those of these that are theirs and that they may see, however they stand."""
    return _read(conn, viewer, promises.c.id.in_(ids))


def version(conn: Connection, viewer: Viewer) -> str:
    """Another one whenever something on the list came, changed or ended, or was read."""
    newest = select(func.max(resources.c.updated), func.count()).join(promises, _TASK)
    latest, number = conn.execute(newest.where(*_own(viewer))).one()
    theirs = and_(outbox.c.event == events.c.id, outbox.c.receiver == promises.c.responsible)
    heard = (
        select(func.max(func.coalesce(outbox.c.read, outbox.c.confirmed)))
        .select_from(promises)
        .join(events, events.c.thread == promises.c.thread)
        .join(outbox, theirs)
        .where(promises.c.state == PromiseState.OPEN.value, *_own(viewer))
    )
    return f"{latest or 0}-{number}-{conn.execute(heard).scalar() or 0}"


def _read(conn: Connection, viewer: Viewer, which: ColumnElement[bool]) -> list[Item]:
    found = conn.execute(_wanted(viewer).where(which)).mappings().all()
    owed = [(row, watched(row)) for row in found]
    unread = _unread(conn, [one for _, one in owed])
    return [_item(row, one, unread=one.id in unread) for row, one in owed]


_TASK = and_(resources.c.type == "Task", resources.c.id == promises.c.id)


def _own(viewer: Viewer) -> tuple[ColumnElement[bool], ...]:
    return () if viewer.sees_all else (promises.c.responsible == viewer.reader,)


def _wanted(viewer: Viewer) -> Select[Any]:
    first = (
        select(resource_versions.c.updated)
        .where(resource_versions.c.type == "Task", resource_versions.c.id == promises.c.id)
        .where(resource_versions.c.version == 1)
        .scalar_subquery()
    )
    return (
        select(promises, resources.c.updated, first.label("entered"))
        .join(resources, _TASK)
        .where(*_own(viewer), *visible("Task", viewer))
        .order_by(promises.c.due, promises.c.id)
        .limit(MOST)
    )


def _item(row: RowMapping, promise: Watched, *, unread: bool) -> Item:
    return Item(
        promise=promise,
        entered=instant(row["entered"]),
        changed=instant(row["updated"]),
        unread=unread,
    )


def _unread(conn: Connection, owed: Sequence[Watched]) -> set[str]:
    """Those whose message was sent to who has it, and nobody there has read it.

    Where their system cannot tell, what is not yet taken from the mailbox counts as unread.
    """
    asked_by = [one.course.opened_by for one in owed if one.is_open]
    sent = select(outbox.c.receiver, outbox.c.event, outbox.c.confirmed, outbox.c.read)
    rows = conn.execute(sent.where(outbox.c.event.in_(asked_by))).all()
    tells = _tell_reading(conn, {row.receiver for row in rows})
    waits = {
        (row.receiver, row.event)
        for row in rows
        if (row.read if row.receiver in tells else row.confirmed) is None
    }
    return {one.id for one in owed if (one.responsible, one.course.opened_by) in waits}


def _tell_reading(conn: Connection, keys: set[str]) -> set[str]:
    bodies = select(parties.c.key, parties.c.body).where(parties.c.key.in_(keys))
    known = conn.execute(bodies).all()
    return {key for key, body in known if codec.party(body).tells_reading}


# --- what is shown beside it


def headers(conn: Connection, keys: Collection[str]) -> dict[str, Header]:
    """Who the patients are."""
    rows = conn.execute(select(patients.c.key, patients.c.body).where(patients.c.key.in_(keys)))
    return {key: codec.header(body) for key, body in rows}


def records(conn: Connection, viewer: Viewer, ids: Collection[str]) -> dict[str, Record]:
    """These events, as far as the viewer may see them."""
    at = events.c
    seen = of_entry(viewer, at.patient, at.thread, at.id)
    rows = conn.execute(select(events).where(at.id.in_(ids), *seen)).mappings()
    return {row["id"]: codec.record(row) for row in rows}


def read_before(conn: Connection, viewer: Viewer, revisions: Iterable[Record]) -> dict[str, Record]:
    """What the viewer had read of messages before they were corrected, by the correction's id.

    Of the others they have read nothing, so nobody need know.
    """
    found: dict[str, Record] = {}
    chains = {one.id: [one] for one in revisions if one.target is not None}
    while chains:
        corrected = _corrected(conn, viewer, [chain[-1] for chain in chains.values()])
        read = _read_by(conn, viewer, {one.id for one in corrected.values()})
        followed: dict[str, list[Record]] = {}
        for id_, chain in chains.items():
            before = corrected.get((chain[-1].patient, chain[-1].target))
            if before is None or before in chain:
                continue
            if before.id in read:
                found[id_] = before
            else:
                followed[id_] = [*chain, before]
        chains = followed
    return found


def _corrected(
    conn: Connection, viewer: Viewer, revisions: Collection[Record]
) -> dict[tuple[str, str | None], Record]:
    """What these are about, as far as the viewer may see it, by patient and message id."""
    at = events.c
    targets = [(one.patient, one.target) for one in revisions if one.target is not None]
    seen = of_entry(viewer, at.patient, at.thread, at.id)
    wanted = select(events).where(tuple_(at.patient, at.message_id).in_(targets), *seen)
    records_ = map(codec.record, conn.execute(wanted.order_by(at.id.desc())).mappings())
    return {(one.patient, one.message_id): one for one in records_}


def _read_by(conn: Connection, viewer: Viewer, ids: Collection[str]) -> set[str]:
    """Those of these events that the viewer's organisation has read."""
    at = outbox.c
    sent = select(at.event, at.confirmed, at.read).where(at.receiver == viewer.reader)
    rows = conn.execute(sent.where(at.event.in_(ids))).all() if ids else ()
    tells = bool(_tell_reading(conn, {viewer.reader} if rows and viewer.reader else set()))
    return {row.event for row in rows if (row.read if tells else row.confirmed) is not None}


def messages(conn: Connection, party: str, events_: Collection[str]) -> dict[str, str]:
    """The ids under which the party was sent these events, by event."""
    at = outbox.c
    sent = select(at.event, at.message_id).where(at.receiver == party, at.event.in_(events_))
    return dict(conn.execute(sent).all())


def said(
    conn: Connection, viewer: Viewer, party: str, message_id: str
) -> tuple[Record, str] | None:
    """A message of the party's own, by its id, and the matter that it belongs to."""
    at = events.c
    mine = select(inbox.c.id).where(inbox.c.sender == party, inbox.c.message_id == message_id)
    seen = of_entry(viewer, at.patient, at.thread, at.id)
    row = conn.execute(select(events).where(at.id.in_(mine), *seen)).mappings().first()
    return (codec.record(row), row["thread"]) if row else None


def matter(conn: Connection, event: str) -> str | None:
    """The thread that an event belongs to."""
    return conn.execute(select(events.c.thread).where(events.c.id == event)).scalar()
