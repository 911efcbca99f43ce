"""The form of every event says all that the event can say: what is filled in comes out as it was, in any language."""

from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carepath import texts
from carepath.service.typed import field_types
from carepath.ui.forms import Form
from carepath.ui.send.fields import ANSWERS, NEEDED, Field, layout
from carepath.ui.send.values import Book, Reader, filled, indices
from pathways.events import EventCode
from pathways.facts import Facts, MeasureFacts, MeetingFacts, Participant, PlanFacts
from pathways.moments import Moment, on_day
from pathways.parties import Identifier, Party, PartyRef
from pathways.sending import SENT_BY
from tests.unit import strategies
from tests.unit.strategies import OSLO

AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
KARI = Party(key="kari", name="Kari <b>& co", identifiers=(Identifier("urn:x", "1"),))


def as_typed(value: Any, parties: dict[str, Party]) -> Any:
    """The value as a form can hold it: to the minute, without space around it, organisations of the directory."""
    match value:
        case Moment():
            return _to_the_minute(value)
        case PartyRef():
            return _entered(value, parties)
        case str() if type(value) is str:
            return value.strip()
        case tuple():
            return tuple(as_typed(one, parties) for one in value)
        case _ if is_dataclass(value) and not isinstance(value, Identifier):
            told = {f.name: as_typed(getattr(value, f.name), parties) for f in fields(value)}
            return replace(value, **told)  # type: ignore[type-var]
        case _:
            return value


def _entered(ref: PartyRef, parties: dict[str, Party]) -> PartyRef:
    key = f"p{len(parties)}"
    parties[key] = Party(key, ref.name or key, identifiers=(Identifier("urn:party", key),))
    return PartyRef(parties[key].identifiers, parties[key].name)


def _to_the_minute(moment: Moment) -> Moment:
    local = moment.at.astimezone(OSLO)
    if moment.day:
        return on_day(local.date(), AT, OSLO)
    return Moment(local.replace(second=0, microsecond=0, fold=0).astimezone(UTC))


@pytest.mark.parametrize("code", SENT_BY)
@settings(max_examples=4)
@given(st.data())
def test_what_is_filled_in_is_what_is_told(code: EventCode, data: st.DataObject) -> None:
    """Values, form, values again."""
    drawn = data.draw(strategies.facts_of(code, AT))
    parties: dict[str, Party] = {}
    told: Facts = as_typed(drawn, parties)
    empty = (one.name for one in fields(told) if getattr(told, one.name) == ())
    said: dict[str, Any] = dict.fromkeys(empty)
    told = replace(told, **said)  # a form that sends says what there is
    if isinstance(told, MeetingFacts):  # an answer says these
        told = replace(told, accepts=None, reason=None)
    book = Book(parties, AT)
    form = Form(filled(layout(code).all, told, book))
    read = Reader(form, book, "en").values(layout(code).all)
    missing = {name for name in NEEDED.get(code, ()) if getattr(told, name) in (None, ())}
    assert set(form.problems) == missing
    assert type(told)(**read) == told


@pytest.mark.parametrize("code", SENT_BY)
def test_a_form_has_every_field_that_its_event_can_tell(code: EventCode) -> None:
    """Once, and with a text in the catalogues for it and for all there is to choose."""
    names = [one.name for one in layout(code).all]
    left = set(ANSWERS[code]) if code is EventCode.PLAN_MEETING else set()
    assert sorted(names) == sorted(set(field_types(code)) - left)
    for one in _deep(layout(code).all):
        for language in texts.LANGUAGES:
            assert {one.label, *(key for _, key in one.options)} <= set(texts.catalogue(language))


@pytest.mark.parametrize("code", ANSWERS)
def test_an_answer_says_what_answers_say(code: EventCode) -> None:
    """And nothing else."""
    assert tuple(one.name for one in layout(code, answer=True).all) == ANSWERS[code]


def _deep(told: tuple[Field, ...]) -> list[Field]:
    return [*told, *(column for one in told for column in one.columns)]


def _read(code: EventCode, **typed: str) -> tuple[dict[str, Any], dict[str, str]]:
    form = Form({name.replace("__", "-"): [text] for name, text in typed.items()})
    book = Book({"kari": KARI}, AT)
    return Reader(form, book, "en").values(layout(code).all), form.problems


def test_what_cannot_be_used_is_told_beside_its_field() -> None:
    """In words, with what would do; the rest is read all the same."""
    told, problems = _read(
        EventCode.MEASURE_PROMISED,
        title="Ramp",
        due="soon",
        evaluate_by__time="10:00",
        owner="Nobody",
    )
    assert told == {"title": "Ramp"}
    assert problems == {
        "due": "This needs a time, like 2026-03-20T14:40, or a day, like 2026-03-20.",
        "evaluate_by": "A time needs a day.",
        "owner": "Choose an organisation from the list.",
    }


def test_what_is_needed_is_asked_for() -> None:
    """A field, and a column of a row in which something else stands."""
    assert _read(EventCode.MEASURE_DELAYED)[1] == {"due": "Fill this in."}
    _, problems = _read(
        EventCode.PLAN_CREATED, participants__0__role="GP", participants__2__name="Kari"
    )
    assert problems == {"participants-0-name": "Fill this in."}


def test_a_code_that_is_none_is_no_choice() -> None:
    """Whoever made the request."""
    _, problems = _read(EventCode.REFERRAL, title="Knee", priority="<script>")
    assert problems == {"priority": "Choose something from the list."}


@pytest.mark.parametrize("typed", ["Kari <b>& co", "kari <B>& CO", "kari", "1"])
def test_an_organisation_is_found_by_name_key_or_number(typed: str) -> None:
    """However its letters are written."""
    told, _ = _read(EventCode.MEASURE_PROMISED, owner=typed)
    assert told == {"owner": PartyRef(KARI.identifiers, KARI.name)}


def test_two_organisations_of_one_name_can_be_told_apart() -> None:
    """By their keys; who is not in the directory any more is not listed."""
    gone = replace(KARI, key="gone", name="Gone", valid_to=AT)
    book = Book({"a": replace(KARI, key="a"), "b": replace(KARI, key="b"), "gone": gone}, AT)
    assert book.listed() == ["Kari <b>& co (a)", "Kari <b>& co (b)"]
    found = [book.find(label) for label in book.listed()]
    assert [party.key for party in found if party] == ["a", "b"]


def test_a_persons_number_needs_no_system() -> None:
    """Where only a person's can be meant; a matter's number of eleven digits stays what it is."""
    linked, _ = _read(EventCode.IDENTITY_LINKED, linked="12824212447\r\nurn:x|7")
    assert [one.system for one in linked["linked"]] == ["urn:oid:2.16.578.1.12.4.1.4.1", "urn:x"]
    own, _ = _read(EventCode.MEASURE_DONE, identifiers="12824212447")
    assert own == {"identifiers": (Identifier("", "12824212447"),)}


def test_rows_keep_their_order_whatever_their_numbers() -> None:
    """Empty ones are none."""
    told, _ = _read(
        EventCode.PLAN_CREATED,
        participants__10__name="B",
        participants__2__name="A",
        participants__3__name="",
        participants__x__name="never",
    )
    assert told == {"participants": (Participant("A"), Participant("B"))}


def test_known_values_say_nothing_of_what_is_not_known() -> None:
    """Empty fields are empty."""
    assert filled(layout(EventCode.PLAN_CREATED).all, PlanFacts(), Book({}, AT)) == {}
    known = filled(layout(EventCode.MEASURE_DONE).all, MeasureFacts(note="x"), Book({}, AT))
    assert known == {"note": ["x"]}


@pytest.mark.parametrize("digits", ["9" * 10, "9" * 5_000])
def test_a_number_that_is_none_of_ours_is_told_or_left_out(digits: str) -> None:
    """As a value it is wrong; as the number of a row no page of ours has it."""
    form = Form({"medicines_days": [digits], f"goals-{digits}-text": ["Gå"]})
    fields = [
        one for one in layout(EventCode.DEPARTURE_PLANNED).all if one.name == "medicines_days"
    ]
    assert Reader(form, Book({}, datetime.now(UTC)), "nb").values(fields) == {}
    assert set(form.problems) == {"medicines_days"}
    assert not indices(form, "goals")
