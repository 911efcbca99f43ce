"""A running server and the documents that describe it: what it answers is what they say it may answer."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from carepath.api import examples
from tests import norwegian
from tests.integration.backport import subscription
from tests.integration.node_peer import asyncapi
from tests.integration.stories import Matter, admission, person
from tests.integration.talk import FHIR, PROCESS, events, taken
from tests.unit.wire import faults

JSON = dict[str, Any]
GENERATED = Path(__file__).parents[2] / "schemas" / "generated"
DOCUMENT: JSON = json.loads((GENERATED / "openapi.json").read_text())
TYPES = re.findall(r"/fhir/(\w+)/_search", " ".join(DOCUMENT["paths"]))
ENDLESS = "/events"
IN_JSON = {"Content-Type": FHIR}
PERIOD = {"start": "2026-03", "end": "2026-03"}
NEEDED = {"/fhir/$statistics": PERIOD}
"""The parameters that an address cannot do without."""
IN_KITH = norwegian.logistics("LOG_INNLAGT", 5001, ("1", "2026-03-02T10:00:00"))
WRITTEN = {"/kith/messages": IN_KITH}
"""The bodies that are not JSON, so that the document has no example of them."""


def described(path: str, method: str, answer: httpx.Response) -> None:
    """Check that the document has this answer: status, media type, and what the body must be."""
    told = DOCUMENT["paths"][path][method]["responses"]
    status = str(answer.status_code)
    assert status in told, f"{method} {path} is not said to answer {status}: {answer.text[:200]}"
    response = told[status]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"][response["$ref"].rpartition("/")[2]]
    content = response.get("content", {})
    if not answer.content:
        assert not content or status == "200"  # asked with async=true
        return
    media = answer.headers["content-type"].partition(";")[0]
    named = {name.partition(";")[0]: body for name, body in content.items()}
    schema = named.get(media, named.get("*/*"))
    assert schema is not None, f"{method} {path} is not said to answer {media}"
    if "json" in media and "schema" in schema:
        whole = schema["schema"] | {"components": DOCUMENT["components"]}
        Draft202012Validator(whole).validate(answer.json())


def ask(client: httpx.Client, path: str, method: str, ids: Mapping[str, str]) -> httpx.Response:
    """A request as the document has it, with its own example or form."""
    told = DOCUMENT["paths"][path][method]
    [content] = list(told.get("requestBody", {"content": {"": {}}})["content"].items())[:1]
    media, example = content[0], content[1].get("example")
    headers = {"Content-Type": media} if media else {}
    if method == "put":
        example = {**example, "id": ids["id"]}
    body = json.dumps(example).encode() if example else WRITTEN.get(path)
    url = path.format_map(ids)
    return client.request(method, url, content=body, headers=headers, params=NEEDED.get(path))


@pytest.fixture(scope="module")
def ids(server: str) -> dict[str, str]:
    """Of a patient, with the message's bytes and its header."""
    bundle = admission(Matter(person()))
    with httpx.Client(base_url=server, timeout=20, trust_env=False) as client:
        patient = taken(client, bundle)
        journey = bundle["entry"][0]["resource"]["id"]
        where = client.get(f"/fhir/MessageHeader/{journey}/$where").json()["parameter"][0]["part"]
        source = next(part["valueReference"] for part in where if part["name"] == "source")
        found = {
            type_: client.get(f"/fhir/{type_}?_count=1").json().get("entry", [{}])[0]
            for type_ in TYPES
        }
    known = {type_: entry["resource"]["id"] for type_, entry in found.items() if entry}
    binary = source["reference"].rpartition("/")[2]
    return known | {"Patient": patient, "MessageHeader": journey, "Binary": binary}


OPERATIONS = [
    (path, method) for path, told in DOCUMENT["paths"].items() for method in told if path != ENDLESS
]


SIGNED_IN_ONLY = {
    "/auth/token",
    "/fhir/.well-known/smart-configuration",
    "/fhir/Patient/$break-glass",
}
"""In open mode nobody signs in (tests/integration/test_signed_in.py)."""


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_is_there_is_answered_as_described(
    client: httpx.Client, ids: dict[str, str], path: str, method: str
) -> None:
    """A success, for something that exists."""
    type_ = path.split("/")[2] if path.startswith("/fhir/") else ""
    if type_ == "Subscription":  # its own: others change theirs, and take them away
        made = client.post("/fhir/Subscription", json=subscription(None), headers=IN_JSON)
        ids = ids | {"Subscription": made.json()["id"]}
    answer = ask(client, path, method, {"id": ids.get(type_, "none"), "version": "1"})
    described(path, method, answer)
    if path in SIGNED_IN_ONLY:
        assert answer.status_code in {400, 403, 404}
        return
    there = "{id}" not in path or type_ in ids
    assert answer.is_success if there else answer.status_code == 404


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_refusals_are_described(client: httpx.Client, path: str, method: str) -> None:
    """What is not there, what cannot be read, what is asked from elsewhere."""
    nothing = {"id": "none", "version": "1"}
    for wrong in (
        {},
        {"X-Carepath-Org": "a b"},
        {"Accept": "application/fhir+turtle"},
        {"Host": "attacker.example"},
        {"Content-Type": "text/plain"},
    ):
        target = path.format_map(nothing)
        described(path, method, client.request(method, target, headers=wrong, content=b"{"))
    if method == "post":
        large = client.post(path.format_map(nothing), content=b" " * 6_000_000)
        described(path, method, large)


def test_the_stream_is_described(client: httpx.Client, server: str, ids: dict[str, str]) -> None:
    """Its events fit the schema of updates; its refusals are outcomes."""
    assert ids
    [(_, _, told)] = events(server, 1, params={"since": "0"})
    assert faults("update-event", told) == []
    described(ENDLESS, "get", client.get(ENDLESS, params={"since": "x"}))
    described(ENDLESS, "get", client.get(ENDLESS, params={"org": "a/b"}))
    with client.stream("GET", ENDLESS) as stream:
        told = DOCUMENT["paths"][ENDLESS]["get"]["responses"]["200"]["content"]
        assert {stream.headers["content-type"].partition(";")[0]} == {*told}


def test_the_example_is_taken_in_and_answered_as_shown(client: httpx.Client) -> None:
    """The receipt in the document has the shape of a real one."""
    answer = client.post(PROCESS, json=examples.message(), headers={"Content-Type": FHIR})
    assert answer.status_code == 200, answer.text
    shown = examples.taken_in()["entry"][0]["resource"]
    given = answer.json()["entry"][0]["resource"]
    assert given.keys() == shown.keys()
    assert given["response"]["identifier"] == shown["response"]["identifier"]


def test_the_server_gives_the_document_that_is_kept(client: httpx.Client) -> None:
    """The same, whoever reads it where."""
    answer = client.get("/openapi.json")
    assert answer.headers["content-type"].startswith("application/vnd.oai.openapi+json")
    assert answer.json() == DOCUMENT


def test_the_asyncapi_document_passes_its_own_parser() -> None:
    """Without an error and without a warning."""
    seen = asyncapi(GENERATED / "asyncapi.json")
    assert seen["wrong"] == []
    assert seen["version"] == "3.0.0"
    assert len(seen["operations"]) == 7


def test_the_parser_would_tell(tmp_path: Path) -> None:
    """A document with a fault has it in its list."""
    broken = json.loads((GENERATED / "asyncapi.json").read_text())
    broken["operations"]["sendUpdates"]["channel"]["$ref"] = "#/channels/none"
    del broken["info"]["title"]
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    assert len(asyncapi(tmp_path / "broken.json")["wrong"]) >= 2
