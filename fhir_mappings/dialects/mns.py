"""Signals of NHS England's Multicast Notification Service (MNS) in: something has changed, about whom, and no more.

A signal comes as a CloudEvent, as the JSON of before (types that end in ``-1``), or as FHIR: a Bundle of type
``history`` with one Parameters and, for some subscribers, the changed record beside it. It is taken in where it says
enough for an event of ours: a death, or that there was none. A type alone does not: ``pds-death-notification-2`` is
told of every change of the death status, its removal too. What a signal tells of a person beside the number is
for checking only, says MNS: nothing of it is kept. Source: NHSDigital/multicast-notification-service.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from fhir_mappings import keys as of
from fhir_mappings import reading, times
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import NHS_NUMBER, PDS_DEATH
from fhir_mappings.content import content_hash
from fhir_mappings.identifiers import check_patient
from fhir_mappings.options import Options
from fhir_mappings.structure import check_resource
from pathways.events import Activity, EventCode
from pathways.facts import StayFacts
from pathways.messages import Message, Patient
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef
from pathways.refusals import Issue, Reason, Refusal, refuse

FORMAT: Final = "mns"

Told: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """What a signal says, whatever it is written in; ``places`` are where, by field."""

    id: Any
    type: Any
    source: Any
    subject: Any
    time: Any
    data: Told
    record: JSON | None
    places: Mapping[str, str]


def read(source: bytes, options: Options) -> Message | Refusal:
    """The message in a CloudEvent, or in the JSON of before."""
    found = reading.json_object(source, "CloudEvent")
    return found if isinstance(found, Refusal) else _message(_plain(found), found, options, source)


def is_notification(bundle: JSON) -> bool:
    """Whether a Bundle is no message but a signal."""
    return bundle.get("type") == "history"


def notification(bundle: JSON, options: Options, source: bytes) -> Message | Refusal:
    """The message in a signal in FHIR."""
    if issues := check_resource(bundle):
        return Refusal(Reason.INVALID, issues)
    return _message(_fhir(bundle), bundle, options, source)


# --- three forms


def _plain(event: JSON) -> Signal:
    subject, data = event.get("subject"), event.get("data")
    return Signal(
        id=event.get("id"),
        type=event.get("type"),
        source=event.get("source"),
        subject=subject.get("nhsNumber") if isinstance(subject, dict) else subject,
        time=event.get("time"),
        data=data if isinstance(data, dict) else {},
        record=None,
        places={name: f"CloudEvent.{name}" for name in ("id", "type", "source", "subject", "time")},
    )


def _fhir(bundle: JSON) -> Signal:
    resources = [one["resource"] for one in bundle.get("entry", ()) if "resource" in one]
    parameters: JSON = next((one for one in resources if one["resourceType"] == "Parameters"), {})
    named = {one["name"]: one for one in parameters.get("parameter", ())}
    context, event = (
        _parts(named.get("additional-context")),
        _parts(named.get("notification-event")),
    )
    subject = context.get("subject", {}).get("valueReference", {})
    told = "Bundle.entry[0].resource.parameter"
    return Signal(
        id=bundle.get("id"),
        type=context.get("event-type", {}).get("valueString"),
        source=context.get("source", {}).get("valueUri"),
        subject=subject.get("identifier", {}).get("value"),
        time=event.get("timestamp", {}).get("valueInstant") or bundle.get("timestamp"),
        data={},
        record=next((one for one in resources if one["resourceType"] == "Patient"), None),
        places={"id": "Bundle.id", **dict.fromkeys(("type", "source", "subject", "time"), told)},
    )


def _parts(parameter: JSON | None) -> dict[str, JSON]:
    return {one["name"]: one for one in (parameter or {}).get("part", ())}


# --- one message


def _message(signal: Signal, told: JSON, options: Options, source: bytes) -> Message | Refusal:
    issues = [*_missing(signal)]
    if issues:
        return Refusal(Reason.INVALID, tuple(issues))
    if wrong := _wrong_person(signal, options):
        return Refusal(Reason.PATIENT, (wrong,))
    try:
        at = times.instant(signal.time)
    except times.Unreadable as unreadable:
        return refuse(Reason.INVALID, "value", f"The value {unreadable}.", signal.places["time"])
    step = _step(signal)
    if isinstance(step, Refusal):
        return step
    facts = StayFacts(deceased=_died(signal, at, options), episodes=_ONE_DEATH)
    sender = _publisher(signal.source)
    return Message(
        id=signal.id,
        format=FORMAT,
        envelope=signal.id,
        content=content_hash(told),
        code=EventCode.DEATH,
        activity=step,
        sender=sender,
        happened=facts.deceased or Moment(at),
        written=at,
        patient=Patient((Identifier(NHS_NUMBER, signal.subject),)),
        keys=tuple(of.stay((), _ONE_DEATH, sender)),
        facts=facts,
        source=source,
    )


_ONE_DEATH: Final = (Identifier(PDS_DEATH, "death"),)
"""A patient dies once: what signals say of it is one matter, so that the last of them counts."""


def _missing(signal: Signal) -> list[Issue]:
    """What every signal has, as text."""
    told = {
        "id": signal.id,
        "type": signal.type,
        "source": _publisher(signal.source).known_by and "source",
        "subject": signal.subject,
        "time": signal.time,
    }
    return [
        Issue("required", f"A signal has {name}.", signal.places[name])
        for name, value in told.items()
        if not (value and isinstance(value, str))
    ]


def _wrong_person(signal: Signal, options: Options) -> Issue | None:
    """A number that is none, or a record of somebody else."""
    numbers = [{"system": NHS_NUMBER, "value": signal.subject}]
    wrong = check_patient(
        numbers, "", accept_synthetic=options.accept_synthetic, year=options.received.year
    )
    if wrong:
        return Issue(wrong.code, wrong.text, signal.places["subject"])
    listed = (signal.record or {}).get("identifier", ())
    others = {one.get("value") for one in listed if one.get("system") == NHS_NUMBER}
    if others - {signal.subject}:
        text = "The record is of another than the signal's subject."
        return Issue("invariant", text, "Bundle.entry[1].resource.identifier")
    return None


def _publisher(source: Any) -> PartyRef:
    """Who tells of it: a system by its accredited id, else by its URI."""
    if isinstance(source, dict):  # the JSON of before
        identifier, name = source.get("identifier"), source.get("name")
        told = identifier if isinstance(identifier, dict) else {}
        system, value = told.get("system"), told.get("value")
        if isinstance(system, str) and isinstance(value, str) and value:
            named = name if isinstance(name, str) else None
            return PartyRef((Identifier(system, value),), named or None)
        return PartyRef()
    if not isinstance(source, str):
        return PartyRef()
    system, slash, value = source.rpartition("/")
    by_id = slash and system.startswith("https://fhir.nhs.uk/Id/") and value
    return PartyRef((Identifier(system, value),)) if by_id else PartyRef(endpoint=source)


# --- what it says

_VERSION: Final = re.compile(r"-[0-9]{1,3}\Z")
_ALONE: Final[Mapping[str, str]] = {
    "pds-change-of-gp": "who the GP is now: the next message that names Patient.generalPractitioner does",
    "pds-record-change": "what changed in the record",
    "nhs-number-change": "which number it was before: identity-linked does",
    "gpreg-change-gp-req": "whether the registration was accepted",
}
"""What signals of these types do not say."""


def _step(signal: Signal) -> Activity | Refusal:
    """Whether somebody has died, or has not."""
    kind = _VERSION.sub("", signal.type)
    if kind == "pds-death-notification":
        dead = _is_dead(signal)
        if dead is not None:
            return Activity.NEW if dead else Activity.CANCEL
        lacking = "whether the person has died or the death was removed: send the record with it"
    elif kind in _ALONE:
        lacking = _ALONE[kind]
    else:
        text = "The signal's type has no event here."
        return refuse(Reason.UNKNOWN_EVENT, "not-supported", text, signal.places["type"])
    text = f"The signal does not say {lacking}."
    return refuse(Reason.UNKNOWN_EVENT, "not-supported", text, signal.places["type"])


def _is_dead(signal: Signal) -> bool | None:
    """By ``deathNotificationStatus``, else by the record; ``None``: it is not said."""
    status = signal.data.get("deathNotificationStatus")
    if isinstance(status, str) and status in _STATUS:
        return _STATUS[status]
    if signal.record is None:
        return None
    return "deceasedDateTime" in signal.record or bool(signal.record.get("deceasedBoolean"))


_STATUS: Final = {"1": True, "2": True, "U": False}
"""Informal, formal; removed: the person is not dead."""


def _died(signal: Signal, at: datetime, options: Options) -> Moment | None:
    """When, where the record says it; PDS knows a day, a minute, or nothing."""
    told = (signal.record or {}).get("deceasedDateTime")
    try:
        return times.moment(told, at, options.zone) if told else None
    except times.Unreadable:
        return None
