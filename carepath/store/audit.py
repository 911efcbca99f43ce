"""The access log: lines are written, and read again. They are never changed; ``audit_chain`` seals them.

Times are microseconds.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, Connection, RowMapping, insert, or_, select

from carepath.store import glass
from carepath.store.blind import Keys
from carepath.store.failpoints import reached
from carepath.store.rights import granted
from carepath.store.tables import access_log, grants
from carepath.store.times import instant, micros
from pathways.access import PERSON, Basis, Purpose, Role
from pathways.access_log import Act, Line, Value, Who, canonical

WRITTEN: Final = (
    *("id", "at", "act", "role", "party", "client", "person", "purpose", "basis"),
    *("patient", "interaction", "shown", "sealed", "request", "outcome"),
)
"""What a line says, in the order in which it is tagged."""
SAID: Final = (*WRITTEN, "tag")
"""What is sealed, in the order in which it is hashed."""


def line_id(at: int) -> str:
    """A new id; those of later lines sort behind it."""
    return f"{at:016x}-{secrets.token_hex(8)}"


def write(conn: Connection, keys: Keys, lines: Sequence[Line]) -> None:
    """Keep the lines, in the caller's transaction."""
    reached("before_audit")
    if lines:
        conn.execute(insert(access_log), [_row(keys, line) for line in lines])


def is_written(conn: Connection, request: str, since: int) -> bool:
    """Whether a line of that request was written at ``since`` or later."""
    mine = access_log.c.id >= f"{since:016x}", access_log.c.request == request
    return conn.execute(select(access_log.c.id).where(*mine).limit(1)).first() is not None


def with_basis(conn: Connection, lines: Sequence[Line], now: int) -> list[Line]:
    """The lines with what gave each reader its right to see the patient at ``now``; where none is needed, as is."""
    if not needs_basis(lines):
        return [*lines]
    asked = {(reader, one.patient) for one in lines if one.patient for reader in _readers(one)}
    held = (
        select(grants.c.reader, grants.c.patient, grants.c.basis)
        .where(granted({reader for reader, _ in asked}, now))
        .where(grants.c.patient.in_({patient for _, patient in asked}))
        .distinct()
    )
    found: dict[tuple[str, str], set[Basis]] = {}
    for reader, patient, basis in conn.execute(held):
        found.setdefault((reader, patient), set()).add(Basis(basis))
    return [line if line.basis else _based(line, found) for line in lines]


def needs_basis(lines: Iterable[Line]) -> bool:
    """Whether ``with_basis`` has anything to look for."""
    return any(one.patient and not one.basis and _readers(one) for one in lines)


def _readers(line: Line) -> tuple[str, ...]:
    """The keys whose grants count: the party's, and the person's own."""
    own = f"{PERSON}{line.who.person}" if line.who.person else None
    return tuple(key for key in (line.who.party, own) if key)


def _based(line: Line, found: Mapping[tuple[str, str], Collection[Basis]]) -> Line:
    keys = ((reader, line.patient or "") for reader in _readers(line))
    return replace(line, basis=tuple(sorted({one for key in keys for one in found.get(key, ())})))


def with_reasons(conn: Connection, lines: Sequence[Line]) -> list[Line]:
    """The lines, those for which the glass was broken with why, as it was said then."""
    about = {line.patient for line in lines if line.emergency and line.patient}
    broken = glass.of_patient(conn, about) if about else []
    return [_reasoned(line, broken) if line.emergency else line for line in lines]


def _reasoned(line: Line, broken: Sequence[glass.Broken]) -> Line:
    said = [
        one.words
        for one in broken
        if (one.patient, one.person) == (line.patient, line.who.person)
        and one.at <= line.at < one.until
    ]
    return replace(line, who=replace(line.who, reason=said[0])) if said else line


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which lines: of these patients, of these parties (``None``: whoever's), from ``since`` until before ``until``."""

    patients: Collection[str] | None = None
    parties: Collection[str] | None = None
    since: int | None = None
    until: int | None = None


def listed(
    conn: Connection,
    keys: Keys,
    asked: Asked,
    *,
    limit: int,
    before: str | None = None,
    but: str | None = None,
) -> list[Line]:
    """At most ``limit`` lines, newest first; only those before the line ``before``, where it is given.

    ``but``: the person (``Actor.person``) whose own lines are left out.
    """
    wanted = select(access_log).where(*_where(asked))
    if but is not None:
        who = access_log.c.person
        wanted = wanted.where(or_(who.is_(None), who != but))
    if before is not None:
        wanted = wanted.where(access_log.c.id < before)
    newest_first = wanted.order_by(access_log.c.id.desc()).limit(limit)
    return [line(keys, row) for row in conn.execute(newest_first).mappings()]


def show(conn: Connection, keys: Keys, id_: str, asked: Asked | None = None) -> Line | None:
    """One line; only if it is among those that are ``asked`` for."""
    met = [] if asked is None else _where(asked)
    row = conn.execute(select(access_log).where(access_log.c.id == id_, *met)).mappings().first()
    return None if row is None else line(keys, row)


def _where(asked: Asked) -> list[ColumnElement[bool]]:
    met: list[ColumnElement[bool]] = []
    if asked.patients is not None:
        met.append(access_log.c.patient.in_([*asked.patients]))
    if asked.parties is not None:
        met.append(access_log.c.party.in_([*asked.parties]))
    if asked.since is not None:
        met.append(access_log.c.id >= f"{asked.since:016x}")
    if asked.until is not None:
        met.append(access_log.c.id < f"{asked.until:016x}")
    return met


# --- rows


def _row(keys: Keys, one: Line) -> dict[str, Any]:
    who = one.who
    told = {"name": who.name, "reason": who.reason, "query": one.query, "network": one.network}
    secret = orjson.dumps({name: value for name, value in told.items() if value is not None})
    row: dict[str, Any] = {
        "id": one.id,
        "at": micros(one.at),
        "act": one.act.value,
        "role": who.role.value,
        "party": who.party,
        "client": who.client,
        "person": who.person,
        "purpose": who.purpose.value,
        "basis": ",".join(one.basis),
        "patient": one.patient,
        "interaction": one.interaction,
        "shown": orjson.dumps(one.shown),
        "sealed": keys.seal(secret.decode(), _about(one.id)),
        "request": one.request,
        "outcome": one.outcome,
    }
    return {**row, "tag": tag(keys, row)}


def line(keys: Keys, row: RowMapping) -> Line:
    """A row as a line. Raises ``cryptography.exceptions.InvalidTag`` when what is sealed in it was changed."""
    told = orjson.loads(keys.unseal(bytes(row["sealed"]), _about(row["id"])))
    who = Who(
        role=Role(row["role"]),
        party=row["party"],
        client=row["client"],
        person=row["person"],
        name=told.get("name"),
        purpose=Purpose(row["purpose"]),
        reason=told.get("reason"),
    )
    return Line(
        id=row["id"],
        at=instant(row["at"]),
        act=Act(row["act"]),
        who=who,
        basis=tuple(Basis(code) for code in row["basis"].split(",") if code),
        patient=row["patient"],
        interaction=row["interaction"],
        shown={type_: tuple(ids) for type_, ids in orjson.loads(bytes(row["shown"])).items()},
        query=told.get("query"),
        network=told.get("network"),
        request=row["request"],
        outcome=row["outcome"],
        number=row["number"],
    )


def tag(keys: Keys, row: Any) -> bytes:
    """The keyed hash that only who has the installation's key can have written; 32 bytes."""
    return hashlib.blake2b(_bytes(row, WRITTEN), key=_tagging(keys), digest_size=32).digest()


def said(row: Any) -> bytes:
    """What is sealed of a row."""
    return _bytes(row, SAID)


def _bytes(row: Any, names: Iterable[str]) -> bytes:
    return canonical(_value(row[name]) for name in names)


def _value(value: Any) -> Value:
    return bytes(value) if isinstance(value, bytes | memoryview) else value


def _about(id_: str) -> bytes:
    return b"access log " + id_.encode()


@lru_cache(maxsize=4)
def _tagging(keys: Keys) -> bytes:
    return keys.derived(b"carepath access log tag 1", 32)
