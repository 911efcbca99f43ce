"""An event's facts from what people type: ``field=value``, by the types of the facts' own fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from types import UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

from carepath import texts
from carepath.texts import ZONE
from fhir_mappings.codes import HER_ID, ORGANISATION_NUMBER
from fhir_mappings.identifiers import canonical
from fhir_mappings.profile import SHAPES
from pathways.events import RULES, EventCode
from pathways.facts import Facts
from pathways.moments import Moment, on_day
from pathways.parties import Identifier, PartyRef

_DAY: Final = len("2026-03-20")
_DIGITS: Final = 9
"""Of a number: FHIR's have 32 bits."""
_YES_NO: Final = {"yes": True, "ja": True, "true": True, "no": False, "nei": False, "false": False}
_ANY: Final = frozenset(("relatives",))  # stands in a resource of its own for each


@dataclass(frozen=True, slots=True)
class Typing:
    """What a typed value may need: ``party`` finds an organisation by its directory key; days end at ``written``."""

    written: datetime
    party: Callable[[str], PartyRef]


class Unfit(Exception):
    """A value that cannot be used: ``field``, as it was ``written``, and what it ``needs`` in words of a language."""

    def __init__(self, field: str, written: str, needs: str, **params: str) -> None:
        super().__init__(
            f"{field} {written!r} cannot be used: it needs {self._say(needs, params, 'en')}."
        )
        self.field, self.written = field, written
        self._needs, self._params = needs, params

    @staticmethod
    def _say(needs: str, params: Mapping[str, str], language: str) -> str:
        return texts.render(f"needs.{needs}", params, language)

    def needs(self, language: str) -> str:
        """What it needs, in a few words."""
        return self._say(self._needs, self._params, language)


class _Unusable(Exception):
    """What was expected instead: a key of the catalogues' ``needs``, and its parameters."""

    def __init__(self, needs: str, **params: str) -> None:
        super().__init__(needs)
        self.needs, self.params = needs, params


def field_types(code: EventCode) -> Mapping[str, Any]:
    """The fields an event can tell, with their types."""
    kind = RULES[code].facts
    places = {one.name for shape in SHAPES[code].values() for one in shape} or _ANY
    hints = get_type_hints(kind)
    return {one.name: _inner(hints[one.name]) for one in fields(kind) if one.name in places}


def facts(code: EventCode, settings: Iterable[str], typing: Typing) -> Facts:
    """The facts of an event from ``field=value`` texts; a field of many values may be given several times.

    Raises ``Unfit`` that names the field.
    """
    known = field_types(code)
    told: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or name not in known:
            raise Unfit(name, text, "field", event=code, fields=", ".join(known))
        several = get_origin(known[name]) is tuple
        value = checked(name, known[name], text, typing)
        told[name] = (*told.get(name, ()), *value) if several else value
    return RULES[code].facts(**told)


def checked(name: str, kind: Any, text: str, typing: Typing) -> Any:
    """One value. Raises ``Unfit`` that names it, and what it needs."""
    try:
        return _value(kind, text, typing)
    except _Unusable as unusable:
        raise Unfit(name, text, unusable.needs, **unusable.params) from None


def described(kind: Any) -> str:
    """A type in a few words, as in ``--list``."""
    if get_origin(kind) is tuple:
        return f"{described(get_args(kind)[0])}, …"
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return " | ".join(kind)
    if is_dataclass(kind) and kind not in _READERS:
        return ";".join(one.name for one in fields(kind))
    return _WORDS[kind]


# --- values by type


def _inner(hint: Any) -> Any:
    """``X`` of ``X | None``."""
    if get_origin(hint) is UnionType:
        return next(kind for kind in get_args(hint) if kind is not type(None))
    return hint


def _value(kind: Any, text: str, typing: Typing) -> Any:
    if get_origin(kind) is tuple:
        return (_value(get_args(kind)[0], text, typing),)
    if reader := _READERS.get(kind):
        return reader(text, typing)
    if issubclass(kind, StrEnum):
        try:
            return kind(text)
        except ValueError:
            raise _Unusable("one-of", codes=", ".join(kind)) from None
    return _compound(kind, text, typing)


def _compound(kind: Any, text: str, typing: Typing) -> Any:
    """``Ola Nordmann;son``: the fields in order, empty where nothing is said, several values with commas."""
    hints, parts = get_type_hints(kind), text.split(";")
    names = [one.name for one in fields(kind)]
    if not parts[0] or len(parts) > len(names):
        raise _Unusable("parts", parts=described(kind))
    told = {name: part for name, part in zip(names, parts, strict=False) if part}
    return kind(**{n: _part(_inner(hints[n]), part, typing) for n, part in told.items()})


def _part(kind: Any, text: str, typing: Typing) -> Any:
    if get_origin(kind) is not tuple:
        return _value(kind, text, typing)
    return tuple(_value(get_args(kind)[0], one, typing) for one in text.split(","))


def _text(text: str, _: Typing) -> str:
    if not text.strip():
        raise _Unusable("text")
    return text


def _yes_or_no(text: str, _: Typing) -> bool:
    if text.lower() not in _YES_NO:
        raise _Unusable("yes-no")
    return _YES_NO[text.lower()]


def _number(text: str, _: Typing) -> int:
    if not text.isdecimal() or len(text) > _DIGITS:
        raise _Unusable("number")
    return int(text)


def _day(text: str, _: Typing) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise _Unusable("day") from None


def moment(text: str, typing: Typing) -> Moment:
    """A day (2026-03-20), or a time; without zone it is local in Oslo."""
    if len(text) == _DAY:
        return on_day(_day(text, typing), typing.written, ZONE)
    try:
        local = datetime.fromisoformat(text)
        return Moment((local if local.tzinfo else local.replace(tzinfo=ZONE)).astimezone(UTC))
    except (ValueError, OverflowError):
        raise _Unusable("moment") from None


def identifier(text: str, _: Typing) -> Identifier:
    """``system|value``, or a value alone."""
    system, bar, value = text.rpartition("|")
    if not value:
        raise _Unusable("identifier")
    return Identifier(system if bar else "", value)


def number(text: str) -> Identifier:
    """A patient's number as people look for it: ``system|value``, or the value alone; nothing of it is checked."""
    system, _, value = text.rpartition("|")
    return Identifier(canonical(system), value)


def party(text: str, typing: Typing) -> PartyRef:
    """An organisation number, ``her:1234``, ``system|value``, or the key in the server's directory."""
    if "|" in text:
        return PartyRef((identifier(text, typing),))
    if text.startswith("her:"):
        return PartyRef((Identifier(HER_ID, text[4:]),))
    if text.isdecimal():
        return PartyRef((Identifier(ORGANISATION_NUMBER, text),))
    return typing.party(text)


_READERS: Final[Mapping[Any, Callable[[str, Typing], Any]]] = {
    str: _text,
    bool: _yes_or_no,
    int: _number,
    date: _day,
    Moment: moment,
    Identifier: identifier,
    PartyRef: party,
}
_WORDS: Final[Mapping[Any, str]] = {
    str: "text",
    bool: "yes | no",
    int: "number",
    date: "day",
    Moment: "day or time",
    Identifier: "[system|]number",
    PartyRef: "organisation",
}
