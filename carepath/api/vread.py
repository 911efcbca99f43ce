"""GET /fhir/{type}/{id}/_history/{version}: as it was.

https://hl7.org/fhir/R4/http.html#vread
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.exchange import check_accepted, resource_response, viewer_of
from carepath.store import resources


async def vread(request: Request) -> Response:
    """200, byte for byte what was given out then; 404 for a version that never was; 410 for the last of all."""
    check_accepted(request)
    type_, id_ = request.path_params["type"], request.path_params["id"]
    version = int(request.path_params["version"])
    viewer = viewer_of(request)
    found = await context_of(request).ask_as(viewer, resources.vread, type_, id_, version, viewer)
    if found is None:
        raise HTTPException(404)
    if found.deleted:
        raise HTTPException(410, f"with this version the {type_} was taken away")
    return resource_response(request, found)
