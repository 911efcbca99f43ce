"""The next version of a resource that is about no patient: an Organization, a Subscription."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from sqlalchemy import Connection, insert, select

from carepath.store import sealing
from carepath.store.resources import Stored
from carepath.store.tables import resource_versions, resources
from carepath.store.times import micros, stamp
from carepath.store.upserts import replace_rows


def keep(conn: Connection, resource: Mapping[str, Any], now: datetime) -> Stored:
    """Write it. The resource has its id; which version it is and since when, is told in its ``meta`` here.

    The caller sees to it that nobody else writes the same resource.
    """
    type_, id_ = resource["resourceType"], resource["id"]
    newest = select(resources.c.version).where(resources.c.type == type_, resources.c.id == id_)
    version = (conn.execute(newest).scalar() or 0) + 1
    told = {"versionId": str(version), "lastUpdated": stamp(now)}
    body = orjson.dumps({**resource, "meta": {**resource.get("meta", {}), **told}})
    row = {"type": type_, "id": id_, "version": version, "updated": micros(now)}
    replace_rows(conn, resources, [{**_NO_INDEX, **row, "status": resource.get("status")}])
    whole = sealing.rows(conn, resource_versions, [{**row, "patient": None, "body": body}])
    conn.execute(insert(resource_versions), whole)
    return Stored(type_, id_, version, now, False, body)


_NO_INDEX: Final[Mapping[str, Any]] = {column.name: None for column in resources.columns} | {
    "deleted": False
}
