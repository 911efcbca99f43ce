"""Search parameters: from the query string to criteria. Nothing here touches the store.

https://hl7.org/fhir/R4/search.html
"""

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from zoneinfo import ZoneInfo

from carepath.api.errors import Refused, bad_parameter
from carepath.store.search import (
    PREFIXES,
    ByCode,
    ByDate,
    ById,
    ByIdentifier,
    ByName,
    ByPatient,
    Criterion,
    Range,
    Token,
)
from carepath.store.times import micros
from fhir_mappings import codes
from pathways.refusals import Reason, refuse

ZONE: Final = ZoneInfo("Europe/Oslo")
DEFAULT_COUNT: Final = 50
MOST: Final = 200

Values: TypeAlias = tuple[str, ...]
Reader: TypeAlias = Callable[[str, Values], Criterion]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search as it was understood; ``used`` are the parameters that count, for the self link."""

    criteria: tuple[Criterion, ...]
    used: tuple[tuple[str, str], ...]
    count: int
    newest_first: bool


def parse(type_: str, pairs: Sequence[tuple[str, str]], *, strict: bool) -> Asked:
    """The search in ``pairs``. Raises ``Refused`` for bad values, and when strict for what is unknown."""
    criteria: list[Criterion] = []
    used: list[tuple[str, str]] = []
    controls: dict[str, str] = {}
    for name, value in pairs:
        _check_characters(name, value)
        reader = _reader(type_, name)
        if name in _CONTROLS:
            controls[name] = value
        elif reader is not None and value:
            criteria.append(reader(name, _split(value)))
            used.append((name, value))
        elif reader is None and strict and name not in _IGNORED:
            raise bad_parameter(name, f"not a search parameter of {type_} here")
    count, newest_first = _count(controls), _newest_first(controls, strict=strict)
    if "_sort" in controls:
        used.append(("_sort", "-_lastUpdated" if newest_first else "_lastUpdated"))
    used.append(("_count", str(count)))
    return Asked(criteria=tuple(criteria), used=tuple(used), count=count, newest_first=newest_first)


def span(name: str, text: str) -> tuple[datetime, datetime]:
    """The first instant of a date, dateTime or instant, and the first one after it, by its precision."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise bad_parameter(name, _TIME_WANTED)
    try:
        return _span(match)
    except (ValueError, OverflowError):
        raise bad_parameter(name, _TIME_WANTED) from None


_CONTROLS: Final = frozenset({"_count", "_sort", "_summary"})
_IGNORED: Final = frozenset({"_format", "_pretty", "_total"})
_TIME_WANTED: Final = "a date (2026, 2026-02, 2026-02-28) or a time with its zone"
_TIME = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(Z|[+ -]\d\d:\d\d))?)?)?",
    re.ASCII,
)


def _span(match: re.Match[str]) -> tuple[datetime, datetime]:
    year, month, day, _, _, second, fraction, zone = match.groups()
    start = datetime(int(year), int(month or 1), int(day or 1), tzinfo=ZONE)
    if zone is None:
        if day is not None:
            return start, start + timedelta(days=1)  # wall clock: a day may have 23 or 25 hours
        months = 1 if month is not None else 12
        whole = sum(monthrange(start.year, start.month + n)[1] for n in range(months))
        return start, start + timedelta(days=whole)
    # a plus sign that was not escaped in the URL comes as a space
    stated = f"{match[0][:16]}:{second or '00'}{zone.replace(' ', '+')}"
    instant = datetime.fromisoformat(stated)
    digits = (fraction or ".")[1:7]
    step = timedelta(microseconds=10 ** (6 - len(digits))) if digits else timedelta(seconds=1)
    instant += timedelta(microseconds=int(digits.ljust(6, "0")))
    return instant, instant + (timedelta(minutes=1) if second is None else step)


def _check_characters(name: str, value: str) -> None:
    if any(letter < " " for letter in value + name):
        shown = name if name.isprintable() else "a parameter"
        raise bad_parameter(shown, "control characters are not allowed")


def _split(value: str) -> Values:
    """The alternatives, by commas that are not escaped."""
    parts = re.split(r"(?<!\\),", value)
    return tuple(re.sub(r"\\([,|$\\])", r"\1", part) for part in parts if part)


def _ids(_name: str, values: Values) -> Criterion:
    return ById(values)


def _tokens(name: str, values: Values) -> Criterion:
    return ByIdentifier(tuple(_token(name, value) for value in values))


def _token(name: str, value: str) -> Token:
    system, bar, code = value.rpartition("|")
    if not code:
        raise bad_parameter(name, "system|value, |value or value: the value is needed")
    return Token(system if bar else None, code)


def _patients(name: str, values: Values) -> Criterion:
    keys = tuple(value.rpartition("/")[2] for value in values)
    if any("/" in value and value.split("/")[-2] != "Patient" for value in values):
        raise bad_parameter(name, "Patient/id or id")
    return ByPatient(keys)


def _names(name: str, values: Values) -> Criterion:
    return ByName(values, exact=name.endswith(":exact"))


def _dates(field: str) -> Reader:
    def read(name: str, values: Values) -> Criterion:
        ranges = tuple(_range(name, value) for value in values)
        return ByDate("updated" if field == "updated" else "period", ranges)

    return read


def _range(name: str, value: str) -> Range:
    prefix = value[:2] if value[:2].isalpha() else "eq"
    if prefix not in PREFIXES:
        raise bad_parameter(name, f"a prefix must be one of {', '.join(sorted(PREFIXES))}")
    low, high = span(name, value.removeprefix(prefix))
    return Range(prefix, micros(low), micros(high))


def _codes(column: str, system: str) -> Reader:
    """Codes in a column; those of another system than the column's match nothing."""

    def read(name: str, values: Values) -> Criterion:
        tokens = [_token(name, value) for value in values]
        fitting = tuple(token.value for token in tokens if token.system in {None, system})
        return ByCode("status" if column == "status" else "code", fitting)

    return read


_EVERY: Mapping[str, Reader] = {"_id": _ids, "_lastUpdated": _dates("updated")}
PARAMETERS: Mapping[str, Mapping[str, Reader]] = {
    "Patient": {**_EVERY, "identifier": _tokens},
    "Encounter": {
        **_EVERY,
        "identifier": _tokens,
        "patient": _patients,
        "status": _codes("status", "http://hl7.org/fhir/encounter-status"),
        "class": _codes("code", codes.ACT_CODE),
        "date": _dates("period"),
    },
    "ServiceRequest": {
        **_EVERY,
        "identifier": _tokens,
        "patient": _patients,
        "status": _codes("status", "http://hl7.org/fhir/request-status"),
        "priority": _codes("code", "http://hl7.org/fhir/request-priority"),
    },
    "Task": {
        **_EVERY,
        "patient": _patients,
        "status": _codes("status", "http://hl7.org/fhir/task-status"),
        "code": _codes("code", codes.PATHWAY_EVENT),
    },
    "Organization": {**_EVERY, "identifier": _tokens, "name": _names, "name:exact": _names},
}
"""What can be searched for, by type: parameter name to the reader of its values."""


def _reader(type_: str, name: str) -> Reader | None:
    """The reader of a parameter. An unknown modifier of a known one is always refused (R4 §3.1.1.5.4)."""
    known = PARAMETERS[type_]
    stem, colon, modifier = name.partition(":")
    if name not in known and colon and stem in known:
        text = f"the modifier ':{modifier}' is not offered"
        raise Refused(refuse(Reason.MALFORMED, "not-supported", text, f"http.{stem}"))
    return known.get(name)


def _count(controls: Mapping[str, str]) -> int:
    if controls.get("_summary") == "count":
        return 0
    given = controls.get("_count", str(DEFAULT_COUNT))
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise bad_parameter("_count", "a whole number from 0")
    return min(int(given), MOST)


def _newest_first(controls: Mapping[str, str], *, strict: bool) -> bool:
    order = controls.get("_sort", "_lastUpdated")
    if order not in {"_lastUpdated", "-_lastUpdated"} and strict:
        raise bad_parameter("_sort", "_lastUpdated or -_lastUpdated")
    return order == "-_lastUpdated"
