"""What is new for many Subscriptions at once: their subscribers are connected, and look whenever a feed has grown.

Times are microseconds.
"""

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, select, true, update

from carepath.store import receipts
from carepath.store.subscriptions import events_with
from carepath.store.tables import subscription_events, subscriptions


def newest(
    conn: Connection, ids: Collection[str], late: int, limit: int
) -> dict[str, list[Row[Any]]]:
    """Of the ``late`` last numbers of each Subscription the first ``limit``; rows as ``subscriptions.places``."""
    upto = subscriptions.c.numbered - late
    at = subscription_events.c
    wanted = (
        events_with(at.subscription, at.number)
        .join(subscriptions, subscriptions.c.id == at.subscription)
        .where(subscriptions.c.id.in_(ids), at.number > upto, at.number <= upto + limit)
        .order_by(at.subscription, at.number)
    )
    found: dict[str, list[Row[Any]]] = {id_: [] for id_ in ids}
    for row in conn.execute(wanted):
        found[row.subscription].append(row)
    return found


def delivered(conn: Connection, upto: Mapping[str, int], now: int) -> None:
    """Note that subscribers were sent everything up to a number at ``now``."""
    raised = [{"_id": id_, "_number": upto[id_], "_at": now} for id_ in sorted(upto)]
    if raised:
        conn.execute(_RAISE, raised)
        whose = select(subscriptions.c.receiver).where(subscriptions.c.id.in_([*upto]))
        receipts.heard(conn, dict.fromkeys(conn.execute(whose).scalars(), true()), now)


_RAISE: Final = (
    update(subscriptions)
    .where(subscriptions.c.id == bindparam("_id"), subscriptions.c.delivered < bindparam("_number"))
    .values(delivered=bindparam("_number"), told=bindparam("_at"))
)
