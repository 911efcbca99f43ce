"""POST /auth/token: SMART Backend Services.

https://hl7.org/fhir/smart-app-launch/STU2.2/backend-services.html
https://www.rfc-editor.org/rfc/rfc6749#section-5
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

import orjson
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.context import context_of
from carepath.api.exchange import whole_body
from carepath.api.negotiation import media_type
from carepath.identity.entrance import Entrance
from carepath.identity.refusals import Fault, NotBelieved
from carepath.identity.scopes import NoScope, granted, known, scopes, text_of
from carepath.identity.tokens import LASTS

log = structlog.get_logger()

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FORM: Final = "application/x-www-form-urlencoded"
_MOST: Final = 64 * 1024  # bytes
_NOT_KEPT: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


async def token(request: Request) -> Response:
    """200 with an access token; 400 and 401 with OAuth's error; 404 in open mode, where nobody signs in."""
    context = context_of(request)
    if context.entrance is None:
        raise HTTPException(404, "in open mode nobody signs in")
    try:
        told = await _token(context.entrance, await _form(request))
    except NotBelieved as fault:
        context.metrics.refused_sign_ins.labels(fault.fault).inc()
        log.warning("sign-in refused", reason=fault.fault)
        said = {"error": fault.error, "error_description": fault.description}
        status = 401 if fault.error == "invalid_client" else 400
        return Response(orjson.dumps(said), status, _NOT_KEPT, "application/json")
    return Response(orjson.dumps(told), 200, _NOT_KEPT, "application/json")


async def _token(entrance: Entrance, form: Mapping[str, str]) -> dict[str, object]:
    if not form.get("grant_type"):
        raise NotBelieved(Fault.REQUEST, "grant_type is needed")
    if form["grant_type"] != "client_credentials":
        raise NotBelieved(Fault.GRANT_TYPE, "only client_credentials is offered")
    if form.get("client_assertion_type") != ASSERTION_TYPE or not form.get("client_assertion"):
        raise NotBelieved(
            Fault.ASSERTION_MISSING, f"sign in with a client_assertion of the type {ASSERTION_TYPE}"
        )
    now = datetime.now(UTC)
    client = await entrance.assertions.client(form["client_assertion"], now)
    if form.get("client_id", client.id) != client.id:
        raise NotBelieved(Fault.REQUEST, "client_id is not the client of the assertion")
    if not form.get("scope"):
        raise NotBelieved(Fault.SCOPE_MISSING, "scope is needed")
    try:
        asked = scopes(form["scope"])
    except NoScope as wrong:
        raise NotBelieved(Fault.SCOPE_UNKNOWN, str(wrong)) from None
    given = granted(asked, known(client.scopes))
    if not given:
        raise NotBelieved(Fault.SCOPE_NOT_GRANTED, "nothing of that is registered for the client")
    return {
        "access_token": entrance.callers.tokens.made(client.id, given, now),
        "token_type": "bearer",
        "expires_in": LASTS,
        "scope": text_of(given),
    }


async def _form(request: Request) -> dict[str, str]:
    """The parameters, each once (RFC 6749 §3.2)."""
    body = await whole_body(request, _MOST)
    if media_type(request.headers.get("content-type", "")).name != FORM:
        raise NotBelieved(Fault.REQUEST, f"send Content-Type: {FORM}")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50)
    except ValueError:
        raise NotBelieved(Fault.REQUEST, "the form cannot be read") from None
    if len(pairs) != len(dict(pairs)):
        raise NotBelieved(Fault.REQUEST, "a parameter comes twice")
    return dict(pairs)
