"""Reading resources: the newest version, an older one, the history, and who may see them.

Times are microseconds.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
from sqlalchemy import (
    Connection,
    RowMapping,
    Select,
    and_,
    exists,
    func,
    or_,
    select,
)

from carepath.store import parts
from carepath.store.parts import Seen
from carepath.store.rights import Conditions, partly
from carepath.store.rights import Viewer as Viewer  # noqa: PLC0414 -- told on
from carepath.store.rights import granted as granted  # noqa: PLC0414 -- told on
from carepath.store.rights import visible as visible  # noqa: PLC0414 -- told on
from carepath.store.stored import Stored as Stored  # noqa: PLC0414 -- told on
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


NEWEST = select(
    resources.c.type,
    resources.c.id,
    resources.c.version,
    resources.c.updated,
    resources.c.deleted,
    resources.c.patient,
    resources.c.thread,
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


def newest(viewer: Viewer) -> Select[Any]:
    """The same, each with whether ``viewer`` was told only a part of its matter."""
    return NEWEST.add_columns(partly(viewer).label("part"))


def stored(row: RowMapping) -> Stored:
    """A row of ``NEWEST``."""
    return Stored(
        row["type"],
        row["id"],
        row["version"],
        instant(row["updated"]),
        bool(row["deleted"]),
        bytes(row["body"]),
        row["patient"],
        row["thread"],
        bool(row.get("part", False)),
    )


def shown(conn: Connection, found: Sequence[Stored], viewer: Viewer) -> list[Stored]:
    """What ``viewer`` may see of these, noted as given out to them: of what is seen in part, that part."""
    return _given(parts.seen(conn, found, viewer), viewer)


def _given(found: Iterable[Seen | None], viewer: Viewer) -> list[Stored]:
    return [given(one.stored, viewer) for one in found if one]


def given(found: Stored, viewer: Viewer) -> Stored:
    """One as ``viewer`` sees it, noted as given out to them; of what is gone, nothing is."""
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
        rows = conn.execute(newest(viewer).where(or_(*wanted))).mappings()
        yield from shown(conn, [*map(stored, rows)], viewer)


def vread(conn: Connection, type_: str, id_: str, version: int, viewer: Viewer) -> Stored | None:
    """One version, exactly as it was given out then."""
    own = _parts(conn, type_, id_, viewer)
    if own is not None:
        found = [one for one in own if one.version == version]
    else:
        number, mine = resource_versions.c.version, _one(type_, id_, viewer)
        rows = conn.execute(_VERSIONS.where(*mine, number == version)).mappings()
        found = [*map(stored, rows)]
    return given(found[0], viewer) if found else None


def history(
    conn: Connection, type_: str, id_: str, viewer: Viewer, *, count: int, before: int
) -> list[Stored]:
    """At most ``count`` versions below ``before``, newest first."""
    own = _parts(conn, type_, id_, viewer)
    if own is not None:
        found = [one for one in reversed(own) if one.version < before][:count]
    else:
        number, mine = resource_versions.c.version, _one(type_, id_, viewer)
        wanted = _VERSIONS.where(*mine, number < before).order_by(number.desc()).limit(count)
        found = [*map(stored, conn.execute(wanted).mappings())]
    return [given(one, viewer) for one in found]


def versions(conn: Connection, type_: str, id_: str, viewer: Viewer) -> int:
    """How many versions there are to see."""
    own = _parts(conn, type_, id_, viewer)
    if own is not None:
        return len(own)
    there = _VERSIONS.where(*_one(type_, id_, viewer)).subquery()
    return conn.execute(select(func.count()).select_from(there)).scalar_one()


def _parts(conn: Connection, type_: str, id_: str, viewer: Viewer) -> list[Stored] | None:
    """The versions of what they were told only a part of; ``None``: they know all of it, or nothing."""
    if viewer.knows_whole:
        return None
    mine = newest(viewer).where(*_one(type_, id_, viewer), partly(viewer))
    row = conn.execute(mine).mappings().first()
    return None if row is None else parts.versions(conn, stored(row), viewer)


def focus(
    conn: Connection, patients: tuple[str, ...], viewer: Viewer, *, as_of: int
) -> list[Stored]:
    """What the patients' entries are about as it stood at ``as_of``, as far as ``viewer`` may see it.

    A Task is there for its matter or for an entry, and has its id; that of a promise is what no entry is about.
    """
    last = (
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
        _VERSIONS.add_columns(partly(viewer).label("part"))
        .where(resources.c.patient.in_(patients), resource_versions.c.version == last)
        .where(or_(*(and_(resources.c.type == type_, *visible(type_, viewer)) for type_ in FOCUS)))
        .where(or_(resources.c.type != "Task", _SHOWS_CARE))
        .order_by(resources.c.type, resources.c.id)
    )
    rows = map(stored, conn.execute(wanted).mappings())
    there = [one for one in rows if not one.deleted]
    return _given(parts.seen(conn, there, viewer, instant(as_of)), viewer)


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
    resources.c.thread,
    resource_versions.c.body,
).join(
    resources,
    and_(resource_versions.c.type == resources.c.type, resource_versions.c.id == resources.c.id),
)
"""Every version of every resource; only the last can say that the resource is gone."""


def _one(type_: str, id_: str, viewer: Viewer) -> Conditions:
    return (resources.c.type == type_, resources.c.id == id_, *visible(type_, viewer))


def _read(conn: Connection, type_: str, id_: str, viewer: Viewer) -> Stored | None:
    rows = conn.execute(newest(viewer).where(*_one(type_, id_, viewer))).mappings()
    return next(iter(shown(conn, [*map(stored, rows)], viewer)), None)
