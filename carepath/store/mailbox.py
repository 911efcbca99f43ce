"""A receiver's feed as a mailbox: what it has confirmed is never given again, all else is given until it is.

The cursor is ``feeds.confirmed``, set by the receiver alone. Only what is confirmed counts as delivered: an answer
may get lost on its way, so to be asked for proves nothing. A restored store goes on from the cursor it had.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, func, select, update

from carepath.store import feed
from carepath.store.feed import Item
from carepath.store.tables import feeds, outbox
from pathways.refusals import Reason, Refusal, refuse

UPTO: Final = "upto"
PLACE: Final = "Parameters.parameter.where(name = 'upto').value"
"""Where a receiver says up to which number it has everything."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """``confirmed`` and ``last`` are numbers of the feed; ``waiting``: how many places are not confirmed."""

    confirmed: int
    last: int
    waiting: int


def mailbox(conn: Connection, receiver: str) -> Mailbox:
    """How it stands; of who was never sent anything, it is empty."""
    wanted = select(feeds.c.confirmed, feeds.c.last).where(feeds.c.receiver == receiver)
    confirmed, last = conn.execute(wanted).one_or_none() or (0, 0)
    if confirmed >= feed.floor(conn):
        return Mailbox(confirmed, last, last - confirmed)
    mine = (outbox.c.receiver == receiver) & (outbox.c.number > confirmed)
    counted = conn.execute(select(func.count()).where(mine)).scalar_one()
    return Mailbox(confirmed, last, counted)


def page(
    conn: Connection, receiver: str, box: Mailbox, after: int, now: int, *, limit: int
) -> list[Item]:
    """What waits after that number, oldest first, the right to see it tried at ``now``."""
    return feed.after(conn, receiver, max(after, box.confirmed), now, limit=limit)


def confirm(conn: Connection, receiver: str, upto: int, now: int) -> Refusal | None:
    """The receiver has everything up to and with this number; to say so again changes nothing.

    Refusals: INVALID (no place of the feed has that number), CONFLICT (more is confirmed already).
    """
    place = select(outbox.c.id).where(outbox.c.receiver == receiver, outbox.c.number == upto)
    if conn.execute(place).first() is None:
        text = "no message in this mailbox has that number: fetch again, and confirm the last one worked off"
        return refuse(Reason.INVALID, "value", text, PLACE)
    mine = update(feeds).where(feeds.c.receiver == receiver, feeds.c.confirmed <= upto)
    if conn.execute(mine.values(confirmed=upto)).rowcount == 0:
        text = "more than that is confirmed already, and will not be given again"
        return refuse(Reason.CONFLICT, "conflict", text, PLACE)
    feed.delivered(conn, {receiver: upto}, now)
    return None
