"""Who works where, in which role, from when until when. A membership is ended, never deleted.

A person is found by the blind index of any identifier; their name and that identifier are sealed.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import Connection, RowMapping, insert, or_, select, update

from carepath.store.blind import Keys
from carepath.store.tables import members
from carepath.store.times import instant, micros, when
from pathways.access import Role
from pathways.parties import Identifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """``identifier`` is the person's: a national id, an HPR number, or the subject of an OIDC issuer.

    ``party`` is the directory key of where they work; ``None`` for the broker's own operators.
    """

    id: str
    identifier: Identifier
    name: str
    party: str | None
    role: Role
    since: datetime
    until: datetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        """Whether it holds at ``moment`` (from included, to excluded)."""
        return self.since <= moment and (self.until is None or moment < self.until)


def blind(keys: Keys, identifier: Identifier) -> bytes:
    """What a person is found by: another index than that of patients, so that a copy of both tells nothing."""
    return keys.blind(f"person|{identifier.system}|{identifier.value}")


def add(  # noqa: PLR0913, PLR0917 -- a membership's parts
    conn: Connection,
    keys: Keys,
    identifier: Identifier,
    name: str,
    party: str | None,
    role: Role,
    since: datetime,
    until: datetime | None = None,
) -> Membership:
    """Enter a membership under a new id."""
    id_ = secrets.token_hex(6)
    written = {"name": name, "system": identifier.system, "value": identifier.value}
    row = {
        "id": id_,
        "person": blind(keys, identifier),
        "party": party,
        "role": role,
        "since": micros(since),
        "until": until and micros(until),
        "body": keys.seal(orjson.dumps(written).decode(), _about(id_)),
    }
    conn.execute(insert(members).values(row))
    return Membership(
        id=id_,
        identifier=identifier,
        name=name,
        party=party,
        role=role,
        since=since,
        until=until,
    )


def listed(conn: Connection, keys: Keys, party: str | None = None) -> list[Membership]:
    """All there are and were, or those of one party: by party, the oldest first."""
    query = select(members).order_by(members.c.party, members.c.since, members.c.id)
    if party is not None:
        query = query.where(members.c.party == party)
    return [_read(row, keys) for row in conn.execute(query).mappings()]


def of_person(
    conn: Connection, keys: Keys, identifiers: Iterable[Identifier], at: datetime
) -> list[Membership]:
    """Those of whoever has one of the identifiers that hold at ``at``; the oldest first."""
    known = [blind(keys, identifier) for identifier in identifiers]
    moment = micros(at)
    holds = (
        members.c.since <= moment,
        or_(members.c.until.is_(None), members.c.until > moment),
    )
    query = select(members).where(members.c.person.in_(known), *holds)
    rows = conn.execute(query.order_by(members.c.since, members.c.id)).mappings()
    return [_read(row, keys) for row in rows]


def show(conn: Connection, keys: Keys, id_: str) -> Membership | None:
    """One membership."""
    row = conn.execute(select(members).where(members.c.id == id_)).mappings().first()
    return None if row is None else _read(row, keys)


def end(conn: Connection, id_: str, until: datetime) -> None:
    """It holds until then."""
    conn.execute(update(members).where(members.c.id == id_).values(until=micros(until)))


def ids_of(conn: Connection, keys: Keys, identifiers: Sequence[Identifier]) -> list[str]:
    """The ids of every membership that names the person by one of these, ended ones too."""
    known = [blind(keys, identifier) for identifier in identifiers]
    return [*conn.execute(select(members.c.id).where(members.c.person.in_(known))).scalars()]


def _read(row: RowMapping, keys: Keys) -> Membership:
    body = orjson.loads(keys.unseal(bytes(row["body"]), _about(row["id"])))
    return Membership(
        id=row["id"],
        identifier=Identifier(body["system"], body["value"]),
        name=body["name"],
        party=row["party"],
        role=Role(row["role"]),
        since=instant(row["since"]),
        until=when(row["until"]),
    )


def _about(id_: str) -> bytes:
    return f"member|{id_}".encode()
