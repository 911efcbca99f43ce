"""The HTTP shell from outside: the door, who may see what, health. Each test uses patients of its own.

What is wrong inside a message is in ``test_bad_input``.
"""

import json

import httpx
import pytest

from tests.integration.stories import Matter, admission, person
from tests.integration.talk import FHIR, PROCESS, post, refused, resource, taken


def test_body_of_10_mb_is_cut_short(client: httpx.Client) -> None:
    """413, even where the length was not announced."""
    chunks = (b" " * 65536 for _ in range(10 * 16))

    refused(client.post(PROCESS, content=chunks, headers={"Content-Type": FHIR}), 413)
    assert client.get("/livez").status_code == 200


def test_unknown_addresses_methods_and_formats(client: httpx.Client) -> None:
    """Each has its status; a wrong method names the right ones."""
    refused(client.get("/fhir/Patient/no-such"), 404)
    refused(client.get("/fhir/Observation"), 404)
    refused(client.get("/fhir/Patient/a/$no-such"), 404)
    refused(client.get("/fhir/Patient/a%00b"), 404)
    refused(client.get("/fhir/metadata", headers={"Accept": "application/fhir+turtle"}), 406)
    refused(client.get("/fhir/Patient?_format=ttl"), 406)
    answer = client.get(PROCESS)
    refused(answer, 405)
    assert answer.headers["allow"] == "POST"


def test_async_is_refused_in_words(client: httpx.Client) -> None:
    """Nobody has a registered endpoint, so nothing is taken in."""
    bundle = admission(Matter(person()))

    answer = client.post(f"{PROCESS}?async=true", json=bundle, headers={"Content-Type": FHIR})

    assert refused(answer, 422)[0]["code"] == "not-supported"


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "attacker.example"},
        {"Origin": "https://attacker.example"},
        {"Origin": "null"},
        {"Host": "127.0.0.1.attacker.example"},
    ],
)
def test_open_mode_answers_only_nearby(client: httpx.Client, headers: dict[str, str]) -> None:
    """A page from elsewhere cannot make a browser read or write here."""
    refused(client.get("/fhir/metadata", headers=headers), 403)
    refused(post(client, admission(Matter(person())), **headers), 403)


def test_organisation_header_must_be_a_key(client: httpx.Client) -> None:
    """Nothing else can be the name of a feed."""
    refused(client.get("/fhir/Patient", headers={"X-Carepath-Org": "a b"}), 400)


def test_same_message_again_gets_the_same_bytes(client: httpx.Client) -> None:
    """The original answer, byte for byte."""
    bundle = admission(Matter(person()))

    first, again = post(client, bundle), post(client, bundle)

    assert (again.status_code, again.content) == (first.status_code, first.content)


def test_what_one_may_not_see_is_not_there(client: httpx.Client) -> None:
    """404 for a stranger, in every interaction, with the words of what never was."""
    bundle = admission(Matter(person()))
    patient = taken(client, bundle)
    header = bundle["entry"][0]["resource"]["id"]
    stranger = {"X-Carepath-Org": "stranger"}
    never = refused(client.get("/fhir/Patient/never", headers=stranger), 404)

    for path in (
        f"Patient/{patient}",
        f"Patient/{patient}/_history",
        f"Patient/{patient}/_history/1",
        f"Patient/{patient}/$timeline",
        f"Patient/{patient}/$summary",
        f"MessageHeader/{header}/$where",
        f"Binary/{source_of(client, header)}",
    ):
        assert refused(client.get(f"/fhir/{path}", headers=stranger), 404) == never, path
    found = client.get("/fhir/Encounter", params={"patient": patient}, headers=stranger)
    assert found.json()["total"] == 0


def source_of(client: httpx.Client, message: str) -> str:
    """The id of the Binary that holds a message's original bytes."""
    told = client.get(f"/fhir/MessageHeader/{message}/$where").json()["parameter"][0]["part"]
    reference = next(p["valueReference"]["reference"] for p in told if p["name"] == "source")
    return str(reference).removeprefix("Binary/")


def test_original_bytes_are_kept(client: httpx.Client) -> None:
    """Binary gives what the sender sent, spaces and all."""
    bundle = admission(Matter(person()))
    sent = json.dumps(bundle, indent=3).encode()
    assert post(client, sent).status_code == 200

    binary = client.get(f"/fhir/Binary/{source_of(client, bundle['entry'][0]['resource']['id'])}")

    assert binary.content == sent


def test_health_and_metrics(client: httpx.Client) -> None:
    """Alive, ready, and counted; figures carry no personal data."""
    message = admission(Matter(person()))
    patient = taken(client, message)
    nameless = admission(Matter(person()))
    del resource(nameless, "Patient")["identifier"]
    refused(post(client, nameless), 422)

    assert client.get("/livez").status_code == client.get("/readyz").status_code == 200
    figures = client.get("/metrics").text
    assert 'carepath_messages_total{verdict="accepted"}' in figures
    for figure in ("outbox_unnumbered", "feed_undelivered", "parked_open", "answers_unsent"):
        assert f"\ncarepath_{figure}" in figures
    assert "\nprocess_resident_memory_bytes" in figures
    told = resource(message, "Patient")
    (name,) = told["name"]
    personal = [told["identifier"][0]["value"], name["family"], *name["given"], told["birthDate"]]
    for text in (*personal, patient, message["id"], message["entry"][0]["resource"]["id"]):
        assert text not in figures


def test_metadata_names_the_door(client: httpx.Client, server: str) -> None:
    """The CapabilityStatement says where messages go."""
    statement = client.get("/fhir/metadata").json()

    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["implementation"]["url"] == f"{server}/fhir"
