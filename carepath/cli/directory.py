"""The directory as CSV: one party per row.

Separated by commas, or by semicolons as Norwegian spreadsheets do (the header decides; values that hold one
are quoted). UTF-8. The columns, of which only ``name`` and one of ``key`` and an organisation number are
needed:

=============== ============================================================================================
key             short slug, never re-used; the organisation number when empty
name            what people call it
kind            hospital, municipality, legevakt, gp, home or other
identifiers     ``system|value``, several separated by ``;``; digits alone are an organisation number
parent          key of the party it belongs to
municipality    kommunenummer it serves
function        case-office, nursing, mental-health, doctor, rehab, on-duty, ke, ward or hospital-ke
acts_for        keys, separated by ``;``
dialect         kith (Norwegian XML) or hl7v2: its updates are written so; else FHIR
receipt_mode    what confirms a message within 96 hours, else both sides are told: ``application`` (its system sends a
                receipt; dialect medcom is sent it again twice), ``transport`` (it was taken; the default), or ``none``
phone           for people who must call
endpoint        base URL of its FHIR server: where answers to ``$process-message?async=true`` go
transport       the network its updates go over: ``edi`` (NHN, by its HER-id; dialect kith), ``mllp://HOST:PORT`` or
                ``mllps://HOST:PORT`` (TLS; dialect hl7v2); without it they are only in its feed
opening_hours   ``mon-fri 08:00-15:30``, several separated by ``;``; local time. ``16:00-08:00`` is over midnight;
                holidays have the hours of Sundays
valid_from      ``2026-01-01`` (from local midnight) or an instant with zone
valid_to        as valid_from; no longer valid from then on
neutral_name    what notices call it when its name would tell too much
=============== ============================================================================================
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import Any, Final

from carepath.texts import ZONE
from fhir_mappings.codes import HER_ID, ORGANISATION_NUMBER
from fhir_mappings.dialects import table
from fhir_mappings.identifiers import canonical, check_organisation
from fhir_mappings.parties import is_endpoint
from pathways.parties import Function, Identifier, Kind, OpeningHours, Party, is_key
from pathways.receipts import Mode

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d"
_HOURS = re.compile(rf"(\w{{3}})(?:-(\w{{3}}))? (?P<opens>{_CLOCK})-(?P<closes>{_CLOCK}|24:00)")
_ADDRESS = re.compile(r"mllps?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\]):[1-9]\d{0,4}")
DIALECTS: Final = (*(dialect.name for dialect in table.DIALECTS), "kith", "hl7v2")
"""What ``Party.dialect`` may be."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a row says that cannot be right. ``line`` is the file's, from 1; ``column`` its header."""

    line: int
    column: str
    text: str

    @property
    def shown(self) -> str:
        """The problem as a line of text."""
        return f"line {self.line}, column {self.column}: {self.text}"


def read(source: bytes) -> list[Party] | list[Problem]:
    """The parties of a CSV file, or everything that is wrong with it. Never raises."""
    try:
        text = source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = source[: error.start].count(b"\n") + 1
        return [Problem(line, "-", "the file is not UTF-8")]
    header = text.partition("\n")[0]
    separator = ";" if ";" in header and "," not in header else ","
    rows = csv.DictReader(io.StringIO(text), delimiter=separator, strict=True)
    try:
        return _parties(rows)
    except csv.Error as error:
        return [Problem(rows.reader.line_num, "-", str(error))]


def _parties(rows: "csv.DictReader[str]") -> list[Party] | list[Problem]:
    columns = rows.fieldnames or ()
    unknown = [Problem(1, name, "no such column") for name in columns if name not in COLUMNS]
    if "name" not in columns:
        unknown.append(Problem(1, "name", "the column is missing"))
    if unknown:
        return unknown
    parties: dict[str, Party] = {}
    problems: list[Problem] = []
    for row in rows:
        party = _party(row, rows.line_num)
        if isinstance(party, list):
            problems += party
        elif party.key in parties:
            problems.append(Problem(rows.line_num, "key", f"{party.key} stands twice"))
        else:
            parties[party.key] = party
    return problems or list(parties.values())


def _party(row: Mapping[str, str | None], line: int) -> Party | list[Problem]:
    """A row as a party; a row with more cells than the header holds them under the key ``None``."""
    if None in row:
        return [Problem(line, "-", "more values than columns")]
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for column, cell in row.items():
        if not (written := (cell or "").strip()):
            continue
        try:
            values[column] = COLUMNS[column](written)
        except ValueError as error:
            problems.append(Problem(line, column, str(error)))
    if not problems:
        problems = [*_missing(values, line), *_unfit(values, line)]
    return problems or Party(**values)


def _missing(values: dict[str, Any], line: int) -> Iterator[Problem]:
    """What a row lacks; puts the organisation number in for a key."""
    if "name" not in values:
        yield Problem(line, "name", "is empty")
    numbers = [i.value for i in values.get("identifiers", ()) if i.system == ORGANISATION_NUMBER]
    if numbers:
        values.setdefault("key", numbers[0])
    if "key" not in values:
        yield Problem(line, "key", "is empty, and there is no organisation number to use instead")


def _unfit(values: Mapping[str, Any], line: int) -> Iterator[Problem]:
    """A transport that does not carry what its updates are written in."""
    transport, dialect = values.get("transport"), values.get("dialect")
    if transport is None:
        return
    needed = "kith" if transport == "edi" else "hl7v2"
    if dialect != needed:
        yield Problem(line, "transport", f"goes with dialect {needed} only")
    if transport == "edi" and not any(i.system == HER_ID for i in values.get("identifiers", ())):
        yield Problem(line, "transport", "edi needs a HER-id among the identifiers")


def _key(written: str) -> str:
    if not is_key(written):
        raise ValueError(
            "must be lower-case letters, digits, '-' and '.', at most 63, and not 'parked'"
        )
    return written


def _keys(written: str) -> tuple[str, ...]:
    return tuple(_key(part) for part in _parts(written))


def _parts(written: str) -> list[str]:
    return [part.strip() for part in written.split(";") if part.strip()]


def _one_of(allowed: type[StrEnum] | tuple[str, ...]) -> Callable[[str], str]:
    choices: dict[str, str] = {str(choice): choice for choice in allowed}

    def parse(written: str) -> str:
        if written not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return choices[written]

    return parse


def _identifiers(written: str) -> tuple[Identifier, ...]:
    return tuple(_identifier(part) for part in _parts(written))


def _identifier(written: str) -> Identifier:
    system, bar, value = written.rpartition("|")
    if not bar and written.isdecimal():
        system, value = ORGANISATION_NUMBER, written
    if not system or not value:
        raise ValueError("must be system|value, or the digits of an organisation number")
    if wrong := check_organisation([{"system": system, "value": value}], "row"):
        raise ValueError(wrong.text)
    return Identifier(canonical(system), value)


def _municipality(written: str) -> str:
    if not re.fullmatch(r"\d{4}", written):
        raise ValueError("must be a kommunenummer of four digits")
    return written


def _endpoint(written: str) -> str:
    if not is_endpoint(written):
        raise ValueError("must be an http or https address without user, query and fragment")
    return written.rstrip("/")


def _transport(written: str) -> str:
    if written != "edi" and not _ADDRESS.fullmatch(written):
        raise ValueError("must be edi, mllp://HOST:PORT or mllps://HOST:PORT")
    return written


def _opening_hours(written: str) -> tuple[OpeningHours, ...]:
    return tuple(hours for part in _parts(written) for hours in _hours(part))


def _hours(written: str) -> Iterator[OpeningHours]:
    found = _HOURS.fullmatch(written.lower())
    if not found or {found[1], found[2] or found[1]} - set(DAYS):
        raise ValueError("must be like 'mon-fri 08:00-15:30' or 'sat 10:00-14:00'")
    first, last = DAYS.index(found[1]), DAYS.index(found[2] or found[1])
    if last < first:
        raise ValueError("the days run backwards")
    for weekday in range(first, last + 1):
        yield OpeningHours(weekday, found["opens"], found["closes"])


def _instant(written: str) -> datetime:
    """A date stands for its local midnight."""
    if re.fullmatch(r"\d{4}-\d\d-\d\d", written):
        return datetime.combine(date.fromisoformat(written), time.min, ZONE)
    read_ = datetime.fromisoformat(written)
    if read_.tzinfo is None:
        raise ValueError("an instant needs a zone, like 2026-01-01T00:00:00+01:00")
    return read_


COLUMNS: Final[Mapping[str, Callable[[str], object]]] = {
    "key": _key,
    "name": str,
    "kind": _one_of(Kind),
    "identifiers": _identifiers,
    "parent": _key,
    "municipality": _municipality,
    "function": _one_of(Function),
    "acts_for": _keys,
    "dialect": _one_of(DIALECTS),
    "receipt_mode": _one_of(Mode),
    "phone": str,
    "endpoint": _endpoint,
    "transport": _transport,
    "opening_hours": _opening_hours,
    "valid_from": _instant,
    "valid_to": _instant,
    "neutral_name": str,
}
"""What each column holds, and how it is read. A reader raises ``ValueError`` with the mending in words."""
