"""GET /fhir/{type}/{id}/_history: every version, newest first.

https://hl7.org/fhir/R4/http.html#history
"""

from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import Context, context_of
from carepath.api.errors import bad_parameter
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.results import DEFAULT_COUNT, MOST
from carepath.store import resources
from carepath.store.resources import Stored

_NEWEST = 2**31 - 1


async def history(request: Request) -> Response:
    """200 with a history Bundle in pages; 404 for what never was or one may not see."""
    check_accepted(request)
    context, viewer = context_of(request), viewer_of(request)
    type_, id_ = request.path_params["type"], request.path_params["id"]
    count = min(_number(request, "_count", DEFAULT_COUNT), MOST)
    before = _number(request, "_before", _NEWEST)
    total = await context.ask_as(viewer, resources.versions, type_, id_, viewer)
    if total == 0:
        raise HTTPException(404)
    page = await context.ask_as(
        viewer, resources.history, type_, id_, viewer, count=count, before=before
    )
    return fhir_response(_bundle(context, f"{type_}/{id_}", page, total=total, count=count))


def _number(request: Request, name: str, default: int) -> int:
    given = request.query_params.get(name, str(default))
    if not (given.isascii() and given.isdigit() and len(given) < 11):
        raise bad_parameter(name, "a whole number from 0")
    return int(given)


def _bundle(
    context: Context, about: str, page: list[Stored], *, total: int, count: int
) -> dict[str, Any]:
    url = f"{context.base_url}/{about}"
    links = [{"relation": "self", "url": f"{url}/_history?_count={count}"}]
    if page and page[-1].version > 1:
        query = urlencode({"_count": count, "_before": page[-1].version})
        links.append({"relation": "next", "url": f"{url}/_history?{query}"})
    bundle = {"resourceType": "Bundle", "type": "history", "total": total, "link": links}
    entries = [_entry(url, about, version) for version in page]
    return {**bundle, "entry": entries} if entries else bundle


def _entry(url: str, about: str, version: Stored) -> dict[str, Any]:
    """A version with the request that would have made it (bdl-3, bdl-4)."""
    method, status = ("DELETE", "204") if version.deleted else ("PUT", "200")
    entry = {
        "fullUrl": url,
        "request": {"method": method, "url": about},
        "response": {
            "status": "201" if version.version == 1 else status,
            "etag": f'W/"{version.version}"',
            "lastModified": version.updated,
        },
    }
    return entry if version.deleted else {**entry, "resource": orjson.Fragment(version.body)}
