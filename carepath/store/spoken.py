"""What a person sent, by the message's id, and the matter that it is in."""

from sqlalchemy import Connection, select

from carepath.store import codec
from carepath.store.tables import events, threads
from pathways.messages import Record
from pathways.parties import CITIZENS
from pathways.pathway import Thread


def spoken(conn: Connection, message: str, person: str | None) -> tuple[Record, Thread] | None:
    """``person``: ``Actor.person``; ``None`` where they have sent no such message that was taken in."""
    at = events.c
    wanted = (
        select(events, threads.c.body.label("matter"))
        .join(threads, threads.c.id == at.thread)
        .where(at.message_id == message, at.sender == CITIZENS)
    )
    row = conn.execute(wanted).mappings().first()
    record = codec.record(row) if row else None
    if row is None or record is None or record.person is None or record.person != person:
        return None
    return record, codec.thread(row["matter"])
