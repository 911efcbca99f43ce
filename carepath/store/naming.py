"""What a message about a patient and a matter that are known here by our ids needs to name."""

from collections.abc import Collection

from sqlalchemy import Connection, or_, select

from carepath.store import codec
from carepath.store.blind import Keys
from carepath.store.tables import inbox, patient_identifiers, thread_aliases, threads
from pathways.messages import Key
from pathways.parties import Identifier


def anchors(conn: Connection, ids: Collection[str]) -> dict[str, Key]:
    """The strongest key of each thread, by its id or one that it had before; unknown ids are left out."""
    if not ids:
        return {}
    of, alias = threads.c, thread_aliases.c
    joined = threads.outerjoin(thread_aliases, alias.thread == of.id)
    wanted = or_(of.id.in_(ids), alias.alias.in_(ids))
    rows = conn.execute(select(of.id, alias.alias, of.body).select_from(joined).where(wanted))
    found: dict[str, Key] = {}
    for id_, former, body in rows:
        found |= dict.fromkeys({id_, former or id_} & {*ids}, codec.thread(body).anchor)
    return found


def identifiers(conn: Connection, keys: Keys, patient: str) -> tuple[Identifier, ...]:
    """All identifiers that lead to the patient."""
    of = patient_identifiers.c
    query = select(of.blind, of.cipher).where(of.patient == patient).order_by(of.blind)
    told = (keys.unseal(cipher, bytes(blind)) for blind, cipher in conn.execute(query))
    return tuple(Identifier(*one.split("|", 1)) for one in told)


def is_sent(conn: Connection, sender: str, message_id: str) -> bool:
    """Whether the party has sent a message with this id."""
    mine = (inbox.c.message_id == message_id) & (inbox.c.sender == sender)
    return conn.execute(select(inbox.c.id).where(mine)).first() is not None
