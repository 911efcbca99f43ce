"""GET /fhir/$statistics?start=&end=: how it went, by unit. The operator sees every unit, a unit itself."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import (
    acting_organisation,
    check_accepted,
    fhir_response,
    sees_every_unit,
)
from carepath.api.operation_parameters import asked, single
from carepath.api.parameters import span
from carepath.service.tallies import figures
from carepath.store.tallies import Period
from fhir_mappings.references import about
from fhir_mappings.times import instant_text
from pathways.tallies import MINIMUM, Row

JSON = dict[str, Any]
LONGEST: Final = timedelta(days=367)


async def statistics_(request: Request) -> Response:
    """200 with Parameters, one ``row`` for each figure; 400 for a period that is none, or longer than a year."""
    check_accepted(request)
    organisation = None if sees_every_unit(request) else acting_organisation(request)
    values = await asked(request, "start", "end")
    first, after = _bound(values, "start")[0], _bound(values, "end")[1]
    if not first < after <= first + LONGEST:
        raise bad_parameter("end", "a date that is not before start, and within a year of it")
    period = Period(first, after, organisation)
    context = context_of(request)
    found = await context.ask(figures, period, context.tariff, datetime.now(UTC))
    return fhir_response(_parameters(period, found))


def _bound(values: Mapping[str, list[str]], name: str) -> tuple[datetime, datetime]:
    given = single(values, name)
    if given is None:
        raise bad_parameter(name, "a date: statistics are of a period")
    return span(name, given)


def _parameters(period: Period, found: Iterable[Row]) -> JSON:
    bounds = {"start": instant_text(period.first), "end": instant_text(period.after)}
    told = [
        {"name": "period", "valuePeriod": bounds},
        {"name": "minimum", "valueInteger": MINIMUM},
        *({"name": "row", "part": [*_row(row)]} for row in found),
    ]
    return {"resourceType": "Parameters", "parameter": told}


def _row(row: Row) -> Iterator[JSON]:
    """Without a value, it would rest on fewer than the minimum."""
    yield {"name": "unit", "valueReference": about("Organization", row.unit)}
    yield {"name": "figure", "valueCode": str(row.figure)}
    if row.kind is not None:
        yield {"name": "kind", "valueCode": str(row.kind)}
    if row.value is not None:
        yield {"name": "value", "valueDecimal": row.value}
