"""The oracle of the kill tests can object: every way of losing, doubling or changing something is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.integration.oracle import Journey, Observed, code_of, identifier_of, objections
from tests.integration.stories import (
    HOSPITAL,
    NURSING,
    Matter,
    Resource,
    admission,
    discharge,
    message_id,
    person,
)
from tests.integration.traffic import OPERATOR, Event, Sent


@pytest.fixture
def sound() -> Observed:
    """Two messages about one patient, as a sound server shows them."""
    matter = Matter(person())
    messages = (admission(matter), discharge(matter))
    feeds = {
        receiver: [event(message, number, receiver) for number, message in enumerate(messages, 1)]
        for receiver in (OPERATOR, NURSING.number)
    }
    return Observed(
        sent={message_id(m): Sent(m, json.dumps(m).encode(), {b"receipt"}) for m in messages},
        journeys={message_id(m): [journey(m)] for m in messages},
        sources={message_id(m): json.dumps(m).encode() for m in messages},
        timelines={
            identifier_of(messages[0]): [
                (f"event-{message_id(m)}", message_id(m)) for m in messages
            ]
        },
        streamed=feeds,
        feeds=feeds | {HOSPITAL.number: []},
    )


def event(message: Resource, number: int, receiver: str) -> Event:
    """A message's place in a feed."""
    said = {"id": f"{receiver}-{message_id(message)}", "sequence": str(number), "data": message}
    return Event(number, code_of(message), json.dumps(said))


def journey(message: Resource) -> Journey:
    """Taken in, and delivered to whom it was sent."""
    told = ((NURSING.number, code_of(message)),)
    return Journey("accepted", f"event-{message_id(message)}", told, delivered=True)


def _journeys(seen: Observed, **changed: Any) -> Observed:
    """The first message's journey with something changed."""
    first, (found,) = next(iter(seen.journeys.items()))
    return replace(seen, journeys={**seen.journeys, first: [replace(found, **changed)]})


def _nursing(seen: Observed, *events: Event) -> Observed:
    """Nursing's feed holds these events, and they came so."""
    feed = {NURSING.number: events}
    return replace(seen, feeds={**seen.feeds, **feed}, streamed={**seen.streamed, **feed})


def _timeline(seen: Observed, *entries: tuple[str, str]) -> Observed:
    """The patient's timeline holds these entries."""
    return replace(seen, timelines=dict.fromkeys(seen.timelines, entries))


def _entries(seen: Observed) -> list[tuple[str, str]]:
    (entries,) = seen.timelines.values()
    return list(entries)


def _told(seen: Observed) -> list[Event]:
    return list(seen.feeds[NURSING.number])


def _receipts(seen: Observed, *receipts: bytes) -> Observed:
    sent = {id_: replace(one, receipts={*receipts}) for id_, one in seen.sent.items()}
    return replace(seen, sent=sent)


FAULTS: dict[str, Callable[[Observed], Observed]] = {
    "never acknowledged": _receipts,
    "another receipt the second time": lambda seen: _receipts(seen, b"one", b"other"),
    "unknown to $where": lambda seen: replace(seen, journeys={}),
    "parked": lambda seen: _journeys(seen, verdict="parked"),
    "other bytes kept": lambda seen: replace(seen, sources=dict.fromkeys(seen.sources, b"{}")),
    "lost from the timeline": lambda seen: _timeline(seen, *_entries(seen)[1:]),
    "twice on the timeline": lambda seen: _timeline(seen, *_entries(seen), _entries(seen)[0]),
    "under another event id": lambda seen: _journeys(seen, event="another"),
    "on another's timeline": lambda seen: replace(seen, timelines={"x|y": _entries(seen)}),
    "receiver not told": lambda seen: _journeys(seen, told=()),
    "update lost": lambda seen: _nursing(seen, *_told(seen)[:1]),
    "update lost, with a gap": lambda seen: _nursing(seen, *_told(seen)[1:]),
    "numbered twice": lambda seen: _nursing(seen, *_told(seen), _told(seen)[1]),
    "sequence is not the number": lambda seen: _nursing(
        seen, _told(seen)[0], replace(_told(seen)[1], data=_told(seen)[0].data)
    ),
    "doubled under a new number": lambda seen: _nursing(
        seen, *_told(seen), replace(_told(seen)[1], number=3)
    ),
    "came, but is not there": lambda seen: replace(
        seen, streamed={**seen.streamed, HOSPITAL.number: _told(seen)[:1]}
    ),
    "withheld": lambda seen: _nursing(
        seen, _told(seen)[0], replace(_told(seen)[1], code="withheld")
    ),
    "delivery not noted": lambda seen: _journeys(seen, delivered=False),
}


def test_sound_server_gets_no_objection(sound: Observed) -> None:
    """Silence is approval."""
    assert objections(sound) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_told(sound: Observed, fault: str) -> None:
    """One fault, at least one objection."""
    assert objections(FAULTS[fault](sound)) != []
