"""Messages about a stay."""

from datetime import date, datetime
from typing import Final, Unpack

from tests.integration.stories import systems
from tests.integration.stories.envelope import (
    Envelope,
    Parts,
    bundle,
    coding,
    concept,
    with_defaults,
)
from tests.integration.stories.people import (
    CASE_OFFICE,
    HOSPITAL,
    NURSING,
    Matter,
    Resource,
    organisation_number,
)

STAYS: Final = "https://hospital.example/stays"
EPISODES: Final = "https://hospital.example/episodes"

_ENCOUNTER_STATUS = {
    "leave-start": "onleave",
    "discharge": "finished",
    "death": "finished",
}


def encounter(matter: Matter, event: str, patient: Resource, happened: datetime) -> Resource:
    """The stay as ``event`` leaves it."""
    emergency = event == "emergency-contact"
    status = _ENCOUNTER_STATUS.get(event, "in-progress")
    period = {"start": matter.begins.isoformat()}
    if status == "finished":
        period["end"] = happened.isoformat()
    klass = ("EMER", "emergency") if emergency else ("IMP", "inpatient encounter")
    return {
        "resourceType": "Encounter",
        "extension": [
            {"url": systems.MUNICIPAL_NEED, "valueCode": "yes"},
            {"url": systems.REPORT_WANTED, "valueBoolean": not emergency},
        ],
        "identifier": [{"system": STAYS, "value": matter.id}],
        "status": status,
        "class": coding(systems.ACT_CODE, *klass),
        "type": [concept(systems.STAY_KIND, "emergency-ward" if emergency else "hospital")],
        "subject": patient,
        "episodeOfCare": [{"identifier": {"system": EPISODES, "value": f"E-{matter.id}"}}],
        "period": period,
        "serviceProvider": {"identifier": organisation_number(HOSPITAL), "display": HOSPITAL.name},
        "location": [{"location": {"display": "Sengepost 2, rom 214"}}],
    }


def task_input(code: str, kind: str, value: object) -> Resource:
    """A Task.input: a detail by its code."""
    return {"type": concept(systems.TASK_DETAIL, code), f"value{kind}": value}


def task(event: str, status: str, focus: Resource, patient: Resource, detail: Resource) -> Resource:
    """What ``event`` asks for or answers."""
    return {
        "resourceType": "Task",
        "status": status,
        "intent": "order",
        "code": concept(systems.PATHWAY_EVENT, event),
        "focus": focus,
        "for": patient,
        **detail,
    }


def stay(event: str, matter: Matter, **envelope: Unpack[Envelope]) -> Resource:
    """A message about a stay whose focus is the Encounter alone: admission, transfer, leave-start and so on."""
    said = with_defaults(envelope, HOSPITAL, NURSING)

    def build(parts: Parts) -> Resource:
        deceased = {"deceasedDateTime": said["happened"].isoformat()} if event == "death" else {}
        patient = parts.add(matter.patient | deceased)
        return parts.add(encounter(matter, event, patient, said["happened"]))

    return bundle(event, said, build)


def stay_task(
    event: str, matter: Matter, detail: Resource | None = None, **envelope: Unpack[Envelope]
) -> Resource:
    """A message about a stay with a Task: ``detail`` is what the Task says beyond its code and focus."""
    said = with_defaults(envelope, HOSPITAL, CASE_OFFICE)
    status = "cancelled" if event == "discharge-ready-withdrawn" else "requested"

    def build(parts: Parts) -> Resource:
        patient = parts.add(matter.patient)
        focus = parts.add(encounter(matter, event, patient, said["happened"]))
        parts.add(task(event, status, focus, patient, detail or {}))
        return focus

    return bundle(event, said, build)


def admission(matter: Matter, **envelope: Unpack[Envelope]) -> Resource:
    """The patient is in: it happened when the stay began, unless told otherwise."""
    return stay("admission", matter, **(Envelope(happened=matter.begins) | envelope))


def discharge_ready(matter: Matter, **envelope: Unpack[Envelope]) -> Resource:
    """The doctor has decided that she may go home."""
    return stay_task("discharge-ready", matter, {"note": [{"text": "Ready."}]}, **envelope)


def discharge(matter: Matter, **envelope: Unpack[Envelope]) -> Resource:
    """She has left the ward."""
    return stay("discharge", matter, **envelope)


def capacity_answer(
    matter: Matter, receive_from: datetime | None = None, **envelope: Unpack[Envelope]
) -> Resource:
    """Yes, from ``receive_from``; without it: no, not yet."""
    detail: Resource = {"businessStatus": concept(systems.TASK_DETAIL, "cannot-receive")}
    if receive_from:
        detail = {
            "businessStatus": concept(systems.TASK_DETAIL, "can-receive"),
            "executionPeriod": {"start": receive_from.isoformat()},
        }
    answered = Envelope(sender=CASE_OFFICE, receivers=(HOSPITAL,)) | envelope
    return stay_task("capacity-answer", matter, detail, **answered)


def early_notice(matter: Matter, ready: date, **envelope: Unpack[Envelope]) -> Resource:
    """She will need services; ``ready`` is when she is expected to be ready."""
    detail = {"input": [task_input("expected-ready", "Date", ready.isoformat())]}
    return stay_task("early-notice", matter, detail, **envelope)


def departure_planned(matter: Matter, leaves: datetime, **envelope: Unpack[Envelope]) -> Resource:
    """When and how she travels, and what she brings."""
    detail = {
        "input": [
            task_input("departure", "DateTime", leaves.isoformat()),
            task_input("transport", "String", "Wheelchair taxi"),
            task_input("medicines-days", "PositiveInt", 3),
            task_input("equipment", "String", "Walking frame"),
            task_input("key", "String", "Key box, the neighbour has the code"),
        ]
    }
    return stay_task("departure-planned", matter, detail, **envelope)
