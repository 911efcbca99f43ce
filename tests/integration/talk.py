"""A client's view of a running server: sending, looking up, and what a refusal looks like."""

import json
from typing import Any

import httpx
from httpx_sse import connect_sse

from tests.integration.stories import Resource

FHIR = "application/fhir+json"
PROCESS = "/fhir/$process-message"


def post(client: httpx.Client, content: bytes | Resource, **headers: str) -> httpx.Response:
    """Send a message; bytes go as they are."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(PROCESS, content=body, headers={"Content-Type": FHIR, **headers})


def taken(client: httpx.Client, *messages: Resource) -> str:
    """Send messages that must be accepted; the id of their patient."""
    for message in messages:
        answer = post(client, message)
        assert answer.status_code == 200, answer.text
    identifier = resource(messages[0], "Patient")["identifier"][0]
    found = client.get(
        "/fhir/Patient",
        params={"identifier": f"{identifier['system']}|{identifier['value']}"},
    ).json()
    assert found["total"] == 1
    return str(found["entry"][0]["resource"]["id"])


def resource(bundle: Resource, type_: str) -> Resource:
    """The first resource of a type in a Bundle."""
    found: Resource = next(
        entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == type_
    )
    return found


def refused(answer: httpx.Response, status: int) -> list[dict[str, Any]]:
    """The issues of an OperationOutcome that came with ``status``; each says what and where."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == FHIR
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert "Traceback" not in answer.text
    issues: list[dict[str, Any]] = outcome["issue"]
    assert all(issue["expression"] and issue["details"]["text"] for issue in issues)
    return issues


def linked(bundle: Resource, relation: str) -> str:
    """The URL of a link, empty when there is none."""
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), "")


def events(url: str, number: int, **request: Any) -> list[tuple[int, str, dict[str, Any]]]:
    """The next ``number`` events of a stream: id, event, CloudEvent."""
    got: list[tuple[int, str, dict[str, Any]]] = []
    with (
        httpx.Client(timeout=20, trust_env=False) as client,
        connect_sse(client, "GET", f"{url}/events", **request) as source,
    ):
        source.response.raise_for_status()
        for event in source.iter_sse():
            got.append((int(event.id), event.event, json.loads(event.data)))
            if len(got) == number:
                return got
    raise AssertionError("the stream ended")


def receivers(client: httpx.Client, message: str) -> list[dict[str, Any]]:
    """The receivers of a message by ``$where``, each with its parts by name."""
    told = client.get(f"/fhir/MessageHeader/{message}/$where").json()["parameter"][0]["part"]
    return [{p["name"]: p for p in part["part"]} for part in told if part["name"] == "receiver"]
