"""The OpenAPI document and the routes: neither tells of anything that the other does not know."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from openapi_spec_validator import validate
from starlette.routing import Match, Route, WebSocketRoute

from carepath.api.app import ROUTES
from carepath.api.errors import Refused
from carepath.api.openapi import DESCRIBED, document
from carepath.api.parameters import Asking, span
from carepath.api.results import parse
from carepath.api.rights import NEEDS
from carepath.api.security import SCHEMES, schemes_of
from fhir_mappings.search_parameters import PARAMETERS, includes, revincludes
from pathways.access import Operation

JSON = dict[str, Any]
DOCUMENT = document(ROUTES, "1.2.3", SCHEMES, schemes_of)
PATHS: dict[str, JSON] = DOCUMENT["paths"]
ASKING = Asking(base_url="https://broker.example/fhir", now=datetime(2026, 3, 2, tzinfo=UTC))
CONTROLS = {"_format", "_pretty", "_count", "_summary", "_elements", "_total"}
IN_PATH = {"id": "a-1.B", "version": "17"}


def operations() -> Iterator[tuple[str, str, JSON]]:
    """Path, method and operation of all that the document tells of."""
    for path, methods in PATHS.items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def answering(path: str, method: str) -> Route:
    """The route that a request comes to."""
    scope = {"type": "http", "path": path, "root_path": "", "method": method, "headers": []}
    return next(
        route
        for route in ROUTES
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL
    )


def parameters(operation: JSON, place: str) -> dict[str, JSON]:
    """The operation's parameters of one place by name, their schemas."""
    shared = DOCUMENT["components"]["parameters"]
    told = (
        shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
        for one in operation["parameters"]
    )
    return {one["name"]: one["schema"] for one in told if one["in"] == place}


def test_it_is_openapi() -> None:
    """By the kept validator; every operation has a name of its own."""
    validate(DOCUMENT)
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len({*names})
    assert all(re.fullmatch("[a-zA-Z]+", name) for name in names)


def test_every_route_is_told_and_every_address_is_a_route() -> None:
    """Both ways: what the document tells of is answered by just the interaction that it describes."""
    told = {answering(path.format(**IN_PATH), method).endpoint for path, method, _ in operations()}
    assert told == {route.endpoint for route in OVER_HTTP}
    assert told == {*DESCRIBED}
    others = [route for route in ROUTES if route not in OVER_HTTP]
    assert all(isinstance(route, WebSocketRoute) for route in others)  # AsyncAPI tells of these


OVER_HTTP = [route for route in ROUTES if isinstance(route, Route)]


@pytest.mark.parametrize("route", OVER_HTTP, ids=repr)
def test_an_interaction_is_told_where_it_answers(route: Route) -> None:
    """For every type in its address, with its methods (HEAD goes without saying), and with its own description."""
    types = PARAMETERS if "type" in route.param_convertors else ("",)
    for type_ in types:
        path = route.path_format.replace("{type}", type_)
        methods = (route.methods or set()) - {"HEAD"}
        assert methods <= {method.upper() for method in PATHS[path]}
        for method in methods:
            assert answering(path.format(**IN_PATH), method) is route
            told = PATHS[path][method.lower()]
            assert told["operationId"] == DESCRIBED[route.endpoint].id.format(type=type_)


def test_path_parameters_are_what_the_routes_take() -> None:
    """All are named, and their patterns take the same ids."""
    for path, _, operation in operations():
        schemas = parameters(operation, "path")
        assert {*schemas} == {*re.findall(r"\{(\w+)\}", path)}
        assert all(re.search(schemas[name]["pattern"], IN_PATH[name]) for name in schemas)
        assert not any(re.search(schema["pattern"], "a/b") for schema in schemas.values())


def test_search_parameters_are_those_that_are_read() -> None:
    """In the query; by POST in the form."""
    for type_, known in PARAMETERS.items():
        asked = parameters(PATHS[f"/fhir/{type_}"]["get"], "query")
        [form] = PATHS[f"/fhir/{type_}/_search"]["post"]["requestBody"]["content"].values()
        searched = {*form["schema"]["properties"]}
        stems = {re.sub(r"[:.].*", "", name) for name in searched}
        led = {"_include": includes(type_), "_revinclude": revincludes(type_)}
        assert stems == {*known, "_sort", *(name for name, offered in led.items() if offered)}
        assert {*asked} == searched | CONTROLS


SEARCHED = [
    (type_, name, schema["pattern"])
    for type_ in PARAMETERS
    for name, schema in parameters(PATHS[f"/fhir/{type_}"]["get"], "query").items()
    if "pattern" in schema
]


@given(st.sampled_from(SEARCHED), st.data())
def test_what_fits_a_search_parameter_is_understood(
    searched: tuple[str, str, str], data: st.DataObject
) -> None:
    """Whatever the pattern lets pass, but a day that no calendar has."""
    type_, name, pattern = searched
    value = data.draw(st.from_regex(pattern, fullmatch=True))
    try:
        parse(type_, [(name, value)], strict=True, asking=ASKING)
    except Refused:
        assume(not re.search(r"-(29|30|31)|9999", value))
        raise


@given(st.from_regex(DOCUMENT["components"]["parameters"]["as-of"]["schema"]["pattern"]))
def test_what_fits_as_of_is_a_time(value: str) -> None:
    """The same, for the timeline's moment."""
    assume(value.strip() and not re.search(r"-(29|30|31)|^9999", value))
    span("asOf", value.strip())


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("Patient", "identifier", "|"),
        ("Patient", "identifier", "urn:x|1,|"),
        ("Patient", "deceased", "yes"),
        ("Patient", "gender:missing", "true,false"),
        ("Patient", "_include", "Patient:identifier"),
        ("Patient", "_sort", "identifier"),
        ("Task", "owner:identifier", "|"),
        ("Task", "focus:Encounter", "ServiceRequest/1"),
        ("Patient", "_lastUpdated", "xx2026"),
        ("Patient", "_lastUpdated", "2026-13"),
        ("Encounter", "patient", "Group/1"),
        ("Encounter", "date", "2026-03-02T10:00"),
    ],
)
def test_what_is_refused_does_not_fit(type_: str, name: str, value: str) -> None:
    """The pattern is no wider than the reader."""
    with pytest.raises(Refused):
        parse(type_, [(name, value)], strict=True, asking=ASKING)
    asked = parameters(PATHS[f"/fhir/{type_}"]["get"], "query")
    assert not re.search(asked[name]["pattern"], value)


def test_every_refusal_is_an_outcome() -> None:
    """And every operation can refuse."""
    for _, _, operation in operations():
        refused = {status for status in operation["responses"] if status >= "400"}
        assert {"403", "500"} <= refused
        for status in refused:
            told = DOCUMENT["components"]["responses"][status]["content"]
            assert {*told} == {"application/fhir+json", "application/fhir+xml"}


def test_who_has_to_sign_in_is_told() -> None:
    """With which schemes and scopes; what is open to everybody says so."""
    told = DOCUMENT["components"]["securitySchemes"]
    known = told["client"]["flows"]["clientCredentials"]["scopes"]
    for path, method, operation in operations():
        need = NEEDS[answering(path.format(**IN_PATH), method).endpoint]
        asked = {name: scopes for one in operation["security"] for name, scopes in one.items()}
        assert {*asked} == (set() if need.operation is Operation.PUBLIC else {*told})
        for scope in asked.get("client", ()):
            assert f"{scope.rpartition('.')[0]}.cruds" in known, (path, scope)
