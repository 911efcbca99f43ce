"""Our own profile: what is refused, and the place each refusal names."""

import copy
from typing import Final

import orjson
import pytest

from fhir_mappings import codes
from fhir_mappings.inbound import Options, read
from pathways.events import EventCode
from pathways.refusals import Reason, Refusal
from tests.unit.strategies import BASE_URL
from tests.unit.told import (
    ADMISSION,
    ENCOUNTER,
    HEADER,
    JSON,
    PATIENT,
    PROVENANCE,
    RECEIVED,
    Change,
    at,
    changed,
    refused,
)

_PERIOD = "Bundle.entry[2].resource.period.start"
_STRANGER = {"resourceType": "Patient", "id": "p2", "identifier": [{"value": "x"}]}

_NUMBERED = {"identifier": {"system": codes.ORGANISATION_NUMBER, "value": "314270011"}}


def _second_stay(bundle: JSON) -> None:
    other = copy.deepcopy(bundle["entry"][ENCOUNTER])
    other["fullUrl"], other["resource"]["id"] = "Encounter/other", "other"
    bundle["entry"].append(other)
    bundle["entry"][HEADER]["resource"]["focus"].append({"reference": "Encounter/other"})


def _second_provenance(bundle: JSON) -> None:
    other = copy.deepcopy(bundle["entry"][PROVENANCE])
    other["resource"]["activity"]["coding"][0]["code"] = "cancel"
    bundle["entry"].append(other)


def _two_needs(stay: JSON) -> None:
    stay["extension"] = [
        {"url": codes.MUNICIPAL_NEED, "valueCode": "yes"},
        {"url": codes.MUNICIPAL_NEED, "valueCode": "no"},
    ]


REFUSALS: Final[dict[str, tuple[Change, Reason, str]]] = {
    "unknown code": (
        at(HEADER, lambda head: head["eventCoding"].update(code="unheard-of")),
        Reason.UNKNOWN_EVENT,
        "Bundle.entry[0].resource.eventCoding",
    ),
    "unknown system": (
        at(HEADER, lambda head: head["eventCoding"].update(system="https://other.example")),
        Reason.UNKNOWN_EVENT,
        "Bundle.entry[0].resource.eventCoding",
    ),
    "no patient": (lambda bundle: bundle["entry"].pop(PATIENT), Reason.PATIENT, "Bundle.entry"),
    "two patients": (
        lambda bundle: bundle["entry"].append({"resource": _STRANGER}),
        Reason.PATIENT,
        "Bundle.entry[5].resource",
    ),
    "another's stay": (
        at(ENCOUNTER, lambda stay: stay["subject"].update(reference="Patient/p2")),
        Reason.PATIENT,
        "Bundle.entry[2].resource.subject",
    ),
    "patient without identifier": (
        at(PATIENT, lambda patient: patient.pop("identifier")),
        Reason.PATIENT,
        "Bundle.entry[1].resource.identifier",
    ),
    "wrong check digit of an organisation that is named by its number": (
        at(HEADER, lambda head: head.update(sender=_NUMBERED)),
        Reason.INVALID,
        "Bundle.entry[0].resource.sender.identifier.value",
    ),
    "wrong check digit": (
        at(PATIENT, lambda patient: patient["identifier"][0].update(value="01018012345")),
        Reason.PATIENT,
        "Bundle.entry[1].resource.identifier[0].value",
    ),
    "no zone": (
        at(ENCOUNTER, lambda stay: stay["period"].update(start="2026-03-01T10:15:00")),
        Reason.INVALID,
        _PERIOD,
    ),
    "no day": (
        at(ENCOUNTER, lambda stay: stay["period"].update(start="2026-03")),
        Reason.INVALID,
        _PERIOD,
    ),
    "occurred without day": (
        at(PROVENANCE, lambda provenance: provenance.update(occurredDateTime="2026")),
        Reason.INVALID,
        "Bundle.entry[3].resource.occurredDateTime",
    ),
    "two stays": (_second_stay, Reason.INVALID, "Bundle.entry[5].resource"),
    "two provenances": (_second_provenance, Reason.INVALID, "Bundle.entry[5].resource.activity"),
    "two needs": (
        at(ENCOUNTER, _two_needs),
        Reason.INVALID,
        f"Bundle.entry[2].resource.extension('{codes.MUNICIPAL_NEED}').value",
    ),
    "unknown activity": (
        at(PROVENANCE, lambda p: p["activity"]["coding"][0].update(code="undo")),
        Reason.INVALID,
        "Bundle.entry[3].resource.activity",
    ),
    "no stay": (
        lambda bundle: bundle["entry"].pop(ENCOUNTER),
        Reason.INVALID,
        "Bundle.entry[0].resource.focus",
    ),
}


@pytest.mark.parametrize(("change", "reason", "where"), REFUSALS.values(), ids=REFUSALS)
def test_what_would_put_a_patient_at_risk_is_refused(
    change: Change, reason: Reason, where: str
) -> None:
    """Each refusal has its reason and names the place."""
    found = refused(changed(change))
    assert found.reason is reason
    assert where in [issue.where for issue in found.issues]


def test_all_faults_are_told_at_once() -> None:
    """A sender mends them in one go."""
    found = refused(
        changed(
            at(ENCOUNTER, lambda stay: stay["period"].update(start="2026")),
            at(PROVENANCE, lambda p: p["activity"]["coding"][0].update(code="undo")),
        )
    )
    assert len(found.issues) == 2


def test_synthetic_numbers_are_a_setting() -> None:
    """Where they are not accepted, the patient's number is refused."""
    strict = Options(received=RECEIVED, base_url=BASE_URL, accept_synthetic=False)
    found = read(orjson.dumps(ADMISSION), strict)
    assert isinstance(found, Refusal)
    assert found.reason is Reason.PATIENT


def test_a_link_to_nobody_is_refused() -> None:
    """Two identities are linked by naming the other one."""
    code = EventCode.IDENTITY_LINKED.value
    found = refused(changed(at(HEADER, lambda header: header["eventCoding"].update(code=code))))
    assert [issue.where for issue in found.issues] == ["Bundle.entry[1].resource.link"]
