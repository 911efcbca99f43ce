"""fhir-kit-client: the JavaScript client."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration import node_peer, peers
from tests.integration.serving import Server


def test_fhir_kit_client_subscribes_and_gets_what_it_missed(
    fresh_server: Callable[[str], Server], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Discovery, messages, a Subscription through an outage, ``$status``, ``$events``, and a search by pages."""
    monkeypatch.setenv(peers.HOOKS, "yes")
    server = fresh_server(f"sqlite:///{tmp_path}/carepath.db")
    sent = peers.journey()

    seen = node_peer.fhir_kit_client(server.fhir, peers.files(tmp_path, sent))

    peers.check(seen, sent)
    assert seen["fhirVersion"] == "4.0.1"
    assert seen["previous"] is None
