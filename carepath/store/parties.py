"""The directory in the store: parties, and each one as a versioned Organization.

``meta.directory`` counts the changes, so whoever keeps a ``Directory`` knows when it is stale.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from carepath.store import codec, indexing, transports, versions
from carepath.store.blind import Keys
from carepath.store.indexing import Found
from carepath.store.tables import meta, parties
from carepath.store.upserts import insert_new, replace_rows
from pathways.parties import Directory, Party

_COUNTER = "directory"


def directory(conn: Connection) -> Directory:
    """Everybody who is known."""
    return Directory({party.key: party for party in listed(conn)})


def directory_version(conn: Connection) -> int:
    """A number that rises whenever a party is entered or changed."""
    return conn.execute(select(meta.c.value).where(meta.c.name == _COUNTER)).scalar() or 0


def listed(conn: Connection) -> list[Party]:
    """All parties, by key."""
    bodies = conn.execute(select(parties.c.body).order_by(parties.c.key)).scalars()
    return [codec.party(body) for body in bodies]


def show(conn: Connection, key: str) -> Party | None:
    """One party."""
    body = conn.execute(select(parties.c.body).where(parties.c.key == key)).scalar()
    return None if body is None else codec.party(body)


def upsert(
    conn: Connection,
    keys: Keys,
    party: Party,
    organization: Mapping[str, Any],
    found: Found,
    now: datetime,
) -> bool:
    """Enter or change a party. ``organization`` is its FHIR resource, ``found`` what that is searched by.

    False when nothing is new.
    """
    body = codec.party_body(party)
    known = conn.execute(select(parties.c.body).where(parties.c.key == party.key)).scalar()
    if known is not None and bytes(known) == body:
        return False
    replace_rows(conn, parties, [{"key": party.key, "seen": party.seen, "body": body}])
    versions.keep(conn, organization, now)
    indexing.write(conn, keys, {}, {("Organization", party.key): found})
    transports.follow(conn, party)
    _count(conn)
    return True


def _count(conn: Connection) -> None:
    insert_new(conn, meta, [{"name": _COUNTER, "value": 0}])
    mine = update(meta).where(meta.c.name == _COUNTER)
    conn.execute(mine.values(value=meta.c.value + 1))
