"""What somebody has sent, by the id that they gave it. ``sender``: a directory key; ``None``: whoever sent it."""

from collections.abc import Collection

from sqlalchemy import Connection, and_, or_, select

from carepath.store import codec
from carepath.store.parked import State
from carepath.store.tables import events, inbox, parked, threads
from pathways.messages import Record
from pathways.parties import CITIZENS
from pathways.pathway import Thread


def sent(conn: Connection, sender: str | None, message_id: str) -> Record | None:
    """The record of the message, if it was taken in."""
    mine = select(inbox.c.id).where(inbox.c.message_id == message_id)
    if sender is not None:
        mine = mine.where(inbox.c.sender == sender)
    row = conn.execute(select(events).where(events.c.id.in_(mine))).mappings().first()
    return codec.record(row) if row else None


def spoken(conn: Connection, person: str | None, message_id: str) -> tuple[Record, Thread] | None:
    """What a person (``Actor.person``) has sent, and the matter it is in, if it was taken in."""
    record = sent(conn, CITIZENS, message_id)
    if record is None or record.person is None or record.person != person:
        return None
    matter = select(threads.c.body).join(events, events.c.thread == threads.c.id)
    body = conn.execute(matter.where(events.c.id == record.id)).scalar_one()
    return record, codec.thread(body)


def source(conn: Connection, senders: Collection[str], message_id: str) -> bytes | None:
    """What one of them sent, as it came; ``message_id`` may be what we parked it as. ``None``: it is kept no more."""
    took = select(inbox.c.source).where(
        inbox.c.message_id == message_id, inbox.c.sender.in_(senders)
    )
    theirs = and_(parked.c.message_id == message_id, parked.c.sender.in_(senders))
    aside = select(parked.c.source).where(or_(theirs, parked.c.id == message_id))
    found = (conn.execute(wanted).scalar() for wanted in (took, aside))
    return next((bytes(one) for one in found if one), None)


def waits(conn: Connection, sender: str | None, message_id: str) -> bool:
    """Whether it is kept until its matter is known."""
    mine = [parked.c.message_id == message_id, parked.c.state == State.OPEN.value]
    if sender is not None:
        mine.append(parked.c.sender == sender)
    return conn.execute(select(parked.c.id).where(*mine)).first() is not None
