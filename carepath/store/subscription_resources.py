"""Subscriptions as resources: each change is a version, read like every other resource's.

A Subscription is about no patient; who may see it, ``subscriptions`` says.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, insert, select, update

from carepath.store import indexing
from carepath.store.blind import Keys
from carepath.store.indexing import Found
from carepath.store.resources import NEWEST, Stored, stored
from carepath.store.tables import resource_versions, resources
from carepath.store.times import micros
from carepath.store.upserts import replace_rows

_TYPE: Final = "Subscription"


def keep(
    conn: Connection, keys: Keys, resource: Mapping[str, Any], found: Found, now: datetime
) -> Stored:
    """Write the next version of a Subscription, which has its id; ``meta`` is given here.

    ``found`` is what it is searched by. The caller holds the row of ``subscriptions`` (``locked``, or just made).
    """
    version = _version(conn, resource["id"]) + 1
    stamp = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": stamp}
    body = orjson.dumps({**resource, "meta": meta})
    row = {"type": _TYPE, "id": resource["id"], "version": version, "updated": micros(now)}
    replace_rows(conn, resources, [{**_NO_INDEX, **row, "status": resource["status"]}])
    conn.execute(insert(resource_versions).values(**row, body=body))
    place = {(_TYPE, str(resource["id"])): found}
    indexing.write(conn, keys, place if version == 1 else {}, {} if version == 1 else place)
    return Stored(_TYPE, resource["id"], version, now, False, body)


def delete(conn: Connection, id_: str, now: datetime) -> None:
    """The last version says that it is gone; those before stay. Once is enough."""
    found = current(conn, id_)
    if found is None or found.deleted:
        return
    row = {"type": _TYPE, "id": id_, "version": found.version + 1, "updated": micros(now)}
    conn.execute(insert(resource_versions).values(**row, body=found.body))
    mine = update(resources).where(resources.c.type == _TYPE, resources.c.id == id_)
    conn.execute(mine.values(**row, deleted=True))


def current(conn: Connection, id_: str) -> Stored | None:
    """The newest version, whoever asks."""
    mine = NEWEST.where(resources.c.type == _TYPE, resources.c.id == id_)
    row = conn.execute(mine).mappings().first()
    return None if row is None else stored(row)


def _version(conn: Connection, id_: str) -> int:
    mine = select(resources.c.version).where(resources.c.type == _TYPE, resources.c.id == id_)
    return conn.execute(mine).scalar() or 0


_NO_INDEX: Final[Mapping[str, Any]] = {column.name: None for column in resources.columns} | {
    "deleted": False
}
