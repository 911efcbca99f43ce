"""The directory in the store: parties, and each one as a versioned Organization.

``meta.directory`` is another number after each change, so the ``Directory`` is made again only then.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, case, select, update

from carepath.store import codec, indexing, transports, versions
from carepath.store.blind import Keys
from carepath.store.indexing import Found
from carepath.store.tables import meta, parties
from carepath.store.times import now
from carepath.store.upserts import insert_new, replace_rows
from pathways.parties import Directory, Party

_COUNTER = "directory"


_known: Final[WeakKeyDictionary[Engine, tuple[int, Directory]]] = WeakKeyDictionary()


def directory(conn: Connection) -> Directory:
    """Everybody who is known: the same value until the directory changes."""
    version = directory_version(conn)
    known = _known.get(conn.engine)
    if known is None or known[0] != version:
        known = version, Directory({party.key: party for party in listed(conn)})
        _known[conn.engine] = known
    return known[1]


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
    at: datetime,
) -> bool:
    """Enter or change a party. ``organization`` is its FHIR resource, ``found`` what that is searched by.

    False when nothing is new.
    """
    body = codec.party_body(party)
    known = conn.execute(select(parties.c.body).where(parties.c.key == party.key)).scalar()
    if known is not None and bytes(known) == body:
        return False
    replace_rows(conn, parties, [{"key": party.key, "seen": party.seen, "body": body}])
    versions.keep(conn, organization, at)
    indexing.write(conn, keys, {}, {("Organization", party.key): found})
    transports.follow(conn, party)
    _count(conn)
    return True


def _count(conn: Connection) -> None:
    """By the clock: what is rolled back has a number that no other change ever gets."""
    insert_new(conn, meta, [{"name": _COUNTER, "value": 0}])
    known, at = meta.c.value, now()
    mine = update(meta).where(meta.c.name == _COUNTER)
    conn.execute(mine.values(value=case((known < at, at), else_=known + 1)))
