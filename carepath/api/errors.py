"""The only place where a "no" or a fault becomes an HTTP status and an OperationOutcome.

https://hl7.org/fhir/R4/http.html#Status-Codes
"""

import re
from collections.abc import Mapping
from typing import Final

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from carepath.delivery.gather import Full
from carepath.service import STATUS
from carepath.store.database import DatabaseError
from fhir_mappings import formats
from fhir_mappings.outcome import outcome
from pathways.refusals import Issue, Reason, Refusal, refuse

log = structlog.get_logger()

FHIR_JSON: Final = formats.FHIR_JSON

_CODES: Mapping[int, str] = {
    400: "invalid",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    406: "not-supported",
    408: "timeout",
    410: "deleted",
    412: "conflict",
    413: "too-long",
    415: "not-supported",
    503: "transient",
}
_PLAIN: Mapping[int, str] = {
    404: "there is nothing at this address, or you may not see it",
    405: "this address does not know that method",
}


class Refused(Exception):
    """Carries a refusal out of an interaction."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def bad_parameter(name: str, text: str) -> Refused:
    """A parameter or header cannot be understood; ``text`` says how it should be.

    What could not be the name of one is not repeated.
    """
    shown = name if is_name(name) else "parameter"
    return Refused(refuse(Reason.MALFORMED, "value", text, f"http.{shown}"))


def is_name(text: str) -> bool:
    """Whether it could be the name of a parameter or header, or a part of one."""
    return _NAME.fullmatch(text) is not None


_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")


def outcome_response(
    status: int, issues: tuple[Issue, ...], headers: Mapping[str, str] | None = None
) -> Response:
    """An OperationOutcome with its status."""
    body = orjson.dumps(outcome(issues))
    return Response(body, status, headers=dict(headers or {}), media_type=FHIR_JSON)


async def on_refused(_request: Request, fault: Exception) -> Response:
    """A refusal by the rules or by a reader of parameters."""
    assert isinstance(fault, Refused)  # noqa: S101 -- registered for this type only
    return outcome_response(STATUS[fault.refusal.reason], fault.refusal.issues)


async def on_http(request: Request, fault: Exception) -> Response:
    """What the protocol itself refuses: addresses, methods, media types, sizes."""
    assert isinstance(fault, HTTPException)  # noqa: S101 -- registered for this type only
    status = fault.status_code
    text = _PLAIN.get(status) if fault.detail in _STANDARD else fault.detail
    code = _CODES.get(status, "processing")
    issue = Issue(code, text or fault.detail, where=f"http.{request.method.lower()}")
    headers = _allow(request) if status == 405 else fault.headers
    return outcome_response(status, (issue,), headers)


def _allow(request: Request) -> Mapping[str, str]:
    """Every method of the address, whichever routes share it (RFC 9110 §15.5.6)."""
    methods = {
        method
        for route in request.app.routes
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE
        for method in route.methods or ()
    }
    return {"Allow": ", ".join(sorted(methods))}


async def on_full(_request: Request, _fault: Exception) -> Response:
    """Nothing was taken in: the sender may try again."""
    issue = Issue("throttled", "too many messages are waiting: send it again", "http.post")
    return outcome_response(503, (issue,), {"Retry-After": str(Full.after)})


async def on_store_fault(request: Request, fault: Exception) -> Response:
    """The store does not answer; nothing was taken in."""
    log.error("store failed", method=request.method, fault=type(fault).__name__)
    issue = Issue("transient", "the store does not answer: send it again", "http.host")
    return outcome_response(503, (issue,), {"Retry-After": "5"})


async def on_fault(request: Request, fault: Exception) -> Response:
    """Our own fault: the trace goes to the log, never to the caller."""
    log.error("request failed", method=request.method, exc_info=fault)
    text = "something went wrong on our side; nothing was taken in, send it again"
    return outcome_response(500, (Issue("exception", text, f"http.{request.method.lower()}"),))


_STANDARD = frozenset({"Not Found", "Method Not Allowed"})

HANDLERS = {
    Refused: on_refused,
    HTTPException: on_http,
    Full: on_full,
    DatabaseError: on_store_fault,
}
