"""Feeds: one per receiver, numbered without gaps (``numbering``), read from a number on."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    exists,
    func,
    or_,
    select,
    update,
)

from carepath.store import receipts
from carepath.store.awaited import by_subscriptions, untaken_by
from carepath.store.resources import granted
from carepath.store.sealing import handed
from carepath.store.tables import deliveries, feeds, grants, inbox, meta, outbox, streams
from carepath.store.times import instant, when
from carepath.store.upserts import insert_new, replace_rows
from pathways.messages import stable_id

_FLOOR = "feed_floor"
OPERATOR = "*"
"""The receiver of the operator's own feed, which sees everything."""

RESTORED = "restored"
"""The kind of the notice that a feed was begun anew."""

PARKED = "parked"
"""The receiver of notices about what was parked, and their kind."""

UNCONDITIONAL = ("acknowledgement", "misaddressed", "glass-broken", PARKED, RESTORED)
"""What the broker tells a party that holds no grant: it says nothing of the patient."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One place in a feed. ``body`` is the broker's own message, ``source`` the sender's bytes.

    ``withheld``: the receiver may no longer see it; then nothing of the patient or the message is there.
    ``expired``: what it said is no longer kept.
    """

    number: int
    id: str
    kind: str
    created: datetime
    received: datetime | None
    withheld: bool
    expired: bool = False
    patient: str | None
    format: str | None
    media_type: str | None
    body: bytes | None
    source: bytes | None

    @property
    def of(self) -> str | None:
        """The patient of whom it tells; ``None`` when it tells of nobody: a receipt, what is withheld or gone."""
        tells = self.kind not in UNCONDITIONAL and not (self.withheld or self.expired)
        return self.patient if tells else None


def masked(item: Item) -> Item:
    """That there is such a place, and nothing of what is there."""
    return replace(item, withheld=True, expired=False, patient=None, body=None, source=None)


def last(conn: Connection, receiver: str) -> int:
    """The newest number of the feed; 0 before the first."""
    return conn.execute(select(feeds.c.last).where(feeds.c.receiver == receiver)).scalar() or 0


def after(
    conn: Connection, receiver: str, since: int, now: int, *, limit: int, size: int = 250_000
) -> list[Item]:
    """What follows the number ``since``, with the right to see it tried at ``now``.

    No more than ``limit`` items, and none after those that have ``size`` bytes together.
    """
    page = _page(receiver, since, limit)
    wanted = _items(page, _withheld(receiver, now)).where(page.c.before < size)
    return [_item(row) for row in conn.execute(wanted).mappings()]


def unpublished(
    conn: Connection, parties: Collection[str], now: int, *, limit: int, size: int, total: int
) -> dict[str, list[Item]]:
    """What follows the cursors of these streams, as ``after`` gives it, but of many feeds at once.

    Of each feed no more than ``limit`` items, and none after ``size`` bytes; of all together none after ``total``
    bytes. A feed that has more may still have no item here: when ``total`` was reached before it, or where its
    numbers jump (``begin_anew``).
    """
    told = {"parties": parties, "now": now, "limit": limit, "size": size, "total": total}
    found: dict[str, list[Item]] = {}
    for row in conn.execute(_unpublished(), told).mappings():
        found.setdefault(row["receiver"], []).append(_item(row))
    return found


def items(conn: Connection, receiver: str, ids: Collection[str], now: int) -> dict[str, Item]:
    """Places in the feed by their outbox ids, with the right to see them tried at ``now``."""
    page = select(outbox.c.id).where(outbox.c.id.in_(ids)).subquery()
    rows = conn.execute(_items(page, _withheld(receiver, now))).mappings()
    return {row["id"]: _item(row) for row in rows}


def item(conn: Connection, receiver: str, id_: str, now: int) -> Item | None:
    """One place in the receiver's own feed, once it has its number."""
    own = and_(outbox.c.id == id_, outbox.c.receiver == receiver, outbox.c.number.is_not(None))
    page = select(outbox.c.id).where(own).subquery()
    row = conn.execute(_items(page, _withheld(receiver, now))).mappings().first()
    return None if row is None else _item(row)


@cache
def _unpublished() -> Select[Any]:
    """Built once: it is asked for after every commit."""
    place = outbox.c.number - streams.c.published
    bytes_ = BYTES.label("bytes")
    first = (
        select(outbox.c.id, outbox.c.receiver, place.label("place"), bytes_)
        .join(streams, streams.c.party == outbox.c.receiver)
        .outerjoin(inbox, inbox.c.id == outbox.c.event)
        .where(outbox.c.number > streams.c.published)
        .where(outbox.c.number <= streams.c.published + bindparam("limit"))
        .where(streams.c.party.in_(bindparam("parties", expanding=True)))
        .subquery()
    )
    of_feed = func.sum(first.c.bytes).over(partition_by=first.c.receiver, order_by=first.c.place)
    of_all = func.sum(first.c.bytes).over(order_by=(first.c.place, first.c.receiver))
    page = select(
        first.c.id,
        (of_feed - first.c.bytes).label("before"),
        (of_all - first.c.bytes).label("before_all"),
    ).subquery()
    return (
        _items(page, _withheld(outbox.c.receiver, bindparam("now")))
        .add_columns(outbox.c.receiver)
        .where(page.c.before < bindparam("size"), page.c.before_all < bindparam("total"))
    )


def _items(page: Subquery, withheld: ColumnElement[bool]) -> Select[Any]:
    """What an ``Item`` is made of."""
    return (
        select(
            outbox.c.number,
            outbox.c.id,
            outbox.c.kind,
            outbox.c.created,
            outbox.c.patient,
            outbox.c.body,
            withheld.label("withheld"),
            inbox.c.received,
            inbox.c.format,
            inbox.c.media_type,
            case((outbox.c.body.is_(None), handed(inbox.c.source))).label("source"),
        )
        .join(page, page.c.id == outbox.c.id)
        .outerjoin(inbox, inbox.c.id == outbox.c.event)
        .order_by(outbox.c.number)
    )


BYTES = func.coalesce(func.length(outbox.c.body), func.length(inbox.c.source), 0)
"""How much content a row of the outbox has, joined with the inbox by its event."""


def _page(receiver: str, since: int, limit: int) -> Subquery:
    """The next rows of a feed, each with how many bytes come before it."""
    first = (
        select(outbox.c.id, outbox.c.number, BYTES.label("bytes"))
        .outerjoin(inbox, inbox.c.id == outbox.c.event)
        .where(outbox.c.receiver == receiver, outbox.c.number > since)
        .order_by(outbox.c.number)
        .limit(limit)
        .subquery()
    )
    upto = func.sum(first.c.bytes).over(order_by=first.c.number)
    return select(first.c.id, (upto - first.c.bytes).label("before")).subquery()


def said(conn: Connection, id_: str) -> bytes | None:
    """What the broker said itself in that row; ``None`` when there is no such row, empty when it has expired."""
    return conn.execute(select(outbox.c.body).where(outbox.c.id == id_)).scalar()


def delivered(conn: Connection, upto: Mapping[str, int], now: int) -> None:
    """Note that receivers were handed everything up to a number at ``now``."""
    known = select(feeds.c.receiver, feeds.c.delivered).where(feeds.c.receiver.in_([*upto]))
    before = dict(conn.execute(known).all()) if upto else {}
    raised = [
        {"receiver": receiver, "number": upto[receiver], "at": now}
        for receiver in sorted(before)
        if before[receiver] < upto[receiver]
    ]
    if raised:
        conn.execute(_RAISE, [{f"_{name}": value for name, value in row.items()} for row in raised])
        insert_new(conn, deliveries, raised)
        handed_over = {
            key: outbox.c.number.between(before[key] + 1, number)
            for key, number in upto.items()
            if before.get(key, number) < number
        }
        receipts.heard(conn, handed_over, now)


_RAISE = (
    update(feeds)
    .where(feeds.c.receiver == bindparam("_receiver"), feeds.c.delivered < bindparam("_number"))
    .values(delivered=bindparam("_number"), delivered_at=bindparam("_at"))
)


def waiting(conn: Connection) -> bool:
    """Whether any row waits for a number."""
    pending_row = select(outbox.c.id).where(outbox.c.number.is_(None)).limit(1)
    return conn.execute(pending_row).first() is not None


def pending(conn: Connection) -> int:
    """How many rows wait for a number."""
    rows = select(func.count()).where(outbox.c.number.is_(None))
    return conn.execute(rows).scalar_one()


def lag(conn: Connection, receivers: Collection[str] | None = None) -> dict[str, int]:
    """For each of these receivers, or for all: numbered rows it was not handed, or its Subscriptions have not had."""
    counted = (
        select(func.count())
        .where(outbox.c.receiver == feeds.c.receiver, outbox.c.number > feeds.c.delivered)
        .scalar_subquery()
    )
    without_jump = feeds.c.delivered >= floor(conn)
    behind = case(
        (by_subscriptions(feeds.c.receiver), untaken_by(feeds.c.receiver)),
        (without_jump, feeds.c.last - feeds.c.delivered),
        else_=counted,
    )
    wanted = select(feeds.c.receiver, behind)
    if receivers is not None:
        wanted = wanted.where(feeds.c.receiver.in_(receivers))
    return dict(conn.execute(wanted).all())


def begin_anew(conn: Connection, now: int, receivers: Collection[str] = ()) -> int:
    """The store was restored: every feed goes on from a number that nobody can have been given, which is returned.

    That number is the moment in microseconds: no feed gets a million numbers in a second. It is taken by a notice,
    which tells the receiver why numbers are missing before it and that what follows may be known by its id. So do
    the feeds of ``receivers``, had they begun or not.
    """
    begin(conn, receivers)
    known = dict(conn.execute(select(feeds.c.receiver, feeds.c.last)).all())
    begins: int = max(now, *(last + 1 for last in known.values()), 1)
    replace_rows(conn, meta, [{"name": _FLOOR, "value": begins}])
    insert_new(conn, outbox, [notice(receiver, begins) for receiver in known])
    conn.execute(update(feeds).values(last=begins))
    return begins


def begin(conn: Connection, receivers: Iterable[str], last: int = 0) -> None:
    """New feeds for those of the receivers that have none."""
    empty = {"last": last, "delivered": 0, "delivered_at": None}
    insert_new(conn, feeds, [{"receiver": receiver, **empty} for receiver in receivers])


def notice(receiver: str, number: int) -> dict[str, object]:
    """The outbox row that tells a receiver that its feed was begun anew at this number."""
    id_ = notice_id(receiver, number)
    told = {"id": id_, "receiver": receiver, "number": number, "kind": RESTORED}
    return row(**told, message_id=id_, created=number)


def send(conn: Connection, **told: object) -> None:
    """One more place in a feed, which the relay numbers; the same id again changes nothing."""
    insert_new(conn, outbox, [row(**told)])


def row(**told: object) -> dict[str, object]:
    """A row of the outbox; what is not told of it is empty."""
    empty: dict[str, object] = {column.name: None for column in outbox.columns}
    return {**empty, "withheld": False, **told}


def notice_id(receiver: str, number: int) -> str:
    """The id of that row."""
    return stable_id(RESTORED, receiver, str(number))


def floor(conn: Connection) -> int:
    """Where the feeds of a restored store begin; 0 in any other."""
    return conn.execute(select(meta.c.value).where(meta.c.name == _FLOOR)).scalar() or 0


def _withheld(
    receiver: str | ColumnElement[str], now: int | BindParameter[int]
) -> ColumnElement[bool]:
    if isinstance(receiver, str) and receiver == OPERATOR:
        return outbox.c.withheld
    held = granted(receiver, now)
    of_event = exists().where(held, grants.c.event == outbox.c.event)
    of_patient = exists().where(held, grants.c.patient == outbox.c.patient)
    forwarded = outbox.c.body.is_(None)
    named = exists().where(grants.c.reader == receiver, grants.c.event == outbox.c.event)
    # what the broker made of an event goes with the right to that event, where there was one
    made = and_(~forwarded, of_patient, or_(~named, of_event))
    entitled = or_(outbox.c.kind.in_(UNCONDITIONAL), made)
    return or_(outbox.c.withheld, ~or_(entitled, and_(forwarded, of_event)))


def _item(row: RowMapping) -> Item:
    seen = not row["withheld"]
    received, body, source = row["received"], _content(row["body"]), _content(row["source"])
    return Item(
        number=row["number"],
        id=row["id"],
        kind=row["kind"],
        created=instant(row["created"]),
        received=when(received),
        withheld=not seen,
        expired=seen and row["kind"] != RESTORED and body is None and source is None,
        patient=row["patient"] if seen else None,
        format=row["format"],
        media_type=row["media_type"],
        body=body if seen else None,
        source=source if seen else None,
    )


def _content(found: bytes | None) -> bytes | None:
    """Content that has gone is empty: a row without any is another message's place."""
    return bytes(found) if found else None
