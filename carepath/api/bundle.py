"""GET /fhir/Bundle/{id}: a message as it was sent to its receiver.

The id is that of the message's place in the receiver's feed: ``additional-context`` in notifications, ``id`` in
CloudEvents. https://hl7.org/fhir/R4/bundle.html#message
"""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.errors import FHIR_JSON
from carepath.api.exchange import check_accepted, disclosures_of, viewer_of
from carepath.delivery.content import resource
from carepath.delivery.notifications import ANEW, EXPIRED, WITHHELD
from carepath.store import feed
from carepath.store.database import Connection
from carepath.store.feed import OPERATOR, PARKED, RESTORED
from carepath.store.times import now


async def message(request: Request) -> Response:
    """200 for its receiver; 404 for all others; 403 when it may no longer be seen, 410 when it is no longer kept."""
    check_accepted(request)
    context, id_ = context_of(request), request.path_params["id"]
    viewer = viewer_of(request)
    receiver = viewer.reader or OPERATOR

    def read(conn: Connection) -> Response:
        item = feed.item(conn, receiver, id_, now())
        if item is None or item.kind == PARKED:
            raise HTTPException(404)
        if item.withheld or viewer.masked:
            raise HTTPException(403, WITHHELD.text)
        if item.kind == RESTORED:
            raise HTTPException(410, ANEW.text)
        body = resource(item, context.base_url)
        if body is None:
            raise HTTPException(410, EXPIRED.text)
        disclosures_of(request).tell(item.of, "Bundle", (item.id,))
        return Response(body, headers=_CACHED, media_type=FHIR_JSON)

    return await context.ask_as(viewer, read)


_CACHED = {"Cache-Control": "private, no-cache"}
