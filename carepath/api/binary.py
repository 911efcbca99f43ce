"""GET /fhir/Binary/{id}: a message as its sender wrote it.

https://hl7.org/fhir/R4/binary.html
"""

import base64

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.exchange import fhir_response, named_formats, verbatim, viewer_of
from carepath.store.queries import source


async def binary(request: Request) -> Response:
    """200 with the very bytes in their own media type; as a FHIR Binary for who wants FHIR and not what they are.

    410 when the bytes have gone by the operator's retention.
    """
    id_ = request.path_params["id"]
    viewer = viewer_of(request)
    found = await context_of(request).ask_as(viewer, source, id_, viewer)
    if found is None:
        raise HTTPException(404)
    if not found.content:
        raise HTTPException(410, "what the sender wrote is no longer kept; its entry still stands")
    formats = named_formats(request)
    if formats and found.media_type not in formats:
        data = base64.b64encode(found.content).decode()
        told = {"resourceType": "Binary", "id": id_, "contentType": found.media_type}
        return fhir_response({**told, "data": data})
    verbatim(request)
    return Response(found.content, media_type=found.media_type)
