"""fhirpy: the asynchronous Python client."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome

from tests.integration import peers, stories
from tests.integration.serving import Server
from tests.integration.subscriber import Reply, Subscriber, until
from tests.integration.talk import resource
from tests.servers import PATIENCE, free_port


@pytest.fixture
def client(server: str) -> AsyncFHIRClient:
    """A client at our base URL."""
    return AsyncFHIRClient(f"{server}/fhir")


async def test_fhirpy_sends_messages_and_pages_the_stays(client: AsyncFHIRClient) -> None:
    """The receipt is ok, the patient is found and counted, her stays come one a page."""
    patient = stories.person()
    begins = [datetime.now(stories.OSLO) - timedelta(days=days) for days in (90, 60, 3)]
    for begin in begins:
        message = stories.admission(stories.Matter(patient, begin))
        receipt = await client.execute("$process-message", data=message)
        header = receipt["entry"][0]["resource"]
        assert header["response"]["code"] == "ok"
        assert header["response"]["identifier"] == stories.message_id(message)

    identifier = patient["identifier"][0]
    found = client.resources("Patient").search(
        identifier=f"{identifier['system']}|{identifier['value']}"
    )
    assert await found.count() == 1
    read = await client.get("Patient", (await found.get())["id"])
    assert read["birthDate"] == patient["birthDate"]

    paged = client.resources("Encounter").search(patient=f"Patient/{read['id']}").limit(1)
    stays = [stay async for stay in paged]
    assert len({stay["id"] for stay in stays}) == len(stays) == len(begins)
    assert {stay["status"] for stay in stays} == {"in-progress"}


async def test_fhirpy_reads_why_a_message_is_refused(client: AsyncFHIRClient) -> None:
    """A refusal is an OperationOutcome that names the place."""
    message = stories.admission(stories.Matter())
    message["entry"][0]["resource"]["eventCoding"]["code"] = "party"

    with pytest.raises(OperationOutcome) as refused:
        await client.execute("$process-message", data=message)

    issue = refused.value.resource["issue"][0]
    assert issue["severity"] in ("error", "fatal")
    assert "eventCoding" in issue["expression"][0]


async def test_fhirpy_subscribes_and_gets_what_it_missed(
    fresh_server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A Subscription through an outage, ``$status``, ``$events``, and a search by pages."""
    monkeypatch.setenv(peers.HOOKS, "yes")
    client = AsyncFHIRClient(fresh_server(f"sqlite:///{tmp_path}/carepath.db").fhir)
    sent = peers.journey()
    offered = await client.execute("metadata", method="get")
    (subscription,) = [
        one for one in offered["rest"][0]["resource"] if one["type"] == "Subscription"
    ]

    hook = Subscriber(free_port())
    with hook.up():
        seen = await _away_for_a_while(client, hook, sent)

    seen["operations"] = [one["name"] for one in subscription["operation"]]
    peers.check(seen, sent)


async def _away_for_a_while(
    client: AsyncFHIRClient, hook: Subscriber, sent: list[stories.Resource]
) -> dict[str, Any]:
    """What a subscriber saw whose endpoint failed while the last two messages came."""
    patient = resource(sent[0], "Patient")
    mine = client.resource("Subscription", **peers.wanted(patient, hook.url))
    await mine.save()
    seen: dict[str, Any] = {"created": mine["status"]}
    await _until(mine, "active")

    for message in sent[:-2]:
        await client.execute("$process-message", data=message)
    await asyncio.to_thread(until, lambda: len(hook.taken()) >= len(sent) - 2)
    seen["before"] = (await _until(mine, "active", lambda count: count == len(hook.taken())))[
        "count"
    ]

    hook.usual = Reply(503)
    for message in sent[-2:]:
        await client.execute("$process-message", data=message)
    seen["failed"] = await _until(mine, "error")
    asked = {"eventsSinceNumber": seen["before"] + 1, "eventsUntilNumber": seen["failed"]["count"]}
    seen["missed"] = peers.told(await mine.execute("$events", method="get", params=asked))

    hook.usual = Reply()
    again = await client.resources("Subscription").search(_id=mine["id"]).get()
    again["status"] = "requested"
    await again.save()
    every = seen["failed"]["count"]
    await asyncio.to_thread(until, lambda: len(hook.taken()) >= every)
    seen["after"] = await _until(mine, "active")
    seen["taken"] = peers.taken(hook)
    seen["stays"] = await _stays(client, patient)
    return seen


async def _stays(client: AsyncFHIRClient, patient: stories.Resource) -> list[str]:
    """The ids of the patient's stays, one a page."""
    identifier = patient["identifier"][0]
    token = f"{identifier['system']}|{identifier['value']}"
    found = await client.resources("Patient").search(identifier=token).get()
    paged = client.resources("Encounter").search(patient=found["id"]).limit(1)
    return [stay["id"] async for stay in paged]


async def _until(
    subscription: Any, status: str, count: Callable[[int], bool] = lambda _: True
) -> dict[str, Any]:
    """What ``$status`` says once the Subscription has this status, and this count."""
    async with asyncio.timeout(PATIENCE):
        while True:
            said = peers.told(await subscription.execute("$status", method="get"))
            if said["status"] == status and count(said["count"]):
                return said
            await asyncio.sleep(0.05)
