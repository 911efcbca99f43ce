"""Measures of a plan, promised by one organisation and done by another."""

from datetime import datetime
from typing import Final, Unpack

from tests.integration.stories import systems
from tests.integration.stories.envelope import Envelope, Parts, bundle, concept, with_defaults
from tests.integration.stories.people import (
    CASE_OFFICE,
    HOSPITAL,
    Matter,
    Organisation,
    Resource,
    organisation_number,
)

MEASURES: Final = "https://hospital.example/measures"

_STATUS: Final = {
    "measure-proposed": "requested",
    "measure-promised": "accepted",
    "measure-delayed": "accepted",
    "measure-done": "completed",
    "measure-dropped": "cancelled",
}


def measure(
    matter: Matter,
    event: str = "measure-promised",
    *,
    owner: Organisation | None = None,
    due: datetime | None = None,
    reason: str | None = None,
    **envelope: Unpack[Envelope],
) -> Resource:
    """A measure, or what became of it (``event``): who does it, when it is due, why it is delayed or dropped."""
    said = with_defaults(envelope, HOSPITAL, CASE_OFFICE)
    detail: Resource = {}
    if owner:
        detail["owner"] = {"identifier": organisation_number(owner), "display": owner.name}
    if due:
        detail["restriction"] = {"period": {"end": due.isoformat()}}
    if reason:
        detail["statusReason"] = {"text": reason}

    def build(parts: Parts) -> Resource:
        return parts.add(
            {
                "resourceType": "Task",
                "identifier": [{"system": MEASURES, "value": matter.id}],
                "status": _STATUS[event],
                "intent": "plan",
                "code": concept(systems.PATHWAY_EVENT, event),
                "description": "A ramp at the front door",
                "for": parts.add(matter.patient),
                **detail,
            }
        )

    return bundle(event, said, build)
