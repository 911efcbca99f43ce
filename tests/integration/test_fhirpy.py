"""fhirpy: the asynchronous Python client."""

from datetime import datetime, timedelta

import pytest
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome

from tests.integration import stories


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
