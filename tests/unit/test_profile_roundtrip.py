"""What is written in our own profile is read again as the same message."""

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from fhir_mappings import codes
from fhir_mappings.inbound import Options, read
from fhir_mappings.outbound import write
from fhir_mappings.profile import SHAPES
from pathways.events import RULES, EventCode
from pathways.facts import StayFacts
from pathways.messages import Message
from pathways.moments import Moment, on_day
from pathways.refusals import Refusal
from tests.unit.strategies import BASE_URL, OSLO, instants, messages

OPTIONS = Options(received=datetime(2027, 1, 1, tzinfo=UTC), base_url=BASE_URL)


def again(message: Message) -> Message:
    """Write and read it."""
    found = read(orjson.dumps(write(message, base_url=BASE_URL)), OPTIONS)
    assert not isinstance(found, Refusal), found
    return replace(found, content=b"", source=b"")


@pytest.mark.parametrize("code", list(EventCode))
@settings(max_examples=10)
@given(data=st.data())
def test_every_event_comes_back_the_same(code: EventCode, data: st.DataObject) -> None:
    """read(dumps(write(m))) == m, for random facts of every event."""
    message = data.draw(messages(code))
    assert again(message) == message


def test_every_fact_has_a_place() -> None:
    """A fact that no event's resources carry could not be told at all."""
    for kind in {rule.facts for rule in RULES.values()}:
        codes_ = [code for code, rule in RULES.items() if rule.facts is kind]
        told = {f.name for code in codes_ for shape in SHAPES[code].values() for f in shape}
        assert {f.name for f in fields(kind)} - told <= {"relatives"}, kind


@given(messages())
def test_every_identifier_has_one_spelling(message: Message) -> None:
    """Another URI of the same system, wherever it stands, is the same identifier."""
    source = orjson.dumps(write(message, base_url=BASE_URL))
    for own, other in ((codes.FNR, codes.FNR_ALIAS), (codes.HER_ID, codes.HER_ID_ALIAS)):
        source = source.replace(f'"{own}"'.encode(), f'"{other}"'.encode())
    found = read(source, OPTIONS)
    assert not isinstance(found, Refusal), found
    assert replace(found, content=b"", source=b"") == message


@given(
    messages(EventCode.DISCHARGE),
    instants(),
    st.integers(0, 40).map(lambda hours: timedelta(hours=hours)),
    st.sampled_from([(True, False), (False, True), (True, True), (False, False)]),
)
def test_a_period_can_always_be_compared(
    message: Message, first: datetime, lasted: timedelta, are_days: tuple[bool, bool]
) -> None:
    """per-1 needs two days or two times on one date; what is read is exact all the same."""
    begins, ends = (
        on_day(at.astimezone(OSLO).date(), message.written, OSLO) if is_day else Moment(at)
        for at, is_day in zip((first, first + lasted), are_days, strict=True)
    )
    stay = StayFacts(encounter_class="IMP", begins=begins, ends=ends)
    bundle = write(replace(message, facts=stay, keys=()), base_url=BASE_URL)
    [period] = [e["resource"]["period"] for e in bundle["entry"] if "period" in e["resource"]]
    start, end = period["start"], period["end"]
    assert start[:10] <= end[:10]
    assert start[:10] < end[:10] or len(start) > 10 or len(end) == 10
    assert start[:10] < end[:10] or len(end) > 10 or len(start) == 10
    found = read(orjson.dumps(bundle), OPTIONS)
    assert not isinstance(found, Refusal), found
    assert found.facts == stay


@given(messages())
def test_writing_twice_gives_the_same_bytes(message: Message) -> None:
    """Ids follow from the message's own: nothing is random."""
    first, second = (orjson.dumps(write(message, base_url=BASE_URL)) for _ in range(2))
    assert first == second


_WRONG: SearchStrategy[Any] = st.sampled_from(
    [None, "", "x", 0, -1, 1.5, True, [], {}, [None], [{}], {"a": "b"}, "#x"]
)


@settings(max_examples=150)
@given(messages(), st.data())
def test_reading_never_raises(message: Message, data: st.DataObject) -> None:
    """Whatever is changed or left out: a message or a refusal whose issues name a place."""
    bundle = write(message, base_url=BASE_URL)
    for _ in range(data.draw(st.integers(1, 3))):
        _spoil(bundle, data)
    found = read(orjson.dumps(bundle), OPTIONS)
    if isinstance(found, Refusal):
        assert all(issue.where for issue in found.issues)


def _spoil(node: Any, data: st.DataObject) -> None:
    """Change or drop one value somewhere below."""
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        inner = node[place]
        if isinstance(inner, dict | list) and inner and data.draw(st.integers(0, 9)):
            node = inner
        elif data.draw(st.booleans()):
            del node[place]
            return
        else:
            node[place] = data.draw(_WRONG)
            return
