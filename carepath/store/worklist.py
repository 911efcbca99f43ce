"""What is on the worklist of an organisation, as far as it may see the matters."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, and_, false, or_, select

from carepath.store import codec
from carepath.store.promises import watched
from carepath.store.rights import Viewer, visible
from carepath.store.tables import outbox, parties, promises, resource_versions, resources
from carepath.store.times import instant
from pathways.promises import PromiseState
from pathways.watched import Watched
from pathways.worklist import Item

MOST: Final = 5000
"""Of a longer list, those that are due first are looked at."""


def items(conn: Connection, viewer: Viewer, since: int | None) -> list[Item]:
    """What is open of the viewer's own (the operator: of everybody's), and what has changed since then."""
    found = conn.execute(_wanted(viewer, since)).mappings().all()
    owed = [(row, watched(row)) for row in found]
    unread = _unread(conn, [one for _, one in owed])
    return [_item(row, one, unread=one.id in unread) for row, one in owed]


def _wanted(viewer: Viewer, since: int | None) -> Select[Any]:
    first = (
        select(resource_versions.c.updated)
        .where(resource_versions.c.type == "Task", resource_versions.c.id == promises.c.id)
        .where(resource_versions.c.version == 1)
        .scalar_subquery()
    )
    task = and_(resources.c.type == "Task", resources.c.id == promises.c.id)
    changed = false() if since is None else resources.c.updated > since
    mine = () if viewer.sees_all else (promises.c.responsible == viewer.reader,)
    return (
        select(promises, resources.c.updated, first.label("entered"))
        .join(resources, task)
        .where(*mine, or_(promises.c.state == PromiseState.OPEN.value, changed))
        .where(*visible("Task", viewer))
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
