"""HAPI's Java client: an implementation of FHIR that shares nothing with ours."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.integration import java_peer, stories


def _files(folder: Path, messages: list[stories.Resource]) -> list[Path]:
    files = [folder / f"{number}.json" for number in range(len(messages))]
    for file, message in zip(files, messages, strict=True):
        file.write_text(json.dumps(message))
    return files


def test_hapi_sends_messages_and_reads_the_patient(server: str, tmp_path: Path) -> None:
    """Sent with and without resource ids, found, read by version, and paged one stay at a time."""
    patient = stories.person()
    earlier = stories.Matter(patient, datetime.now(stories.OSLO) - timedelta(days=90))
    later = stories.Matter(patient)
    told = [
        stories.admission(earlier),
        stories.discharge(earlier, happened=earlier.begins + timedelta(days=2)),
        stories.admission(later),
    ]

    seen = java_peer.hapi_client(f"{server}/fhir", _files(tmp_path, told))

    assert len(set(seen["receipts"])) == len(told)
    assert len(seen["stays"]) == len(set(seen["stays"])) == 2
    assert seen["timeline"] >= len(told)
    assert seen["history"] >= 1


def test_hapi_is_told_why_a_message_is_refused(server: str, tmp_path: Path) -> None:
    """A message about two patients: HAPI reads our OperationOutcome and gives its text."""
    message = stories.admission(stories.Matter())
    other = str(uuid4())
    second = {"fullUrl": f"urn:uuid:{other}", "resource": {"id": other, **stories.person()}}
    message["entry"].append(second)

    with pytest.raises(AssertionError, match="UnprocessableEntityException"):
        java_peer.hapi_client(f"{server}/fhir", _files(tmp_path, [message]))
