"""GET and POST /fhir/Patient/{id}/$everything: the patient and all that is known of them, as far as one may see it.

https://hl7.org/fhir/R4/patient-operation-everything.html
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api import bundles
from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.operation_parameters import asked, count, single
from carepath.api.parameters import span
from carepath.store import everything as store
from carepath.store import queries
from carepath.store.everything import CARE, Everything, Place
from carepath.store.resources import Stored, Viewer
from carepath.store.times import micros
from fhir_mappings.models import is_resource

MOST: Final = 500
"""On one page, also when the caller does not say how many."""
_NAMES: Final = ("start", "end", "_since", "_type", "_count", "_page")
_PAGE: Final = re.compile(rf"({'|'.join(CARE)})/([A-Za-z0-9\-.]{{1,64}})")
_ORGANIZATION: Final = "Organization"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for; times in microseconds. ``used`` are the parameters that count, for links."""

    types: tuple[str, ...] | None
    since: int | None
    starts: int | None
    ends: int | None
    count: int
    after: Place | None
    used: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """A page, one resource more when another one follows; what comes with it; how many there are on all pages."""

    found: list[Stored]
    included: list[Stored]
    total: int


async def everything(request: Request) -> Response:
    """200 with a searchset in pages; 400 for values that cannot be read, 404 for whom one may not see."""
    check_accepted(request)
    wanted = _wanted(await asked(request, *_NAMES))
    context, patient = context_of(request), request.path_params["id"]
    viewer = viewer_of(request)
    result = await context.ask_as(viewer, _find, patient, wanted, viewer)
    if result is None:
        raise HTTPException(404)
    return fhir_response(_bundle(context, patient, wanted, result))


async def everything_by_parameters(request: Request) -> Response:
    """The same, asked for with a Parameters resource."""
    return await everything(request)


def _wanted(values: Mapping[str, list[str]]) -> Wanted:
    start, end, since, page = (single(values, name) for name in ("start", "end", "_since", "_page"))
    starts, ends = _first("start", start), _last("end", end)
    if starts is not None and ends is not None and ends < starts:
        raise bad_parameter("end", "a date that is not before start")
    used = [(name, value) for name in _NAMES[:-1] for value in _used(name, values[name])]
    return Wanted(
        types=_types(values["_type"]),
        since=_first("_since", since),
        starts=starts,
        ends=ends,
        count=count(values, most=MOST),
        after=_place(page),
        used=tuple(used),
    )


def _used(name: str, given: Sequence[str]) -> Sequence[str]:
    return [",".join(given)] if name == "_type" and given else given


def _first(name: str, text: str | None) -> int | None:
    return None if text is None else micros(span(name, text)[0])


def _last(name: str, text: str | None) -> int | None:
    return None if text is None else micros(span(name, text)[1] - timedelta(microseconds=1))


def _types(given: Sequence[str]) -> tuple[str, ...] | None:
    for name in given:
        if not is_resource(name):
            raise bad_parameter("_type", "the name of a FHIR R4 resource type")
    return tuple(dict.fromkeys(given)) or None


def _place(text: str | None) -> Place | None:
    if text is None:
        return None
    match = _PAGE.fullmatch(text)
    if match is None:
        raise bad_parameter("_page", "this is no link to a next page of ours")
    return Place(match[1], match[2])


def _find(conn: Any, patient: str, wanted: Wanted, viewer: Viewer) -> Result | None:
    if not queries.exists_patient(conn, patient, viewer):
        return None
    types = tuple(CARE) if wanted.types is None else tuple(t for t in CARE if t in wanted.types)
    about = Everything(
        patients=queries.closure(conn, (patient,)),
        viewer=viewer,
        types=types,
        since=wanted.since,
        starts=wanted.starts,
        ends=wanted.ends,
    )
    count = wanted.count
    found = store.page(conn, about, count=count, after=wanted.after, more=1) if count else []
    included: list[Stored] = []
    if wanted.types is None or _ORGANIZATION in wanted.types:
        included = store.organizations(conn, found[: wanted.count], viewer)
    return Result(found, included, store.total(conn, about))


def _bundle(context: Context, patient: str, wanted: Wanted, result: Result) -> dict[str, Any]:
    url = f"{context.base_url}/Patient/{patient}/$everything"
    shown = result.found[: wanted.count]
    links = {"self": _link(url, wanted.used, wanted.after)}
    if len(result.found) > len(shown) > 0:
        links["next"] = _link(url, wanted.used, Place(shown[-1].type, shown[-1].id))
    matches = [bundles.entry(context.base_url, one) for one in shown]
    included = [bundles.entry(context.base_url, one, "include") for one in result.included]
    return bundles.searchset([*matches, *included], total=result.total, links=links)


def _link(url: str, used: Sequence[tuple[str, str]], after: Place | None) -> str:
    place = [("_page", f"{after.type}/{after.id}")] if after else []
    query = urlencode([*used, *place], safe="/,:")
    return f"{url}?{query}" if query else url
