"""GET /fhir/{type}/{id}: the resource as it stands now.

https://hl7.org/fhir/R4/http.html#read
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.exchange import check_accepted, resource_response, viewer_of
from carepath.store import resources


async def read(request: Request) -> Response:
    """200 with its version, 304 when that is known, 404 for what one may not see, 410 for what is gone."""
    check_accepted(request)
    type_, id_ = request.path_params["type"], request.path_params["id"]
    viewer = viewer_of(request)
    found = await context_of(request).ask_as(viewer, resources.read, type_, id_, viewer)
    if found is None:
        raise HTTPException(404)
    if found.deleted:
        raise HTTPException(410, f"this {type_} is gone; its history is not")
    return resource_response(request, found)
