"""What somebody has sent, by the id that they gave it. ``sender``: a directory key; ``None``: whoever sent it."""

from sqlalchemy import Connection, select

from carepath.store import codec
from carepath.store.parked import State
from carepath.store.tables import events, parked
from pathways.messages import Record


def sent(conn: Connection, sender: str | None, message_id: str) -> Record | None:
    """The record of the message, if it was taken in."""
    mine = [events.c.message_id == message_id]
    if sender is not None:
        mine.append(events.c.sender == sender)
    row = conn.execute(select(events).where(*mine)).mappings().first()
    return codec.record(row) if row else None


def waits(conn: Connection, sender: str | None, message_id: str) -> bool:
    """Whether it is kept until its matter is known."""
    mine = [parked.c.message_id == message_id, parked.c.state == State.OPEN.value]
    if sender is not None:
        mine.append(parked.c.sender == sender)
    return conn.execute(select(parked.c.id).where(*mine)).first() is not None
