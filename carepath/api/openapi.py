"""GET /openapi.json: every address of the API as an OpenAPI 3.1 document, made from the routes.

https://spec.openapis.org/oas/v3.1.1.html

What an interaction takes and answers is in ``operations``. FHIR resources are named here, not described: FHIR does.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from carepath.api import examples
from carepath.api.context import context_of
from carepath.api.errors import FHIR_JSON
from carepath.api.negotiation import XML_TYPES, Format
from carepath.api.operation import (
    ANY,
    COMMON,
    FORM,
    JSON,
    PLAIN_JSON,
    Interaction,
    Operation,
)
from carepath.api.operations import OPERATIONS
from carepath.api.search_schema import controls, searched
from fhir_mappings.search_parameters import PARAMETERS
from fhir_mappings.xml import to_xml

MEDIA_TYPE: Final = "application/vnd.oai.openapi+json;version=3.1"
_TYPES: Final = (
    *PARAMETERS,
    "AuditEvent",
    "Binary",
    "Bundle",
    "CapabilityStatement",
    "OperationOutcome",
    "Parameters",
)
_ALWAYS: Final = (401, 403, 414, 429, 431, 500)
Security = Callable[[Interaction, str], Sequence[JSON]]
"""Which schemes an interaction takes; the type is that in the address."""


async def openapi(request: Request) -> Response:
    """200 with the document of this server's version."""
    state = request.app.state
    told = document(
        request.app.routes, context_of(request).version, state.schemes, state.schemes_of
    )
    return Response(orjson.dumps(told), media_type=MEDIA_TYPE)


_OWN: Final[Mapping[Interaction, Operation]] = {
    openapi: Operation(
        id="openapi",
        summary="This document.",
        media=(MEDIA_TYPE,),
        answers={200: "An OpenAPI 3.1 document."},
    )
}
DESCRIBED: Final[Mapping[Interaction, Operation]] = {**OPERATIONS, **_OWN}
"""Every interaction that the document is to tell of; pages are not among them."""


def document(
    routes: Iterable[BaseRoute],
    version: str,
    schemes: Mapping[str, JSON] | None = None,
    schemes_of: Security | None = None,
) -> JSON:
    """The document. ``version`` is that of Carepath; the rest says how one signs in (``carepath.api.security``)."""
    paths: dict[str, JSON] = {}
    for route in routes:
        if isinstance(route, Route) and route.endpoint in DESCRIBED:
            for path, type_, described in _addresses(route, DESCRIBED[route.endpoint]):
                if schemes_of:
                    described["security"] = [*schemes_of(route.endpoint, type_)]
                paths.setdefault(path, {})[_method(route)] = described
    return {
        "openapi": "3.1.1",
        "info": {
            "title": "Carepath",
            "version": version,
            "summary": "One timeline per patient across all levels of care.",
            "description": "FHIR R4 over HTTP. What the resources hold is in docs/profile.md, what may change in"
            " docs/contracts.md. All people in examples are made up.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "Where this document is."}],
        "paths": paths,
        "components": {
            "parameters": dict(COMMON),
            "responses": {str(status): _refusal(status) for status in _refusals()},
            "schemas": {type_: _resource(type_) for type_ in _TYPES},
            **({"securitySchemes": dict(schemes)} if schemes else {}),
        },
    }


# --- addresses


def _method(route: Route) -> str:
    (method,) = (route.methods or set()) - {"HEAD"}
    return method.lower()


def _addresses(route: Route, operation: Operation) -> Iterator[tuple[str, str, JSON]]:
    """A path, its type and its operation; where the type stands in the address, one for each."""
    of_type = "type" in route.param_convertors
    for type_ in PARAMETERS if of_type else ("",):
        path = route.path_format.replace("{type}", type_)
        yield path, type_, _operation(route, operation, type_)


def _operation(route: Route, operation: Operation, type_: str) -> JSON:
    told: JSON = {
        "operationId": operation.id.format(type=type_),
        "summary": operation.summary,
        "parameters": [*_in_path(route), *_asked(operation, type_)],
        "responses": _responses(operation, type_),
    }
    if operation.takes:
        told["requestBody"] = {
            "required": FORM not in operation.takes or bool(operation.fields),
            "content": {media: _request(operation, media, type_) for media in operation.takes},
        }
    return told


def _in_path(route: Route) -> Iterator[JSON]:
    for name, convertor in route.param_convertors.items():
        if name != "type":
            schema = {"type": "string", "pattern": f"^({convertor.regex})$"}
            yield {"in": "path", "name": name, "required": True, "schema": schema}


def _asked(operation: Operation, type_: str) -> Iterator[JSON]:
    for name in operation.parameters:
        yield {"$ref": f"#/components/parameters/{name}"}
    if operation.searches and FORM not in operation.takes:
        for name, schema in {**searched(type_), **controls(type_)}.items():
            yield {"in": "query", "name": name, "schema": schema}


# --- bodies


def _request(operation: Operation, media: str, type_: str) -> JSON:
    if operation.fields:
        named = {name: {"type": "string"} for name in operation.fields}
        needed = {"properties": named, "required": [*operation.fields]}
        return {"schema": {"type": "object", **needed}}
    if media == FORM:
        told = {**searched(type_), **controls(type_)}
        return {"schema": {"type": "object", "properties": told}}
    if not operation.receives:
        return {"schema": {"type": "string"}}
    return _shown(media, _ref(operation.receives), operation.asked)


def _shown(media: str, schema: JSON, example: Callable[[], JSON] | None) -> JSON:
    """A resource in one of FHIR's formats; a schema can say nothing of XML."""
    if media in XML_TYPES:
        told: JSON = {"schema": {"type": "string", "description": "The same in FHIR XML."}}
        shown = example if media == Format.XML else None  # once is enough
        return {**told, "example": to_xml(shown()).decode()} if shown else told
    return {"schema": schema} if example is None else {"schema": schema, "example": example()}


def _in_both(schema: JSON, example: Callable[[], JSON] | None = None) -> JSON:
    """The content of an answer that is a resource."""
    return {media.value: _shown(media, schema, example) for media in Format}


def _responses(operation: Operation, type_: str) -> JSON:
    given: JSON = {str(status): _answer(operation, status, type_) for status in operation.answers}
    refused = {
        str(status): {"$ref": f"#/components/responses/{status}"}
        for status in (*operation.refuses, *_ALWAYS)
    }
    return refused | given


def _answer(operation: Operation, status: int, type_: str) -> JSON:
    told: JSON = {"description": operation.answers[status]}
    if status == HTTPStatus.ACCEPTED:
        told["content"] = _in_both(_ref("OperationOutcome"))
    elif status not in {HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED}:
        types = [one.format(type=type_) for one in operation.gives]
        told["content"] = {}
        for media in operation.media:
            told["content"] |= _body(operation, media, types)
    return told


def _body(operation: Operation, media: str, types: Sequence[str]) -> JSON:
    if media == ANY:
        return {ANY: {}}
    if media == MEDIA_TYPE:
        return {media: {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    if media == PLAIN_JSON:
        return {media: {"schema": {"type": "object"}}}
    if media != FHIR_JSON:
        return {media: {"schema": {"type": "string"}}}
    one_of = [_ref(type_) for type_ in types]
    return _in_both(one_of[0] if len(one_of) == 1 else {"oneOf": one_of}, operation.told)


def _refusal(status: int) -> JSON:
    return {
        "description": f"{HTTPStatus(status).phrase}: the OperationOutcome says why.",
        "content": _in_both(_ref("OperationOutcome"), examples.refused),
    }


def _refusals() -> list[int]:
    every = {status for operation in DESCRIBED.values() for status in operation.refuses}
    return sorted(every | {*_ALWAYS})


# --- schemas


def _ref(type_: str) -> JSON:
    return {"$ref": f"#/components/schemas/{type_}"}


def _resource(type_: str) -> JSON:
    return {
        "type": "object",
        "required": ["resourceType"],
        "properties": {"resourceType": {"const": type_}},
        "externalDocs": {"url": f"https://hl7.org/fhir/R4/{type_.lower()}.html"},
    }
