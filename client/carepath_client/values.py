"""Plain values that messages are made of, checked as they are given.

What is wrong is a ``pydantic.ValidationError`` that names the field. A time without a zone is refused.
"""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainValidator,
    StringConstraints,
    model_validator,
)

from carepath_client.codes import DNR, FNR, HER_ID, ORGANISATION_NUMBER


class Value(BaseModel):
    """Immutable, and nothing but its fields; errors do not quote what was given."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def _ordered(self, first: str, last: str) -> Self:
        """Raises ``ValueError`` when what ends ends before it begins, or a time stands against a day."""
        begins, ends = getattr(self, first), getattr(self, last)
        if begins is None or ends is None:
            return self
        if isinstance(begins, datetime) is not isinstance(ends, datetime):
            raise ValueError(f"{first} and {last} are either both times or both days")
        if begins > ends:
            raise ValueError(f"{last} is before {first}")
        return self


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f]+$")
]
"""One line of text."""
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"
    ),
]
"""Text that may have several lines."""


def _moment(given: object) -> datetime | date:
    if isinstance(given, str):
        given = _read(given)
    if isinstance(given, datetime) and given.utcoffset() is None:
        raise ValueError("a time needs its zone")
    if not isinstance(given, date):  # a datetime is one, too
        raise ValueError("neither a time nor a day")  # noqa: TRY004 -- pydantic wants ValueError
    return given


def _read(text: str) -> datetime | date:
    return datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text)


def _instant(given: object) -> datetime:
    found = _moment(given)
    if not isinstance(found, datetime):
        raise ValueError("a day is not enough: a time is needed")  # noqa: TRY004 -- as above
    return found


Instant = Annotated[datetime, PlainValidator(_instant)]
"""A time with its zone."""
When = Annotated[datetime | date, PlainValidator(_moment)]
"""A time with its zone, or a whole local day."""


class Identifier(Value):
    """An id; without ``system`` it is the sender's own, and means nothing to others."""

    system: str = ""
    value: Line

    @property
    def token(self) -> str:
        """As text: ``"system|value"``, or ``"value"``."""
        return f"{self.system}|{self.value}" if self.system else self.value


def _identifier(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    system, bar, value = given.rpartition("|")
    return Identifier(system=system if bar else "", value=value)


Id = Annotated[Identifier, BeforeValidator(_identifier)]
"""An ``Identifier``, or its text: ``"system|value"``, or ``"value"`` for the sender's own."""


class Party(Value):
    """An organisation or a unit of it, as the directory may know it: one id, or its name, is enough.

    ``endpoint`` is the http address where it takes messages, if it has one.
    """

    organisation_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")] | None = None
    her_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,12}$")] | None = None
    identifiers: tuple[Id, ...] = ()
    name: Line | None = None
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")] | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if not self.known_by and self.name is None:
            raise ValueError("an organisation_number, her_id, identifiers or a name is needed")
        return self

    @property
    def known_by(self) -> tuple[Identifier, ...]:
        """All its ids."""
        listed = ((ORGANISATION_NUMBER, self.organisation_number), (HER_ID, self.her_id))
        told = (Identifier(system=system, value=value) for system, value in listed if value)
        return (*told, *self.identifiers)


class Author(Value):
    """The person behind a message, with a direct phone."""

    name: Line
    phone: Line | None = None
    role: Line | None = None


class Patient(Value):
    """Whom a message is about: at least one id. ``municipality`` is the kommunenummer of the address."""

    national_id: Annotated[str, StringConstraints(pattern=r"^[0-9]{11}$")] | None = None
    d_number: Annotated[str, StringConstraints(pattern=r"^[0-9]{11}$")] | None = None
    identifiers: tuple[Id, ...] = ()
    family: Line | None = None
    given: tuple[Line, ...] = ()
    birth_date: date | None = None
    gender: Literal["female", "male", "other", "unknown"] | None = None
    municipality: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")] | None = None
    district: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")] | None = None  # bydel
    gp: Party | None = None

    @model_validator(mode="after")
    def _has_id(self) -> Self:
        if not self.known_by:
            raise ValueError("a national_id, d_number or identifiers is needed")
        return self

    @property
    def known_by(self) -> tuple[Identifier, ...]:
        """All ids."""
        listed = ((FNR, self.national_id), (DNR, self.d_number))
        told = (Identifier(system=system, value=value) for system, value in listed if value)
        return (*told, *self.identifiers)


class Relative(Value):
    """A relative as registered. ``authority``: what a guardian or who holds a fullmakt may decide, in words."""

    name: Line
    relationship: Line | None = None
    phone: Line | None = None
    roles: tuple[Literal["next-of-kin", "guardian", "attorney", "carer", "minor-child"], ...] = ()
    authority: Line | None = None
    born: date | None = None
