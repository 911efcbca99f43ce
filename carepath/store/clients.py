"""Registered clients: whose systems may sign in, with which public keys. A change is a new row; nothing is deleted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from carepath.store.blind import Keys
from carepath.store.tables import clients, used_ids
from carepath.store.times import instant, micros, when
from pathways.access import Role


class Unregistered(Exception):
    """No client has that id now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A system of ``party``'s, as registered from ``since`` until ``until`` (both UTC).

    Its public keys are in ``jwks`` or at ``jwks_url``. ``acts_for``: whom it may act as besides its own house.
    ``ended``: when that was changed or revoked, and ``reason`` why.
    """

    id: str
    party: str
    role: Role
    scopes: tuple[str, ...]
    since: datetime
    acts_for: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    jwks_url: str | None = None
    until: datetime | None = None
    ended: datetime | None = None
    reason: str | None = None

    def holds_at(self, moment: datetime) -> bool:
        """Whether it may sign in at ``moment``."""
        return self.since <= moment and (self.until is None or moment < self.until)


def show(conn: Connection, id_: str, at: datetime) -> Client | None:
    """The client as it is registered at ``at``."""
    rows = conn.execute(select(clients).where(clients.c.id == id_)).mappings()
    found = (_client(dict(row)) for row in rows)
    return next((client for client in found if client.holds_at(at)), None)


def listed(conn: Connection) -> list[Client]:
    """All registrations there are and were, those of a client in order."""
    rows = conn.execute(select(clients).order_by(clients.c.id, clients.c.since)).mappings()
    return [_client(dict(row)) for row in rows]


def enter(conn: Connection, client: Client) -> Client | None:
    """Register a client from ``client.since`` on; what was registered before ends then, and is returned."""
    before = show(conn, client.id, client.since)
    if before is not None:
        _end(conn, before, client.since, "changed")
    row = {
        "id": client.id,
        "since": micros(client.since),
        "until": client.until and micros(client.until),
        "party": client.party,
        "role": client.role,
        "scopes": " ".join(client.scopes),
        "acts_for": " ".join(client.acts_for),
        "jwks": orjson.dumps(client.jwks).decode() if client.jwks else None,
        "jwks_url": client.jwks_url,
    }
    conn.execute(insert(clients).values(row))
    return before


def revoke(conn: Connection, id_: str, at: datetime, reason: str) -> Client:
    """It may not sign in any more. Raises ``Unregistered``."""
    known = show(conn, id_, at)
    if known is None:
        raise Unregistered(id_)
    _end(conn, known, at, reason)
    return known


def _end(conn: Connection, client: Client, at: datetime, reason: str) -> None:
    mine = (clients.c.id == client.id) & (clients.c.since == micros(client.since))
    ended = {"until": micros(at), "ended": micros(at), "reason": reason}
    conn.execute(update(clients).where(mine).values(ended))


def use(conn: Connection, keys: Keys, said: tuple[str, ...], until: int, now: int) -> bool:
    """Whether what is ``said`` is said for the first time; it is remembered until ``until`` (both microseconds).

    Called in a transaction of its own: of two at the same moment, one is the first.
    """
    conn.execute(delete(used_ids).where(used_ids.c.until < now))
    blind = keys.blind("\x1f".join(("used", *said)))
    try:
        with conn.begin_nested():
            conn.execute(insert(used_ids).values(blind=blind, until=until))
    except IntegrityError:
        return False
    return True


def _client(row: dict[str, Any]) -> Client:
    return Client(
        id=row["id"],
        party=row["party"],
        role=Role(row["role"]),
        scopes=tuple(row["scopes"].split()),
        since=instant(row["since"]),
        acts_for=tuple(row["acts_for"].split()),
        jwks=orjson.loads(row["jwks"]) if row["jwks"] else None,
        jwks_url=row["jwks_url"],
        until=when(row["until"]),
        ended=when(row["ended"]),
        reason=row["reason"],
    )
