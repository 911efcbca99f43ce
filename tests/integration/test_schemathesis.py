"""schemathesis reads our OpenAPI and tries what it allows, and what it does not: it finds no 5xx and no surprise.

As the operator and as two organisations, of things that are there and of things that are not. So many inputs are tried
of every operation as ``SCHEMATHESIS_EXAMPLES`` says, else 10; ``make fuzz`` is about the readers behind them.
"""

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from carepath.api.app import ROUTES
from carepath.api.openapi import document
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import seeds
from tests.integration.stories import HOSPITAL, NURSING, hospital_stay, person
from tests.integration.talk import taken

EXAMPLES: Final = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
ENDLESS: Final = "/events"
ROLES: Final = (None, HOSPITAL.number, NURSING.number)
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
SCHEMA = schemathesis.openapi.from_dict(document(ROUTES, "0.0.0"))
_FOUND: Final[Sequence[Any]] = [*SCHEMA.get_all_operations()]
OPERATIONS: Final[Mapping[str, Any]] = {
    found.ok().label: found.ok() for found in _FOUND if found.ok().path != ENDLESS
}
"""Without the stream, which has no end; ``test_contracts`` looks at its beginning."""


@pytest.fixture(scope="module")
def ids(server: str) -> dict[str, list[str]]:
    """What is there, by type."""
    bundles = hospital_stay(person())
    with httpx.Client(base_url=server, timeout=20, trust_env=False) as client:
        taken(client, *bundles)
        types = {label.split("/")[2] for label in OPERATIONS if "/{id}" in label}
        found = {type_: client.get(f"/fhir/{type_}") for type_ in sorted(types)}
    known = {
        type_: [entry["resource"]["id"] for entry in answer.json().get("entry", ())]
        for type_, answer in found.items()
        if answer.status_code == 200
    }
    header = bundles[0]["entry"][0]["resource"]["id"]
    return known | {"MessageHeader": [header]}


def answered(operation: Any, there: Sequence[str]) -> st.SearchStrategy[Any]:
    """Requests that the document allows, and others where it leaves room for them; ids of what is there, and others."""
    cases = operation.as_strategy()
    if operation.body or operation.query or operation.headers:
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

    def of(case: Any, known: str | None) -> Any:
        if known is not None and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = known
        return case

    return st.builds(of, cases, st.sampled_from([*there, None]))


TRIED: Final = settings(
    max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=[*HealthCheck]
)


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_surprise(server: str, ids: dict[str, list[str]], label: str) -> None:
    """Every answer is one that the document has for that operation: status, media type, headers, shape."""
    operation = OPERATIONS[label]
    there = ids.get(label.split("/")[2] if label.count("/") > 1 else "", [])

    @seed(5)
    @TRIED
    @given(case=answered(operation, there), role=st.sampled_from(ROLES))
    def tried(case: Any, role: str | None) -> None:
        headers = {} if role is None else {"X-Carepath-Org": role}
        answer = case.call(base_url=server, headers=headers, timeout=20)
        case.validate_response(answer, checks=CHECKS)

    tried()


BODIES: Final = {
    "POST /fhir/$process-message": ("json", "xml"),
    "POST /fhir/Subscription": ("subscription",),
    "PUT /fhir/Subscription/{id}": ("subscription",),
    "POST /fhir/$confirm": ("subscription", "json"),
    "POST /fhir/Subscription/$status": ("subscription",),
    "POST /fhir/Subscription/{id}/$events": ("subscription",),
    "POST /kith/messages": ("kith",),
}
"""What takes a resource, and from which kept inputs of the fuzzers bodies are made."""


@pytest.mark.parametrize("label", BODIES)
def test_no_surprise_from_almost_real_bodies(client: httpx.Client, label: str) -> None:
    """Real resources with a few changes: they get further than what nobody would send."""
    method, path = label.split()
    declared = OPERATIONS[label].definition.raw["responses"]
    kept = [body for target in BODIES[label] for body in seeds(target)]
    chance = random.Random(label)
    for number in range(2 * EXAMPLES):
        body = mutated(chance.choice(kept), chance, kept) if number else kept[0]
        format_ = f"application/fhir+{'xml' if body.lstrip().startswith(b'<') else 'json'}"
        format_ = "application/xml" if path.startswith("/kith/") else format_
        role = chance.choice(ROLES)
        headers = {"Content-Type": format_} | ({"X-Carepath-Org": role} if role else {})
        answer = client.request(method, path.format(id="none"), content=body, headers=headers)
        assert str(answer.status_code) in declared, (answer.text, body[:1500])
        assert answer.status_code < 500, (answer.text, body[:1500])
