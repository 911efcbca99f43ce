"""Subscriptions as resources: each change is a version, read like every other resource's.

A Subscription is about no patient; who may see it, ``subscriptions`` says.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, update

from carepath.store import indexing, sealing, versions
from carepath.store.blind import Keys
from carepath.store.indexing import Found
from carepath.store.resources import NEWEST, Stored, stored
from carepath.store.tables import resource_versions, resources
from carepath.store.times import micros

_TYPE: Final = "Subscription"


def keep(
    conn: Connection, keys: Keys, resource: Mapping[str, Any], found: Found, now: datetime
) -> Stored:
    """Write the next version of a Subscription, which has its id; ``meta`` is given here.

    ``found`` is what it is searched by. The caller holds the row of ``subscriptions`` (``locked``, or just made).
    """
    kept = versions.keep(conn, resource, now)
    place, first = {(_TYPE, kept.id): found}, kept.version == 1
    indexing.write(conn, keys, place if first else {}, {} if first else place)
    return kept


def delete(conn: Connection, id_: str, now: datetime) -> None:
    """The last version says that it is gone; those before stay. Once is enough."""
    found = current(conn, id_)
    if found is None or found.deleted:
        return
    row = {"type": _TYPE, "id": id_, "version": found.version + 1, "updated": micros(now)}
    whole = {**row, "patient": None, "body": found.body}
    conn.execute(insert(resource_versions), sealing.rows(conn, resource_versions, [whole]))
    mine = update(resources).where(resources.c.type == _TYPE, resources.c.id == id_)
    conn.execute(mine.values(**row, deleted=True))


def current(conn: Connection, id_: str) -> Stored | None:
    """The newest version, whoever asks."""
    mine = NEWEST.where(resources.c.type == _TYPE, resources.c.id == id_)
    row = conn.execute(mine).mappings().first()
    return None if row is None else stored(row)
