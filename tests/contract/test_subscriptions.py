"""Subscriptions in the store: which events they get, and that their numbers have no gaps."""

from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from carepath.store import (
    feed,
    numbering,
    resources,
    subscription_numbers,
    subscription_resources,
    subscriptions,
)
from carepath.store.database import Database
from carepath.store.resources import Viewer
from carepath.store.subscriptions import Subscribed
from carepath.store.tables import subscription_events
from carepath.store.tables import subscriptions as subscription_table
from carepath.store.times import instant
from fhir_mappings.indexing import Indexed
from pathways.subscriptions import (
    Content,
    Filter,
    FilterName,
    Subscription,
    SubscriptionStatus,
    Topic,
)
from tests.contract.stored import KEYS, NOW, granted, opened, sent, taken_in
from tests.subscriptions import channel

CHANNEL = channel("https://ke.example/hook", Content.ID_ONLY)

RESOURCE = {"resourceType": "Subscription", "id": "s", "status": "requested"}


@pytest.fixture
def store(database_url: str) -> Any:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def subscribe(database: Database, id_: str, *filters: Filter, **more: Any) -> None:
    """A Subscription of the operator's feed, unless another is named."""
    asked = {"topic": Topic.PATHWAY_UPDATE, "filters": filters, "channel": CHANNEL, "ends": None}
    told = {name: more.pop(name, value) for name, value in asked.items()}
    wanted = Subscription(**told)
    standing = {"receiver": feed.OPERATOR, "status": SubscriptionStatus.ACTIVE} | more
    with database.write() as conn:
        made = Subscribed(id=id_, subscription=wanted, **standing)
        subscriptions.begin(conn, KEYS, made)


def number(database: Database) -> None:
    """What the relay does."""
    with database.write() as conn:
        while numbering.number(conn, 2):
            pass


def events(database: Database, id_: str) -> list[tuple[int, str]]:
    """Number and outbox id of each event."""
    with database.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW), [id_])
        found = subscriptions.events_of(conn, one, 0, NOW, limit=100)
    assert one.numbered == len(found)
    return [(event.number, event.item.id) for event in found]


def test_events_are_numbered_from_one_without_gaps(store: Database) -> None:
    """From its creation on, whatever the size of the batches that the feed is numbered in."""
    sent(store, feed.OPERATOR, "before")
    number(store)
    subscribe(store, "s")
    sent(store, feed.OPERATOR, "a", "b", "c", "d", "e")
    sent(store, "other", "x")
    number(store)
    sent(store, feed.OPERATOR, "f")
    number(store)
    assert events(store, "s") == [*enumerate("abcdef", start=1)]


def test_only_what_is_wanted_counts(store: Database) -> None:
    """By topic and by every filter together."""
    event = Filter(FilterName.EVENT, ("transfer", "referral"))
    subscribe(store, "all", event)
    subscribe(store, "stays", event, topic=Topic.STAY)
    subscribe(store, "nobody", Filter(FilterName.PATIENT, ("p1",)))
    subscribe(store, "off", status=SubscriptionStatus.OFF)
    for id_, kind in (("a", "admission"), ("b", "transfer"), ("c", "referral"), ("d", "restored")):
        sent(store, feed.OPERATOR, id_, kind=kind, patient="p2")
    number(store)
    assert events(store, "all") == [(1, "b"), (2, "c")]
    assert events(store, "stays") == [(1, "b")]
    assert events(store, "nobody") == events(store, "off") == []


def changed(database: Database, id_: str, **more: Any) -> None:
    """Its client asks for something else."""
    with database.write() as conn:
        one = subscriptions.locked(conn, id_)
        assert one is not None
        wanted = replace(one.subscription, **more.pop("subscription", {}))
        subscriptions.change(conn, KEYS, replace(one, subscription=wanted, **more))


def test_numbers_go_on_whatever_is_changed(store: Database) -> None:
    """Topic and filters are others, off is a pause: no number is given twice, none is left out."""
    subscribe(store, "s")
    sent(store, feed.OPERATOR, "a", kind="transfer")
    number(store)
    changed(store, "s", subscription={"topic": Topic.REFERRAL})
    sent(store, feed.OPERATOR, "b", kind="transfer")
    sent(store, feed.OPERATOR, "c", kind="referral")
    number(store)
    changed(store, "s", status=SubscriptionStatus.OFF)
    sent(store, feed.OPERATOR, "d", kind="referral")
    number(store)
    changed(store, "s", status=SubscriptionStatus.REQUESTED)
    sent(store, feed.OPERATOR, "e", kind="referral")
    number(store)
    assert events(store, "s") == [(1, "a"), (2, "c"), (3, "e")]


def test_nothing_counts_after_the_end(store: Database) -> None:
    """By when it happened here, not by when it is numbered."""
    subscribe(store, "s", ends=instant(NOW))
    sent(store, feed.OPERATOR, "before", created=NOW - 1)
    sent(store, feed.OPERATOR, "after", created=NOW)
    number(store)
    assert events(store, "s") == [(1, "before")]


def test_a_removed_one_is_gone_but_for_its_receiver(store: Database) -> None:
    """It is neither listed nor counted; its receiver alone may still know that it was there."""
    subscribe(store, "s", receiver="ke")
    with store.write() as conn:
        subscription_resources.keep(conn, KEYS, RESOURCE, Indexed(), instant(NOW))
        subscriptions.remove(conn, "s")
        subscription_resources.delete(conn, "s", instant(NOW + 1))
        subscription_resources.delete(conn, "s", instant(NOW + 2))
    sent(store, "ke", "a")
    number(store)

    with store.read() as conn:
        assert subscriptions.listed(conn, Viewer(None, NOW)) == []
        assert conn.execute(select(func.count()).select_from(subscription_events)).scalar() == 0
        for reader, versions in (("ke", 2), (None, 2), ("other", 0)):
            viewer = Viewer(reader, NOW)
            assert resources.versions(conn, "Subscription", "s", viewer) == versions
            gone = resources.read(conn, "Subscription", "s", viewer)
            assert (gone is not None and gone.deleted) == bool(versions)


def test_only_its_receiver_sees_it(store: Database) -> None:
    """And the operator, who sees all."""
    subscribe(store, "a", receiver="ke")
    subscribe(store, "b", receiver="ward")
    with store.read() as conn:
        seen = {
            reader: [one.id for one in subscriptions.listed(conn, Viewer(reader, NOW))]
            for reader in ("ke", "ward", "other", None)
        }
    assert seen == {"ke": ["a"], "ward": ["b"], "other": [], None: ["a", "b"]}


def test_a_page_ends_after_so_much_content(store: Database) -> None:
    """At least one event, however large."""
    subscribe(store, "s")
    big = b'{"x":"' + b"x" * (subscriptions.SIZE // 2) + b'"}'
    for id_ in "abcde":
        sent(store, feed.OPERATOR, id_, kind="acknowledgement", body=big)
    number(store)
    with store.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW))
        pages = [
            [event.number for event in subscriptions.events_of(conn, one, since, NOW, limit=limit)]
            for since, limit in ((0, 100), (2, 100), (4, 100), (5, 100), (0, 1))
        ]
    assert pages == [[1, 2], [3, 4], [5], [], [1]]


def test_whoever_waits_for_a_long_time_is_told_what_became_of_it(store: Database) -> None:
    """Content that has gone and content that may no longer be seen keep their numbers."""
    subscribe(store, "s", receiver="ke")
    taken_in(store, "e1", b"")
    taken_in(store, "e2", b"{}")
    granted(store, "ke", "e1")
    granted(store, "ke", "e2", until=5)
    sent(store, "ke", "gone", event="e1", patient="p")
    sent(store, "ke", "withheld", event="e2", patient="p")
    number(store)
    with store.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW))
        found = subscriptions.events_of(conn, one, 0, NOW, limit=9)
    told = [(event.number, event.item.expired, event.item.withheld) for event in found]
    assert told == [(1, True, False), (2, False, True)]


# --- a restored store


def test_after_a_restore_no_number_is_given_again(store: Database) -> None:
    """What the backup knows keeps its number; all else comes after the jump, whoever's feed has begun or not."""
    subscribe(store, "s")
    subscribe(store, "quiet", receiver="nobody-yet")
    sent(store, feed.OPERATOR, "a", "b")
    number(store)
    with store.write() as conn:  # as ``restore`` does
        begins = feed.begin_anew(conn, NOW, subscription_numbers.receivers(conn))
        subscription_numbers.begin_anew(conn, begins)
    sent(store, feed.OPERATOR, "c")
    sent(store, "nobody-yet", "x")
    number(store)

    notice = feed.notice_id(feed.OPERATOR, begins)
    assert numbered(store, "s") == [(1, "a"), (2, "b"), (begins, notice), (begins + 1, "c")]
    own = feed.notice_id("nobody-yet", begins)
    assert numbered(store, "quiet") == [(begins, own), (begins + 1, "x")]


def numbered(database: Database, id_: str) -> list[tuple[int, str]]:
    """As ``events``, where numbers may jump."""
    with database.read() as conn:
        (one,) = subscriptions.listed(conn, Viewer(None, NOW), [id_])
        found = subscriptions.events_of(conn, one, 0, NOW, limit=100)
    return [(event.number, event.item.id) for event in found]


# --- laws

KINDS = ("admission", "transfer", "referral", "inquiry", "restored")
CHOICES = st.builds(
    lambda topic, kinds, patients: (topic, kinds, patients),
    st.sampled_from(Topic),
    st.none() | st.frozensets(st.sampled_from(KINDS[:4]), min_size=1),
    st.none() | st.frozensets(st.sampled_from("pq"), min_size=1),
)
STEPS = st.one_of(
    st.tuples(
        st.just("send"), st.sampled_from("*k"), st.sampled_from(KINDS), st.sampled_from("pq")
    ),
    st.tuples(st.just("number"), st.integers(1, 3)),
    st.tuples(st.just("put"), st.integers(0, 2), st.booleans(), CHOICES),
    st.tuples(st.just("deliver"), st.integers(0, 2)),
)
EXAMPLE = count()


@dataclass
class Model:
    """What Subscriptions are by their definition: lists of what was wanted when it was numbered."""

    chosen: list[tuple[str, Any]]  # receiver, choice
    on: list[bool]
    waiting: list[tuple[str, str, str, str]] = field(default_factory=list)
    had: list[list[str]] = field(default_factory=lambda: [[], [], []])

    def number(self, most: int) -> None:
        """The oldest of what waits."""
        for id_, receiver, kind, patient in self.waiting[:most]:
            for place, (whose, choice) in enumerate(self.chosen):
                if self.on[place] and whose == receiver and self.wants(choice, kind, patient):
                    self.had[place].append(id_)
        del self.waiting[:most]

    @staticmethod
    def wants(choice: Any, kind: str, patient: str) -> bool:
        """Topic, kinds and patients, all of them."""
        of = {"admission": "stay", "transfer": "stay", "referral": "referral"}
        topic, kinds, patients = choice
        return (
            kind in KINDS[:4]
            and topic in ("pathway-update", of.get(kind, "coordination"))
            and (kinds is None or kind in kinds)
            and (patients is None or patient in patients)
        )


def chosen(choice: Any) -> dict[str, Any]:
    """The choice as a Subscription has it."""
    topic, kinds, patients = choice
    asked = ((FilterName.EVENT, kinds), (FilterName.PATIENT, patients))
    return {
        "topic": topic,
        "filters": tuple(Filter(name, (*sorted(told),)) for name, told in asked if told),
    }


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begun=st.lists(CHOICES, min_size=3, max_size=3), steps=st.lists(STEPS, max_size=25))
def test_each_wanted_event_once_in_order_without_gaps(
    store: Database, begun: list[Any], steps: list[Any]
) -> None:
    """Whatever is sent, numbered in whatever batches, asked for anew or delivered meanwhile."""
    about = f"x{next(EXAMPLE)}-"
    model = Model([("*", begun[0]), ("*", begun[1]), ("k", begun[2])], [True] * 3)
    for place, (receiver, choice) in enumerate(model.chosen):
        whose = feed.OPERATOR if receiver == "*" else receiver
        subscribe(store, f"{about}{place}", receiver=whose, **chosen(choice))
    for created, (what, *told) in enumerate([*steps, ("number", 1000)], start=1):
        match what, told:
            case "send", [receiver, kind, patient]:
                id_ = f"{about}{created:03}"
                model.waiting.append((id_, receiver, kind, patient))
                sent(store, receiver, id_, kind=kind, patient=patient, created=created)
            case "number", [most]:
                model.number(most)
                with store.write() as conn:
                    numbering.number(conn, most)
            case "put", [place, on, choice]:
                model.chosen[place] = (model.chosen[place][0], choice)
                model.on[place] = on
                wanted = SubscriptionStatus.REQUESTED if on else SubscriptionStatus.OFF
                changed(store, f"{about}{place}", status=wanted, subscription=chosen(choice))
            case "deliver", [place]:
                deliver(store, f"{about}{place}")
            case _:
                raise AssertionError(what)
        check(store, about, model)
    for place in range(3):
        changed(store, f"{about}{place}", status=SubscriptionStatus.OFF)


def deliver(database: Database, id_: str) -> None:
    """Its subscriber has what there is."""
    mine = subscription_table.c.id == id_
    with database.write() as conn:
        conn.execute(update(subscription_table).where(mine).values(delivered=100))


def check(database: Database, about: str, model: Model) -> None:
    """Numbers from 1 without gaps, each the same event as ever."""
    for place, had in enumerate(model.had):
        assert events(database, f"{about}{place}") == [*enumerate(had, start=1)]
