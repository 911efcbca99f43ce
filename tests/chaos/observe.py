"""Asks for everything there is when all has come to rest."""

import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
from sqlalchemy import select

from carepath.store.blind import load_keys
from carepath.store.database import open_database
from carepath.store.tables import parked
from schemas import topics
from tests.chaos import logs
from tests.chaos.laws import PARKED, Kept, Observed, Told
from tests.chaos.sender import Ledger, Place
from tests.chaos.system import System
from tests.chaos.traffic import ORGANISATIONS, digest
from tests.chaos.view import Partition, View, behind
from tests.integration.oracle import timeline

INBOUND: Final = tuple(topics.inbound(one.number) for one in ORGANISATIONS)
_RECEIVERS: Final = (*(one.number for one in ORGANISATIONS), PARKED)
_TOLD: Final = "SELECT receiver, number, id, kind, message_id FROM outbox"
_KEPT: Final = select(
    *(parked.c.id, parked.c.reason, parked.c.state),
    *(parked.c.sender, parked.c.message_id, parked.c.source),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured while it ran; seconds."""

    recoveries: Sequence[float]
    within: float
    terms: Sequence[float]


def at_rest(system: System, patience: float) -> bool:
    """Wait until everything is taken in and published; false when nothing has moved for so many seconds."""
    view, before, since = View(system.database_url), None, time.monotonic()
    try:
        while time.monotonic() - since < patience:
            left = (sum(unread(system, view).values()), view.unpublished())
            if left == (0, 0):
                return True
            if left != before:
                before, since = left, time.monotonic()
            time.sleep(0.2)
        return False
    finally:
        view.close()


def unread(system: System, view: View) -> dict[Partition, int]:
    """How many records of each inbound partition are not taken in."""
    return behind(view.positions() or {}, logs.ends(system.node.settings(), INBOUND))


def observe(
    system: System,
    ledger: Ledger,
    earlier: Mapping[Place, bytes],
    lives: Mapping[str, int],
    figures: Figures,
) -> Observed:
    """Everything. ``earlier`` is what stood in topics that were deleted since."""
    broker = system.node.settings()
    inbound = dict(earlier)
    for topic in INBOUND:
        inbound |= logs.inbound(broker, topic, lives[topic])
    patients = {good.patient for good in ledger.goods.values()}
    strangers = {poison.patient for poison in ledger.poisons.values() if poison.patient}
    view = View(system.database_url)
    seen = Observed(
        goods=ledger.goods,
        poisons=ledger.poisons,
        acknowledged=ledger.places,
        inbound=inbound,
        timelines=_timelines(system.url, patients | strangers),
        told=_told(system.database_url),
        updates={receiver: logs.updates(broker, receiver) for receiver in _RECEIVERS},
        parked=_parked(system),
        unread=unread(system, view),
        rebuilt=system.complaint("rebuild"),
        recoveries=figures.recoveries,
        within=figures.within,
        terms=figures.terms,
    )
    view.close()
    return seen


def _timelines(url: str, patients: Iterable[str]) -> dict[str, Sequence[tuple[str, str]]]:
    asked = sorted(patients)
    with (
        httpx.Client(base_url=f"{url}/fhir", timeout=60, trust_env=False) as fhir,
        ThreadPoolExecutor(4) as pool,
    ):
        return dict(zip(asked, pool.map(lambda who: timeline(fhir, who), asked), strict=True))


def _told(url: str) -> dict[str, list[Told]]:
    told: dict[str, list[Told]] = {}
    for receiver, *place in _rows(url, _TOLD):
        told.setdefault(receiver, []).append(Told(*place))
    return told


def _parked(system: System) -> list[Kept]:
    """With what it says, which stands encrypted in the database."""
    keys = load_keys(Path(system.environment["CAREPATH_KEY_FILE"]))
    with closing(open_database(system.database_url, keys)) as database, database.read() as conn:
        return [
            Kept(id_, reason, state, sender, message or id_, digest(bytes(source)))
            for id_, reason, state, sender, message, source in conn.execute(_KEPT)
        ]


def _rows(url: str, query: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query).fetchall()
