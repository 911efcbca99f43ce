"""Agreements to share are made and ended: judged by the rules and written, one after the other."""

from dataclasses import replace
from datetime import datetime

from carepath.store import parties
from carepath.store import sharing as kept
from carepath.store.database import Connection
from carepath.store.sharing import Kept
from pathways.agreements import objection_to_end
from pathways.refusals import Cause
from pathways.sharing import Sharing, between_houses, objection


def make(conn: Connection, wanted: Sharing, note: str | None) -> Kept | Cause:
    """Enter an agreement, or say which rule is against it."""
    kept.lock(conn)
    directory = parties.directory(conn)
    agreed = between_houses(wanted, directory)
    known = [one.agreement for one in kept.listed(conn)]
    return objection(agreed, known, directory) or kept.add(conn, agreed, note)


def end(conn: Connection, id_: str, until: datetime, now: datetime) -> Kept | Cause | None:
    """End an agreement earlier than it would, or say which rule is against it; ``None``: there is no such one."""
    kept.lock(conn)
    found = kept.show(conn, id_)
    if found is None:
        return None
    if cause := objection_to_end(found.agreement, until):
        return cause
    kept.end(conn, found, until, now)
    return replace(found, agreement=replace(found.agreement, until=until))
