"""The fields of what people do from their own page, and what was filled in, read as facts need it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from carepath.texts import ZONE
from carepath.ui.forms import Form
from fhir_mappings.identifiers import is_possible, national
from pathways.moments import Moment, on_day
from pathways.parties import Identifier

LONGEST: Final = 8_000
"""Characters of a text; some four pages."""


class Ask(StrEnum):
    """How a field is asked for."""

    TEXT = "text"
    AREA = "area"
    DAY = "date"
    SELECT = "select"
    CHECKS = "checks"


Options = Sequence[tuple[str, str]]
"""What can be chosen: a value, and what it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One question of a form. ``value``: what stands there at first; ``help``: whether more is said about it.

    ``empty``: the key of what it is called to choose nothing.
    """

    name: str
    ask: Ask = Ask.TEXT
    required: bool = False
    options: Options = ()
    value: str = ""
    help: bool = False
    empty: str = "own.choose"


@dataclass(frozen=True, slots=True)
class Filled:
    """What was filled in. ``problems`` of the form get the key of what is wrong with a field; ``at``: now, UTC."""

    form: Form
    at: datetime

    def check(self, fields: Sequence[Field]) -> None:
        """Whether everything is there, no longer than it may be, and among what can be chosen."""
        for field in fields:
            told = self.form.many(field.name)
            values = {value for value, _ in field.options}
            if field.required and not told:
                self.wrong(field.name, "needed")
            elif any(len(text) > LONGEST for text in told):
                self.wrong(field.name, "long")
            elif field.options and not values.issuperset(told):
                self.wrong(field.name, "choose")

    def wrong(self, name: str, what: str) -> None:
        """Note what is wrong with a field; what was noted first stays."""
        self.form.problems.setdefault(name, f"own.problem.{what}")

    def text(self, name: str) -> str | None:
        """As typed; nothing is nothing."""
        return self.form.one(name) or None

    def national(self, name: str) -> Identifier | None:
        """A national id, whose digits may stand apart."""
        typed = "".join(self.form.one(name).split())
        number = national(typed)
        if typed and not is_possible(number, self.at.year):
            self.wrong(name, "number")
        return number if typed else None

    def day(self, name: str) -> Moment | None:
        """A day of the local calendar."""
        typed = self.form.one(name)
        try:
            return on_day(date.fromisoformat(typed), self.at, ZONE) if typed else None
        except (ValueError, OverflowError):
            self.wrong(name, "day")
            return None

    def coming(self, name: str) -> Moment | None:
        """A day that is not over."""
        day = self.day(name)
        if day and day.at.astimezone(ZONE).date() < self.at.astimezone(ZONE).date():
            self.wrong(name, "past")
        return day
