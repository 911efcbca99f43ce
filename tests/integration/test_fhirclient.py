"""SMART's fhirclient: parses R4 strictly, with models of its own."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fhirclient.models.bundle import Bundle
from fhirclient.models.encounter import Encounter
from fhirclient.models.patient import Patient
from fhirclient.models.subscription import Subscription
from fhirclient.server import FHIRServer

from tests.integration import backport, peers, stories
from tests.integration.serving import Server
from tests.integration.subscriber import Reply, Subscriber, until
from tests.integration.talk import resource
from tests.servers import free_port


@pytest.fixture
def peer(server: str) -> Iterator[FHIRServer]:
    """A client at our base URL."""
    client = FHIRServer(None, base_uri=f"{server}/fhir")
    with client.session:
        yield client


def _stands(peer: FHIRServer, id_: str) -> tuple[str, int]:
    """The status and the count that ``$status`` tells."""
    answer = peer.request_json(f"Subscription/{id_}/$status")
    assert Bundle(answer).type == "searchset"
    said = peers.told(answer)
    return said["status"], said["count"]


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


def test_fhirclient_subscribes_and_gets_what_it_missed(
    fresh_server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Subscription, notifications, ``$status`` and ``$events`` are strict R4, through an outage.

    The Subscription itself is sent as plain JSON: fhirclient's models cannot hold extensions of primitives.
    """
    monkeypatch.setenv(peers.HOOKS, "yes")
    fhir = fresh_server(f"sqlite:///{tmp_path}/carepath.db").fhir
    peer = FHIRServer(None, base_uri=fhir)
    sent = peers.journey()
    hook = Subscriber(free_port())
    with hook.up(), peer.session:
        wanted = peers.wanted(resource(sent[0], "Patient"), hook.url)
        made = Subscription(peer.post_json("Subscription", wanted).json())
        until(lambda: _stands(peer, made.id) == ("active", 0))

        hook.usual = Reply(500)
        for message in sent:
            Bundle(peer.post_json("$process-message", message).json())
        until(lambda: _stands(peer, made.id)[0] == "error")
        failed = Subscription.read(made.id, peer)
        assert (failed.status, bool(failed.error)) == ("error", True)
        until(lambda: _stands(peer, made.id)[1] >= len(sent))
        missed = peer.request_json(f"Subscription/{made.id}/$events")
        assert Bundle(missed).type == "history"

        hook.usual = Reply()
        again = peer.request_json(f"Subscription/{made.id}") | {"status": "requested"}
        peer.put_json(f"Subscription/{made.id}", again)
        until(lambda: hook.taken() == backport.numbers(missed))

    assert all(Bundle(got.notification).type == "history" for got in hook.got)
    assert hook.taken() == [*range(1, len(hook.taken()) + 1)]
