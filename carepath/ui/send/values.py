"""What is known as a form's fields, and a form's fields as what is told; what is wrong is told beside its field.

A field of a row is called ``goals-0-text``; the time that belongs to a day, ``begins-time``. Times are local in Oslo.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from carepath import texts
from carepath.service.composing import named
from carepath.service.typed import Typing, Unfit, checked
from carepath.texts import ZONE
from carepath.ui.forms import Form
from carepath.ui.send.fields import PERSONS, Field, Widget
from fhir_mappings.codes import DNR, FNR
from pathways.moments import Moment
from pathways.parties import CITIZENS, Identifier, Party, PartyRef

_LONGEST: Final = 5
"""Digits that no row's number has."""
Filled = dict[str, list[str]]
"""Texts by the name of their field, as a browser posts them."""


@dataclass(frozen=True)
class Book:
    """The directory as one types it: by name; where two have one name, by name and key. ``at``: who is in it then."""

    parties: Mapping[str, Party]
    at: datetime
    labels: Mapping[str, str] = field(init=False)
    _found: Mapping[str, Party] = field(init=False)

    def __post_init__(self) -> None:
        valid = [p for p in self.parties.values() if p.valid_at(self.at) and p.key != CITIZENS]
        names = [party.name.casefold() for party in valid]
        twice = (
            {name for name in names if names.count(name) > 1}
            if len({*names}) < len(names)
            else set()
        )
        labels = {
            p.key: f"{p.name} ({p.key})" if p.name.casefold() in twice else p.name for p in valid
        }
        found = {one.value: party for party in valid for one in party.identifiers}
        found |= {party.key: party for party in valid}
        found |= {labels[party.key].casefold(): party for party in valid}
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "_found", found)

    def find(self, text: str) -> Party | None:
        """By what stands in the list, else by key or number."""
        return self._found.get(text.casefold()) or self._found.get(text)

    def label(self, ref: PartyRef) -> str:
        """What one types to mean it."""
        for party in self.parties.values():
            if {*party.identifiers} & {*ref.identifiers} and party.key in self.labels:
                return self.labels[party.key]
        return ref.name or next((one.value for one in ref.identifiers), "")

    def listed(self) -> list[str]:
        """What there is to choose from, in order."""
        return sorted(self.labels.values(), key=str.casefold)


# --- what is known, as fields


def filled(fields: Iterable[Field], known: object, book: Book, path: str = "") -> Filled:
    """The fields of a form that says what is ``known``, a row too; what says nothing has none."""
    out: Filled = {}
    for one in fields:
        value = getattr(known, one.name)
        if value not in (None, ()):
            out |= _written(f"{path}{one.name}", one, value, book)
    return out


def _written(path: str, one: Field, value: Any, book: Book) -> Filled:
    match one.widget:
        case Widget.MOMENT:
            return moment_fields(path, value)
        case Widget.ROWS:
            rows = (filled(one.columns, row, book, f"{path}-{n}-") for n, row in enumerate(value))
            return {name: told for row in rows for name, told in row.items()}
        case Widget.PARTIES:
            return {f"{path}-{n}": [book.label(ref)] for n, ref in enumerate(value)}
        case Widget.LINES:
            return {path: ["\n".join(_identifier(number, one) for number in value)]}
        case Widget.CHOICES:
            return {path: [str(code) for code in value]}
        case _:
            return {path: [_text(value, book)]}


def _text(value: Any, book: Book) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case PartyRef():
            return book.label(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def moment_fields(path: str, value: Moment) -> Filled:
    """Its day, and its time to the minute where that is known."""
    local = value.at.astimezone(ZONE)
    day = {path: [local.date().isoformat()]}
    return day if value.day else day | {f"{path}-time": [f"{local:%H:%M}"]}


def _identifier(number: Identifier, one: Field) -> str:
    plain = one.label in PERSONS and number.system in (FNR, DNR)
    return f"{number.system}|{number.value}" if number.system and not plain else number.value


# --- fields, as what is told


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads a form; what is wrong goes into its ``problems`` in the reader's language."""

    form: Form
    book: Book
    language: str

    def values(self, fields: Iterable[Field]) -> dict[str, Any]:
        """By the fields' names, what is filled in. What is not usable is among the problems."""
        told = {one.name: self.value(one, one.name) for one in fields}
        return {name: value for name, value in told.items() if value not in (None, ())}

    def value(self, one: Field, path: str) -> Any:
        """What stands in one field, ``None`` or nothing where it is empty."""
        found = self._read(one, path)
        if one.needed and found in (None, ()) and path not in self.form.problems:
            self.problem(path, "needed")
        return found

    def _read(self, one: Field, path: str) -> Any:
        found: Any
        match one.widget:
            case Widget.MOMENT:
                found = self._moment(path)
            case Widget.ROWS:
                found = tuple(row for _, row in self.rows(one, path) if row is not None)
            case Widget.PARTIES:
                names = [f"{path}-{n}" for n in indices(self.form, path)]
                found = tuple(filter(None, map(self._party, names)))
            case Widget.PARTY:
                found = self._party(path)
            case Widget.LINES:
                found = self._identifiers(path, persons=one.label in PERSONS)
            case Widget.CHOICES:
                codes = (self._coded(one, path, code) for code in self.form.many(path))
                found = tuple(filter(None, codes))
            case Widget.CHOICE:
                found = self._coded(one, path, self.form.one(path))
            case _:
                text = self.form.one(path)
                found = self._checked(path, one.kind, text) if text else None
        return found

    def rows(self, one: Field, path: str) -> list[tuple[int, Any]]:
        """The rows by their number; ``None`` where nothing is filled in."""
        return [(n, self.row(one, f"{path}-{n}-")) for n in indices(self.form, path)]

    def row(self, one: Field, path: str) -> Any:
        """One row."""
        told = {c.name: self._read(c, f"{path}{c.name}") for c in one.columns}
        kept = {name: value for name, value in told.items() if value not in (None, ())}
        missing = [c.name for c in one.columns if c.needed and c.name not in kept]
        if kept and missing:
            self.problem(f"{path}{missing[0]}", "needed")
        return one.kind(**kept) if kept and not missing else None

    def problem(self, path: str, key: str) -> None:
        """What is wrong with a field, by the key of its text."""
        self.form.problems[path] = texts.render(f"fields.{key}", {}, self.language)

    def _moment(self, path: str) -> Moment | None:
        day, clock = self.form.one(path), self.form.one(f"{path}-time")
        if clock and not day:
            self.problem(path, "day-of-time")
            return None
        at: Moment | None = (
            self._checked(path, Moment, f"{day}T{clock}" if clock else day) if day else None
        )
        return at

    def _identifiers(self, path: str, *, persons: bool) -> tuple[Identifier, ...]:
        lines = [line.strip() for line in self.form.one(path).splitlines()]
        told = filter(None, (self._checked(path, Identifier, line) for line in lines if line))
        return tuple(named(one) if persons else one for one in told)

    def _party(self, path: str) -> PartyRef | None:
        text = self.form.one(path)
        found = self.book.find(text) if text else None
        if text and found is None:
            self.problem(path, "party")
        return PartyRef(found.identifiers, found.name) if found else None

    def _coded(self, one: Field, path: str, code: str) -> Any:
        if not code:
            return None
        if code not in dict(one.options):
            self.problem(path, "choice")
            return None
        return code if one.kind is str else self._checked(path, one.kind, code)

    def _checked(self, path: str, kind: Any, text: str) -> Any:
        try:
            return checked(path, kind, text, Typing(self.book.at, _nobody))
        except Unfit as unfit:
            needs = {"needs": unfit.needs(self.language)}
            self.form.problems[path] = texts.render("fields.needs", needs, self.language)
            return None


def _nobody(_: str) -> PartyRef:  # organisations are found in the book
    raise AssertionError


def indices(form: Form, path: str) -> Sequence[int]:
    """The numbers of the rows that a form has of a field; one that no page of ours has is none."""
    prefix = f"{path}-"
    parts = (
        name.removeprefix(prefix).split("-")[0] for name in form.fields if name.startswith(prefix)
    )
    return sorted({int(part) for part in parts if is_number(part)})


def is_same(form: Form, known: Filled, path: str) -> bool:
    """Whether everything under a name says what was known; a form without it has not touched it."""
    typed = {n for n in form.fields if n == path or n.startswith(f"{path}-")}
    before = {name: [text.strip() for text in told] for name, told in known.items()}
    return not typed or all(form.many(n) == before.get(n, []) for n in typed | {*before})


def is_number(part: str) -> bool:
    """Whether a part of a field's name is the number of a row."""
    return part.isascii() and part.isdecimal() and len(part) < _LONGEST
