"""What receivers wait for by their Subscriptions, and who gets what it is told by those alone.

Whoever reads a feed, over HTTP or Kafka, waits for what follows the number it was handed. Who never read one and has
Subscriptions waits for what those want and have not had: the rest passed them by, as they asked. What a Subscription
has not had is waited for in any case, however far the feed was read.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, exists, func, not_, or_, select

from carepath.store.tables import feeds, outbox, streams, subscription_events, subscriptions
from pathways.subscriptions import SubscriptionStatus

_COUNTS: Final = subscriptions.c.status.in_(
    [
        SubscriptionStatus.REQUESTED.value,
        SubscriptionStatus.ACTIVE.value,
        SubscriptionStatus.ERROR.value,
    ]
)


def untaken() -> Select[Any]:
    """The outbox ids of what Subscriptions have not had."""
    at = subscription_events.c
    behind = and_(at.subscription == subscriptions.c.id, at.number > subscriptions.c.delivered)
    return select(at.item).join(subscriptions, behind).where(_COUNTS)


def by_subscriptions(receiver: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether the receiver has Subscriptions, and was never handed anything of its feed otherwise."""
    own = feeds.alias()
    has = exists().where(subscriptions.c.receiver == receiver, _COUNTS)
    published = exists().where(streams.c.party == receiver)
    was_handed = exists().where(own.c.receiver == receiver, own.c.delivered > 0)
    return and_(has, not_(or_(published, was_handed)))


def untaken_by(receiver: ColumnElement[str]) -> ColumnElement[int]:
    """How many places of its feed the Subscriptions of a receiver have not had."""
    mine = untaken().where(subscriptions.c.receiver == receiver).subquery()
    return select(func.count(mine.c.item.distinct())).scalar_subquery()


def untaken_since(receiver: ColumnElement[str]) -> ColumnElement[int]:
    """When the oldest of them was made, in microseconds."""
    mine = untaken().where(subscriptions.c.receiver == receiver)
    return select(func.min(outbox.c.created)).where(outbox.c.id.in_(mine)).scalar_subquery()
