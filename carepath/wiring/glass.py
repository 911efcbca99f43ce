"""Broken glass, for those who check it afterwards."""

from collections.abc import Collection
from datetime import UTC, datetime

from carepath.service import glass
from carepath.store import glass as kept
from carepath.store.glass import Broken
from carepath.wiring.store import Store
from pathways.glass import Verdict
from pathways.refusals import Cause


def listed(store: Store, parties: Collection[str] | None, *, everything: bool) -> list[Broken]:
    """Those nobody has looked at yet, or everything, the oldest first."""
    with store.database.read() as conn:
        return kept.listed(conn, parties, everything=everything)


def check(
    store: Store, id_: str, by: str, verdict: Verdict, note: str | None
) -> Broken | Cause | None:
    """Keep what was found, or say which rule is against it; ``None``: there is no such one."""
    with store.database.write() as conn:
        return glass.check(conn, id_, by, verdict, note, datetime.now(UTC))
