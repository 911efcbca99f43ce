"""POST /fhir/Subscription, PUT and DELETE /fhir/Subscription/{id}: who wants to be told of what, and how.

https://hl7.org/fhir/R4/http.html#create
https://hl7.org/fhir/uv/subscriptions-backport/STU1.1/StructureDefinition-backport-subscription.html
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from carepath.api.bodies import resource
from carepath.api.context import Context, context_of
from carepath.api.errors import FHIR_JSON, Refused, bad_parameter
from carepath.api.exchange import acting_organisation, check_accepted, viewer_of
from carepath.api.parameters import Asking
from carepath.api.results import parse
from carepath.service import subscriptions as service
from carepath.store import resources, subscriptions
from carepath.store.database import Connection
from carepath.store.feed import OPERATOR
from carepath.store.resources import Stored, Viewer
from carepath.store.search import Search, page
from carepath.store.subscriptions import Subscribed
from fhir_mappings.codes import ORGANISATION_NUMBER
from fhir_mappings.filters import Known
from fhir_mappings.outcome import outcome
from fhir_mappings.subscription import Asked, Rules, read
from pathways.parties import Directory, Identifier, Party, is_key
from pathways.refusals import Issue, Reason, Refusal, refuse

JSON = dict[str, Any]

_TYPE: Final = "Subscription"
_TAG: Final = re.compile(r'(?:W/)?"?([1-9][0-9]{0,8})"?')
_DONE: Final = Issue("informational", "All is well.", "Subscription", severity="information")


async def create(request: Request) -> Response:
    """201 with its address, and the Subscription as ``Prefer`` wants it; 422 with everything that is wrong with it.

    200 with the one that ``If-None-Exist`` finds, 412 when it finds several.
    """
    check_accepted(request)
    receiver = acting_organisation(request) or OPERATOR
    viewer = viewer_of(request)
    given = await resource(request, _TYPE)
    condition = request.headers.get("if-none-exist")
    found: list[Stored] = []

    def write(context: Context, conn: Connection) -> Stored:
        now = datetime.now(UTC)
        if condition is not None:
            found.extend(_existing(context, conn, condition, viewer, now))
        if found:
            return found[0]
        asked = _asked(context, conn, given, now)
        return service.create(conn, context.database.keys, receiver, given, asked, now)

    stored = await _in_transaction(request, write)
    return _written(request, 200 if found else 201, stored)


async def update(request: Request) -> Response:
    """200: counting goes on, a rest-hook gets a handshake anew; 405 where there is none, 412 by ``If-Match``."""
    check_accepted(request)
    given = await resource(request, _TYPE)
    id_, viewer = request.path_params["id"], viewer_of(request)
    if given.get("id") != id_:
        text = "the id in the body has to be the one in the address"
        raise Refused(refuse(Reason.MALFORMED, "value", text, "Subscription.id"))

    def write(context: Context, conn: Connection) -> Stored:
        found = _found(conn, id_, viewer)
        if found is None:
            text = "a Subscription gets its id from the server: POST it"
            raise HTTPException(405, text, {"Allow": "GET, HEAD, DELETE"})
        _check_version(request, conn, id_, viewer)
        now = datetime.now(UTC)
        asked = _asked(context, conn, given, now)
        return service.change(conn, context.database.keys, found, given, asked, now)

    return _written(request, 200, await _in_transaction(request, write))


async def delete(request: Request) -> Response:
    """204, also when it was deleted before: nothing more is sent, its history stays."""
    id_, viewer = request.path_params["id"], viewer_of(request)

    def write(_context: Context, conn: Connection) -> Stored | None:
        stored = resources.read(conn, _TYPE, id_, viewer)
        if stored is None:
            raise HTTPException(404)
        if stored.deleted:
            return None
        subscriptions.locked(conn, id_)
        _check_version(request, conn, id_, viewer)
        service.remove(conn, id_, datetime.now(UTC))
        return resources.read(conn, _TYPE, id_, viewer)

    gone = await _in_transaction(request, write)
    return Response(status_code=204, headers={"ETag": f'W/"{gone.version}"'} if gone else {})


async def _in_transaction(
    request: Request, write: Callable[[Context, Connection], Stored | None]
) -> Stored | None:
    """Do it on a thread; whoever sends looks at it at once."""
    context = context_of(request)

    def run() -> Stored | None:
        with context.database.write() as conn:
            return write(context, conn)

    done = await run_in_threadpool(run)
    context.hooks.wake()
    return done


def _existing(
    context: Context, conn: Connection, condition: str, viewer: Viewer, now: datetime
) -> list[Stored]:
    """What is there already (https://hl7.org/fhir/R4/http.html#ccreate). Raises 412 when it is several."""
    asking = Asking(base_url=context.base_url, now=now)
    wanted = parse(_TYPE, parse_qsl(condition, keep_blank_values=True), strict=True, asking=asking)
    if not wanted.criteria:
        raise bad_parameter("If-None-Exist", "search parameters of Subscription, such as url=…")
    subscriptions.wait_for_turn(conn)
    search = Search(type=_TYPE, criteria=wanted.criteria, viewer=viewer)
    matches = page(conn, context.database.keys, search, count=2, after=None)
    if len(matches) > 1:
        raise HTTPException(412, "several Subscriptions are what If-None-Exist asks for")
    return [match.found for match in matches]


def _found(conn: Connection, id_: str, viewer: Viewer) -> Subscribed | None:
    """The Subscription, locked. Raises 410 when it was deleted."""
    stored = resources.read(conn, _TYPE, id_, viewer)
    if stored is not None and stored.deleted:
        raise HTTPException(410, "this Subscription is gone: make a new one")
    return None if stored is None else subscriptions.locked(conn, id_)


def _check_version(request: Request, conn: Connection, id_: str, viewer: Viewer) -> None:
    """Raises 412 unless ``If-Match``, if given, names the newest version."""
    told = request.headers.get("if-match")
    if told is None:
        return
    match = _TAG.fullmatch(told.strip())
    if match is None:
        raise bad_parameter("If-Match", 'a version such as W/"2"')
    stored = resources.read(conn, _TYPE, id_, viewer)
    if stored is None or stored.version != int(match[1]):
        raise HTTPException(412, "the Subscription has changed meanwhile: read it again")


def _asked(context: Context, conn: Connection, given: JSON, now: datetime) -> Asked:
    """Raises ``Refused`` with everything that is wrong."""
    context.parties.refresh(conn)
    known = Known(context.base_url, partial(_organization, context.parties.current, now))
    rules = Rules(known=known, now=now, endpoint_problem=context.hooks.problem)
    asked = read(given, rules)
    if isinstance(asked, Refusal):
        raise Refused(asked)
    return asked


def _organization(
    directory: Directory, now: datetime, system: str | None, value: str
) -> str | None:
    """The key of an organisation. By its number or its key one may be named that has yet to come."""
    if system is not None:
        party = directory.find((Identifier(system, value),), now)
        return party.key if party else value if system == ORGANISATION_NUMBER else None
    if value in directory.parties:
        return value
    bearers = {party.key for party in directory.parties.values() if _bears(party, value)}
    if len(bearers) == 1:
        return bearers.pop()
    return value if is_key(value) else None


def _bears(party: Party, value: str) -> bool:
    return any(identifier.value == value for identifier in party.identifiers)


def _written(request: Request, status: int, stored: Stored | None) -> Response:
    """What was written, as much of it as ``Prefer: return=`` asks for."""
    assert stored is not None  # noqa: S101 -- only a deletion writes nothing
    headers = {
        "ETag": f'W/"{stored.version}"',
        "Last-Modified": format_datetime(stored.updated, usegmt=True),
        "Location": f"{context_of(request).base_url}/{_TYPE}/{stored.id}/_history/{stored.version}",
    }
    wanted = request.headers.get("prefer", "").replace(" ", "").lower()
    if "return=minimal" in wanted:
        return Response(status_code=status, headers=headers)
    body = orjson.dumps(outcome((_DONE,))) if "return=operationoutcome" in wanted else stored.body
    return Response(body, status, headers=headers, media_type=FHIR_JSON)
