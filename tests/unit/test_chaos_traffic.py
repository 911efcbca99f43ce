"""The traffic of the chaos runs is what it says: good messages can be read, poison cannot, order is kept."""

from collections import Counter
from datetime import UTC, datetime

import orjson
import pytest

from fhir_mappings.inbound import Options, read
from pathways.messages import Message
from pathways.refusals import Refusal
from tests.chaos.traffic import SPOILINGS, Good, Poison, Step, Traffic, digest

READABLE = ("forged", "conflict")
"""Poison that is a message by itself: it is wrong where it stands."""


@pytest.fixture(scope="module")
def steps() -> list[Step]:
    """A thousand, of which one is huge."""
    traffic = Traffic(seed=6)
    return [step for _ in range(20) for step in traffic.steps(lambda _: True, 60)]


def _read(step: Step) -> Message | Refusal:
    return read(step.value or b"", Options(received=datetime.now(UTC)))


def test_good_messages_are_read_as_they_were_meant(steps: list[Step]) -> None:
    """Also those that are sent anew in another envelope."""
    for step in steps[:800]:
        if isinstance(step.fact, Good):
            message = _read(step)
            assert isinstance(message, Message)
            assert (message.id, message.code) == (step.fact.id, step.fact.code)


def test_poison_is_what_it_is_called(steps: list[Step]) -> None:
    """Every kind comes, and is refused for the reason it is to be parked for."""
    found = Counter(step.fact.kind for step in steps if isinstance(step.fact, Poison))
    assert {*found} == {*SPOILINGS}
    for step in steps:
        if isinstance(step.fact, Poison):
            came = _read(step)
            if step.fact.kind in READABLE:
                assert isinstance(came, Message)
                assert came.id == step.fact.about
            else:
                assert isinstance(came, Refusal)
                assert came.reason == SPOILINGS[step.fact.kind]


def test_repeats_follow_what_they_repeat(steps: list[Step]) -> None:
    """In the same stream and partition; the same bytes, or the same message in another envelope."""
    known: dict[str, Step] = {}
    for step in steps:
        if isinstance(step.fact, Good):
            first = known.setdefault(step.fact.id, step)
            assert (step.repeat is None) == (first is step)
            assert (step.organisation, step.key) == (first.organisation, first.key)
            assert (step.value == first.value) == (step.repeat != "resent")
    assert {step.repeat for step in steps} == {None, "again", "resent"}


def test_a_request_waits_for_what_it_answers(steps: list[Step]) -> None:
    """Nobody answers what was never written; but some answers overtake."""
    written: set[str] = set()
    for step in steps:
        assert step.after <= written
        if isinstance(step.fact, Good):
            written.add(step.fact.id)
    assert any(step.after for step in steps)
    assert {step.fact.kind for step in steps if isinstance(step.fact, Good)} == {
        *("told", "late", "correction", "early")
    }


def test_only_what_is_ready_is_given() -> None:
    """Others wait, and come later in the same order."""
    traffic = Traffic(seed=3)
    first = traffic.steps(lambda step: not step.after, 1000)
    assert len(first) == 60
    assert len({step.key for step in first}) == 60
    assert traffic.steps(lambda _: False, 1000) == []


def test_the_shape_follows_from_the_seed() -> None:
    """Whose records come when, and what is wrong with them; ids and times are new."""

    def shape(seed: int) -> list[tuple[str, bytes, str]]:
        steps = Traffic(seed).steps(lambda _: True, 40)
        return [(step.organisation, step.key, step.fact.kind) for step in steps]

    assert shape(1) == shape(1)
    assert shape(1) != shape(2)


def test_strangers_are_in_poison_only(steps: list[Step]) -> None:
    """Else a timeline of theirs would be no fault."""
    people = {step.fact.patient for step in steps if isinstance(step.fact, Good)}
    strangers = {step.fact.patient for step in steps if isinstance(step.fact, Poison)} - {None}
    assert strangers
    assert not people & strangers


def test_digests_are_of_bytes(steps: list[Step]) -> None:
    """A tombstone is nothing at all."""
    assert digest(None) == digest(b"")
    for step in steps:
        if isinstance(step.fact, Poison):
            assert step.fact.digest == digest(step.value)
        elif step.repeat is None:
            assert step.fact.digests == {digest(step.value)}
    assert all(orjson.loads(s.value or b"null") for s in steps[:50] if isinstance(s.fact, Good))
