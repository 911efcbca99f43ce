"""Agreements are made and ended: judged by the rules and written, one after the other."""

from dataclasses import replace
from datetime import datetime

from carepath.store import agreements, parties
from carepath.store.agreements import Kept
from carepath.store.database import Connection
from pathways.agreements import between_houses, objection, objection_to_end
from pathways.deadlines import Agreement
from pathways.refusals import Cause


def make(conn: Connection, wanted: Agreement, note: str | None) -> Kept | Cause:
    """Enter an agreement, or say which rule is against it."""
    agreements.lock(conn)
    directory = parties.directory(conn)
    agreed = between_houses(wanted, directory)
    known = [kept.agreement for kept in agreements.listed(conn)]
    return objection(agreed, known, directory) or agreements.add(conn, agreed, note)


def end(conn: Connection, id_: str, until: datetime) -> Kept | Cause | None:
    """End an agreement earlier than it would, or say which rule is against it; ``None``: there is no such one."""
    agreements.lock(conn)
    kept = agreements.show(conn, id_)
    if kept is None:
        return None
    if cause := objection_to_end(kept.agreement, until):
        return cause
    agreements.end(conn, id_, until)
    return replace(kept, agreement=replace(kept.agreement, until=until))
