"""However Kafka's partitions bring the updates: in order, each once, and what is lost is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from carepath_client import Gap, Subscriber, Unavailable, Update
from carepath_client.feeds import Arrived, Batch
from carepath_client.order import Order
from carepath_client.positions import Mark, Positions

AT = datetime(2026, 3, 20, 12, tzinfo=UTC)


def update(number: int, event: str = "admission", *, replay: bool = False) -> Update:
    """A place in a feed."""
    return Update(number, f"id-{number}", event, AT, "https://broker.example/fhir", replay)


def arrived(number: int, offset: int = 0) -> Arrived:
    """The same from Kafka."""
    return Arrived(update(number), Mark(0, offset))


@dataclass(frozen=True)
class Traffic:
    """Numbers 1 to ``last``, as they were read; ``lost`` never came."""

    last: int
    lost: frozenset[int]
    read: tuple[int, ...]


@st.composite
def traffic(draw: DrawFn) -> Traffic:
    """Each partition in order, some of it again from anywhere, and all of them mixed."""
    last, partitions = draw(st.integers(1, 25)), draw(st.integers(1, 5))
    lost = draw(st.frozensets(st.integers(1, last), max_size=6))
    places: dict[int, list[int]] = {}
    for number in range(1, last + 1):
        place = draw(st.integers(1, partitions))
        if number not in lost:
            places.setdefault(place, []).append(number)
    streams = [_with_repeats(draw, numbers) for numbers in places.values()]
    read = []
    while streams := [stream for stream in streams if stream]:
        read.append(draw(st.sampled_from(streams)).pop(0))
    return Traffic(last, lost, tuple(read))


def _with_repeats(draw: DrawFn, numbers: list[int]) -> list[int]:
    """A relay that died sends what it does not know to be there again."""
    upto, again = sorted((draw(st.integers(0, len(numbers))), draw(st.integers(0, len(numbers)))))
    return [*numbers[:again], *numbers[upto:]]


def handed(order: Order) -> list[int]:
    """Whose turn it is now."""
    return [found.update.sequence for found in iter(order.next, None)]


@given(traffic())
def test_what_is_missing_is_fetched_and_all_come_in_order(sent: Traffic) -> None:
    """Nothing is fetched that came, and nothing is handed out twice."""
    order, got, fetched = Order(None), list[int](), set[int]()
    for number in sent.read:
        order.take(arrived(number))
        got += handed(order)
        assert got == list(range(1, len(got) + 1))
        assert order.line.hole(1.0) is None, "its time is not over"
    order.line.waited(1.0)
    while (hole := order.line.hole(1.0)) is not None:
        first, last = hole
        fetched |= set(range(first, last + 1))
        order.fill(map(update, range(first, last + 1)))
        got += handed(order)
    newest = max(sent.read, default=0)
    assert got == list(range(1, newest + 1))
    assert fetched == {number for number in sent.lost if number < newest}


@given(traffic(), st.integers(0, 25))
def test_what_cannot_be_had_is_told_once(sent: Traffic, since: int) -> None:
    """The gaps are what was lost, no more; the rest comes in order."""
    gaps: list[Gap] = []
    order, got = Order(gaps.append), list[int]()
    order.restart(since)
    for number in sent.read:
        order.take(arrived(number))
        got += handed(order)
    order.line.waited(1.0)
    while (hole := order.line.hole(1.0)) is not None:
        order.give_up(hole[1])
        got += handed(order)
    newest = max(sent.read, default=0)
    missing = {number for gap in gaps for number in range(gap.first, gap.last + 1)}
    assert missing == {number for number in sent.lost if since < number < newest}
    assert got == [n for n in range(since + 1, newest + 1) if n not in sent.lost]


def test_without_anybody_to_tell_a_gap_ends_it() -> None:
    """And again, when one goes on all the same."""
    order = Order(None)
    order.take(arrived(3))
    for _ in range(2):
        with pytest.raises(Gap) as raised:
            order.give_up(2)
        assert (raised.value.first, raised.value.last) == (1, 2)


def test_a_restored_server_explains_what_is_missing() -> None:
    """Its notice stands where the feed begins anew; a hole before that is still a gap."""
    gaps: list[Gap] = []
    order = Order(gaps.append)
    order.take(arrived(2))
    order.take(Arrived(update(10**15, "restored")))
    order.line.waited(1.0)
    while (hole := order.line.hole(1.0)) is not None:
        order.give_up(hole[1])
        handed(order)
    assert [(gap.first, gap.last) for gap in gaps] == [(1, 1)]
    assert order.line.passed == 10**15


def test_what_was_asked_for_again_comes_again() -> None:
    """A repeat by request is handed out as it comes, one by accident is not."""
    order = Order(None)
    for number in (1, 2):
        order.take(arrived(number))
    assert handed(order) == [1, 2]
    assert not order.take(arrived(1))
    assert order.take(Arrived(update(1, replay=True)))
    assert order.take(Arrived(update(3, replay=True)))
    assert handed(order) == [1, 3]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.data())
def test_nothing_is_committed_that_is_not_finished(came: list[int], data: st.DataObject) -> None:
    """A partition goes on at its first record that is not finished, else after its last."""
    positions, marks = Positions(), list[Mark]()
    for partition in came:
        mark = Mark(partition, 10 + sum(known.partition == partition for known in marks))
        marks.append(mark)
        positions.came(mark)
    finished = data.draw(st.sets(st.sampled_from(marks)))
    for mark in finished:
        positions.finished(mark)
    for partition, offset in positions.to_commit().items():
        own = [mark for mark in marks if mark.partition == partition]
        unfinished = [mark.offset for mark in own if mark not in finished]
        assert offset == min(unfinished, default=own[-1].offset + 1)
        assert (partition in positions.waiting()) is bool(unfinished)


# --- the iterator


@dataclass
class Memory:
    """A feed in memory: batches in the order they come; then it wants to be closed."""

    batches: list[Batch]
    finished: list[int] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    is_closed: bool = False
    owner: Subscriber | None = None

    def receive(self, passed: int, *, full: bool) -> Batch:
        """The next batch."""
        assert passed <= 10**6
        assert not full
        if self.batches:
            return self.batches.pop(0)
        assert self.owner is not None
        self.owner.close()
        return Batch()

    def is_due(self) -> bool:
        """Never."""
        return False

    def finish(self, arrived: Arrived) -> None:
        """Noted."""
        self.finished.append(arrived.update.sequence)

    def save(self, number: int, *, now: bool) -> None:
        """Noted."""
        if now or self.saved[-1:] != [number]:
            self.saved.append(number)

    def interrupt(self) -> None:
        """Nothing to wake."""

    def close(self) -> None:
        """Noted."""
        self.is_closed = True


def following(*batches: Sequence[int], restart: int = 0) -> tuple[Memory, Subscriber]:
    """A subscriber of these numbers."""
    made = [Batch([arrived(number) for number in numbers]) for numbers in batches]
    feed = Memory([Batch(restart=restart), *made])
    feed.owner = Subscriber(feed)
    return feed, feed.owner


def test_an_update_is_finished_when_the_loop_goes_on() -> None:
    """Not before; and its number is remembered then."""
    feed, subscriber = following([1, 2], [3])
    for one in subscriber:
        assert feed.finished == list(range(1, one.sequence))
        assert all(number < one.sequence for number in feed.saved)
    assert feed.finished == [1, 2, 3]
    assert feed.saved[-1] == 3
    assert feed.is_closed


def fail_at(number: int, subscriber: Subscriber) -> None:
    """Code that cannot do with one update."""
    for one in subscriber:
        if one.sequence == number:
            raise LookupError


def test_an_exception_leaves_its_update_unfinished() -> None:
    """It comes again; a block that is left in good order has done its last one."""
    feed, subscriber = following([1, 2, 3])
    with pytest.raises(LookupError), subscriber:
        fail_at(2, subscriber)
    assert (feed.finished, feed.saved[-1]) == ([1], 1)
    feed, subscriber = following([1, 2, 3])
    with subscriber:
        assert next(subscriber).sequence == 1
    assert (feed.finished, feed.saved[-1]) == ([1], 1)
    assert feed.is_closed


def test_nothing_is_remembered_before_it_is_known_where_to_begin() -> None:
    """Else the beginning would be forgotten."""
    feed, subscriber = following([42], restart=41)
    assert next(subscriber).sequence == 42
    subscriber.close()
    assert set(feed.saved) == {41}
    feed, subscriber = following()
    subscriber.close()
    assert feed.saved == []


def test_a_repeat_is_finished_unseen() -> None:
    """So that it is not read for ever."""
    feed, subscriber = following([1, 1, 2], [1, 2, 3])
    assert [one.sequence for one in subscriber] == [1, 2, 3]
    assert sorted(feed.finished) == [1, 1, 1, 2, 2, 3]


def test_it_goes_on_after_what_is_remembered() -> None:
    """What comes again after a restart of the group is not seen twice, either."""
    feed, subscriber = following([41, 42, 44], restart=41)
    feed.batches += [Batch([arrived(43), arrived(44)], restart=41)]
    assert [one.sequence for one in subscriber] == [42, 43, 44]


@dataclass
class Shelf:
    """Fetches all there is, two at a time; refuses the first time."""

    asked: list[tuple[int, int]] = field(default_factory=list)

    def fetch(self, after: int, upto: int) -> tuple[list[Update], bool]:
        """Some."""
        self.asked.append((after, upto))
        if len(self.asked) == 1:
            raise Unavailable("not now")
        numbers = range(after + 1, min(after + 2, upto) + 1)
        return [update(number) for number in numbers], numbers[-1] == upto


def test_what_is_missing_is_fetched_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away is asked again; the others wait meanwhile."""
    monkeypatch.setattr("carepath_client.subscriber._FETCH_PAUSE", 0.01)
    feed, shelf = Memory([Batch([arrived(1), arrived(7)]), *[Batch()] * 5]), Shelf()
    feed.owner = Subscriber(feed, shelf)
    assert [one.sequence for one in feed.owner] == [1, 2, 3, 4, 5, 6, 7]
    assert shelf.asked == [(1, 6), (1, 6), (3, 6), (5, 6)]


def test_an_update_tells_nothing_of_the_patient_by_itself() -> None:
    """Its text goes to logs."""
    secret = replace(update(1), body=b'{"resourceType": "Bundle", "id": "12824212447"}')
    assert "12824212447" not in repr(secret)
    assert secret.message == {"resourceType": "Bundle", "id": "12824212447"}
