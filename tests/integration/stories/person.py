"""What is said of the person, and receipts."""

from typing import Unpack
from uuid import uuid4

from tests.integration.stories.envelope import Envelope, Parts, bundle, with_defaults
from tests.integration.stories.people import HOSPITAL, NURSING, Resource, address


def relative_registered(
    patient: Resource, given: str = "Kari", **envelope: Unpack[Envelope]
) -> Resource:
    """Her daughter, by name and phone."""
    said = with_defaults(envelope, NURSING, HOSPITAL)

    def build(parts: Parts) -> Resource:
        relative = {
            "resourceType": "RelatedPerson",
            "patient": parts.add(patient),
            "relationship": [{"text": "Daughter"}],
            "name": [{"family": "Lund", "given": [given]}],
            "telecom": [{"system": "phone", "value": "+47 900 00 001"}],
        }
        return parts.add(relative)

    return bundle("relative-registered", said, build)


def municipality_changed(
    patient: Resource, to: str = "4601", **envelope: Unpack[Envelope]
) -> Resource:
    """She moves to, or stays in, another municipality."""
    moved = patient | {"address": [address("home", to), address("temp", to)]}
    return _about_patient("municipality-changed", moved, envelope)


def identity_linked(
    patient: Resource, other: Resource, event: str = "identity-linked", **envelope: Unpack[Envelope]
) -> Resource:
    """``other``, an identifier, is the same person (or is not after all: identity-unlinked)."""
    link = {"other": {"identifier": other}, "type": "seealso"}
    return _about_patient(event, patient | {"link": [link]}, envelope)


def _about_patient(event: str, patient: Resource, envelope: Envelope) -> Resource:
    said = with_defaults(envelope, HOSPITAL, NURSING)
    return bundle(event, said, lambda parts: parts.add(patient))


def acknowledgement(about: str, code: str = "ok", **envelope: Unpack[Envelope]) -> Resource:
    """A receiver's receipt for the message with id ``about``: ok, transient-error or fatal-error."""
    said = with_defaults(envelope, NURSING, HOSPITAL)
    outcome = str(uuid4())
    details = {"reference": f"urn:uuid:{outcome}"}
    severity = "information" if code == "ok" else "error"
    issue = {
        "severity": severity,
        "code": "informational",
        "details": {"text": "Read by the ward."},
    }

    def build(parts: Parts) -> Resource:
        return parts.add({"resourceType": "OperationOutcome", "issue": [issue]}, outcome)

    response = {"identifier": about, "code": code, "details": details}
    return bundle("acknowledgement", said, build, response)
