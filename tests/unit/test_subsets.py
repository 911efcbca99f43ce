"""Parts of resources: what is left of them, and that it says so."""

import copy
from typing import Any

import pytest

from fhir_mappings.subsets import Summary, summarised, with_elements

JSON = dict[str, Any]
TAG = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
META = {"versionId": "1", "tag": [{"code": "late"}]}
PATIENT: JSON = {
    "resourceType": "Patient",
    "id": "p",
    "meta": META,
    "text": {"status": "generated"},
    "name": [{"family": "Nordmann"}],
    "deceasedDateTime": "2026",
    "_deceasedDateTime": {"id": "d"},
    "generalPractitioner": [{"reference": "Organization/gp"}],
}
TASK: JSON = {
    "resourceType": "Task",
    "id": "t",
    "text": {"status": "generated"},
    "status": "requested",
    "intent": "order",
    "input": [{}],
}
PROVENANCE: JSON = {
    "resourceType": "Provenance",
    "id": "e",
    "target": [],
    "recorded": "2026",
    "agent": [],
    "activity": {},
}


def left(resource: JSON) -> set[str]:
    """The elements of a part, which is marked as such, besides what every resource has."""
    assert resource["meta"]["tag"][-1] == TAG
    return {*resource} - {"resourceType", "id", "meta"}


@pytest.mark.parametrize(
    ("resource", "summary", "elements"),
    [
        (PATIENT, Summary.TRUE, {"name", "deceasedDateTime", "_deceasedDateTime"}),
        (PATIENT, Summary.TEXT, {"text"}),
        (TASK, Summary.TRUE, {"status", "intent"}),
        (TASK, Summary.TEXT, {"text", "status", "intent"}),
        (TASK, Summary.DATA, {"status", "intent", "input"}),
        (PROVENANCE, Summary.TRUE, {"target", "recorded", "agent"}),
    ],
)
def test_a_summary_is_what_the_standard_marks(
    resource: JSON, summary: Summary, elements: set[str]
) -> None:
    """With what is mandatory; the resource itself is left alone."""
    before = copy.deepcopy(resource)
    assert left(summarised(resource, summary)) == elements
    assert resource == before


@pytest.mark.parametrize(
    ("resource", "names", "elements"),
    [
        (PATIENT, ("name", "no-such"), {"name"}),
        (PATIENT, ("deceased",), {"deceasedDateTime", "_deceasedDateTime"}),
        (PATIENT, ("deceasedDateTime",), {"deceasedDateTime", "_deceasedDateTime"}),
        (TASK, ("input",), {"status", "intent", "input"}),
    ],
)
def test_elements_come_with_the_mandatory_ones(
    resource: JSON, names: tuple[str, ...], elements: set[str]
) -> None:
    """A choice by its name, or with its type."""
    assert left(with_elements(resource, names)) == elements


def test_the_tags_that_were_there_stay() -> None:
    """The mark is one more."""
    assert summarised(PATIENT, Summary.DATA)["meta"] == {
        "versionId": "1",
        "tag": [{"code": "late"}, TAG],
    }
