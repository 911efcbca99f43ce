"""HAPI's Java client: an implementation of FHIR that shares nothing with ours."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration import java_peer, peers, stories
from tests.integration.serving import Server

both = pytest.mark.parametrize("encoding", ["json", "xml"])


@both
def test_hapi_sends_messages_and_reads_the_patient(
    server: str, tmp_path: Path, encoding: str
) -> None:
    """Sent with and without resource ids, found, read by version, and paged one stay at a time, latest first."""
    patient = stories.person()
    earlier = stories.Matter(patient, datetime.now(stories.OSLO) - timedelta(days=90))
    later = stories.Matter(patient)
    told = [
        stories.admission(earlier),
        stories.discharge(earlier, happened=earlier.begins + timedelta(days=2)),
        stories.admission(later),
    ]

    seen = java_peer.hapi_client(encoding, f"{server}/fhir", peers.files(tmp_path, told))

    assert len(set(seen["receipts"])) == len(told)
    assert len(seen["stays"]) == len(set(seen["stays"])) == seen["counted"] == 2
    assert seen["included"] == [seen["patient"]]
    assert seen["unchanged"]
    assert seen["timeline"] >= len(told)
    assert seen["history"] >= 1


@both
def test_hapi_is_told_why_a_message_is_refused(server: str, tmp_path: Path, encoding: str) -> None:
    """A message about two patients: HAPI reads our OperationOutcome and gives its text."""
    message = stories.admission(stories.Matter())
    other = str(uuid4())
    second = {"fullUrl": f"urn:uuid:{other}", "resource": {"id": other, **stories.person()}}
    message["entry"].append(second)

    with pytest.raises(AssertionError, match="UnprocessableEntityException"):
        java_peer.hapi_client(encoding, f"{server}/fhir", peers.files(tmp_path, [message]))


@both
def test_hapi_subscribes_and_gets_what_it_missed(
    fresh_server: Callable[[str], Server],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    encoding: str,
) -> None:
    """Discovery, a Subscription through an outage, ``$status``, ``$events`` and a search, notifications too."""
    monkeypatch.setenv(peers.HOOKS, "yes")
    server = fresh_server(f"sqlite:///{tmp_path}/carepath.db")
    sent = peers.journey()

    seen = java_peer.hapi_subscriber(encoding, server.fhir, peers.files(tmp_path, sent))

    peers.check(seen, sent, encoding)
