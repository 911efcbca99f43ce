"""``carepath statistics``: how it went in a period, by unit."""

import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from carepath import texts
from carepath.cli import output, server
from carepath.cli.options import LOCAL, Language, Organisation, Url, settings

_DAY = ["%Y-%m-%d"]
_NAMES = ("unit", "figure", "kind", "value")


class Form(StrEnum):
    """How figures are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def statistics(
    start: Annotated[datetime, typer.Option(formats=_DAY, help="The first day.")],
    end: Annotated[datetime, typer.Option(formats=_DAY, help="The last day.")],
    form: Annotated[
        Form, typer.Option("--format", help="For people, or for programs.")
    ] = Form.TABLE,
    organisation: Organisation = None,
    language: Language = None,
    url: Url = LOCAL,
) -> None:
    """Show answer times, what was kept in time, days of waiting and alarms, by unit. Few people are '<5'.

    For example:

      carepath statistics --start 2026-10-01 --end 2026-10-31 --format csv > october.csv
    """
    spoken = settings(language=language).language
    asked = {"start": f"{start:%Y-%m-%d}", "end": f"{end:%Y-%m-%d}"}
    with server.connect(url, organisation) as client:
        parameters = server.answer(client.get("/fhir/$statistics", params=asked))
    show(parameters["parameter"], form, spoken)


def show(told: Sequence[Mapping[str, Any]], form: Form, language: str) -> None:
    """The figures, in the form that is wanted."""
    few = next(one["valueInteger"] for one in told if one["name"] == "minimum")
    rows = [_row(one["part"], few) for one in told if one["name"] == "row"]
    if form is Form.JSON:
        output.json([dict(zip(_NAMES, row, strict=True)) for row in rows])
    elif form is Form.CSV:
        writer = csv.writer(sys.stdout)
        writer.writerow(_NAMES)
        writer.writerows(rows)
    else:
        columns = [_text(name, language) for name in _NAMES]
        output.table(columns, _told(rows, language), empty=_text("none", language))


def _row(parts: Sequence[Mapping[str, Any]], few: int) -> tuple[str, ...]:
    told = {one["name"]: one for one in parts}
    number = told.get("value", {}).get("valueDecimal")
    return (
        told["unit"]["valueReference"]["reference"].rpartition("/")[2],
        told["figure"]["valueCode"],
        told.get("kind", {}).get("valueCode", ""),
        f"<{few}" if number is None else f"{number:g}",
    )


def _told(rows: Sequence[tuple[str, ...]], language: str) -> Iterator[tuple[str, ...]]:
    for unit, figure, kind, value in rows:
        about = texts.render(f"promise.{kind}", {}, language) if kind else ""
        yield unit, _text(figure, language), about, value


def _text(name: str, language: str) -> str:
    return texts.render(f"statistics.{name}", {}, language)
