"""A plan as a form, and the form as what somebody made of it: what nobody touched stays exactly as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from carepath import texts
from carepath.ui.forms import Form
from carepath.ui.send.fields import Field, layout
from carepath.ui.send.values import Book, Filled, Reader, filled, indices, is_number, is_same
from carepath.ui.send.view import Sheet
from pathways.events import EventCode
from pathways.facts import PlanFacts
from pathways.plan_merge import LISTS, Clash, Edited, Rows, unchanged

FIELDS: Final = layout(EventCode.PLAN_UPDATED).main
_PLAIN: Final = tuple(one for one in FIELDS if one.name not in LISTS)
_ROWS: Final = tuple(one for one in FIELDS if one.name in LISTS)


def written(plan: Edited, book: Book) -> Filled:
    """The fields of a plan; a row that was taken out is empty."""
    told = filled(_PLAIN, plan.facts, book)
    for one in _ROWS:
        for number, row in enumerate(plan.rows[one.name]):
            path = f"{one.name}-{number}-"
            told |= (
                filled(one.columns, row, book, path)
                if row
                else {f"{path}{one.columns[0].name}": [""]}
            )
    return told


@dataclass(frozen=True, slots=True)
class Editor:
    """Reads what somebody made of a version, ``base``. Problems go into the form's."""

    form: Form
    base: PlanFacts
    book: Book
    language: str

    def edited(self) -> Edited:
        """The plan as they want it."""
        plain = {one.name: self._plain(one) for one in _PLAIN}
        return Edited(plain, {one.name: self._rows(one) for one in _ROWS})

    @property
    def _reader(self) -> Reader:
        return Reader(self.form, self.book, self.language)

    def _plain(self, one: Field) -> Any:
        was = getattr(self.base, one.name)
        known = filled((one,), self.base, self.book)
        if is_same(self.form, known, one.name):
            return was
        return self._reader.value(one, one.name)

    def _rows(self, one: Field) -> Rows:
        known = getattr(self.base, one.name) or ()
        kept = [self._row(one, number, was) for number, was in enumerate(known)]
        new = [n for n in indices(self.form, one.name) if n >= len(known)]
        return (*kept, *(self._reader.row(one, f"{one.name}-{n}-") for n in new))

    def _row(self, one: Field, number: int, was: Any) -> Any:
        path = f"{one.name}-{number}"
        same = is_same(self.form, filled(one.columns, was, self.book, f"{path}-"), path)
        return was if same else self._reader.row(one, f"{path}-")


def chosen(form: Form, base: PlanFacts, book: Book, language: str) -> Form:
    """The form after its choices between two people's words; where none was made, that is a problem."""
    fields, problems = dict(form.fields), dict(form.problems)
    for name in form.many("clash"):
        use = form.one(f"use-{name}")
        if use == "theirs":
            fields = {n: told for n, told in fields.items() if not _within(n, name)}
            fields |= {n: t for n, t in written(unchanged(base), book).items() if _within(n, name)}
        elif use != "mine":
            problems[f"use-{name}"] = texts.render("plan.choose", {}, language)
    return Form(fields, problems)


def _within(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}-")


def clashes_of(form: Form, base: PlanFacts) -> list[Clash]:
    """What a form asks to choose between: its words, and those of the version it is made upon."""
    return [_clash(name, base) for name in form.many("clash") if name.partition("-")[0] in _NAMES]


def _clash(name: str, base: PlanFacts) -> Clash:
    fact, _, number = name.partition("-")
    value = getattr(base, fact)
    if not is_number(number):
        return Clash(fact, None, "", value)
    rows, place = value or (), int(number)
    return Clash(fact, place, "", rows[place] if place < len(rows) else None)


_NAMES: Final = frozenset(one.name for one in FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanSheet(Sheet):
    """The form of a plan. ``base``: the id of the version it changes; ``who``: who has changed it meanwhile."""

    thread: str
    base: str
    clashes: Sequence[Clash] = ()
    who: str = ""

    @property
    def fields(self) -> Sequence[Field]:
        """In their order."""
        return FIELDS

    def names(self) -> list[str]:
        """Of what both have changed."""
        return list(self._clashing())

    def clash(self, path: str) -> Clash | None:
        """What the other has written there, where both have."""
        return self._clashing().get(path)

    def _clashing(self) -> Mapping[str, Clash]:
        return {_path(one): one for one in self.clashes}

    def with_fields(self, told: Filled) -> "PlanSheet":
        """The same form with other words in it; who sends, and its id, stay."""
        kept = {
            name: self.form.fields[name] for name in ("id", "sender") if name in self.form.fields
        }
        return replace(self, form=Form({**told, **kept}))


def _path(one: Clash) -> str:
    return one.fact if one.place is None else f"{one.fact}-{one.place}"
