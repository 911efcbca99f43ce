"""What a receiver waits for that gets what it is told by Subscriptions: what is kept for it, and what is counted."""

from dataclasses import replace

import pytest

from carepath.store import feed, figures, following, subscriptions
from carepath.store.retention import Cutoffs, held_back
from carepath.store.subscriptions import Subscribed
from carepath.store.times import micros
from pathways.events import EventCode
from pathways.subscriptions import (
    Content,
    Filter,
    FilterName,
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.contract.keeping import Make, number
from tests.contract.test_retention import RECEIVERS, Broker
from tests.contract.test_subscriptions import CHANNEL
from tests.integration import stories

NURSING = stories.NURSING.number
DISCHARGES = Filter(FilterName.EVENT, (EventCode.DISCHARGE.value,))


@pytest.fixture(params=["sqlite", "postgresql"])
def broker(make: Make, request: pytest.FixtureRequest) -> Broker:
    """The nursing service has a rest-hook for discharges; of two stays the second one ended since. Others read."""
    made = Broker(make(request.param))
    channel = replace(CHANNEL, content=Content.FULL_RESOURCE)
    wanted = Subscription(
        topic=Topic.PATHWAY_UPDATE, filters=(DISCHARGES,), channel=channel, ends=None
    )
    with made.database.write() as conn:
        begun = Subscribed(
            id="s", receiver=NURSING, status=SubscriptionStatus.ACTIVE, subscription=wanted
        )
        subscriptions.begin(conn, made.database.keys, begun)
    for told in stories.hospital_stay():
        made.tell(told)
    number(made.database)
    made.hand_over(*{*RECEIVERS} - {NURSING}, stories.GP.number)
    return made


def waiting(broker: Broker) -> tuple[int, int]:
    """For the nursing service: what retention keeps, and what the figures count."""
    now = broker.clock()
    with broker.database.read() as conn:
        kept = held_back(conn, Cutoffs(bodies=now))
        counted = figures.figures(conn, micros(now))
    assert {*kept} <= {NURSING}
    count = counted.undelivered[NURSING]
    assert (count > 0) == (counted.undelivered_age[NURSING] > 0)
    return kept.get(NURSING, 0), count


def took(broker: Broker) -> None:
    """The endpoint has taken the discharge."""
    with broker.database.write() as conn:
        following.delivered(conn, {"s": 1}, micros(broker.clock()))


def there(broker: Broker) -> list[str]:
    """What has not expired in the feed, by its kind."""
    return [item.kind for item in broker.feed(NURSING) if not item.expired]


def test_what_a_filter_passed_over_waits_for_nobody(broker: Broker) -> None:
    """The one event that it asked for stays until it was taken, and nothing stays for ever."""
    assert waiting(broker) == (1, 1)
    broker.expire()
    assert there(broker) == [EventCode.DISCHARGE]
    took(broker)
    assert waiting(broker) == (0, 0)
    broker.expire()
    assert there(broker) == []


def test_who_reads_its_feed_waits_for_all_of_it(broker: Broker) -> None:
    """A filtered Subscription beside it passes nothing over for the system that reads."""
    with broker.database.write() as conn:
        feed.delivered(conn, {NURSING: 2}, micros(broker.clock()))
    took(broker)
    rest = [item.kind for item in broker.feed(NURSING)][2:]
    assert waiting(broker) == (len(rest), len(rest))
    broker.expire()
    assert there(broker) == rest


def test_what_a_subscription_has_not_had_stays_though_the_feed_was_read(broker: Broker) -> None:
    """Another system of the same organisation has read it all."""
    broker.hand_over(NURSING)
    assert waiting(broker) == (1, 0)
    broker.expire()
    assert there(broker) == [EventCode.DISCHARGE]


def test_a_subscription_that_is_off_asks_for_nothing(broker: Broker) -> None:
    """Then the receiver waits for its feed, as one without Subscriptions does."""
    with broker.database.write() as conn:
        subscriptions.turn_off(conn, "s")
    every = len(broker.feed(NURSING))
    assert waiting(broker) == (every, every)
