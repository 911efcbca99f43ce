"""What is searched for: criteria are values, and each is a condition on rows of ``resources``.

https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    exists,
    false,
    not_,
    or_,
    select,
)

from carepath.store.blind import Keys
from carepath.store.queries import closure
from carepath.store.rights import Viewer
from carepath.store.tables import (
    parties,
    patient_identifiers,
    resource_dates,
    resource_tokens,
    resource_values,
    resources,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A code, an identifier or a reference, whose system is the type it leads to.

    ``system`` is ``None`` for any and empty for none, ``value`` is ``None`` for any.
    """

    system: str | None
    value: str | None


@dataclass(frozen=True, slots=True)
class ById:
    """Any of the ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByPatient:
    """About any of the patients, or of those linked to them."""

    patients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByIdentifier:
    """With any of the identifiers; ``name``: its own, or what a reference names."""

    tokens: tuple[Token, ...]
    name: str = "identifier"


@dataclass(frozen=True, slots=True)
class ByBearer:
    """About whoever bears any of the identifiers, or those linked to them."""

    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ByParty:
    """Referring to an Organization with any of the identifiers."""

    name: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ByValue:
    """With any of the codes, references or URIs."""

    name: str
    tokens: tuple[Token, ...]


@dataclass(frozen=True, slots=True)
class ByString:
    """With a text that starts with one of these, contains it (both in folded form), or is exactly it."""

    name: str
    texts: tuple[str, ...]
    how: Literal["starts", "contains", "exact"] = "starts"


@dataclass(frozen=True, slots=True)
class Range:
    """A searched time: the comparison and the span its precision covers, in microseconds, end excluded."""

    prefix: str
    low: int
    high: int


@dataclass(frozen=True, slots=True)
class ByDate:
    """At any of the times, by a date of the resource or by its last update."""

    name: str
    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Without any value of a parameter; a parameter that is about the person has no name."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Not:
    """What does not fulfil the other, those without any value too."""

    criterion: "Criterion"


Own: TypeAlias = ById | ByPatient | ByBearer
Indexed: TypeAlias = ByIdentifier | ByParty | ByValue | ByString | ByDate | Missing
Criterion: TypeAlias = Own | Indexed | Not

LAST_UPDATED: Final = "_lastUpdated"
_NARROW: Final = (ById, ByPatient, ByIdentifier, ByBearer)
"""What leaves few rows: the other criteria are then tried on each of them, else they find the rows."""


def is_narrow(criteria: Iterable[Criterion]) -> bool:
    """Whether one of them leaves few rows."""
    return any(isinstance(one, _NARROW) for one in criteria)


def names(criteria: Iterable[Criterion]) -> frozenset[str]:
    """The parameters whose values are compared."""
    found: set[str] = set()
    for one in criteria:
        inner = one.criterion if isinstance(one, Not) else one
        if isinstance(inner, Not):
            found |= names((inner,))
        elif not isinstance(inner, ById | ByPatient | ByBearer) and inner.name is not None:
            found.add(inner.name)
    return frozenset(found)


def updated_within(criterion: Criterion, at: int) -> bool:
    """Whether a resource that was updated ``at`` then is what is asked for, where that is what is asked."""
    if isinstance(criterion, Not):
        asks = LAST_UPDATED in names((criterion,))
        return not (asks and updated_within(criterion.criterion, at))
    if not isinstance(criterion, ByDate) or criterion.name != LAST_UPDATED:
        return True
    return any(_IS_AT[one.prefix](one, at) for one in criterion.ranges)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Makes conditions of the criteria of one search of a type."""

    conn: Connection
    keys: Keys
    type: str
    viewer: Viewer
    narrow: bool

    @classmethod
    def of(
        cls,
        conn: Connection,
        keys: Keys,
        type_: str,
        criteria: Iterable[Criterion],
        viewer: Viewer,
    ) -> list[ColumnElement[bool]]:
        """The conditions for all of the criteria; of patients only those count that ``viewer`` may know of."""
        told = tuple(criteria)
        made = cls(conn, keys, type_, viewer, is_narrow(told))
        return [made.met(one) for one in told]

    def met(self, criterion: Criterion) -> ColumnElement[bool]:
        """What a row of ``resources`` must fulfil."""
        if isinstance(criterion, Not):
            each = Conditions(self.conn, self.keys, self.type, self.viewer, narrow=True)
            return not_(each.met(criterion.criterion))
        if isinstance(criterion, ById | ByPatient | ByBearer):
            return self._own(criterion)
        return self._indexed(criterion)

    def _own(self, criterion: Own) -> ColumnElement[bool]:
        match criterion:
            case ById(ids):
                return resources.c.id.in_(ids)
            case ByPatient(patients):
                return resources.c.patient.in_(closure(self.conn, patients, self.viewer))
            case ByBearer(tokens):
                return resources.c.patient.in_(
                    closure(self.conn, self._bearers(tokens), self.viewer)
                )

    def _indexed(self, criterion: Indexed) -> ColumnElement[bool]:
        match criterion:
            case ByIdentifier(tokens, name):
                return _any(self._identified(name, token) for token in tokens)
            case ByParty(name, tokens):
                return self._with(resource_values, name, _any(map(_valued, self._parties(tokens))))
            case ByValue(name, tokens):
                return self._with(resource_values, name, _any(map(_valued, tokens)))
            case ByString(name, texts, how):
                return self._with(resource_values, name, _any(map(_STRINGS[how], texts)))
            case ByDate(name, ranges):
                return _dated(name, ranges)
            case Missing(name):
                return _missing(name)

    def _with(self, table: Table, name: str, found: ColumnElement[bool]) -> ColumnElement[bool]:
        if self.narrow:
            return exists().where(*_of_row(table, name), found)
        of_type = and_(table.c.type == self.type, table.c.name == name)
        return resources.c.id.in_(select(table.c.id).where(of_type, found))

    def _identified(self, name: str, token: Token) -> ColumnElement[bool]:
        """A patient is found by the table that says whose an identifier is; the others by their own tokens."""
        if token.value is None:
            return self._with(resource_values, name, resource_values.c.system == token.system)
        if self.type == "Patient" and name == "identifier":
            return resources.c.id.in_(self._bearers((token,)))
        own = self._bears(self.type, name, token)
        return resources.c.id.in_(select(resource_tokens.c.id).where(own))

    def _bears(self, type_: str, name: str, token: Token) -> ColumnElement[bool]:
        table = resource_tokens
        return and_(
            table.c.type == type_, table.c.name == name, _named(self.conn, self.keys, table, token)
        )

    def _bearers(self, tokens: Iterable[Token]) -> Select[str]:
        table = patient_identifiers
        named = _any(_named(self.conn, self.keys, table, token) for token in tokens)
        return select(table.c.patient).where(named)

    def _parties(self, tokens: Iterable[Token]) -> list[Token]:
        named = _any(self._bears("Organization", "identifier", token) for token in tokens)
        found = self.conn.execute(select(resource_tokens.c.id).where(named)).scalars()
        return [Token("Organization", key) for key in found]


def _any(conditions: Iterable[ColumnElement[bool]]) -> ColumnElement[bool]:
    return or_(false(), *conditions)


def _of_row(table: Table, name: str) -> tuple[ColumnElement[bool], ...]:
    of = table.c.type == resources.c.type, table.c.id == resources.c.id
    return (*of, table.c.name == name)


def _dated(name: str, ranges: Iterable[Range]) -> ColumnElement[bool]:
    if name == LAST_UPDATED:
        updated = resources.c.updated
        return _any(_compared(one, updated, updated) for one in ranges)
    starts, ends = resource_dates.c.starts, resource_dates.c.ends
    compared = _any(_compared(one, starts, ends) for one in ranges)
    return exists().where(*_of_row(resource_dates, name), compared)


def _missing(name: str | None) -> ColumnElement[bool]:
    if name is None:
        return resources.c.patient.is_(None)
    tables = resource_values, resource_dates
    return and_(*(not_(exists().where(*_of_row(table, name))) for table in tables))


def _valued(token: Token) -> ColumnElement[bool]:
    system, value = resource_values.c.system, resource_values.c.value
    if token.value is None:
        return system == token.system
    if token.system is None:
        return value == token.value
    return and_(system == token.system, value == token.value)


_TEXT: Final = resource_values.c.value
_STRINGS: Final[Mapping[str, Callable[[str], ColumnElement[bool]]]] = {
    "starts": lambda text: _TEXT.startswith(text, autoescape=True),
    "contains": lambda text: _TEXT.contains(text, autoescape=True),
    "exact": lambda text: resource_values.c.system == text,
}


def _named(conn: Connection, keys: Keys, table: Table, token: Token) -> ColumnElement[bool]:
    blind: Column[bytes] = table.c.blind
    if token.system is None:
        alone: Column[bytes] = table.c.blind_value
        return alone == keys.blind(f"|{token.value}")
    if token.system or table is resource_tokens:
        return blind == keys.blind(f"{token.system}|{token.value}")
    # without a system, a patient's identifier counts within its sender
    senders = conn.execute(select(parties.c.key)).scalars()
    return blind.in_([keys.blind(f"sender:{key}|{token.value}") for key in senders])


# --- times

Side: TypeAlias = Any  # a column of whole microseconds; NULL is open
Compare: TypeAlias = Callable[[Range, Side, Side], ColumnElement[bool]]

_COMPARE: Final[dict[str, Compare]] = {
    "eq": lambda t, first, last: and_(first >= t.low, last < t.high),
    "ne": lambda t, first, last: or_(
        first < t.low, last >= t.high, first.is_(None), last.is_(None)
    ),
    "gt": lambda t, _, last: or_(last >= t.high, last.is_(None)),
    "lt": lambda t, first, _: or_(first < t.low, first.is_(None)),
    "ge": lambda t, *at: or_(_COMPARE["gt"](t, *at), _COMPARE["eq"](t, *at)),
    "le": lambda t, *at: or_(_COMPARE["lt"](t, *at), _COMPARE["eq"](t, *at)),
    "sa": lambda t, first, _: first >= t.high,
    "eb": lambda t, _, last: last < t.low,
    "ap": lambda t, first, last: and_(
        or_(first < t.high, first.is_(None)), or_(last >= t.low, last.is_(None))
    ),
}
"""How a time, from its first microsecond to its last, compares with a searched one: an absent end is open."""

PREFIXES: Final = frozenset(_COMPARE)
_IS_AT: Final[dict[str, Callable[[Range, int], bool]]] = {
    "eq": lambda t, at: t.low <= at < t.high,
    "ne": lambda t, at: not t.low <= at < t.high,
    "gt": lambda t, at: at >= t.high,
    "lt": lambda t, at: at < t.low,
    "ge": lambda t, at: at >= t.low,
    "le": lambda t, at: at < t.high,
    "sa": lambda t, at: at >= t.high,
    "eb": lambda t, at: at < t.low,
    "ap": lambda t, at: t.low <= at < t.high,
}
"""The same of a moment that is known."""


def _compared(time: Range, first: Side, last: Side) -> ColumnElement[bool]:
    return _COMPARE[time.prefix](time, first, last)
