"""What is old may go, as the settings say."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from carepath.service import audit
from carepath.service.audit import KEPT
from carepath.settings import Settings
from carepath.store.retention import Cutoffs, expire, held_back
from carepath.wiring.store import open_store
from pathways.access_log import KEPT_YEARS


@dataclass(frozen=True, slots=True)
class Sweep:
    """How much of what went, and by receiver how much stayed because it has not been handed over."""

    gone: Mapping[str, int]
    held_back: Mapping[str, int]


def sweep(settings: Settings, *, dry_run: bool) -> Sweep:
    """Let go of what is older than the settings say. Raises ``Unusable``."""
    now = datetime.now(UTC)
    cutoffs = Cutoffs(
        bodies=_before(now, settings.body_retention_days),
        inbox=_before(now, settings.inbox_retention_days),
    )
    with open_store(settings) as store:
        gone = expire(store.database, cutoffs, dry_run=dry_run)
        if settings.access_log_retention_years is not None:
            before = now - KEPT * settings.access_log_retention_years / KEPT_YEARS
            lines = audit.expire(store.database, before, dry_run=dry_run)
            gone["lines of the access log"] = lines
        with store.database.read() as connection:
            return Sweep(gone, held_back(connection, cutoffs))


def _before(now: datetime, days: int | None) -> datetime | None:
    return None if days is None else now - timedelta(days=days)
