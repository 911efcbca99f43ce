"""SMART's fhirclient: parses R4 strictly, with models of its own."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from fhirclient.models.bundle import Bundle
from fhirclient.models.encounter import Encounter
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRServer

from tests.integration import stories


@pytest.fixture
def peer(server: str) -> Iterator[FHIRServer]:
    """A client at our base URL."""
    client = FHIRServer(None, base_uri=f"{server}/fhir")
    with client.session:
        yield client


def test_fhirclient_parses_what_we_answer_and_pages_a_search(peer: FHIRServer) -> None:
    """CapabilityStatement, receipts, the patient and each page of her stays are strict R4."""
    assert peer.capabilityStatement.fhirVersion == "4.0.1"

    patient = stories.person()
    for days in (90, 60, 3):
        stay = stories.Matter(patient, datetime.now(stories.OSLO) - timedelta(days=days))
        message = stories.admission(stay)
        receipt = Bundle(peer.post_json("$process-message", message).json())
        response = receipt.entry[0].resource.response
        assert (response.code, response.identifier) == ("ok", stories.message_id(message))

    identifier = patient["identifier"][0]
    token = f"{identifier['system']}|{identifier['value']}"
    (found,) = Patient.where({"identifier": token}).perform_resources_iter(peer)
    assert found.birthDate.isostring == patient["birthDate"]

    search = Encounter.where({"patient": found.id, "_count": "1"})
    pages = list(search.perform_iter(peer))
    assert [len(page.entry) for page in pages] == [1, 1, 1]
    assert len({page.entry[0].resource.id for page in pages}) == 3
