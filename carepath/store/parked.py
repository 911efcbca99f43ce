"""What is authentic but could not be placed: listed, shown, tried again, dropped with a reason."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, func, select, update

from carepath.store.tables import parked
from carepath.store.times import instant


class State(StrEnum):
    """Where a parked message stands."""

    OPEN = "open"
    PLACED = "placed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A parked message, without what it says."""

    id: str
    received: datetime
    reason: str
    state: State
    sender: str | None
    message_id: str | None
    patient: str | None
    media_type: str
    note: str | None


_COLUMNS = tuple(column for column in parked.c if column.name not in {"source", "due"})


def waiting(conn: Connection, senders: Collection[str] | None) -> int:
    """How many open ones these senders have (``None``: all)."""
    wanted = select(func.count()).where(parked.c.state == State.OPEN)
    if senders is not None:
        wanted = wanted.where(parked.c.sender.in_(senders))
    return conn.execute(wanted).scalar_one()


def listed(
    conn: Connection,
    state: State | None = State.OPEN,
    senders: Collection[str] | None = None,
    limit: int | None = None,
) -> list[Parked]:
    """Parked messages in that state (``None``: in any) of these senders (``None``: of all), oldest first."""
    wanted = select(*_COLUMNS).order_by(parked.c.received, parked.c.id).limit(limit)
    if state is not None:
        wanted = wanted.where(parked.c.state == state)
    if senders is not None:
        wanted = wanted.where(parked.c.sender.in_(senders))
    return [_parked(dict(row)) for row in conn.execute(wanted).mappings()]


def show(conn: Connection, id_: str) -> Parked | None:
    """One parked message."""
    row = conn.execute(select(*_COLUMNS).where(parked.c.id == id_)).mappings().first()
    return None if row is None else _parked(dict(row))


def lock(conn: Connection, id_: str) -> Parked | None:
    """One that is open, which nobody else changes until the transaction ends."""
    mine = parked.c.id == id_, parked.c.state == State.OPEN
    row = conn.execute(select(*_COLUMNS).where(*mine).with_for_update()).mappings().first()
    return None if row is None else _parked(dict(row))


def source(conn: Connection, id_: str) -> bytes | None:
    """The sender's bytes, to be tried again."""
    found = conn.execute(select(parked.c.source).where(parked.c.id == id_)).scalar()
    return None if found is None else bytes(found)


def patient(conn: Connection, id_: str) -> str | None:
    """The key of whom it is about, as far as that is known."""
    return conn.execute(select(parked.c.patient).where(parked.c.id == id_)).scalar()


def awaken(conn: Connection, patients: Collection[str]) -> bool:
    """The open ones of these patients that wait for a matter are due now; whether there were any.

    To be called in the transaction that makes the matter known, so that none is forgotten.
    """
    if not patients:
        return False
    waiting = (
        parked.c.patient.in_(patients)
        & (parked.c.state == State.OPEN)
        & (parked.c.reason == "unknown-matter")
    )
    return conn.execute(update(parked).where(waiting).values(due=True)).rowcount > 0


def due(conn: Connection) -> list[str]:
    """Those to be tried again, oldest first."""
    return list(
        conn.execute(select(parked.c.id).where(parked.c.due).order_by(parked.c.received)).scalars()
    )


def wait_on(conn: Connection, id_: str) -> None:
    """It was tried again, and waits as before."""
    conn.execute(update(parked).where(parked.c.id == id_).values(due=False))


def close(conn: Connection, id_: str, state: State, note: str | None = None) -> bool:
    """Mark an open one as placed or dropped; false when it was not open."""
    wanted = update(parked).where(parked.c.id == id_, parked.c.state == State.OPEN)
    return conn.execute(wanted.values(state=state, note=note, due=False)).rowcount == 1


def _parked(row: dict[str, object]) -> Parked:
    return Parked(
        **{**row, "received": instant(row["received"]), "state": State(row["state"])}  # type: ignore[arg-type]
    )
