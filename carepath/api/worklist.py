"""GET and POST /fhir/$worklist: what the caller has to do, the most pressing first, and what changed since a look."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from carepath.api import bundles
from carepath.api.context import context_of
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.api.operation_parameters import asked, count, single
from carepath.api.parameters import span
from carepath.service.terms import NORWAY
from carepath.store import resources
from carepath.store import worklist as store
from carepath.store.resources import Stored, Viewer
from carepath.store.times import micros
from fhir_mappings.codes import WORKLIST_GROUP
from pathways.worklist import Group, Listed, Look, worklist

JSON = dict[str, Any]
MOST: Final = 500


async def worklist_(request: Request) -> Response:
    """200 with a searchset of Tasks, each tagged with its groups; 400 for values that cannot be read."""
    check_accepted(request)
    return await _answer(request, await asked(request, "_since", "_count"))


async def worklist_by_parameters(request: Request) -> Response:
    """The same, for one ``person``: a name stands in no address."""
    check_accepted(request)
    return await _answer(request, await asked(request, "_since", "_count", "person"))


async def _answer(request: Request, values: Mapping[str, list[str]]) -> Response:
    context, now = context_of(request), datetime.now(UTC)
    url = f"{context.base_url}/$worklist"
    since = single(values, "_since")
    began = span("_since", since)[0] if since else None
    url += f"?{urlencode({'_since': since}, safe=':')}" if since else ""
    look = Look(now, NORWAY.end_of_day(NORWAY.local_day(now)), began)
    most, person = count(values, most=MOST), single(values, "person")

    viewer = viewer_of(request)

    def found(conn: Any) -> JSON:
        listed = worklist(store.items(conn, viewer, micros(began) if began else None), look, person)
        shown = listed[:most]
        tasks = _tasks(conn, shown, viewer)
        entries = [*_entries(context.base_url, shown, tasks)]
        return bundles.searchset(entries, total=len(listed), links={"self": url})

    return fhir_response(await context.ask_as(viewer, found))


def _tasks(conn: Any, shown: list[Listed], viewer: Viewer) -> Mapping[str, Stored]:
    places = [("Task", item.promise.id) for item, _ in shown]
    return {found.id: found for found in resources.each(conn, places, viewer)}


def _entries(
    base_url: str, shown: list[Listed], tasks: Mapping[str, Stored]
) -> Iterator[Mapping[str, Any]]:
    for item, groups in shown:
        if task := tasks.get(item.promise.id):
            yield bundles.entry(base_url, task, cut=partial(_tagged, groups))


def _tagged(groups: tuple[Group, ...], task: JSON) -> JSON:
    tags = [{"system": WORKLIST_GROUP, "code": str(group)} for group in groups]
    meta = task.get("meta", {})
    return task | {"meta": meta | {"tag": [*meta.get("tag", ()), *tags]}}
