"""A matter for a reader who was told only a part of it: made of that part, when they ask.

What the matter looks like to those who know all of it tells what this reader was not told. So they get the resources
that their entries alone would have made. Of the versions there are, they have those that came with an entry of theirs.
What others promised each other in the matter is none of their business. Times are microseconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import orjson
from sqlalchemy import Connection, select

from carepath.store import codec
from carepath.store.indexing import Found, Place
from carepath.store.making import Made, Part
from carepath.store.rights import Viewer, of_entry
from carepath.store.stored import Stored
from carepath.store.tables import events, promises, resource_versions
from carepath.store.times import micros, stamp
from pathways.messages import Record

_NEVER: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Seen:
    """A resource as somebody sees it. ``found``: what it is found by, where that is not what the index says."""

    stored: Stored
    found: Found | None = None


def seen(
    conn: Connection, rows: Sequence[Stored], viewer: Viewer, as_of: int = _NEVER
) -> list[Seen | None]:
    """Each of the rows as ``viewer`` sees it, in the newest version of theirs up to that one; ``None``: not at all.

    ``as_of``: by what they had been told at that moment.
    """
    parts = [one for one in rows if one.part]
    cut = _cut(conn, parts, viewer, as_of) if parts else {}
    return [_as_seen(one, cut) for one in rows]


def _as_seen(one: Stored, cut: Mapping[tuple[Place, int], Seen]) -> Seen | None:
    return cut.get((one.place, one.version)) if one.part else Seen(one)


@dataclass(frozen=True, slots=True)
class _Known:
    """A version of a reader's own, and what they had been told by then: since the last of that it is as it is."""

    version: int
    part: Part

    @property
    def key(self) -> tuple[str, int]:
        """Which matter, and how much of it: they were told of one entry after the other."""
        return self.part[0], len(self.part[1])


def _cut(
    conn: Connection, rows: Sequence[Stored], viewer: Viewer, as_of: int
) -> dict[tuple[Place, int], Seen]:
    records = _records(conn, {one.thread for one in rows}, viewer, as_of)
    versions = _versions(conn, {one.place for one in rows})
    known = {
        (one.place, one.version): found
        for one in rows
        if (found := _known(one, versions[one.place], records.get(one.thread or "", ())))
    }
    parts = {one.key: one.part for one in known.values()}
    made = dict(zip(parts, viewer.parts(conn, [*parts.values()]), strict=True)) if parts else {}
    owed = _owed(conn, {one.id for one in rows if one.type == "Task"}, viewer)
    cut: dict[tuple[Place, int], Seen] = {}
    for one in rows:
        at = one.place, one.version
        if one.type == "Task" and one.id in owed:
            cut[at] = Seen(one)
        elif (found := known.get(at)) and (shown := made[found.key].get(one.place)):
            cut[at] = Seen(_version(one, found, shown), shown.found)
    return cut


def _records(
    conn: Connection, threads: Collection[str | None], viewer: Viewer, as_of: int
) -> dict[str, list[Record]]:
    """What they were told of these matters, in the order in which it came."""
    at = events.c
    told = of_entry(viewer, at.patient, at.thread, at.id)
    wanted = select(events).where(at.thread.in_([*threads]), at.received <= as_of, *told)
    found: dict[str, list[Record]] = {}
    for row in conn.execute(wanted.order_by(at.received, at.id)).mappings():
        found.setdefault(row["thread"], []).append(codec.record(row))
    return found


def _versions(conn: Connection, places: Collection[Place]) -> dict[Place, list[tuple[int, int]]]:
    """All versions of these, oldest first, each with when it was made."""
    at = resource_versions.c
    of_types = at.type.in_({type_ for type_, _ in places}), at.id.in_({id_ for _, id_ in places})
    wanted = select(at.type, at.id, at.version, at.updated).where(*of_types).order_by(at.version)
    found: dict[Place, list[tuple[int, int]]] = {place: [] for place in places}
    for type_, id_, version, updated in conn.execute(wanted):
        if (type_, id_) in found:
            found[type_, id_].append((version, updated))
    return found


def _known(
    one: Stored, versions: Sequence[tuple[int, int]], records: Sequence[Record]
) -> _Known | None:
    """The newest version up to ``one`` that came with a record of theirs: what came before the next one was made."""
    newest, known = None, 0
    for (version, _), (_, following) in pairwise([*versions, (0, _NEVER + 1)]):
        told = tuple(record for record in records if micros(record.received) < following)
        if version <= one.version and len(told) > known:
            newest, known = _Known(version, (one.thread or "", told)), len(told)
    return newest


def _version(one: Stored, known: _Known, made: Made) -> Stored:
    updated = known.part[1][-1].received
    meta = {"versionId": str(known.version), "lastUpdated": stamp(updated)}
    whole = {**made.resource, "meta": {**made.resource.get("meta", {}), **meta}}
    return replace(one, version=known.version, updated=updated, body=orjson.dumps(whole))


def _owed(conn: Connection, ids: Collection[str], viewer: Viewer) -> set[str]:
    """Those of the Tasks that are promises by or to the reader, who know all about them."""
    if not ids:
        return set()
    at = promises.c
    sides = at.responsible.in_(viewer.readers) | at.other.in_(viewer.readers)
    return {*conn.execute(select(at.id).where(at.id.in_(ids), sides)).scalars()}
