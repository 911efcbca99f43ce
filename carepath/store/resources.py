"""Reading resources: the newest version, an older one, the history, and who may see them.

Times are microseconds.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import orjson
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    exists,
    func,
    or_,
    select,
)

from carepath.store.rights import Viewer as Viewer  # noqa: PLC0414 -- told on
from carepath.store.rights import granted as granted  # noqa: PLC0414 -- told on
from carepath.store.rights import visible as visible  # noqa: PLC0414 -- told on
from carepath.store.tables import (
    events,
    resource_versions,
    resources,
    thread_aliases,
)
from carepath.store.times import instant

FOCUS: Final = (
    *("Encounter", "ServiceRequest", "Task", "Communication"),
    *("CarePlan", "Appointment", "CareTeam", "Consent"),
)
"""What entries are about."""


@dataclass(frozen=True, slots=True)
class Stored:
    """One version of a resource; ``body`` is FHIR JSON with meta. ``patient``: the key of whom it is about."""

    type: str
    id: str
    version: int
    updated: datetime
    deleted: bool
    body: bytes
    patient: str | None = None


NEWEST = select(
    resources.c.type,
    resources.c.id,
    resources.c.version,
    resources.c.updated,
    resources.c.deleted,
    resources.c.patient,
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
    updated, deleted, body = instant(row["updated"]), bool(row["deleted"]), bytes(row["body"])
    return Stored(row["type"], row["id"], row["version"], updated, deleted, body, row["patient"])


def shown(found: Stored, viewer: Viewer) -> Stored:
    """The same as ``viewer`` may see it, noted as given out to them; of what is gone, nothing is."""
    if not found.deleted:
        viewer.disclosed.tell(found.patient, found.type, (found.id,))
    if found.type == "Patient" and not viewer.may_locate(found.id):
        body = {name: told for name, told in orjson.loads(found.body).items() if name != "address"}
        return replace(found, body=orjson.dumps(body))
    return found


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
        rows = conn.execute(NEWEST.where(or_(*wanted))).mappings()
        yield from (shown(stored(row), viewer) for row in rows)


def vread(conn: Connection, type_: str, id_: str, version: int, viewer: Viewer) -> Stored | None:
    """One version, exactly as it was given out then."""
    wanted = _VERSIONS.where(*_one(type_, id_, viewer), resource_versions.c.version == version)
    row = conn.execute(wanted).mappings().first()
    return None if row is None else shown(stored(row), viewer)


def history(
    conn: Connection, type_: str, id_: str, viewer: Viewer, *, count: int, before: int
) -> list[Stored]:
    """At most ``count`` versions below ``before``, newest first."""
    number = resource_versions.c.version
    wanted = _VERSIONS.where(*_one(type_, id_, viewer), number < before)
    newest_first = wanted.order_by(number.desc()).limit(count)
    return [shown(stored(row), viewer) for row in conn.execute(newest_first).mappings()]


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
    return [shown(found, viewer) for found in map(stored, rows) if not found.deleted]


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
    resources.c.patient,
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
    return None if row is None else shown(stored(row), viewer)
