"""What the patient permits and objects to, and since when."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pathways.consents import consented, objected, relatives_told
from pathways.decide import Case, decide
from pathways.events import Activity, EventCode, Family
from pathways.facts import ConsentFacts, ConsentKind, PersonFacts, Relative
from pathways.messages import Author, Key, KeyRank, Message, Patient, Record
from pathways.moments import Moment, on_day
from pathways.parties import Directory, Identifier, Party, PartyRef
from pathways.pathway import Header, Thread, fold
from pathways.refusals import Cause, Refusal
from pathways.states import Consents
from tests.unit.records import BEGIN, OSLO

C, K = EventCode, ConsentKind
GIVEN, WITHDRAWN = C.CONSENT_GIVEN, C.CONSENT_WITHDRAWN
NO, NO_MORE = C.OBJECTION_REGISTERED, C.OBJECTION_WITHDRAWN
HOUR = timedelta(hours=1)
NAV = PartyRef((Identifier("urn:x", "nav"),), "NAV")


def state(*told: tuple[EventCode, dict[str, Any]]) -> Consents:
    """What these make, an hour between them."""
    records = [_record(number, code, said) for number, (code, said) in enumerate(told)]
    anchor = Key(KeyRank.EPISODE, Family.CONSENT)
    known = fold(Thread(id="t", patient="p", family=Family.CONSENT, anchor=anchor), records).facts
    return known if isinstance(known, Consents) else Consents()


def _record(number: int, code: EventCode, said: dict[str, Any]) -> Record:
    at = BEGIN + number * HOUR
    return Record(
        id=f"e{number}",
        patient="p",
        message_id=f"m{number}",
        code=code,
        activity=Activity.NEW,
        target=None,
        sender="ward",
        sender_name="Ward",
        sender_root=None,
        author=Author(),
        happened=Moment(at),
        written=at,
        received=at,
        keys=(),
        facts=ConsentFacts(**said),
        named={"party": ("nav",)} if said.get("party") else {},
    )


OLA = {"consent": K.RELATIVES, "person": "Ola Nordmann"}
ALL = {"consent": K.RELATIVES}
PERSONNEL = {"consent": K.HEALTH_PERSONNEL}
LATE = BEGIN + 20 * HOUR


@pytest.mark.parametrize(
    ("told", "kind", "to", "may"),
    [
        ([], K.RELATIVES, "Ola Nordmann", False),
        ([(GIVEN, OLA)], K.RELATIVES, "OLA  nordmann", True),
        ([(GIVEN, OLA)], K.RELATIVES, "Liv", False),
        ([(GIVEN, OLA)], K.PLAN, "Ola Nordmann", False),
        ([(GIVEN, ALL)], K.RELATIVES, "Liv", True),
        ([(GIVEN, ALL), (NO, OLA)], K.RELATIVES, "Ola Nordmann", False),
        ([(GIVEN, ALL), (NO, OLA), (NO_MORE, OLA)], K.RELATIVES, "Ola Nordmann", True),
        ([(NO, OLA), (GIVEN, OLA)], K.RELATIVES, "Ola Nordmann", True),
        ([(NO, OLA), (GIVEN, OLA), (WITHDRAWN, OLA)], K.RELATIVES, "Ola Nordmann", False),
        ([(GIVEN, OLA), (WITHDRAWN, ALL)], K.RELATIVES, "Ola Nordmann", False),
        ([(GIVEN, OLA), (WITHDRAWN, {"consent": K.NAV})], K.RELATIVES, "Ola Nordmann", True),
        ([(GIVEN, {"consent": K.NAV, "party": NAV})], K.NAV, "nav", True),
        ([(GIVEN, {"consent": K.NAV, "party": NAV})], K.NAV, "school", False),
        ([], K.HEALTH_PERSONNEL, "gp", True),
        ([(NO, PERSONNEL)], K.HEALTH_PERSONNEL, "gp", False),
        ([(NO, {**PERSONNEL, "document": "m7"})], K.HEALTH_PERSONNEL, "gp", True),
    ],
)
def test_who_may_know(
    told: list[tuple[EventCode, dict[str, Any]]], kind: ConsentKind, to: str, *, may: bool
) -> None:
    """Most of it needs a consent; between health personnel the rule is need, unless the patient objects."""
    assert consented(state(*told), kind, to, LATE, UTC) is may


def test_a_consent_ends_when_it_was_agreed_to() -> None:
    """A day is a whole day where the people are; a withdrawal ends it at once."""
    last = on_day(BEGIN.date() + timedelta(days=1), BEGIN, OSLO)
    known = state((GIVEN, {**OLA, "until": last}))
    midnight = datetime(2026, 11, 18, tzinfo=OSLO)
    asked = (known, K.RELATIVES, "Ola Nordmann")
    assert [consented(*asked, midnight + n * HOUR, OSLO) for n in (-1, 0)] == [True, False]
    withdrawn = state((GIVEN, OLA), (WITHDRAWN, OLA))
    times = [BEGIN - HOUR, BEGIN, BEGIN + HOUR]
    assert [consented(withdrawn, K.RELATIVES, "Ola Nordmann", at, UTC) for at in times] == [
        False,
        True,
        False,
    ]
    assert not objected(withdrawn, K.RELATIVES, "Ola Nordmann", LATE, UTC)


WORDS = st.lists(st.sampled_from([GIVEN, NO, WITHDRAWN, NO_MORE]), max_size=6)


@given(words=WORDS)
@settings(max_examples=50)
def test_the_last_word_counts(words: list[EventCode]) -> None:
    """Of a matter: a yes until it is taken back, a no until it is given up."""
    known = state(*((word, OLA) for word in [*words, WITHDRAWN]))
    assert not consented(known, K.RELATIVES, "Ola Nordmann", LATE, UTC)
    known = state(*((word, OLA) for word in [*words, GIVEN]))
    assert consented(known, K.RELATIVES, "Ola Nordmann", LATE, UTC)
    known = state(*((word, OLA) for word in [*words, NO]))
    assert objected(known, K.RELATIVES, "Ola Nordmann", LATE, UTC)


def test_only_relatives_with_consent_are_named() -> None:
    """Of those who are registered."""
    known = state((GIVEN, OLA))
    registered = (Relative("ola nordmann"), Relative("Liv"))
    assert relatives_told(registered, known, LATE, UTC) == [Relative("ola nordmann")]


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"consent": K.RELATIVES, "person": "Ola Nordmann"}, None),
        ({"consent": K.RELATIVES, "person": "Ola Norman"}, Cause.NOT_REGISTERED),
        ({"consent": K.NAV, "party": NAV}, Cause.UNKNOWN_ORGANISATION),
        (
            {"consent": K.PLAN, "since": Moment(BEGIN), "until": Moment(BEGIN - HOUR)},
            Cause.ENDS_BEFORE_IT_BEGINS,
        ),
    ],
)
def test_a_consent_for_the_wrong_person_is_refused(
    said: dict[str, Any], cause: Cause | None
) -> None:
    """It would let somebody know whom nobody meant. An objection protects, and is always taken in."""
    for code, expected in ((GIVEN, cause), (NO, None)):
        found = _decided(code, said)
        senseless = cause is Cause.ENDS_BEFORE_IT_BEGINS
        wanted = cause if senseless else expected
        assert (found.issues[0].cause if isinstance(found, Refusal) else found) is wanted


def _decided(code: EventCode, said: dict[str, Any]) -> object:
    message = Message(
        id="m",
        format="carepath",
        envelope=None,
        content=b"",
        code=code,
        sender=PartyRef(name="Ward"),
        happened=Moment(BEGIN),
        written=BEGIN,
        patient=Patient(),
        facts=ConsentFacts(**said),
    )
    return decide(
        Case(
            message=message,
            sender="ward",
            asked=None,
            thread=None,
            directory=Directory({"ward": Party("ward", "Ward")}),
            now=LATE,
            clock_skew=HOUR,
            header=Header(person=PersonFacts(relatives=(Relative("Ola Nordmann"),))),
        )
    )
