"""Messages whose focus is a document: reports about a stay, and what follows the person."""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Unpack
from uuid import uuid4

from tests.integration.stories import systems
from tests.integration.stories.envelope import Envelope, Parts, bundle, concept, div, with_defaults
from tests.integration.stories.people import HOSPITAL, NURSING, Matter, Resource
from tests.integration.stories.stays import encounter

_SECTIONS = {
    "Course": "Admitted with pneumonia. Treated with antibiotics, oxygen for two days, mobilised.",
    "Function": "Walks with a frame, needs help with morning care and with medicines.",
    "Follow-up": "Blood tests at the GP in one week. New contact if the fever comes back.",
}


def composition(
    title: str, sections: Mapping[str, str], patient: Resource, written: datetime
) -> Resource:
    """A document of titled plain texts."""
    return {
        "resourceType": "Composition",
        "status": "final",
        "type": {"text": title},
        "subject": patient,
        "date": written.isoformat(),
        "author": [{"display": "Marit Kaldestad"}],
        "title": title,
        "section": [
            {"title": t, "text": {"status": "generated", "div": div(f"<p>{escape(body)}</p>")}}
            for t, body in sections.items()
        ],
    }


def report(
    event: str,
    matter: Matter,
    title: str = "Report",
    sections: Mapping[str, str] = _SECTIONS,
    **envelope: Unpack[Envelope],
) -> Resource:
    """A document about a stay: admission-report, medication-list, discharge-report, doctor-report."""
    said = with_defaults(envelope, HOSPITAL, NURSING)

    def build(parts: Parts) -> Resource:
        patient = parts.add(matter.patient)
        about = parts.add(encounter(matter, event, patient, said["happened"]))
        document = composition(title, sections, patient, said["written"])
        identifier = {"system": systems.URI, "value": f"urn:uuid:{uuid4()}"}
        return parts.add(document | {"identifier": identifier, "encounter": about})

    return bundle(event, said, build)


def discharge_report(matter: Matter, **envelope: Unpack[Envelope]) -> Resource:
    """The nurses' report that follows her home."""
    return report("discharge-report", matter, "Nursing discharge report", **envelope)


def person_sheet(
    patient: Resource, text: str = "Coffee first, then talk.", **envelope: Unpack[Envelope]
) -> Resource:
    """What matters to me."""
    return _person_document("person-sheet", patient, {"What matters to me": text}, {}, envelope)


def service_overview(
    patient: Resource,
    services: tuple[str, ...] = ("nursing", "rehab"),
    **envelope: Unpack[Envelope],
) -> Resource:
    """What the municipality gives her now: ``services`` are the functions that are active."""
    about = {"event": [{"code": [concept(systems.PARTY_FUNCTION, name) for name in services]}]}
    text = {"Services": "Home nursing morning and evening; safety alarm."}
    return _person_document("service-overview", patient, text, about, envelope)


def _person_document(
    event: str, patient: Resource, sections: Mapping[str, str], extra: Resource, envelope: Envelope
) -> Resource:
    said = with_defaults(envelope, NURSING, HOSPITAL)
    title = event.replace("-", " ").capitalize()

    def build(parts: Parts) -> Resource:
        subject = parts.add(patient)
        return parts.add(composition(title, sections, subject, said["written"]) | extra)

    return bundle(event, said, build)
