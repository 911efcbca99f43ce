"""Numbers: every receiver's feed without gaps, and with it every Subscription's events.

Intake only adds rows to the outbox. ``number`` gives them their numbers: on PostgreSQL it locks the feeds it works
on and leaves those another relay has locked, so several relays share the work; on SQLite there is one writer. It
needs READ COMMITTED on PostgreSQL: after the lock, it must see what the last holder wrote.
"""

from sqlalchemy import Connection, Subquery, case, func, select, update

from carepath.store import feed, subscription_numbers
from carepath.store.tables import events, feeds, outbox
from carepath.store.upserts import insert_new


def number(conn: Connection, limit: int = 1000) -> dict[str, int]:
    """Give pending rows their numbers; the newest number of every feed that got some."""
    claimed = _claim(conn)
    if not claimed:
        return {}
    places = _places(claimed, limit)
    numbered = conn.execute(
        update(outbox)
        .where(outbox.c.id == places.c.id)
        .values(number=places.c.number)
        .returning(*_GIVEN)
    )
    rows = numbered.mappings().all()
    newest: dict[str, int] = {}
    for row in rows:
        newest[row["receiver"]] = max(row["number"], newest.get(row["receiver"], 0))
    if newest:
        last = case(newest, value=feeds.c.receiver)
        conn.execute(update(feeds).where(feeds.c.receiver.in_(newest)).values(last=last))
        subscription_numbers.assign(conn, rows)
    return newest


_GIVEN = (
    outbox.c.receiver,
    outbox.c.number,
    outbox.c.id,
    outbox.c.kind,
    outbox.c.patient,
    outbox.c.event,
    outbox.c.created,
)


def _claim(conn: Connection) -> list[str]:
    """The receivers with pending rows whose feed is ours for this transaction."""
    # the earliest of each, unused, makes SQLite read the small index of pending rows
    oldest = func.min(outbox.c.created)
    pending_rows = (
        select(outbox.c.receiver, oldest)
        .where(outbox.c.number.is_(None))
        .group_by(outbox.c.receiver)
    )
    receivers = sorted(conn.execute(pending_rows).scalars())
    if not receivers:
        return []
    known = select(feeds.c.receiver).where(feeds.c.receiver.in_(receivers))
    fresh = sorted({*receivers} - {*conn.execute(known).scalars()})
    if fresh:
        _begin(conn, fresh)
    locked = known.order_by(feeds.c.receiver).with_for_update(skip_locked=True)
    return list(conn.execute(locked).scalars())


def _begin(conn: Connection, receivers: list[str]) -> None:
    """New feeds. One may have been there before the store was restored: then it is begun anew."""
    floor = feed.floor(conn)
    feed.begin(conn, receivers, floor)
    if floor:
        insert_new(conn, outbox, [feed.notice(receiver, floor) for receiver in receivers])


def _places(receivers: list[str], limit: int) -> Subquery:
    """The oldest pending rows of the feeds, each with its number.

    Within a batch, what came first goes first, and what the broker adds to a message goes before it.
    """
    came = func.coalesce(events.c.received, outbox.c.created)
    order = (outbox.c.created, came, outbox.c.body.is_(None), outbox.c.id)
    oldest = (
        select(outbox.c.id, outbox.c.receiver, func.row_number().over(order_by=order).label("at"))
        .outerjoin(events, events.c.id == outbox.c.event)
        .where(outbox.c.number.is_(None), outbox.c.receiver.in_(receivers))
        .order_by(*order)
        .limit(limit)
        .subquery()
    )
    within = func.row_number().over(partition_by=oldest.c.receiver, order_by=oldest.c.at)
    return (
        select(oldest.c.id, (feeds.c.last + within).label("number"))
        .join(feeds, feeds.c.receiver == oldest.c.receiver)
        .subquery()
    )
