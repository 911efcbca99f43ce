"""What is old may go: bytes, not facts.

Events, state, grants and places in feeds stay for good, and so do the ids of accepted messages: a message that is
sent again after years still changes nothing. What goes is content that every receiver has been handed, and what was
said of messages that were turned away. A place in a feed whose content has gone is still there, as ``expired``.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, delete, exists, func, not_, or_, select, update

from carepath.store.awaited import by_subscriptions, untaken
from carepath.store.database import Connection, Database
from carepath.store.feed import OPERATOR
from carepath.store.tables import answers, feeds, inbox, outbox, parked, streams, transports
from carepath.store.times import micros

_PAGE: Final = 500
"""Rows in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoffs:
    """What came before may go; ``None``: it never does. ``bodies``: content. ``inbox``: answers and refusals."""

    bodies: datetime | None = None
    inbox: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    what: str
    table: Table
    goes: ColumnElement[bool]
    emptied: Mapping[str, bytes] | None = None  # else the row goes


_EMPTY: Final = b""
_published = select(streams.c.published).where(streams.c.party == outbox.c.receiver)
_delivered = select(feeds.c.delivered).where(feeds.c.receiver == outbox.c.receiver)
_handed = func.coalesce(_published.scalar_subquery(), _delivered.scalar_subquery(), 0)
"""Up to which number a receiver has had its feed: by Kafka where it has topics, else by HTTP."""
_unsent = exists().where(
    transports.c.party == outbox.c.receiver, transports.c.sent < outbox.c.number
)
"""The receiver's own network has still to get it, too."""
_unread = and_(outbox.c.number > _handed, not_(by_subscriptions(outbox.c.receiver)))
_waits = and_(
    outbox.c.receiver != OPERATOR,
    or_(outbox.c.number.is_(None), _unread, _unsent, outbox.c.id.in_(untaken())),
)
"""A place whose content somebody has still to get. The operator's own feed holds nothing back."""


def expire(database: Database, cutoffs: Cutoffs, *, dry_run: bool) -> dict[str, int]:
    """Let go what may go, some hundred rows at a time; how many there were of each kind."""
    return {rule.what: sum(_pages(database, rule, dry_run=dry_run)) for rule in _rules(cutoffs)}


def held_back(connection: Connection, cutoffs: Cutoffs) -> dict[str, int]:
    """What is old enough, but has not been handed to a receiver: how much, by receiver."""
    if cutoffs.bodies is None:
        return {}
    old = select(outbox.c.receiver, func.count()).where(
        outbox.c.created < micros(cutoffs.bodies), _waits
    )
    rows = connection.execute(old.group_by(outbox.c.receiver).order_by(outbox.c.receiver))
    return dict(rows.all())


def _rules(cutoffs: Cutoffs) -> Iterator[_Rule]:
    if cutoffs.bodies is not None:
        yield from _bodies(micros(cutoffs.bodies))
    if cutoffs.inbox is not None:
        old, accepted = inbox.c.received < micros(cutoffs.inbox), inbox.c.verdict == "accepted"
        given = and_(old, accepted, func.length(inbox.c.receipt) > 0)
        yield _Rule("receipts of messages", inbox, given, {"receipt": _EMPTY})
        yield _Rule("ids of messages not accepted", inbox, and_(old, ~accepted))


def _bodies(before: int) -> Iterator[_Rule]:
    awaited = exists().where(outbox.c.event == inbox.c.id, _waits)
    sources = and_(inbox.c.received < before, func.length(inbox.c.source) > 0, ~awaited)
    yield _Rule("messages' own bytes", inbox, sources, {"source": _EMPTY})
    made = and_(outbox.c.created < before, func.length(outbox.c.body) > 0, ~_waits)
    yield _Rule("messages the broker made", outbox, made, {"body": _EMPTY})
    closed = and_(parked.c.received < before, parked.c.state != "open")
    kept = and_(closed, func.length(parked.c.source) > 0)
    yield _Rule("parked messages that were settled", parked, kept, {"source": _EMPTY})
    yield _Rule("answers that were sent", answers, answers.c.done < before)


def _pages(database: Database, rule: _Rule, *, dry_run: bool) -> Iterator[int]:
    """How many rows went, page by page, each in a transaction of its own."""
    last, key = "", rule.table.c.id
    page = select(key).where(rule.goes).order_by(key).limit(_PAGE)
    while True:
        with database.read() if dry_run else database.write() as connection:
            ids = [*connection.execute(page.where(key > last)).scalars()]
            if ids and not dry_run:
                connection.execute(_change(rule, ids))
        if not ids:
            return
        yield len(ids)
        last = ids[-1]


def _change(rule: _Rule, ids: list[str]) -> Any:
    mine = rule.table.c.id.in_(ids)
    if rule.emptied is None:
        return delete(rule.table).where(mine)
    return update(rule.table).where(mine).values(dict(rule.emptied))
