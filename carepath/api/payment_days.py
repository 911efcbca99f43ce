"""GET /fhir/Encounter/{id}/$payment-days: the days a municipality pays for, and what they follow from."""

from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import Context, context_of
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.service.terms import NORWAY
from carepath.store.resources import Viewer
from carepath.store.stays import Stay, stay
from fhir_mappings.payment import Reckoned, parameters
from pathways.events import EventCode
from pathways.payment import payment_days


async def payment_days_(request: Request) -> Response:
    """200 with Parameters; 404 for a stay that is not, or whose readiness one was not told of."""
    check_accepted(request)
    context, id_ = context_of(request), request.path_params["id"]
    viewer = viewer_of(request)
    found = await context.ask_as(viewer, _known, context, id_, viewer)
    if found is None or not _was_told(found):
        raise HTTPException(404)
    return fhir_response(parameters(_reckoned(context, found, datetime.now(UTC))))


def _known(conn: Any, context: Context, id_: str, viewer: Viewer) -> Stay | None:
    context.parties.refresh(conn)
    return stay(conn, id_, viewer)


def _was_told(found: Stay) -> bool:
    """Money is between those who know that the patient is ready; a stay without readiness has no days for anybody."""
    ready = [r.id for r in found.records if r.code is EventCode.DISCHARGE_READY]
    return not ready or not found.seen.isdisjoint(ready)


def _reckoned(context: Context, found: Stay, now: datetime) -> Reckoned:
    today = NORWAY.local_day(now)
    tariff = context.tariff
    number = found.municipality
    payer = context.parties.current.municipality(number, now) if number else None
    promises = found.thread.promises
    return Reckoned(
        stay=found.thread.id,
        payer=payer.key if payer else None,
        before=today,
        days=payment_days(found.records, promises, NORWAY, today, same_day=tariff.same_day),
        rates=tariff.rates,
        questions=found.questions,
        seen=found.seen,
    )
