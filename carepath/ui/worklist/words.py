"""What the worklist puts into words: how long there is left, what is asked, and the fields of what can be done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from carepath import texts
from carepath.service import typed
from carepath.service.terms import NORWAY
from carepath.ui.words import Words
from carepath.ui.worklist.data import Row
from pathways.deeds import Declined, Deed, had_by
from pathways.facts import Facts
from pathways.moments import Moment
from pathways.parties import CITIZENS, Directory, Kind, Party, PartyRef
from pathways.worklist import Group

_FAR: Final = timedelta(days=60)
"""What is due later than this is told by its date alone."""
_SOON: Final = timedelta(hours=2)
_LONGEST: Final = 160
"""Characters of what is asked, in a row."""
_GIST: Final = ("text", "title", "service", "reason", "note", "ward")
"""The facts that tell what is asked, the most telling first."""
_LASTING: Final = ("title", "service", "text")
"""Those that go on to say what the matter is about, whatever was told since."""
_LONG: Final = frozenset({"text", "note", "reason", "evaluation", "replaced_by"})
_DAYS: Final = frozenset({"valid_to", "appeal_by", "expected", "due"})
_NEAR: Final = 8
"""So many units of one's own house are one click away."""


# --- how long there is left


def countdown(at: datetime, due: datetime, words: Words) -> str:
    """What is left until ``due``, or how long it is over: minutes, then hours of today, then working days."""
    if due < at:
        return _over(at, due, words)
    today, last = NORWAY.local_day(at), NORWAY.local_day(due)
    if due - at < _SOON:
        return words.text("countdown.minutes", number=str(int((due - at).total_seconds() // 60)))
    if today == last:
        ends = due >= NORWAY.end_of_day(today) - timedelta(minutes=1)
        return (
            words.text("countdown.today")
            if ends
            else words.text("countdown.at", time=words.clock(due))
        )
    if due - at > _FAR:
        return words.short(due)
    return _days("countdown.left", NORWAY.working_days_after(today, last), words, due)


def _over(at: datetime, due: datetime, words: Words) -> str:
    today, last = NORWAY.local_day(at), NORWAY.local_day(due)
    if today == last:
        return words.text("countdown.was-at", time=words.clock(due))
    if at - due > _FAR:
        return words.text("countdown.since", day=words.short_day(due))
    return _days("countdown.over", NORWAY.working_days_after(last, today), words, due)


def _days(key: str, number: int, words: Words, due: datetime) -> str:
    """None of the days in between is a working day: the date says more."""
    if number == 0:
        return words.text(f"{key}.none", day=words.short_day(due))
    return words.text(key, number=str(number))


def looks(groups: Sequence[Group]) -> str:
    """How a row looks, by the first of its groups."""
    return {Group.OVERDUE: "late", Group.DUE: "today"}.get(groups[0], "") if groups else ""


# --- what is asked


def gist(row: Row, language: str) -> str:
    """What was asked, in a line: in the words of the message, or of its matter; else what kind of message it was."""
    opening = row.opening
    said = _first(opening.facts, _GIST) if opening else ""
    said = said or (_first(row.thread.facts, _LASTING) if row.thread else "")
    if not said and opening:
        said = texts.render(f"entry.{opening.code}", {}, language)
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"


def _first(facts: object, names: Sequence[str]) -> str:
    told = (getattr(facts, name, None) for name in names)
    return next((" ".join(one.split()) for one in told if isinstance(one, str) and one.strip()), "")


def told_in(row: Row, language: str) -> list[str]:
    """All that the message said, but for its numbers: what it was, then a line for each fact."""
    if row.opening is None:
        return []
    told = [(one.name, getattr(row.opening.facts, one.name)) for one in fields(row.opening.facts)]
    kept = [
        (name, value) for name, value in told if name not in _NUMBERS and _said(value, language)
    ]
    lines = (f"{label(name, language)}: {texts.words(value, language)}" for name, value in kept)
    return [texts.render(f"entry.{row.opening.code}", {}, language), *lines]


_NUMBERS: Final = frozenset({"identifiers", "episodes", "plan", "promise"})
"""What tells people nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact of a message that was corrected after it was read: what it is called, as it was, as it is."""

    name: str
    was: str
    now: str


def differences(row: Row, language: str) -> list[Difference]:
    """What was corrected since it was read; of what nobody had read there is nothing to tell."""
    if row.before is None or row.opening is None:
        return []
    return [*_differences(row.before.facts, row.opening.facts, language)]


def _differences(was: Facts, now: Facts, language: str) -> Iterator[Difference]:
    if type(was) is not type(now):
        return
    for one in fields(now):
        before, after = (_said(getattr(facts, one.name), language) for facts in (was, now))
        if before != after:
            yield Difference(label(one.name, language), before, after)


def _said(value: object, language: str) -> str:
    return "" if value in (None, (), "") else texts.words(value, language)


def label(fact: str, language: str) -> str:
    """What a fact is called, as a label."""
    return _capital(texts.catalogue(language)[f"field.{fact}"])


def asked_as(fact: str, language: str) -> str:
    """What a fact is called in a form, where that is another name."""
    known = texts.catalogue(language)
    return known.get(f"deed.field.{fact}") or label(fact, language)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


# --- the fields of what can be done


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a form. ``shape``: text, textarea, date, datetime-local, choice, party. ``near``: one click away."""

    name: str
    label: str
    shape: str
    needed: bool
    options: Sequence[tuple[str, str]] = ()
    near: Sequence[tuple[str, str]] = ()


def form_fields(deed: Deed, row: Row, directory: Directory, language: str) -> list[Field]:
    """What is to be filled in."""
    kinds = typed.field_types(deed.code)
    return [_field(name, kinds[name], deed, row, directory, language) for name in deed.asks]


def _field(
    name: str, kind: Any, deed: Deed, row: Row, directory: Directory, language: str
) -> Field:
    options: Sequence[tuple[str, str]] = ()
    near: Sequence[tuple[str, str]] = ()
    if kind is PartyRef:
        shape = "party"
        near, options = _organisations(row, directory)
    elif codes := codes_of(name, kind):
        shape = "choice"
        options = [(str(code), called) for code, called in _called(codes, language)]
    elif kind is Moment:
        shape = "date" if name in _DAYS else "datetime-local"
    else:
        shape = "textarea" if name in _LONG else "text"
    return Field(
        name=name,
        label=asked_as(name, language),
        shape=shape,
        needed=name in deed.needs,
        options=options,
        near=near,
    )


def codes_of(name: str, kind: Any) -> Sequence[str]:
    """What can be chosen from; nothing where it is written."""
    if name == "reason_code":
        return [*Declined]
    if kind is bool:
        return ["yes", "no"]
    return [*kind] if isinstance(kind, type) and issubclass(kind, StrEnum) else ()


def _called(codes: Sequence[str], language: str) -> Iterator[tuple[str, str]]:
    for code in codes:
        if isinstance(code, StrEnum):
            yield code, _capital(texts.words(code, language))
        else:
            yield code, _capital(texts.catalogue(language)[f"word.{code}"])


Options = Sequence[tuple[str, str]]


def _organisations(row: Row, directory: Directory) -> tuple[Options, Options]:
    """Those of one's own house, and all others, by name; nobody who has had the matter already."""
    own = row.promise.responsible
    had = had_by(row.thread) if row.thread else frozenset()
    takers = sorted(
        (p for p in directory.parties.values() if p.key not in had | {own} and _takes(p)),
        key=lambda party: party.name.casefold(),
    )
    near = [p for p in takers if p.function is not None and directory.same_house(p.key, own)]
    first = near[:_NEAR]
    rest = [party for party in takers if party not in first]
    return [(p.key, p.name) for p in first], [(p.key, p.name) for p in rest]


def _takes(party: Party) -> bool:
    """The people are asked in other ways."""
    return party.kind is not Kind.CITIZENS and party.key != CITIZENS
