"""Where the intake begins, what it finds missing, and when it says that nothing goes on."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from carepath.store.positions import Position
from consumers.progress import Gap, Log, Progress, Watchdog, beginning
from consumers.records import Place, Record, media_type, submission
from consumers.topics import chosen, wanted
from fhir_mappings.formats import FHIR_JSON

ONE, OTHER = Place("carepath.inbound.one", 0), Place("carepath.inbound.other", 1)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAUSE = timedelta(minutes=5)

batches = st.lists(
    st.lists(st.tuples(st.sampled_from([ONE, OTHER]), st.integers(0, 30)), max_size=12), max_size=6
)


def records(*at: tuple[Place, int]) -> list[Record]:
    """Records at these places."""
    return [Record(place, offset, b"") for place, offset in at]


@given(batches, st.integers(0, 5))
@example([[(ONE, 3)], [(ONE, 1), (ONE, 9)]], 0)
def test_whatever_comes_every_offset_is_taken_in_at_its_turn(
    came: list[list[tuple[Place, int]]], start: int
) -> None:
    """Records jump, repeat and go back: after repair no offset is left out, and none is taken before those below."""
    progress = Progress({ONE: start, OTHER: 0})
    taken: dict[Place, list[int]] = defaultdict(list)
    for batch in came:
        for step in progress.steps(records(*batch)):
            again = (
                records(*((step.place, n) for n in range(step.start, step.stop)))
                if isinstance(step, Gap)
                else step
            )
            for record in again:
                taken[record.place].append(record.offset)
            progress.done(again)
    for place, begin in ((ONE, start), (OTHER, 0)):
        reached = begin
        for offset in taken[place]:
            assert offset <= reached, "one below it was left out"
            reached = max(reached, offset + 1)
        assert progress.next[place] == reached
        assert {n for batch in came for p, n in batch if p == place} <= {*taken[place]}


def test_what_was_not_committed_is_expected_again() -> None:
    """Looking at a batch notes nothing: only what is committed is behind us."""
    progress = Progress({ONE: 0})
    assert [*progress.steps(records((ONE, 2)))] == [Gap(ONE, 0, 2), records((ONE, 2))]
    assert progress.next == {ONE: 0}
    assert next(progress.steps(records((ONE, 2)))) == Gap(ONE, 0, 2)


@pytest.mark.parametrize(
    ("stored", "log", "start"),
    [
        (None, Log(0, 9), 0),
        (None, Log(4, 9), 4),  # what expired before anybody read it was never ours
        (Position("a", 5), Log(0, 9), 5),
        (Position("a", 9), Log(0, 9), 9),
        (Position("a", 2), Log(4, 9), 2),  # before the first: two are missing
        (Position("b", 5), Log(0, 9), 0),  # another topic of that name
        (Position("a", 12), Log(0, 9), 0),  # the log was cut short
    ],
)
def test_the_position_says_where_to_begin(stored: Position | None, log: Log, start: int) -> None:
    """As long as it is this topic's, and the log goes so far."""
    assert beginning(stored, "a", log) == start


def barks(dog: Watchdog, next_: dict[Place, int], log: Log, *at: float) -> list[Gap]:
    """What the dog finds the last time it is asked; it finds nothing before."""
    *before, last = at
    for now in before:
        assert not dog.stalled(now, next_, {ONE: log})
    return dog.stalled(last, next_, {ONE: log})


def test_the_watchdog_barks_when_there_is_work_and_nothing_is_done() -> None:
    """Not while it is idle, not while it gets on, and not before its time."""
    dog = Watchdog(10)
    assert not barks(dog, {ONE: 5}, Log(0, 5), 0, 50, 100)
    assert not barks(dog, {ONE: 5}, Log(0, 9), 102, 104, 106, 108, 110)
    assert not barks(dog, {ONE: 6}, Log(0, 9), 112, 114, 116, 118, 120)
    assert barks(dog, {ONE: 6}, Log(0, 9), 122) == [Gap(ONE, 6, 9)]
    assert not barks(dog, {ONE: 9}, Log(0, 9), 124)


def test_what_other_workers_do_is_no_progress_of_ours() -> None:
    """Only the partitions that it is asked about count."""
    dog = Watchdog(4)
    for now in range(4):
        assert not dog.stalled(now, {ONE: 5, OTHER: now}, {ONE: Log(0, 9)})
    assert dog.stalled(4, {ONE: 5, OTHER: 4}, {ONE: Log(0, 9)})


def test_the_time_that_the_process_stood_still_is_not_held_against_it() -> None:
    """It had no chance to get on."""
    assert not barks(Watchdog(10), {ONE: 5}, Log(0, 9), 0, 2, 4, 3600, 3602)


def test_a_partition_whose_records_have_all_expired_is_no_work() -> None:
    """And one that nobody has read begins at its first record."""
    assert not barks(Watchdog(0), {ONE: 2}, Log(9, 9), 1, 2)
    assert barks(Watchdog(0), {}, Log(4, 9), 1, 2) == [Gap(ONE, 4, 9)]


def test_only_topics_of_organisations_in_the_directory_are_read() -> None:
    """In open mode all inbound topics are."""
    found = ["carepath.inbound.a", "carepath.inbound.b", "carepath.inbound.", "other"]
    assert wanted(found, {"a"}) == {"carepath.inbound.a"}
    assert wanted(found, None) == {"carepath.inbound.a", "carepath.inbound.b"}


@pytest.mark.parametrize(
    ("active", "read"),
    [
        ({}, {"a", "b"}),  # the first ones wait for nothing
        ({"a": NOW - PAUSE}, {"a", "b"}),
        ({"a": NOW - PAUSE / 2}, {"a"}),  # gathered
        ({"a": NOW - 2 * PAUSE, "b": NOW}, {"a", "b"}),  # another worker has begun with it
        ({"gone": NOW}, {"a", "b"}),
    ],
)
def test_new_topics_are_taken_up_at_most_once_in_a_while(
    active: dict[str, datetime], read: set[str]
) -> None:
    """And every worker comes to the same list."""
    assert chosen({"a", "b"}, active, NOW, PAUSE) == read


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"application/fhir+xml", "application/fhir+xml"),
        (b"application/fhir+json; fhirVersion=4.0", "application/fhir+json; fhirVersion=4.0"),
        (b"", FHIR_JSON),
        (b"x" * 200, FHIR_JSON),
        (b"a/b\x00", FHIR_JSON),
        (b"\xff/\xff", FHIR_JSON),
    ],
)
def test_the_content_type_is_what_the_header_says_if_it_can_be_one(
    header: bytes, told: str
) -> None:
    """Whatever else stands there would only make trouble where it is kept."""
    assert media_type([("other", b"x/y"), ("Content-Type", header)], b"{}") == told


@pytest.mark.parametrize(
    "value", [b"<Bundle/>", b"\xef\xbb\xbf\n<Bundle/>", "<Bundle/>".encode("utf-16")]
)
def test_a_value_that_is_xml_is_taken_for_xml(value: bytes) -> None:
    """Where no header says what it is."""
    assert media_type([], value) == "application/fhir+xml"
    assert media_type([], None) == FHIR_JSON


def test_a_record_is_its_topics_organisations_submission() -> None:
    """A tombstone is one of nothing."""
    sent = submission(Record(ONE, 7, None), "id")
    assert (sent.source, sent.organisation, sent.media_type) == (b"", "one", FHIR_JSON)
    assert sent.origin is not None
    assert (sent.origin.topic, sent.origin.topic_id) == (ONE.topic, "id")
    assert (sent.origin.partition, sent.origin.offset) == (0, 7)
