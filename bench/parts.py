"""What it costs that somebody was told only a part: searches over all stays of a region, page by page.

Three readers ask the same: one who sees all, one who was told all of every stay, one who was told a part of each.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import orjson
from sqlalchemy import Connection, event, literal, select

from bench import stores
from bench.figures import Figure, percentile
from bench.messages import stay
from bench.pipe import handled
from carepath.service import Service, ServiceOptions
from carepath.service.viewers import receiver
from carepath.store import search
from carepath.store.criteria import ByValue, Criterion, Token
from carepath.store.database import Database
from carepath.store.rights import Viewer
from carepath.store.search import Search
from carepath.store.tables import events, grants
from carepath.store.times import now
from pathways.events import EventCode

PART: Final = "Parts of matters"
STAYS: Final = 5_000
_MESSAGES: Final = 3
_BATCH: Final = 100
_ROUNDS: Final = 15
_COUNT: Final = 50
_READERS: Final[Mapping[str | None, str]] = {
    None: "sees all",
    "whole": "told all",
    "part": "told a part",
}
_SEARCHES: Final[Mapping[str, tuple[Criterion, ...]]] = {
    "all stays": (),
    "those in progress": (ByValue("status", (Token(None, "in-progress"),)),),
}
_MOST: Final = 10.0
"""A page for somebody told a part of each, divided by one for somebody told all of each."""


def run() -> Iterator[Figure]:
    """Both stores."""
    for store in stores.STORES:
        with stores.fresh(store) as url, stores.opened(url) as database:
            _fill(database)
            yield from _searched(store, database)


def _fill(database: Database) -> None:
    take = handled(Service(database, ServiceOptions(quiet=True)), _BATCH * _MESSAGES)
    for _ in range(0, STAYS, _BATCH):
        stays = [islice(stay(), _MESSAGES) for _ in range(_BATCH)]
        take([orjson.dumps(one) for told in stays for one in told])
    with database.write() as conn:
        _grant(conn, "whole")
        _grant(conn, "part", events.c.code != EventCode.ADMISSION_REPORT)


def _grant(conn: Connection, reader: str, *which: Any) -> None:
    at = events.c
    names = ["patient", "reader", "event", "thread", "basis", "since"]
    rows = select(at.patient, literal(reader), at.id, at.thread, literal("sent"), literal(0))
    conn.execute(grants.insert().from_select(names, rows.where(*which)))


def _searched(store: str, database: Database) -> Iterator[Figure]:
    for name, criteria in _SEARCHES.items():
        taken = {}
        for reader, called in _READERS.items():
            viewer = receiver(reader, now())
            asked = Search(type="Encounter", criteria=criteria, viewer=viewer)

            def page(conn: Connection, asked: Search = asked) -> object:
                return search.page(conn, database.keys, asked, count=_COUNT, after=None)

            def total(conn: Connection, asked: Search = asked) -> object:
                return search.total(conn, database.keys, asked)

            for what, ask in (("a page", page), ("their number", total)):
                seconds, queries = _asked(database, viewer, ask)
                taken[called, what] = seconds
                about = f"{name}, {what}, {called}"
                yield _figure(store, about, seconds * 1000, "ms")
                yield _figure(store, f"{about}: queries", queries, "")
        ratio = taken["told a part", "a page"] / taken["told all", "a page"]
        yield _figure(store, f"{name}, a page, told a part / told all", ratio, "×", _MOST)


def _asked(
    database: Database, viewer: Viewer, ask: Callable[[Connection], object]
) -> tuple[float, int]:
    """The median of the seconds it takes, and how many queries it makes."""
    seconds, number = [], 0
    for _ in range(_ROUNDS):
        with database.seen_by(viewer) as conn, _counted(conn) as queries:
            begun = time.perf_counter()
            ask(conn)
            seconds.append(time.perf_counter() - begun)
            number = len(queries)
    return percentile(seconds, 0.5), number


@contextmanager
def _counted(conn: Connection) -> Iterator[list[str]]:
    made: list[str] = []

    def note(*about: Any) -> None:
        made.append(about[2])

    event.listen(conn, "before_cursor_execute", note)
    try:
        yield made
    finally:
        event.remove(conn, "before_cursor_execute", note)


def _figure(store: str, name: str, value: float, unit: str, aim: float | None = None) -> Figure:
    return Figure(part=PART, store=store, name=name, value=value, unit=unit, aim=aim)
