"""All data keys under a new master key; payloads stay as they are."""

from typing import Any, Final

from sqlalchemy import bindparam, delete, exists, select, update

from carepath.store import sealing
from carepath.store.database import Database
from carepath.store.keyring import Master
from carepath.store.tables import data_keys, master_keys

_PAGE: Final = 500
"""Keys in one transaction."""


def rotate(database: Database) -> int:
    """Make a new master key, wrapped by the first key port, and wrap every data key anew; how many there were.

    It may run beside servers and workers. When it was stopped in between, both master keys are there and used;
    the next rotation brings everything under its own. Master keys that wrap nothing any more go.
    Raises ``KeyServiceError``.
    """
    with database.write() as connection:
        master = sealing.add_master(connection)
    done = 0
    while page := _page(database, master):
        done += page
    with database.write() as connection:
        others = select(master_keys.c.id).where(master_keys.c.id != master.id)
        connection.execute(others.with_for_update()).all()  # waits for who wraps by one of them
    while page := _page(database, master):
        done += page
    with database.write() as connection:
        used = exists().where(data_keys.c.master == master_keys.c.id)
        connection.execute(delete(master_keys).where(master_keys.c.id != master.id, ~used))
    return done


def _page(database: Database, master: Master) -> int:
    at, ring = data_keys.c, database.keyring
    old = select(at.id, at.wrapped).where(at.master != master.id).order_by(at.id).limit(_PAGE)
    with database.write() as connection:
        changed: list[dict[str, Any]] = [
            {
                "_id": bytes(id_),
                "wrapped": ring.rewrap(bytes(id_), bytes(wrapped), master),
                "master": master.id,
            }
            for id_, wrapped in connection.execute(old.with_for_update())
        ]
        if changed:
            connection.execute(update(data_keys).where(at.id == bindparam("_id")), changed)
    return len(changed)
