"""MedCom's messages (Denmark) in: HospitalNotification, CareCommunication and Acknowledgement.

The Provenance's *activity* says what a message is about; the role of its entity does not: a discharge too names
the admission as what it revises. A death has no activity of its own: it is the current one again, with
``Patient.deceased``. The Provenance's ``occurredDateTime`` is the time of writing: what happened, happened at the
Encounter's own times. Source: medcomdk/dk-medcom-hospitalnotification,
-carecommunication, -messaging and -terminology; ``domain.md`` b2 and b5.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final, TypeAlias

from fhir_mappings import keys as of
from fhir_mappings.bundle import JSON, Resources, identifier, identifiers
from fhir_mappings.codes import MEDCOM_ACTIVITY, MEDCOM_EVENT, MEDCOM_LEAVE_PERIOD
from fhir_mappings.dialects import common
from fhir_mappings.dialects.dialect import Dialect
from fhir_mappings.dialects.focus import needed
from fhir_mappings.elements import MOMENT, PAYLOAD, At, Extension, Place, codes, read_fields
from fhir_mappings.happened import OCCURRED, OF_EVENT, RECORDED, TIMESTAMP, Source, Times
from fhir_mappings.options import Options
from fhir_mappings.parties import author
from fhir_mappings.profile import SHAPES
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, ReceiptFacts, StayFacts
from pathways.messages import Author, KeyRank, Message
from pathways.refusals import Refusal

Step: TypeAlias = tuple[EventCode, Activity]

_CORE: Final = "http://medcomfhir.dk/ig/core/StructureDefinition"
_SEGMENT: Final = Extension(f"{_CORE}/medcom-core-identifier-extension", "valueIdentifier", "value")
_WRITER: Final = Extension(f"{_CORE}/medcom-core-practitioner-extension", "valueReference")
_PHONE: Final = Extension(f"{_CORE}/medcom-core-contact-extension", "valueContactPoint", "value")
_REPORT_WANTED: Final = Extension(
    "http://medcomfhir.dk/ig/hospitalnotification/StructureDefinition/"
    "medcom-messaging-reportOfAdmissionExtension",
    "valueBoolean",
)
_STAY: Final[Mapping[str, EventCode]] = {
    "admit-inpatient": EventCode.ADMISSION,
    "admit-emergency": EventCode.ADMISSION,
    "start-leave-inpatient": EventCode.LEAVE_START,
    "end-leave-inpatient": EventCode.LEAVE_END,
    "discharge-inpatient-home": EventCode.DISCHARGE,
    "discharge-emergency-home": EventCode.DISCHARGE,
}
_NOTIFICATIONS: Final[Mapping[str, Step]] = {
    f"{prefix}{name}": (code, activity)
    for name, code in _STAY.items()
    for prefix, activity in (
        ("", Activity.NEW),
        ("revise-", Activity.REVISE),
        ("cancel-", Activity.CANCEL),
    )
}
_COMMUNICATIONS: Final[Mapping[str, Step]] = {
    "new-message": (EventCode.INQUIRY, Activity.NEW),
    "carboncopy-message": (EventCode.INQUIRY, Activity.NEW),
    "modified-message": (EventCode.INQUIRY, Activity.REVISE),
    "retract-message": (EventCode.INQUIRY, Activity.CANCEL),
    "forward-message": (EventCode.INQUIRY_FORWARDED, Activity.FORWARD),
    "reply-message": (EventCode.REPLY, Activity.REPLY),
}


def message(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    """A Bundle in one of MedCom's standards as a message."""
    read = _STANDARDS.get(parts.header["eventCoding"].get("code", ""))
    if read is None:
        return common.unknown_event(parts)
    return read(parts, options, source)


# --- HospitalNotification


def _notification(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    provenance = common.provenance(parts) or {}
    patient = common.the_patient(parts)
    encounter = needed(parts, "Encounter")
    code, activity = _event(parts, provenance, _NOTIFICATIONS)
    code, activity = _death(parts, provenance, patient or {}, (code, activity))
    draft = common.begin(
        parts,
        options,
        dialect=DIALECT,
        code=code,
        activity=activity,
        target=_target(parts, provenance, activity),
        cast=_cast(Provenance=provenance, Patient=patient, Encounter=encounter),
    )
    facts = _stay(draft, encounter or {}, patient or {})
    keys = of.stay(facts.identifiers or (), facts.episodes or (), draft.sender)
    keys = keys or of.start(facts.begins, draft.sender, options.zone)
    return common.finish(draft, facts, keys, source)


def _death(parts: Resources, provenance: JSON, patient: JSON, told: Step) -> Step:
    """MORS and AN_MORS: the current activity once more, with the patient deceased or not deceased.

    "Not deceased" takes a death back only if the message repeats the activity of the one it revises; some
    systems say so of everyone alive.
    """
    if told[1] is not Activity.NEW:
        return told
    if patient.get("deceasedBoolean") or "deceasedDateTime" in patient:
        return EventCode.DEATH, Activity.NEW
    if patient.get("deceasedBoolean") is False and _repeats(parts, provenance):
        return EventCode.DEATH, Activity.CANCEL
    return told


def _repeats(parts: Resources, provenance: JSON) -> bool:
    """Whether the message that this one names, as the history tells it, had the same activity."""
    named = [entity["what"].get("reference") for entity in provenance.get("entity", ())]
    own = list(codes(provenance.get("activity"), MEDCOM_ACTIVITY))
    return any(
        own == list(codes(earlier.get("activity"), MEDCOM_ACTIVITY))
        for earlier in parts.of("Provenance")
        if earlier is not provenance
        and any(target.get("reference") in named for target in earlier["target"])
    )


def _stay(draft: common.Draft, encounter: JSON, patient: JSON) -> StayFacts:
    """What the Encounter, the Patient and the header's extension say."""
    told = read_fields(draft.reading, SHAPES[EventCode.ADMISSION]["Encounter"], encounter)
    if draft.code is EventCode.ADMISSION:
        told["stay_kind"] = common.KINDS.get(told.get("encounter_class", ""))
    if "deceasedDateTime" in patient:
        place = Place(patient, "deceasedDateTime")
        told["deceased"] = MOMENT.read(draft.reading, patient["deceasedDateTime"], place)
    wanted = _REPORT_WANTED.find(draft.parts.header)
    return StayFacts(**told | {"report_wanted": wanted[0] if wanted else None})


# --- CareCommunication


def _communication(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    provenance = common.provenance(parts) or {}
    patient = common.the_patient(parts)
    communication = needed(parts, "Communication")
    code, activity = _event(parts, provenance, _COMMUNICATIONS)
    draft = common.begin(
        parts,
        options,
        dialect=DIALECT,
        code=code,
        activity=activity,
        target=_target(parts, provenance, activity),
        cast=_cast(Provenance=provenance, Patient=patient, Communication=communication),
    )
    content = communication or {}
    segments = _own_segments(content, provenance)
    facts = InquiryFacts(
        topic=_topic(content),
        text=PAYLOAD.read(draft.reading, segments, Place(content, "payload")),
        owner=next((d.party for d in common.destinations(parts, options) if not d.copy), None),
        identifiers=identifiers(content.get("identifier")) or None,
    )
    keys = of.keys(KeyRank.CONVERSATION, facts.identifiers or (), draft.sender)
    whole = common.finish(draft, facts, keys, source)
    if isinstance(whole, Refusal):
        return whole
    return replace(whole, author=_author(parts, segments) or whole.author)


def _own_segments(communication: JSON, provenance: JSON) -> list[JSON]:
    """The payloads of this step: the others are what was written before. All, where none is named."""
    payloads: list[JSON] = communication.get("payload", [])
    named = {
        one.value
        for entity in provenance.get("entity", ())
        if (one := identifier(entity["what"].get("identifier")))
    }
    return [one for one in payloads if named.intersection(_SEGMENT.find(one))] or payloads


def _topic(communication: JSON) -> str | None:
    """The sender's own words, else the category's code."""
    for path in (At("topic", "text"), At("category", 0, "coding", 0, "code")):
        for found in path.find(communication):
            return str(found)
    return None


def _author(parts: Resources, segments: list[JSON]) -> Author | None:
    """Who signed, with the phone number given for answers."""
    for segment in segments:
        for reference in _WRITER.find(segment):
            if found := author(parts, reference):
                phones = _PHONE.find(segment)
                return replace(found, phone=phones[0] if phones else found.phone)
    return None


# --- Acknowledgement


def _acknowledgement(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    """``response.identifier`` counts; the Provenance may name yet another message."""
    response = parts.header.get("response")
    if not response:
        parts.fault("required", "The acknowledgement has no response.", parts.header, "response")
    draft = common.begin(
        parts,
        options,
        dialect=DIALECT,
        code=EventCode.ACKNOWLEDGEMENT,
        activity=Activity.NEW,
        target=None,
        cast=_cast(Provenance=common.provenance(parts)),
    )
    told = response or {}
    outcome = parts.resolve(told.get("details"), parts.header)
    facts = ReceiptFacts(
        about=told.get("identifier"), response=told.get("code"), note=_note(outcome or {})
    )
    return common.finish(draft, facts, (), source)


def _note(outcome: JSON) -> str | None:
    """The first issue in words, else its code."""
    paths = (("details", "text"), ("diagnostics",), ("details", "coding", 0, "code"))
    for path in paths:
        for found in At("issue", 0, *path).find(outcome):
            return str(found)
    return None


# --- all of them

_STANDARDS: Final[Mapping[str, Callable[[Resources, Options, bytes], Message | Refusal]]] = {
    "hospital-notification-message": _notification,
    "care-communication-message": _communication,
    "acknowledgement-message": _acknowledgement,
}


def _event(parts: Resources, provenance: JSON, known: Mapping[str, Step]) -> Step:
    """What the activity says; a message without a known one is refused, whatever stands here then."""
    told = [code for code in codes(provenance.get("activity"), MEDCOM_ACTIVITY) if code in known]
    if len(told) != 1:
        text = "The Provenance that targets the MessageHeader needs one known activity."
        parts.fault(
            "code-invalid", text, provenance or parts.header, "activity" if provenance else ""
        )
        return next(iter(known.values()))
    return known[told[0]]


def _target(parts: Resources, provenance: JSON, activity: Activity) -> str | None:
    """The message that a correction, a forwarding or a reply is about; payloads are named beside it."""
    if activity is Activity.NEW:
        return None
    entities = provenance.get("entity", ())
    messages = [entity for entity in entities if "reference" in entity["what"]]
    return common.target(parts, provenance | {"entity": messages})


def _cast(**resources: JSON | None) -> dict[str, JSON]:
    return {kind: resource for kind, resource in resources.items() if resource}


_LEAVE: Final[Mapping[EventCode, tuple[Source, ...]]] = {
    EventCode.LEAVE_START: (("Encounter", Extension(MEDCOM_LEAVE_PERIOD, "valuePeriod", "start")),),
    EventCode.LEAVE_END: (("Encounter", Extension(MEDCOM_LEAVE_PERIOD, "valuePeriod", "end")),),
}
DIALECT: Final = Dialect(
    name="medcom",
    system=MEDCOM_EVENT,
    read=message,
    times=Times(written=(*OCCURRED, RECORDED, TIMESTAMP), happened={**OF_EVENT, **_LEAVE}),
    event=lambda _: "acknowledgement-message",  # MedCom's standards have one event for receipts
)
