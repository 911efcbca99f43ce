"""What an administrator and the operator do about parked messages: look at them, try them again, give them up."""

from carepath.service import changes
from carepath.service.answers import Answer
from carepath.service.changes import Change
from carepath.service.handle import Service
from carepath.store import audit, parked
from carepath.store.database import Connection, Database
from carepath.store.parked import Parked, State


def retry(service: Service, change: Change, id_: str) -> Answer | None:
    """Take it in once more; ``None`` when no open one has the id, or this form has had it tried."""
    with service.database.write() as conn:
        if _begin(conn, service.database, change, id_, "retry") is None:
            return None
    return service.retry(id_)


def drop(database: Database, change: Change, id_: str, reason: str) -> bool:
    """Give it up, with a reason that is kept; false when no open one has the id."""
    with database.write() as conn:
        found = _begin(conn, database, change, id_, "drop", reason)
        return found is not None and parked.close(conn, id_, State.DROPPED, reason)


def _begin(
    conn: Connection,
    database: Database,
    change: Change,
    id_: str,
    what: str,
    reason: str | None = None,
) -> Parked | None:
    found = parked.lock(conn, id_)
    if found is None or changes.is_done(conn, change):
        return None
    told = changes.line(change, what, id_, patient=found.patient, reason=reason)
    audit.write(conn, database.keys, [told])
    return found
