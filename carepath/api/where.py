"""GET /fhir/MessageHeader/{id}/$where: how far a message has come with each receiver."""

from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.exchange import (
    check_accepted,
    fhir_response,
    sees_every_unit,
    viewer_of,
)
from carepath.store.journeys import Journey, Step, where


async def where_(request: Request) -> Response:
    """200 with Parameters: one ``message`` for each that bears the id, one ``receiver`` for each it went to."""
    check_accepted(request)
    id_ = request.path_params["id"]
    context, viewer = context_of(request), viewer_of(request)
    if sees_every_unit(request):
        # it names no patient, and says nothing that was said
        journeys = await context.ask(where, id_, None)
    else:
        journeys = await context.ask_as(viewer, where, id_, viewer.reader)
    if not journeys:
        raise HTTPException(404)
    for journey in journeys:
        viewer.disclosed.tell(journey.patient, "MessageHeader", (id_,))
    parameters = [_part("message", *_message(journey)) for journey in journeys]
    return fhir_response({"resourceType": "Parameters", "id": id_, "parameter": parameters})


def _message(journey: Journey) -> list[dict[str, Any]]:
    return [
        {"name": "verdict", "valueCode": journey.verdict},
        {"name": "sender", "valueReference": _organization(journey.sender)},
        {"name": "received", "valueInstant": journey.received},
        {"name": "source", "valueReference": {"reference": f"Binary/{journey.event}"}},
        *(_part("receiver", *_receiver(journey, step)) for step in journey.steps),
    ]


def _receiver(journey: Journey, step: Step) -> list[dict[str, Any]]:
    code = step.confirmed_code
    return [
        {"name": "organization", "valueReference": _organization(step.receiver)},
        {"name": "event", "valueCode": step.kind},
        *_when("accepted", journey.received),
        *_when("delivered", step.delivered),
        *_when("confirmed", step.confirmed),
        *([{"name": "response", "valueCode": code}] if code else []),
        *_when("read", step.read),
        *([{"name": "withheld", "valueBoolean": True}] if step.withheld else []),
    ]


def _when(name: str, at: datetime | None) -> list[dict[str, Any]]:
    return [] if at is None else [{"name": name, "valueInstant": at}]


def _part(name: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "part": list(parts)}


def _organization(key: str) -> dict[str, str]:
    return {"reference": f"Organization/{key}"}
