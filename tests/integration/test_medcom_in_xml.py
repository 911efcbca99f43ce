"""The field's messages in XML give what they give in JSON: the same answers, timelines, states, parked messages.

Two servers on empty stores get the same messages in the same order, each in one format.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_mappings import xml
from pathways.refusals import Refusal
from tests.integration.embedded import Broker, embedded
from tests.integration.talk import FHIR

XML = "application/fhir+xml"
FOLDERS = ("medcom-*", "davinci-alerts")
_OF_ARRIVAL = re.compile(
    r'"(lastUpdated|versionId|received|date|timestamp)":"[^"]*"|https?://127\.0\.0\.1:[0-9]+'
)
_ID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}")


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[tuple[Broker, Broker]]:
    """One for JSON, one for XML."""
    with (
        embedded(f"sqlite:///{tmp_path}/json.db") as in_json,
        embedded(f"sqlite:///{tmp_path}/xml.db") as in_xml,
    ):
        yield in_json, in_xml


def test_messages_in_xml_give_the_same_timeline_as_in_json(
    examples: Path, brokers: tuple[Broker, Broker]
) -> None:
    """Every message of MedCom's and Da Vinci's that there is."""
    in_json, in_xml = brokers
    files = [file for folder in FOLDERS for file in sorted(examples.glob(f"{folder}/*.json"))]
    assert len(files) > 10
    for file in files:
        source = file.read_bytes()
        plain = in_json.post(source)
        other = in_xml.post(xml.to_xml(json.loads(source)), **{"Content-Type": XML})
        assert other.status_code == plain.status_code, file.name
        if plain.content:
            answer = xml.to_json(other.content)
            assert not isinstance(answer, Refusal)
            assert arrived_whenever(answer) == arrived_whenever(plain.json()), file.name
    assert in_xml.parked() == in_json.parked()
    assert everything(in_xml) == everything(in_json)
    kept = in_xml.select("SELECT DISTINCT media_type FROM inbox")
    assert (kept, in_json.select("SELECT DISTINCT media_type FROM inbox")) == ([(XML,)], [(FHIR,)])


def everything(broker: Broker) -> list[str]:
    """The timelines and stays of all patients, without what is about arrival."""
    found = []
    for patient in broker.patients():
        stays = broker.get("Encounter", patient=patient).get("entry", [])
        found.append(with_own_ids(arrived_whenever([patient, *broker.timeline(patient), *stays])))
    return sorted(found)


def with_own_ids(told: str) -> str:
    """Ids by where they come first: the server's own are others on each."""
    ids: dict[str, str] = {}
    return _ID.sub(lambda one: ids.setdefault(one[0], f"id-{len(ids)}"), told)


def arrived_whenever(told: Any) -> str:
    """JSON without when it came and which server tells it."""
    return _OF_ARRIVAL.sub("", json.dumps(told, sort_keys=True, separators=(",", ":")))
