"""Who is signed in to the pages. What is kept of a person is sealed, and bound to the session."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert, or_, select, update

from carepath.store.blind import Keys
from carepath.store.tables import sessions
from carepath.store.times import instant, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A session. ``id``: the hash of what the cookie says. ``acting``: see ``session_tables``.

    ``body``: what the issuer said, as text. Times are aware and UTC.
    """

    id: bytes
    person: bytes
    acting: str | None
    begun: datetime
    seen: datetime
    ends: datetime
    body: str


def begin(conn: Connection, keys: Keys, row: Row) -> None:
    """Keep a new session."""
    conn.execute(
        insert(sessions).values(
            id=row.id,
            person=row.person,
            acting=row.acting,
            begun=micros(row.begun),
            seen=micros(row.seen),
            ends=micros(row.ends),
            body=keys.seal(row.body, _about(row.id)),
        )
    )


def show(conn: Connection, keys: Keys, id_: bytes) -> Row | None:
    """One session, whether or not it has run out."""
    row = conn.execute(select(sessions).where(sessions.c.id == id_)).mappings().first()
    if row is None:
        return None
    return Row(
        id=id_,
        person=bytes(row["person"]),
        acting=row["acting"],
        begun=instant(row["begun"]),
        seen=instant(row["seen"]),
        ends=instant(row["ends"]),
        body=keys.unseal(bytes(row["body"]), _about(id_)),
    )


def of(conn: Connection, person: bytes) -> list[bytes]:
    """The sessions of a person, the newest first, whether or not they have run out."""
    theirs = select(sessions.c.id).where(sessions.c.person == person)
    return [bytes(id_) for id_ in conn.scalars(theirs.order_by(sessions.c.begun.desc()))]


def touch(conn: Connection, id_: bytes, at: datetime) -> None:
    """It was used."""
    conn.execute(update(sessions).where(sessions.c.id == id_).values(seen=micros(at)))


def end(conn: Connection, id_: bytes) -> bool:
    """Forget a session; false when there is none."""
    return bool(conn.execute(delete(sessions).where(sessions.c.id == id_)).rowcount)


def end_of(conn: Connection, persons: Sequence[bytes], acting: Sequence[str]) -> int:
    """Forget all sessions of persons, and those that act under one of these; how many there were."""
    theirs = or_(sessions.c.person.in_(persons), sessions.c.acting.in_(acting))
    return conn.execute(delete(sessions).where(theirs)).rowcount


def forget(conn: Connection, ended: datetime, unseen: datetime) -> None:
    """Let go of those that ended before ``ended`` or were last used before ``unseen``."""
    stale = or_(sessions.c.ends < micros(ended), sessions.c.seen < micros(unseen))
    conn.execute(delete(sessions).where(stale))


def end_all(conn: Connection) -> None:
    """Nobody is signed in any more."""
    conn.execute(delete(sessions))


def _about(id_: bytes) -> bytes:
    return b"session|" + id_
