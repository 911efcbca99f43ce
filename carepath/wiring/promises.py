"""Promises, for administration: what is owed, why one sees it, who has taken it, and what is put off."""

from carepath.service.watch import Change, Watch
from carepath.store import promises
from carepath.wiring.store import Store
from pathways.watched import Watched


def listed(store: Store, party: str | None, *, overdue: bool) -> list[Watched]:
    """What is owed, the longest due first: by a party, or by all."""
    with store.database.read() as conn:
        return promises.listed(conn, party=party, overdue=overdue)


def show(store: Store, id_: str) -> Watched | None:
    """One promise."""
    with store.database.read() as conn:
        return promises.show(conn, id_)


def change(store: Store, id_: str, how: Change) -> Watched | None:
    """Somebody takes it or puts it off; ``None``: there is no such one."""
    return Watch(store.database, store.service.options).change(id_, how)
