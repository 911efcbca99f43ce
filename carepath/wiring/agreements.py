"""Agreements, on limits and on sharing, for administration."""

from datetime import UTC, datetime

from carepath.service import agreements, sharing
from carepath.store import agreements as kept
from carepath.store import sharing as shared_
from carepath.store.agreements import Kept
from carepath.wiring.store import Store
from pathways.deadlines import Agreement
from pathways.refusals import Cause
from pathways.sharing import Sharing


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


def shared(store: Store) -> list[shared_.Kept]:
    """Who shares with whom, and who did."""
    with store.database.read() as conn:
        return shared_.listed(conn)


def share(store: Store, wanted: Sharing, note: str | None) -> shared_.Kept | Cause:
    """Enter an agreement to share, or say which rule is against it."""
    with store.database.write() as conn:
        return sharing.make(conn, wanted, note)


def end_sharing(store: Store, id_: str, until: datetime) -> shared_.Kept | Cause | None:
    """End one, or say which rule is against it; ``None``: there is no such one."""
    with store.database.write() as conn:
        return sharing.end(conn, id_, until, datetime.now(UTC))
