"""A client that subscribes: asking for Subscriptions, and looking how they stand."""

import json

import httpx

from tests.integration import stories
from tests.integration.backport import parameter
from tests.integration.stories import Resource
from tests.integration.subscriber import until
from tests.integration.talk import FHIR

URL = "/fhir/Subscription"
NURSING = {"X-Carepath-Org": stories.NURSING.number}


def ask(client: httpx.Client, wanted: Resource, **headers: str) -> httpx.Response:
    """POST a Subscription."""
    sent = {"Content-Type": FHIR, **headers}
    return client.post(URL, content=json.dumps(wanted), headers=sent)


def put(client: httpx.Client, wanted: Resource, **headers: str) -> httpx.Response:
    """PUT it at its id."""
    sent = {"Content-Type": FHIR, **headers}
    return client.put(f"{URL}/{wanted['id']}", content=json.dumps(wanted), headers=sent)


def about(patient: Resource) -> str:
    """The filter for one patient."""
    identifier = patient["identifier"][0]
    return f"patient.identifier={identifier['system']}|{identifier['value']}"


def status(client: httpx.Client, id_: str, **headers: str) -> Resource:
    """The Parameters of ``$status``."""
    answer = client.get(f"{URL}/{id_}/$status", headers=headers)
    assert answer.status_code == 200, answer.text
    (entry,) = answer.json()["entry"]
    resource: Resource = entry["resource"]
    return resource


def counted(client: httpx.Client, id_: str, events: int) -> None:
    """Wait until it has had so many events."""
    name = "events-since-subscription-start"
    until(lambda: parameter(status(client, id_), name) == str(events))
