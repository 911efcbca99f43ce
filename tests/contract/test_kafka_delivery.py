"""Cursors and leases on both stores: whatever happens to publishers, nothing is lost and order holds."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from carepath.store import feed, numbering, streams, tables
from carepath.store.database import Database
from carepath.store.deliveries import TOPICS, pause, replay
from carepath.store.streams import Cursor, Mark
from carepath.store.tables import deliveries, feeds, outbox
from tests.contract.stored import NOW, granted, opened, put, sent, taken_in

PARTITIONS = 3
LEASE = 15


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(database_url) as database:
        yield database


def feed_of(database: Database, party: str, last: int, published: int = 0) -> None:
    """A stream whose feed has numbers up to ``last``; Kafka has some."""
    put(database, feeds, {"receiver": party, "last": last, "delivered": 0})
    with database.write() as conn:
        streams.enter(conn, [party])
        streams.claim(conn, [party], "setup", now=0, until=1)
        streams.settle(conn, "setup", [Mark(party, 0, published)], 1)


def claim(database: Database, holder: str, *parties: str, now: int = 0) -> list[str]:
    """Take them on for a while."""
    with database.write() as conn:
        return streams.claim(conn, parties, holder, now=now, until=now + LEASE)


def settle(database: Database, holder: str, *marks: Mark, now: int = 0) -> None:
    """Give them back."""
    with database.write() as conn:
        streams.settle(conn, holder, marks, now)


def cursor(database: Database, party: str) -> Cursor:
    """Where it stands."""
    with database.read() as conn:
        return streams.cursors(conn, [party])[party]


def behind(database: Database, holder: str, now: int = 0) -> list[str]:
    """Who has something to be published by ``holder``."""
    with database.read() as conn:
        return streams.behind(conn, holder, now)


def test_one_holder_at_a_time_until_the_lease_ends(database: Database) -> None:
    """Then another takes over, and the first one moves the cursor no more."""
    feed_of(database, "north", 5)
    assert claim(database, "a", "north") == ["north"]
    assert (claim(database, "b", "north"), behind(database, "b")) == ([], [])
    assert claim(database, "b", "north", now=LEASE + 1) == ["north"]
    settle(database, "a", Mark("north", 0, 5))
    assert cursor(database, "north").published == 0
    settle(database, "b", Mark("north", 0, 3))
    assert cursor(database, "north").published == 3
    assert behind(database, "a") == ["north"]


def test_two_at_once_share_the_work(postgresql_url: str) -> None:
    """What one has locked, the other leaves alone instead of waiting."""
    with opened(postgresql_url) as database:
        feed_of(database, "north", 5)
        feed_of(database, "south", 5)
        with database.write() as one, database.write() as other:
            assert streams.claim(one, ["north"], "a", now=0, until=LEASE) == ["north"]
            both = ["north", "south"]
            assert streams.claim(other, both, "b", now=0, until=LEASE) == ["south"]


def test_who_waited_longest_is_first(database: Database) -> None:
    """Those who were never published to, then by the last time."""
    feed_of(database, "b-late", 5)
    feed_of(database, "c-early", 5)
    feed_of(database, "a-never", 5)
    for party, now in (("b-late", 30), ("c-early", 20)):
        claim(database, "me", party, now=now)
        settle(database, "me", Mark(party, 0, 1), now=now)
    assert behind(database, "me") == ["a-never", "c-early", "b-late"]


def test_a_paused_stream_is_left_alone(database: Database) -> None:
    """Until it is resumed."""
    feed_of(database, "north", 5)
    with database.write() as conn:
        pause(conn, TOPICS, "north", paused=True)
    assert (behind(database, "a"), claim(database, "a", "north")) == ([], [])
    with database.write() as conn:
        pause(conn, TOPICS, "north", paused=False)
    assert claim(database, "a", "north") == ["north"]


def test_a_replay_counts_though_something_is_in_the_air(database: Database) -> None:
    """The cursor is where the replay put it; what was asked for before stays asked for."""
    feed_of(database, "north", 9, published=6)
    claim(database, "a", "north")
    with database.write() as conn:
        replay(conn, TOPICS, "north", 2)
    settle(database, "a", Mark("north", 6, 9))
    assert cursor(database, "north") == Cursor(2, 6, 9)
    with database.write() as conn:
        replay(conn, TOPICS, "north", 1)
        replay(conn, TOPICS, "north", 4)  # not that far yet
    assert cursor(database, "north") == Cursor(1, 6, 9)


def test_the_topic_of_the_parked_is_no_organisation(database: Database) -> None:
    """It comes with the first that has topics, and is nobody's to send to."""
    with database.write() as conn:
        streams.enter(conn, ["north"])
        streams.enter(conn, ["north", "south"])
        assert [stream.party for stream in streams.listed(conn)] == ["north", "south"]
        assert conn.execute(select(func.count()).select_from(tables.streams)).scalar() == 3


def test_many_feeds_are_read_at_once_as_each_alone(database: Database) -> None:
    """With the same rights; by number, by size, by the size of all together."""
    for party in ("north", "south"):
        with database.write() as conn:
            streams.enter(conn, [party])
        for n in range(4):
            taken_in(database, f"{party}-{n}", b"x" * 1000)
            if n != 1:
                granted(database, party, f"{party}-{n}")
            sent(database, party, f"{party}-{n}", event=f"{party}-{n}", patient="p", created=n)
    with database.write() as conn:
        numbering.number(conn)
    with database.read() as conn:

        def read(
            limit: int = 9, size: int = 90_000, total: int = 90_000
        ) -> dict[str, list[feed.Item]]:
            parties = ["north", "south"]
            bounds = {"limit": limit, "size": size, "total": total}
            return feed.unpublished(conn, parties, NOW, **bounds)

        alone = {p: feed.after(conn, p, 0, NOW, limit=9) for p in ("north", "south")}
        assert read() == alone
        assert [item.withheld for item in alone["south"]] == [False, True, False, False]
        assert {p: len(items) for p, items in read(limit=2).items()} == {"north": 2, "south": 2}
        assert {p: len(items) for p, items in read(size=1100).items()} == {"north": 2, "south": 2}
        assert {p: len(items) for p, items in read(total=2200).items()} == {"north": 2, "south": 1}


def test_delivered_of_many_feeds_goes_up_only(database: Database) -> None:
    """And each time is written down once."""
    feed_of(database, "north", 9)
    feed_of(database, "south", 9)
    with database.write() as conn:
        feed.delivered(conn, {"north": 5, "south": 2, "unknown": 7}, 1)
        feed.delivered(conn, {"north": 3, "south": 4}, 2)
        feed.delivered(conn, {}, 3)
        given = conn.execute(select(feeds.c.receiver, feeds.c.delivered, feeds.c.delivered_at))
        assert sorted(given.all()) == [("north", 5, 1), ("south", 4, 2)]
        noted = conn.execute(select(deliveries.c.receiver, deliveries.c.number, deliveries.c.at))
        assert sorted(noted.all()) == [("north", 5, 1), ("south", 2, 1), ("south", 4, 2)]


@dataclass
class Flight:
    """Numbers on their way, by partition; ``failed`` are those whose acknowledgement never comes."""

    since: int
    upto: int
    batches: dict[int, list[int]]
    failed: set[int] = field(default_factory=set)


@dataclass
class World:
    """Publishers, a topic, and a network that may hand over late what was given up."""

    database: Database
    party: str = field(default_factory=lambda: secrets.token_hex(4))
    now: int = 100
    last: int = 0
    flights: dict[str, Flight] = field(default_factory=dict)
    late: list[tuple[int, list[int]]] = field(default_factory=list)
    log: dict[int, list[int]] = field(default_factory=dict)

    def grow(self, by: int) -> None:
        """The feed gets more numbers."""
        self.last += by
        with self.database.write() as conn:
            mine = feeds.c.receiver == self.party
            conn.execute(update(feeds).where(mine).values(last=self.last))

    def take(self, who: str, most: int) -> None:
        """Take the stream on, and send what follows the cursor: a batch for each partition."""
        if who not in self.flights and claim(self.database, who, self.party, now=self.now):
            since = cursor(self.database, self.party).published
            upto = min(since + most, self.last)
            batches: dict[int, list[int]] = {}
            for number in range(since + 1, upto + 1):
                batches.setdefault(number % PARTITIONS, []).append(number)
            self.flights[who] = Flight(since, upto, batches)

    def land(self, who: str, place: int) -> None:
        """A batch arrives, and is acknowledged."""
        if who in self.flights:
            for number in self.flights[who].batches.pop(place % PARTITIONS, []):
                self.log.setdefault(number % PARTITIONS, []).append(number)

    def lose(self, who: str, place: int) -> None:
        """A batch is given up; it may arrive yet."""
        if who in self.flights and (batch := self.flights[who].batches.pop(place % PARTITIONS, [])):
            self.flights[who].failed.add(batch[0])
            self.late.append((place % PARTITIONS, batch))

    def arrive(self, _who: str, place: int) -> None:
        """Something that was given up arrives."""
        if self.late:
            partition, batch = self.late.pop(place % len(self.late))
            self.log.setdefault(partition, []).extend(batch)

    def settle(self, who: str, _place: int) -> None:
        """What has not come by now has failed; the cursor moves."""
        if who in self.flights:
            for place in range(PARTITIONS):
                self.lose(who, place)
            flight = self.flights.pop(who)
            upto = min(flight.failed) - 1 if flight.failed else flight.upto
            settle(self.database, who, Mark(self.party, flight.since, upto), now=self.now)

    def die(self, who: str, _place: int) -> None:
        """The publisher ends without a word."""
        for place in range(PARTITIONS):
            self.lose(who, place)
        self.flights.pop(who, None)

    def wait(self, _who: str, seconds: int) -> None:
        """Time goes by."""
        self.now += seconds

    def replay(self, _who: str, since: int) -> None:
        """The operator wants some again."""
        with self.database.write() as conn:
            replay(conn, TOPICS, self.party, since)

    def more(self, _who: str, by: int) -> None:
        """Messages come."""
        self.grow(by)

    def check(self) -> None:
        """What Kafka is said to have it has; first comings are in order in each partition."""
        published = cursor(self.database, self.party).published
        for partition in range(PARTITIONS):
            came = [*dict.fromkeys(self.log.get(partition, []))]
            assert came == sorted(came)
            upto = {n for n in range(1, published + 1) if n % PARTITIONS == partition}
            assert upto <= {*came}

    def finish(self) -> None:
        """Everybody works as they should."""
        for who in "ab":
            self.settle(who, 0)
        while cursor(self.database, self.party).published < self.last:
            self.now += LEASE + 1
            self.take("a", 5)
            for place in range(PARTITIONS):
                self.land("a", place)
            self.settle("a", 0)


STEPS = (
    "take",
    "take",
    "land",
    "lose",
    "arrive",
    "settle",
    "settle",
    "die",
    "wait",
    "replay",
    "more",
)
step = st.tuples(st.sampled_from(STEPS), st.sampled_from("ab"), st.integers(0, 7))


def interleaved(world: World, steps: list[tuple[str, str, int]]) -> None:
    """Whatever the order of steps: nothing that was acknowledged is missing, order holds, and all arrives."""
    put(world.database, feeds, {"receiver": world.party, "last": 0, "delivered": 0})
    with world.database.write() as conn:
        streams.enter(conn, [world.party])
    world.grow(4)
    for name, who, number in steps:
        getattr(world, name)(who, number)
        world.check()
    world.finish()
    world.check()


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """An empty store."""
    with opened(sqlite_url) as database:
        yield database


@given(st.lists(step, max_size=40))
@example(
    [("take", "a", 4), ("lose", "a", 1), ("land", "a", 2), ("settle", "a", 0), ("take", "b", 7)]
)
@example([("take", "a", 4), ("land", "a", 1), ("replay", "a", 0), ("settle", "a", 0)])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_interleaving_loses_or_reorders(
    sqlite_database: Database, steps: list[tuple[str, str, int]]
) -> None:
    """Two publishers, faults, leases that end, and replays."""
    interleaved(World(sqlite_database), steps)


def test_interleavings_on_postgresql(postgresql_url: str) -> None:
    """A zombie, a replay in the air, a late arrival; the same statements on the other store."""
    with opened(postgresql_url) as database:
        for steps in (
            [("take", "a", 4), ("wait", "a", 16), ("take", "b", 2), ("land", "b", 1)],
            [("take", "a", 4), ("land", "a", 1), ("replay", "a", 0), ("settle", "a", 0)],
            [("take", "a", 4), ("die", "a", 0), ("take", "b", 7), ("arrive", "b", 0)],
        ):
            interleaved(World(database), [*steps, ("settle", "b", 0), ("settle", "a", 0)])


def test_a_jump_of_numbers_is_found(database: Database) -> None:
    """A restored feed goes on far above: what follows the jump is found by itself."""
    sent(database, "north", "a", kind="acknowledgement", body=b"{}")
    with database.write() as conn:
        numbering.number(conn)
        streams.enter(conn, ["north"])
        feed.begin_anew(conn, 5_000_000)
        streams.claim(conn, ["north"], "me", now=0, until=1)
        streams.settle(conn, "me", [Mark("north", 0, 1)], 1)
    with database.read() as conn:
        bounds = {"limit": 9, "size": 900, "total": 900}
        assert feed.unpublished(conn, ["north"], NOW, **bounds) == {}
        assert [item.number for item in feed.after(conn, "north", 1, NOW, limit=1)] == [5_000_000]
        numbers = conn.execute(select(outbox.c.number).order_by(outbox.c.number)).scalars()
        assert list(numbers) == [1, 5_000_000]
