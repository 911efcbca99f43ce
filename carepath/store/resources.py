"""Reading resources: the newest version, an older one, the history, and who may see them.

Times are microseconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    exists,
    func,
    or_,
    select,
)

from carepath.store.tables import (
    events,
    grants,
    resource_versions,
    resources,
    subscriptions,
    thread_aliases,
)
from carepath.store.times import instant

PERSONS: Final = frozenset({"Patient", "RelatedPerson"})
"""The patient, and the relatives, who follow the patient to every newcomer."""
ENTRIES: Final = frozenset({"Provenance", "Composition", "Communication", "Consent"})
"""What stands for one entry: it has the event's id."""
FOCUS: Final = (
    *("Encounter", "ServiceRequest", "Task", "Communication"),
    *("CarePlan", "Appointment", "CareTeam", "Consent"),
)
"""What entries are about."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and when: a directory key, or ``None`` for the operator, who sees everything."""

    reader: str | None
    now: int


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource; ``body`` is FHIR JSON with meta."""

    type: str
    id: str
    version: int
    updated: datetime
    deleted: bool
    body: bytes


NEWEST = select(
    resources.c.type,
    resources.c.id,
    resources.c.version,
    resources.c.updated,
    resources.c.deleted,
    resource_versions.c.body,
).join(
    resource_versions,
    and_(
        resource_versions.c.type == resources.c.type,
        resource_versions.c.id == resources.c.id,
        resource_versions.c.version == resources.c.version,
    ),
)
"""Every resource as it stands."""


def stored(row: RowMapping) -> Stored:
    """A row of ``NEWEST``."""
    updated, deleted = instant(row["updated"]), bool(row["deleted"])
    return Stored(row["type"], row["id"], row["version"], updated, deleted, bytes(row["body"]))


def granted(reader: str | ColumnElement[str], now: int | BindParameter[int]) -> ColumnElement[bool]:
    """A grant that ``reader`` holds at ``now``.

    It holds from when it is there. ``since`` is not asked: it is by the clock of whoever wrote it, and one that
    runs ahead, or a moment taken before the snapshot, would withhold an update from its receiver for good.
    """
    lasting = or_(grants.c.until.is_(None), grants.c.until > now)
    return and_(grants.c.reader == reader, lasting)


def visible(type_: str, viewer: Viewer) -> tuple[ColumnElement[bool], ...]:
    """What a row of ``resources`` must fulfil, by what it shows.

    The person: any grant about them. An entry: a grant on that one. Else one in its thread.
    """
    if viewer.reader is None or type_ == "Organization":
        return ()
    if type_ == "Subscription":  # its subscriber's, also after it was deleted
        own = subscriptions.c.receiver == viewer.reader
        return (exists().where(own, subscriptions.c.id == resources.c.id),)
    about = (granted(viewer.reader, viewer.now), grants.c.patient == resources.c.patient)
    if type_ in PERSONS:
        return (exists().where(*about),)
    if type_ in ENTRIES:
        return (exists().where(*about, grants.c.event == resources.c.id),)
    return (exists().where(*about, grants.c.thread == resources.c.thread),)


def read(conn: Connection, type_: str, id_: str, viewer: Viewer) -> Stored | None:
    """The resource as it stands; the id of a thread that became part of another finds that one."""
    found = _read(conn, type_, id_, viewer)
    if found is not None and not found.deleted:
        return found
    alias = select(thread_aliases.c.thread).where(thread_aliases.c.alias == id_)
    thread = conn.execute(alias).scalar()
    return found if thread is None else _read(conn, type_, thread, viewer) or found


def each(conn: Connection, places: Iterable[tuple[str, str]], viewer: Viewer) -> Iterator[Stored]:
    """Those of the resources ``(type, id)`` that there are and that ``viewer`` may see; the deleted ones too."""
    ids: dict[str, list[str]] = {}
    for type_, id_ in places:
        ids.setdefault(type_, []).append(id_)
    wanted = [
        and_(resources.c.type == type_, resources.c.id.in_(of_type), *visible(type_, viewer))
        for type_, of_type in ids.items()
    ]
    if wanted:
        yield from map(stored, conn.execute(NEWEST.where(or_(*wanted))).mappings())


def vread(conn: Connection, type_: str, id_: str, version: int, viewer: Viewer) -> Stored | None:
    """One version, exactly as it was given out then."""
    wanted = _VERSIONS.where(*_one(type_, id_, viewer), resource_versions.c.version == version)
    row = conn.execute(wanted).mappings().first()
    return None if row is None else stored(row)


def history(
    conn: Connection, type_: str, id_: str, viewer: Viewer, *, count: int, before: int
) -> list[Stored]:
    """At most ``count`` versions below ``before``, newest first."""
    number = resource_versions.c.version
    wanted = _VERSIONS.where(*_one(type_, id_, viewer), number < before)
    newest_first = wanted.order_by(number.desc()).limit(count)
    return [stored(row) for row in conn.execute(newest_first).mappings()]


def versions(conn: Connection, type_: str, id_: str, viewer: Viewer) -> int:
    """How many versions there are to see."""
    seen = _VERSIONS.where(*_one(type_, id_, viewer)).subquery()
    return conn.execute(select(func.count()).select_from(seen)).scalar_one()


def focus(
    conn: Connection, patients: tuple[str, ...], viewer: Viewer, *, as_of: int
) -> list[Stored]:
    """What the patients' entries are about as it stood at ``as_of``, as far as ``viewer`` may see it.

    A Task is there for its matter or for an entry, and has its id; that of a promise is what no entry is about.
    """
    newest = (
        select(func.max(resource_versions.c.version))
        .where(
            resource_versions.c.type == resources.c.type,
            resource_versions.c.id == resources.c.id,
            resource_versions.c.updated <= as_of,
        )
        .correlate(resources)
        .scalar_subquery()
    )
    wanted = (
        _VERSIONS.where(resources.c.patient.in_(patients), resource_versions.c.version == newest)
        .where(or_(*(and_(resources.c.type == type_, *visible(type_, viewer)) for type_ in FOCUS)))
        .where(or_(resources.c.type != "Task", _SHOWS_CARE))
        .order_by(resources.c.type, resources.c.id)
    )
    rows = conn.execute(wanted).mappings()
    return [found for found in map(stored, rows) if not found.deleted]


_SHOWS_CARE = or_(
    resources.c.id == resources.c.thread, exists().where(events.c.id == resources.c.id)
)
"""Not what is promised, also where that is no longer known."""
_VERSIONS = select(
    resource_versions.c.type,
    resource_versions.c.id,
    resource_versions.c.version,
    resource_versions.c.updated,
    and_(resources.c.deleted, resources.c.version == resource_versions.c.version).label("deleted"),
    resource_versions.c.body,
).join(
    resources,
    and_(resource_versions.c.type == resources.c.type, resource_versions.c.id == resources.c.id),
)
"""Every version of every resource; only the last can say that the resource is gone."""


def _one(type_: str, id_: str, viewer: Viewer) -> tuple[ColumnElement[bool], ...]:
    return (resources.c.type == type_, resources.c.id == id_, *visible(type_, viewer))


def _read(conn: Connection, type_: str, id_: str, viewer: Viewer) -> Stored | None:
    row = conn.execute(NEWEST.where(*_one(type_, id_, viewer))).mappings().first()
    return None if row is None else stored(row)
