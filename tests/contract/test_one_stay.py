"""One stay, one timeline and one state, whatever language its messages are in, mixed, and in any order."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from itertools import count
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carepath import texts
from carepath.service import Service, ServiceOptions, Submission, directory
from carepath.store import overview, queries
from carepath.store.database import Database
from carepath.store.resources import Viewer
from pathways.events import EventCode
from pathways.facts import StayFacts
from pathways.moments import Moment
from pathways.parties import Directory, PartyRef
from pathways.pathway import Thread
from pathways.transitions import Status
from tests.contract.one_stay import BEGUN, CANNOT_SAY, LANGUAGES, LEFT, PARTIES, STEPS
from tests.contract.stored import EVERYTHING, opened

NOW = LEFT + timedelta(days=1)
ALL_STEPS: Final = (*STEPS,)

NOT_COMPARED: Final = frozenset(("identifiers", "episodes"))
"""Facts that are meant to differ: what each language numbers the stay by. PLO has none at all (see docs/kith.md)."""

TIED_BY_OTHERS: Final = ("report", "plo")
"""PLO's report says of which hospital's stay it is, neither its number nor its begin: another message of the stay must
come in PLO, too. Until then it stands in the timeline as a matter of its own."""

SAID_ONCE: Final = frozenset(("encounter_class",))
"""Facts that PLO tells with the admission alone: in later entries they are not compared, in the state they are."""

_PEOPLE = count(1)
_DIRECTORY: Final = Directory({party.key: party for party in PARTIES})


@contextmanager
def serving(url: str) -> Iterator[Service]:
    """A broker that knows the hospital by all its numbers."""
    with opened(url) as database:
        with database.write() as conn:
            for party in PARTIES:
                directory.enter(conn, database.keys, party, NOW)
        yield Service(database, ServiceOptions(now=lambda: NOW))


def told(service: Service, *parts: tuple[str, str]) -> list[Any]:
    """Take in steps, each in its language, of somebody new; what is then known of them."""
    person, keys = next(_PEOPLE), set()
    for step, language in parts:
        (answer,) = service.handle([Submission(LANGUAGES[language](step, person))])
        assert answer.status == 200, (step, language, answer.body)
        keys.add(answer.patient)
    (key,) = keys
    assert key
    return known(service.database, key)


def known(database: Database, key: str) -> list[Any]:
    """The state of each matter, and the timeline in words."""
    with database.read() as conn:
        threads = overview.matters(conn, EVERYTHING, [key], None)
        shown = queries.timeline(conn, (key,), Viewer(None, 2**62), as_of=2**62)
    entries = [
        (
            entry.code,
            entry.activity,
            entry.happened,
            entry.written,
            entry.sender,
            [texts.render(entry.text_key, entry.params, one) for one in texts.LANGUAGES],
            {*entry.marks} - {"late"},
            _said(entry.facts, () if entry.code is EventCode.ADMISSION else SAID_ONCE),
        )
        for entry in shown
    ]
    return [[_state(one) for one in threads], entries]


def _state(thread: Thread) -> tuple[Any, ...]:
    promises = [(one.kind, one.duty, one.opened, one.closed) for one in thread.promises]
    of = (thread.family, thread.status, thread.owner, thread.sender, thread.begun, thread.updated)
    return (*of, thread.task, promises, _said(thread.facts))


def _said(facts: Any, but: Collection[str] = ()) -> dict[str, Any]:
    """The facts by name; a party by what the directory calls it."""
    said = {one.name: getattr(facts, one.name) for one in fields(facts)} if facts else {}
    return {
        name: _DIRECTORY.find(value.known_by, NOW) if isinstance(value, PartyRef) else value
        for name, value in said.items()
        if name not in NOT_COMPARED and name not in but
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_stay_is_the_same_in_every_language(language: str, database_url: str) -> None:
    """As far as the language can tell it: the same as our own profile when that tells no more."""
    steps = [step for step in ALL_STEPS if step not in CANNOT_SAY.get(language, ())]
    with serving(database_url) as service:
        expected = told(service, *((step, "carepath") for step in steps))
        assert told(service, *((step, language) for step in steps)) == expected
    ((state,), entries) = expected
    _, status, owner, *_, facts = state
    assert (status, owner) == (Status.FINISHED, "slagen-medisin")
    assert (facts["begins"], facts["ends"]) == (Moment(BEGUN), Moment(LEFT))
    assert len(entries) == len(steps)


def test_mixed_and_in_any_order_it_is_one_stay(database_url: str) -> None:
    """Every step in any language that can say it; what comes last may have happened first."""
    able = {
        step: [one for one in LANGUAGES if step not in CANNOT_SAY.get(one, ())] for step in STEPS
    }
    spoken = st.tuples(*(st.sampled_from(able[step]) for step in ALL_STEPS)).filter(_tied)
    with serving(database_url) as service:
        expected = told(service, *((step, "carepath") for step in ALL_STEPS))
        assert len(expected[0]) == 1

        @settings(max_examples=12)
        @given(spoken, st.permutations(range(len(ALL_STEPS))))
        def mixed(languages: Sequence[str], order: Sequence[int]) -> None:
            parts = [*zip(ALL_STEPS, languages, strict=True)]
            assert told(service, *(parts[place] for place in order)) == expected

        mixed()


def _tied(languages: Sequence[str]) -> bool:
    """Whether what needs another message in its language has one."""
    step, language = TIED_BY_OTHERS
    alone = languages.count(language) == 1
    return not (alone and languages[ALL_STEPS.index(step)] == language)


def test_what_nothing_ties_to_its_stay_is_told_nevertheless(database_url: str) -> None:
    """The timeline is the same; there is one more matter, until the stay is told of in PLO."""
    with serving(database_url) as service:
        own = [(step, "hl7v2") for step in ALL_STEPS[:-1]]
        threads, entries = told(service, *own, TIED_BY_OTHERS)
        assert len(threads) == 2
        assert entries == told(service, *((step, "carepath") for step in ALL_STEPS))[1]
        threads, _ = told(service, *own[:-1], TIED_BY_OTHERS, ("discharge", "plo"))
        assert len(threads) == 1


def test_only_what_is_meant_to_differ_is_left_out() -> None:
    """The tables above name facts and steps that there are."""
    assert {one.name for one in fields(StayFacts)} > NOT_COMPARED | SAID_ONCE
    assert all(steps < {*STEPS} for steps in CANNOT_SAY.values())
    assert {*CANNOT_SAY} < {*LANGUAGES}
