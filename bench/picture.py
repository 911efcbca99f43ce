"""Drawing a timeline: two thousand entries of one patient, laid out and written as SVG; and the list beside it."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

from bench.figures import Figure, latencies
from carepath.service.terms import NORWAY
from carepath.ui.patient.view import View
from carepath.ui.picture.zoom import Asked
from carepath.ui.values import PatientPage
from carepath.ui.words import Words
from pathways.deadlines import Terms
from pathways.pathway import Header
from pathways.timeline import entries
from tests.e2e import staging
from tests.unit import story_records

PART = "Drawing a timeline"
ENTRIES = 2000
TIMES = 20
_AIM = 300.0  # ms


def run() -> Iterator[Figure]:
    """In this process: no store and no server."""
    shown = _page()
    for name, draw in (("picture", _picture), ("list", _list)):
        first, *seconds = [_timed(draw, shown) for _ in range(TIMES + 1)]
        median, worst = latencies(PART, "–", f"{ENTRIES:,} entries: {name}", seconds)
        yield median
        yield replace(worst, aim=_AIM)
        yield Figure(
            part=PART,
            store="–",
            name=f"{ENTRIES:,} entries: {name}, for the first time",
            value=first * 1000,
            unit="ms",
        )


def _page() -> PatientPage:
    """The demo's story every other week, years of it."""
    at = datetime.now(UTC)
    told = story_records.records(staging.years(ENTRIES, at.date()))
    threads = story_records.threads(told)
    terms = Terms(NORWAY, story_records.DIRECTORY)
    return PatientPage(
        header=Header(),
        at=at,
        received=at,
        known=[at],
        threads=threads,
        entries=entries(told),
        commitments=[c for thread in threads for c in terms.commitments(thread, Header())],
        parties=story_records.DIRECTORY.parties,
        takers={},
    )


def _view(shown: PatientPage) -> View:
    return View(shown, Asked(), Words("nb", shown.parties))


def _picture(shown: PatientPage) -> None:
    _view(shown).svg()


def _list(shown: PatientPage) -> None:
    _view(shown).months()


def _timed(draw: Callable[[PatientPage], None], shown: PatientPage) -> float:
    begun = time.perf_counter()
    draw(shown)
    return time.perf_counter() - begun
