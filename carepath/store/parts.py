"""A matter for a reader who was told only a part of it: made of that part, when they ask.

What the matter looks like to those who know all of it tells what this reader was not told. So they get the resources
that their entries alone would have made, version by version, as if nothing else had been told: not even a version's
number or time says that there was more (``docs/adr/0025``). What others promised each other in the matter is none of
their business.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Final, TypeVar

import orjson
from sqlalchemy import Connection, func, select

from carepath.store import matters
from carepath.store.indexing import Found, Place
from carepath.store.making import Made, Part
from carepath.store.rights import Viewer
from carepath.store.stored import Stored
from carepath.store.tables import resource_versions
from carepath.store.times import instant, stamp
from pathways.messages import Record


@dataclass(frozen=True, slots=True)
class Seen:
    """A resource as somebody sees it. ``made``: of what they were told, where that is only a part."""

    stored: Stored
    made: Made | None = None

    @property
    def found(self) -> Found | None:
        """What it is found by, where that is not what the index says."""
        return self.made.found if self.made else None


def seen(
    conn: Connection, rows: Sequence[Stored], viewer: Viewer, as_of: datetime | None = None
) -> list[Seen | None]:
    """Each of the rows as ``viewer`` sees it, in the newest version of theirs; ``None``: not at all.

    ``as_of``: by what they had been told at that moment.
    """
    parts = [one for one in rows if one.part]
    own = _versions(conn, parts, viewer, as_of) if parts else {}
    return [next(iter(own[one.place][-1:]), None) if one.part else Seen(one) for one in rows]


def versions(conn: Connection, one: Stored, viewer: Viewer) -> list[Stored]:
    """All versions of what ``viewer`` was told a part of, the first one first."""
    return [version.stored for version in _versions(conn, [one], viewer)[one.place]]


def _versions(
    conn: Connection, rows: Sequence[Stored], viewer: Viewer, as_of: datetime | None = None
) -> dict[Place, list[Seen]]:
    told = matters.records(conn, {one.thread for one in rows if one.thread}, viewer, as_of)
    known = {thread: [*_steps(thread, records)] for thread, records in told.items()}
    parts = [part for steps in known.values() for part in steps]
    made = iter(viewer.parts(conn, parts)) if parts else iter(())
    shown = {thread: [(part, next(made)) for part in steps] for thread, steps in known.items()}
    first = _first(conn, {one.place for one in rows})
    return {
        one.place: _numbered(one, shown.get(one.thread or "", ()), first[one.place]) for one in rows
    }


def _first(conn: Connection, places: Collection[Place]) -> dict[Place, datetime]:
    """When there was something in these places for the first time: two matters may have become one there."""
    at = resource_versions.c
    within = at.type.in_({type_ for type_, _ in places}), at.id.in_({id_ for _, id_ in places})
    wanted = select(at.type, at.id, func.min(at.updated)).where(*within)
    rows = conn.execute(wanted.group_by(at.type, at.id))
    return {(type_, id_): instant(updated) for type_, id_, updated in rows}


def _steps(thread: str, records: Sequence[Record]) -> Iterator[Part]:
    """What was known of the matter each time something was told of it."""
    known: list[Record] = []
    for _, together in groupby(records, key=lambda one: one.received):
        known += together
        yield thread, tuple(known)


def _numbered(
    one: Stored, steps: Sequence[tuple[Part, Mapping[Place, Made]]], first: datetime
) -> list[Seen]:
    """A version for each step at which it became another, from ``first`` on."""
    found: list[Seen] = []
    before: Made | None = None
    for (_, records), shown in steps:
        made = shown.get(one.place)
        if made is None:
            continue
        if records[-1].received <= first:
            found = [_version(one, 1, records[-1], made)]
        elif before is None or made.resource != before.resource:
            found.append(_version(one, len(found) + 1, records[-1], made))
        before = made
    return found


def _version(one: Stored, number: int, newest: Record, made: Made) -> Seen:
    meta = {"versionId": str(number), "lastUpdated": stamp(newest.received)}
    whole = {**made.resource, "meta": {**made.resource.get("meta", {}), **meta}}
    return Seen(
        replace(
            one,
            version=number,
            updated=newest.received,
            deleted=False,
            body=orjson.dumps(whole),
        ),
        made,
    )


# --- pages

AT_ONCE: Final = 50
"""Rows at least that are read where those before were not all shown."""
Row = TypeVar("Row")
Shown = TypeVar("Shown")


def filled(
    most: int,
    behind: Callable[[Row | None, int], Sequence[Row]],
    shown: Callable[[Sequence[Row]], Iterable[Shown]],
) -> list[Shown]:
    """What is shown of rows, ``most`` or a few more: of the matters known in part, not every row that is found is.

    ``behind`` reads so many rows after one, ``None``: the first.
    """
    found: list[Shown] = []
    last, size = None, most
    while len(found) < most:
        rows = behind(last, size)
        found += shown(rows)
        if len(rows) < size:
            break
        last, size = rows[-1], max(size, AT_ONCE)
    return found
