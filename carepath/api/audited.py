"""No audit, no data: an answer leaves when the lines of what it tells of patients are committed, and not before.

The store's reading functions note in the request's collector what they give out (``Viewer.disclosed``). Here,
innermost of all middleware, lines are written of it before the answer's first byte is sent, and before every further
part that tells more. No interaction and no page has to think of it, and none can forget it.
"""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

import structlog
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carepath.api.errors import outcome_response
from carepath.api.exchange import actor_of, disclosures_of
from carepath.delivery.recorder import Recorder
from carepath.store.audit import line_id
from carepath.store.disclosures import Shown
from carepath.store.times import instant, now
from pathways.access_log import Act, Line, who
from pathways.refusals import Issue

log = structlog.get_logger()

QUERIES: Final = frozenset(
    {"search", "search_by_form", "worklist", "worklist_by_parameters", "quiet", "patients", "find"}
    | {"pathways", "work", "work-search", "work-quiet"}
)
"""What asks for whoever meets criteria; all else is about one person or one message."""
DELIVERIES: Final = frozenset({"events", "events_by_parameters", "mailbox"})
"""What gives a receiver its feed, asked for or not."""
_NOT_OF_PATIENTS: Final = frozenset({"Organization", "Subscription", "AuditEvent"})


class Audited:
    """ASGI middleware around all interactions and pages. Streams that are no HTTP write their lines themselves."""

    def __init__(self, app: ASGIApp, recorder: Recorder) -> None:
        self._app, self._recorder = app, recorder

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through; its answer waits for its lines."""
        if scope["type"] == "http":
            disclosures_of(Request(scope))  # one for the whole request
            send = _Answer(self._recorder, scope, receive, send)
        await self._app(scope, receive, send)


class _Answer:
    """An answer on its way out."""

    def __init__(self, recorder: Recorder, scope: Scope, receive: Receive, send: Send) -> None:
        self._recorder, self._scope, self._receive, self._send = recorder, scope, receive, send
        self._id = secrets.token_hex(8)
        self._status = 0
        self._refused = False

    async def __call__(self, message: Message) -> None:
        """Pass it on when its lines are kept; 503 instead of an answer whose lines cannot be."""
        if self._refused:
            return
        begins = message["type"] == "http.response.start"
        if begins:
            self._status = message["status"]
        try:
            await self._recorder.write(self._lines(begins=begins))
        except Exception as fault:
            log.error("nothing is told without the access log", fault=type(fault).__name__)  # noqa: TRY400 -- no values
            if not begins:
                raise  # the connection ends here, with nothing told
            self._refused = True
            await _UNKEPT(self._scope, self._receive, self._send)
            return
        await self._send(message)

    def _lines(self, *, begins: bool) -> list[Line]:
        """Of what was given out since the last part. An OperationOutcome that refuses tells of nobody."""
        disclosed = disclosures_of(Request(self._scope)).taken()
        refuses = self._status >= 400 and self._scope["path"].startswith("/fhir/")
        if refuses or not (disclosed or (begins and self._found_nobody())):
            return []
        of_patients = [self._line(patient, shown) for patient, shown in disclosed.items()]
        return of_patients or [self._line(None, {})]

    def _found_nobody(self) -> bool:
        """Whether somebody was asked for, and nobody was found: that was asked is kept."""
        type_ = self._scope.get("path_params", {}).get("type")
        asked = interaction(self._scope) in QUERIES and type_ not in _NOT_OF_PATIENTS
        return asked and 200 <= self._status < 300  # else they were sent to sign in first

    def _line(self, patient: str | None, shown: Shown) -> Line:
        at, name = now(), interaction(self._scope)
        request = Request(self._scope)
        asks = who(getattr(request.state, "actor", None) or actor_of(request))
        right = disclosures_of(request).because.get(patient or "")
        if right is not None:
            asks = replace(asks, role=right.role, purpose=right.purpose)
        return Line(
            id=line_id(at),
            at=instant(at),
            act=_act(name),
            who=asks,
            basis=(right.basis,) if right else (),
            patient=patient,
            interaction=name,
            shown=shown,
            query=_query(request),
            network=request.client.host if request.client else None,
            request=self._id,
            outcome=str(self._status),
        )


def interaction(scope: Scope) -> str:
    """The name of the route that answers."""
    return str(getattr(scope.get("route"), "name", "none")).rstrip("_")


def _act(name: str) -> Act:
    if name in DELIVERIES:
        return Act.DELIVERY
    return Act.QUERY if name in QUERIES else Act.READ


def _query(request: Request) -> str:
    """As it was asked: method, path, and parameters from the address and from a form."""
    form: Mapping[str, str] = getattr(request.state, "form", {})
    url = URL(scope=request.scope)
    asked = "&".join(filter(None, (url.query, urlencode(form))))
    return f"{request.method} {url.path}" + (f"?{asked}" if asked else "")


_UNKEPT: Final = outcome_response(
    503,
    (Issue("transient", "the access log cannot be written: ask again", "http.host"),),
    {"Retry-After": "5"},
)
