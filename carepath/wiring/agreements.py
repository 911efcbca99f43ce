"""Agreements on limits, for administration."""

from datetime import datetime

from carepath.service import agreements
from carepath.store import agreements as kept
from carepath.store.agreements import Kept
from carepath.wiring.store import Store
from pathways.deadlines import Agreement
from pathways.refusals import Cause


def listed(store: Store) -> list[Kept]:
    """All there are and were."""
    with store.database.read() as conn:
        return kept.listed(conn)


def make(store: Store, wanted: Agreement, note: str | None) -> Kept | Cause:
    """Enter an agreement, or say which rule is against it."""
    with store.database.write() as conn:
        return agreements.make(conn, wanted, note)


def end(store: Store, id_: str, until: datetime) -> Kept | Cause | None:
    """End an agreement, or say which rule is against it; ``None``: there is no such one."""
    with store.database.write() as conn:
        return agreements.end(conn, id_, until)
