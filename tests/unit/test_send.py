"""Any event from plain values: what is typed is what is sent, and what cannot be used is named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carepath import texts
from carepath.service import typed as told
from carepath.service.composing import Typed, Who, compose
from carepath.service.typed import Typing, Unfit
from fhir_mappings.inbound import read
from fhir_mappings.options import Options
from fhir_mappings.outbound import write
from pathways.events import RULES, EventCode, Family
from pathways.messages import KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from pathways.refusals import Refusal
from tests.unit.strategies import BASE_URL, messages

WRITTEN = datetime(2026, 6, 15, 12, tzinfo=UTC)
SENT = [code for code, rule in RULES.items() if not rule.ours]
NUMBER = "12824212447"


def typing() -> Typing:
    """A directory that knows everybody by name."""
    return Typing(WRITTEN, lambda key: PartyRef(name=key))


def typed(event: str, *settings: str, **more: Any) -> Message:
    """A message from the ward about one person."""
    who = Who(patient=NUMBER, sender="ward", to=("974795833",))
    return compose(Typed(event, who, settings, **more), typing())


def as_typed(value: Any) -> str:
    """A value as somebody would type it."""
    for kind, written in _WRITTEN.items():
        if isinstance(value, kind):
            return written(value)
    assert is_dataclass(value)
    return ";".join(as_typed(getattr(value, one.name)) for one in fields(value))


_WRITTEN: Mapping[type, Callable[[Any], str]] = {
    bool: lambda value: "yes" if value else "no",
    Moment: lambda value: value.at.astimezone(UTC).isoformat(),
    Identifier: lambda value: f"{value.system}|{value.value}" if value.system else value.value,
    PartyRef: lambda value: str(value.name),
    str: str,
    int: str,
    date: date.isoformat,
    tuple: lambda value: ",".join(map(as_typed, value)),
    type(None): lambda _: "",
}


def can_be_typed(value: Any) -> bool:
    """Days depend on when it is written; organisations stand by name; a compound has its marks."""
    match value:
        case Moment():
            return not value.day
        case PartyRef():
            name = value.name or "|"
            return PartyRef(name=name) == value and "|" not in name and not name.isdecimal()
        case Identifier():
            return "|" not in value.value
        case tuple():
            return all(map(can_be_typed, value))
        case _ if is_dataclass(value):
            inner = [getattr(value, one.name) for one in fields(value)]
            flat = [*_texts(inner)]
            return all(map(can_be_typed, inner)) and not any({*";,"} & {*text} for text in flat)
        case _:
            return True


def _texts(values: Iterable[Any]) -> Iterable[str]:
    return (value for value in values if isinstance(value, str))


@pytest.mark.parametrize("code", SENT)
@settings(max_examples=3)
@given(data=st.data())
def test_every_event_can_be_typed(code: EventCode, data: st.DataObject) -> None:
    """Its facts come back as they were, from a message that our own reader takes."""
    facts = data.draw(messages(code)).facts
    values = {name: getattr(facts, name) for name in told.field_types(code)}
    values = {name: v for name, v in values.items() if v is not None and can_be_typed(v)}
    sets = [
        f"{name}={as_typed(one)}"
        for name, value in values.items()
        for one in (value if isinstance(value, tuple) and value else (value,))
    ]
    message = typed(code, *sets)
    assert {name: getattr(message.facts, name) for name in values} == values
    found = read(orjson.dumps(write(message, base_url=BASE_URL)), Options(received=WRITTEN))
    assert not isinstance(found, Refusal) or "required" in {issue.code for issue in found.issues}


@pytest.mark.parametrize(
    ("event", "setting", "named"),
    [
        ("decision", "outcome=maybe", "granted, partly, refused"),
        ("decision", "valid_to=soon", "valid_to"),
        ("decision", "valide_to=2026-01-01", "valid_to"),
        ("discharge", "medicines_days=two", "medicines_days"),
        ("capacity-answer", "can_receive=perhaps", "yes or no"),
        ("inquiry", "text=", "text"),
        ("relative-registered", "relatives=;son", "name;relationship"),
        ("reminder", "step=due", "the code of an event"),
    ],
)
def test_what_cannot_be_used_is_named(event: str, setting: str, named: str) -> None:
    """With what it needs."""
    with pytest.raises(Unfit) as unfit:
        typed(event, setting)
    assert named in str(unfit.value)
    assert unfit.value.needs("nb") != unfit.value.needs("en")


def test_a_call_names_the_matter_it_is_about() -> None:
    """By its family and its number; other events only by a number of their own."""
    call = typed("settled-by-phone", "settled_with=Lise", about=("stay=urn:x|77",))
    assert call.matter is Family.STAY
    assert [(key.rank, key.value) for key in call.keys] == [(KeyRank.STAY, "urn:x|77")]
    assert typed("doctor-report", about=("urn:x|77",)).keys == call.keys
    for wrong in ("stay=77", "nothing=77"):
        with pytest.raises(Unfit, match="about"):
            typed("inquiry", about=(wrong,))
    with pytest.raises(Unfit, match="stay, referral"):
        typed("reply", about=("nothing=77",))


def test_every_field_has_a_name_in_both_languages() -> None:
    """As ``send --list`` shows it, with its type in words."""
    for code in SENT:
        for name, kind in told.field_types(code).items():
            assert told.described(kind)
            assert all(texts.render(f"field.{name}", {}, spoken) for spoken in texts.LANGUAGES)
