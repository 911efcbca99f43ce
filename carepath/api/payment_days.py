"""GET /fhir/Encounter/{id}/$payment-days: the days a municipality pays for, and what they follow from."""

from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import Context, context_of
from carepath.api.exchange import check_accepted, fhir_response, viewer_of
from carepath.service.terms import NORWAY
from carepath.store.rights import Viewer
from carepath.store.stays import Stay, stay
from fhir_mappings.payment import Reckoned, parameters
from pathways.events import EventCode
from pathways.messages import Record
from pathways.parties import Directory, Party
from pathways.payment import payment_days


async def payment_days_(request: Request) -> Response:
    """200 with Parameters; 404 for a stay that is not, or whose readiness one was not told of."""
    check_accepted(request)
    context, id_ = context_of(request), request.path_params["id"]
    viewer = viewer_of(request)
    found = await context.ask_as(viewer, _known, context, id_, viewer)
    if found is None or not _was_told(found):
        raise HTTPException(404)
    return fhir_response(parameters(_reckoned(context, found, viewer, datetime.now(UTC))))


def _known(conn: Any, context: Context, id_: str, viewer: Viewer) -> Stay | None:
    context.parties.refresh(conn)
    return stay(conn, id_, viewer)


def _was_told(found: Stay) -> bool:
    """Money is between those who know that the patient is ready; a stay without readiness has no days for anybody."""
    ready = _ready(found)
    return not ready or not found.seen.isdisjoint(r.id for r in ready)


def _ready(found: Stay) -> list[Record]:
    return [r for r in found.records if r.code is EventCode.DISCHARGE_READY]


def _is_side(found: Stay, payer: Party | None, viewer: Viewer, directory: Directory) -> bool:
    """Whoever is owed or owes: what the days follow from is theirs to know (the regulation's §§ 8, 10, 11 and 13)."""
    owed = {directory.house(r.sender) for r in _ready(found)}
    owes = {directory.house(payer.key)} if payer else set()
    return viewer.knows_whole or directory.house(viewer.reader or "") in owed | owes


def _reckoned(context: Context, found: Stay, viewer: Viewer, now: datetime) -> Reckoned:
    today, directory = NORWAY.local_day(now), context.parties.current
    tariff = context.tariff
    number = found.municipality
    payer = directory.municipality(number, now) if number else None
    if not _is_side(found, payer, viewer, directory):
        found = found.as_told
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
