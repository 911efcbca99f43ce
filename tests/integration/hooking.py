"""What tests of rest-hooks do: subscribe as a client would, and look at how it stands."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.integration.backport import parameter, subscription
from tests.integration.stories import Matter, Resource, admission, person
from tests.integration.subscriber import Subscriber, until
from tests.integration.talk import FHIR, taken

SECRET = "Bearer s3cret-token"
HEADERS = [f"Authorization: {SECRET}", "X-Ward: 3"]


@contextmanager
def subscribed(client: httpx.Client, asked: Resource) -> Iterator[str]:
    """The id of a Subscription that is there while inside, of all admissions."""
    answer = client.post("/fhir/Subscription", json=asked, headers={"Content-Type": FHIR})
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "requested"
    id_ = answer.json()["id"]
    yield id_
    assert client.delete(f"/fhir/Subscription/{id_}").status_code == 204


def admissions(endpoint: str, **more: Any) -> Resource:
    """A Subscription to ask for."""
    asked = subscription(endpoint, "event=admission", **more)
    asked["channel"]["header"] = HEADERS
    return asked


def read(client: httpx.Client, id_: str) -> Resource:
    """The Subscription as it stands."""
    found: Resource = client.get(f"/fhir/Subscription/{id_}").json()
    return found


def becomes(client: httpx.Client, id_: str, status: str) -> Resource:
    """The Subscription when it stands so, and ``$status`` says the same."""
    until(lambda: read(client, id_)["status"] == status)
    assert parameter(told(client, id_), "status") == status
    return read(client, id_)


def told(client: httpx.Client, id_: str) -> Resource:
    """What ``$status`` says."""
    answer = client.get(f"/fhir/Subscription/{id_}/$status").json()
    first: Resource = answer["entry"][0]["resource"]
    return first


def count(client: httpx.Client, id_: str) -> int:
    """How many events there are."""
    return int(parameter(told(client, id_), "events-since-subscription-start"))


def again(client: httpx.Client, id_: str, status: str = "requested") -> None:
    """The client asks anew."""
    asked = read(client, id_) | {"status": status}
    asked.pop("error", None)
    url = f"/fhir/Subscription/{id_}"
    answer = client.put(url, json=asked, headers={"Content-Type": FHIR})
    assert answer.status_code == 200, answer.text


def admit(client: httpx.Client, number: int = 1) -> None:
    """So many admissions."""
    for _ in range(number):
        taken(client, admission(Matter(person())))


def quiet(subscriber: Subscriber, seconds: float = 1.5) -> None:
    """Nothing more comes."""
    came = len(subscriber.got)
    time.sleep(seconds)
    assert len(subscriber.got) == came


def upto(number: int) -> list[int]:
    """All numbers up to this one."""
    return [*range(1, number + 1)]
