"""The guard at the door: nothing is open but what says so, and nobody does more than their scopes and their role."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from carepath.api.app import ROUTES
from carepath.api.rights import NEEDS, OF_ADDRESS
from pathways.access import Operation, Role, may
from tests.contract.entering import Entered, entered
from tests.contract.front import ADDRESS
from tests.contract.stored import opened

HTTP: Final = [route for route in ROUTES if isinstance(route, Route)]
PUBLIC: Final = frozenset(
    {"/fhir/metadata", "/fhir/.well-known/smart-configuration", "/auth/token", "/livez", "/readyz"}
    | {"/metrics", "/openapi.json"}
)
"""All that is open to everybody: to add to this takes a decision."""


async def page(_request: Request) -> Response:
    """A page of no importance."""
    return PlainTextResponse("seen")


@pytest.fixture
def door(sqlite_url: str) -> Iterator[Entered]:
    """With pages that let people in themselves, one that nobody spoke of, and one client."""
    pages = (Route("/page", page, name="page"), Route("/forgotten", page, name="forgotten"))
    with opened(sqlite_url) as database:
        made = entered(database, pages=pages, own_door=("page",))
        made.register()
        yield made


def _address(route: Route) -> str:
    path = route.path_format.replace("{type}", "Encounter").replace("{version}", "1")
    return path.replace("{id}", "0-1")


def _request(route: Route, **headers: str) -> httpx.Request:
    (method,) = (route.methods or set()) - {"HEAD"}
    return httpx.Request(method, f"{ADDRESS}{_address(route)}", headers=headers)


def test_every_route_has_a_row() -> None:
    """A route without one is refused to everybody; so it is not forgotten."""
    endpoints = {route.endpoint for route in ROUTES if isinstance(route, Route | WebSocketRoute)}
    assert endpoints == {*NEEDS}
    assert len(HTTP) + 1 == len(ROUTES)


def test_what_is_open_is_named() -> None:
    """Nothing else answers who does not sign in."""
    opened_ = {r.path for r in HTTP if NEEDS[r.endpoint].operation is Operation.PUBLIC}
    assert opened_ == PUBLIC


def test_who_does_not_sign_in_is_refused_everywhere(door: Entered) -> None:
    """401, with how to sign in, and no word of what is there."""
    closed = [route for route in HTTP if route.path not in PUBLIC]
    answers = door.asked(*(_request(route) for route in closed))
    for route, answer in zip(closed, answers, strict=True):
        assert answer.status_code == 401, (route.path, answer.text)
        assert answer.headers["www-authenticate"].startswith('Bearer realm="carepath"')
        assert answer.json()["issue"][0]["code"] == "login"
        assert "no-token" in answer.text
        assert answer.headers["cache-control"] == "no-store"


def test_an_organisation_that_is_named_is_none_that_signed_in(door: Entered) -> None:
    """What open mode takes at its word counts for nothing here."""
    assert door.get("/fhir/Patient", X_Carepath_Org="ward").status_code == 401


def test_a_page_without_a_door_is_closed(door: Entered) -> None:
    """To those who signed in, too."""
    assert door.get("/page").text == "seen"
    assert door.get("/forgotten").status_code == 403
    assert door.get("/forgotten", authorization=door.bearer()).status_code == 403


@pytest.mark.parametrize("path", ["/nothing", "/fhir/Observation", "/fhir/Patient/1/$nothing"])
def test_where_nothing_is_nothing_is_told(door: Entered, path: str) -> None:
    """404, as to everybody."""
    assert door.get(path).status_code == 404


def _scopes(route: Route) -> list[tuple[str, str]]:
    """For each letter that it needs, all scopes but that one."""
    need = NEEDS[route.endpoint]
    if need.type is None:
        return []
    type_ = "Encounter" if need.type == OF_ADDRESS else need.type
    return [(type_, letter) for letter in need.letters]


SCOPED: Final = [
    (route, *one)
    for route in HTTP
    if may(Role.SYSTEM, NEEDS[route.endpoint].operation)
    for one in _scopes(route)
]


def test_a_scope_too_small_is_refused_everywhere(door: Entered) -> None:
    """403 and the scope that is missing; with just that scope, the guard lets it through."""
    for route, type_, letter in SCOPED:
        others = "".join(each for each in "cruds" if each != letter)
        for scope in (f"system/{type_}.{others}", "system/Provenance.cruds"):
            (answer,) = door.asked(_request(route, Authorization=door.bearer(scope)))
            assert answer.status_code == 403, (route.path, scope, answer.text)
            asked = answer.headers.get("www-authenticate", "")
            assert 'error="insufficient_scope"' in asked, (route.path, answer.text)
            assert f"system/{type_}." in answer.text


def test_the_scope_that_is_needed_is_enough(door: Entered) -> None:
    """As far as the guard goes."""
    for route, type_, letter in SCOPED:
        if route.path == "/events":  # answers without end
            continue
        bearer = door.bearer(f"system/{type_}.{letter}")
        (answer,) = door.asked(_request(route, Authorization=bearer))
        assert "insufficient_scope" not in answer.headers.get("www-authenticate", ""), route.path
        assert answer.status_code not in {401, 421}, (route.path, answer.text)


def test_a_client_may_not_what_its_role_may_not(door: Entered) -> None:
    """An organisation's system does not read the log of who saw what."""
    answer = door.get("/fhir/AuditEvent", authorization=door.bearer())
    assert answer.status_code == 403
    assert "role: " in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:9000", 200),
        ("10.1.2.3", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("", 421),
        ("a:b:c", 421),
    ],
)
def test_a_foreign_name_is_not_ours(door: Entered, host: str, status: int) -> None:
    """A page that has its own name point at us gets nothing (DNS rebinding)."""
    answer = door.get("/fhir/Patient", authorization=door.bearer(), host=host)
    assert answer.status_code == status


def test_xml_is_refused_in_xml(door: Entered) -> None:
    """As everything else is answered."""
    answer = door.get("/fhir/Patient", accept="application/fhir+xml")
    assert answer.status_code == 401
    assert "<OperationOutcome " in answer.text


@pytest.mark.parametrize(
    ("party", "acts_for", "asked", "status"),
    [
        ("ward", (), "ward", 200),
        ("house", (), "ward", 200),
        ("ward", (), "house", 403),
        ("ward", (), "gp", 403),
        ("gp", ("house",), "ward", 200),
        ("gp", ("ward",), "house", 403),
        ("ward", ("nobody",), "nobody", 403),
        ("ward", (), "no key!", 403),
    ],
)
def test_whom_a_client_may_act_as(
    door: Entered, party: str, acts_for: tuple[str, ...], asked: str, status: int
) -> None:
    """Its own organisation, its units, and whom it acts for as registered."""
    door.register("other", party=party, acts_for=acts_for)
    token = door.token(iss="other", sub="other").json()["access_token"]
    answer = door.get("/fhir/Patient", authorization=f"Bearer {token}", X_Carepath_Org=asked)
    assert answer.status_code == status, answer.text


def test_whom_a_client_acts_for_ends_when_its_registration_does(door: Entered) -> None:
    """It is dated."""
    until = datetime.now(UTC) + timedelta(seconds=1)
    door.register("other", party="gp", acts_for=("house",), role=Role.SUPPLIER, until=until)
    token = door.token(iss="other", sub="other").json()["access_token"]
    headers = {"authorization": f"Bearer {token}", "X_Carepath_Org": "ward"}
    assert door.get("/fhir/Patient", **headers).status_code == 200
    while datetime.now(UTC) < until:
        pass
    assert door.get("/fhir/Patient", **headers).status_code == 401
