"""A message as a Bundle in our own profile (docs/profile.md); ``inbound.read`` gives the same message again."""

from datetime import tzinfo
from typing import Final

from fhir_mappings import care_team, consents, meetings
from fhir_mappings import keys as of
from fhir_mappings.asking import write_about
from fhir_mappings.assembly import FHIR_ID, Assembly, header, patient, provenance
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import ACT_REASON, TEST
from fhir_mappings.elements import as_identifier, write_fields
from fhir_mappings.options import OSLO
from fhir_mappings.periods import make_comparable
from fhir_mappings.profile import SHAPES
from fhir_mappings.relatives import related_person
from fhir_mappings.skeletons import Scene, skeleton
from fhir_mappings.times import instant_text
from pathways.events import RULES
from pathways.facts import (
    ConsentFacts,
    CoordinatorFacts,
    CourseFacts,
    Facts,
    MeetingFacts,
    PersonFacts,
    PlanFacts,
    ReceiptFacts,
    ReportFacts,
    StayFacts,
    known_as,
)
from pathways.messages import Key, KeyRank, Message


def write(message: Message, *, base_url: str, zone: tzinfo = OSLO) -> JSON:
    """The Bundle. ``base_url``: the broker's FHIR address, where answers are sent; ``zone``: of whole days."""
    bundle = Assembly(message, base_url, zone)
    head, reference = header(bundle)
    described = patient(bundle, message.patient) if message.patient else None
    if focus := _focus(bundle, head, described):
        head["focus"] = focus
    provenance(bundle, reference)
    return _envelope(message) | {"entry": bundle.entries}


def _envelope(message: Message) -> JSON:
    whole: JSON = {"resourceType": "Bundle"}
    if message.envelope and FHIR_ID.fullmatch(message.envelope):
        whole["id"] = message.envelope
    elif message.envelope:
        whole["identifier"] = {"value": message.envelope}
    if message.test:
        whole["meta"] = {"tag": [{"system": ACT_REASON, "code": TEST}]}
    return whole | {"type": "message", "timestamp": instant_text(message.written)}


# --- what the event is about


def _focus(bundle: Assembly, head: JSON, described: JSON | None) -> list[JSON]:
    """Write the event's resources; the References to those that MessageHeader.focus names."""
    message = bundle.message
    about = {"reference": f"urn:uuid:{described['id']}"} if described else None
    there = {"MessageHeader": head} | ({"Patient": described} if described else {})
    written: dict[str, JSON] = {"Patient": about} if about else {}
    for kind in _kinds(message):
        if kind in there:
            write_fields(bundle.writing, SHAPES[message.code][kind], message.facts, there[kind])
            continue
        scene = Scene(message, about, bundle.sender(), written)
        if elements := _elements(bundle, kind, scene):
            written[kind] = bundle.add(kind, "focus", elements)
    if outcome := written.get("OperationOutcome"):
        head.setdefault("response", {})["details"] = outcome
        return []
    people = _relatives(bundle, about)
    return people or [written[kind] for kind in RULES[message.code].focus if kind in written]


def _kinds(message: Message) -> list[str]:
    """The types the event is written in, those that others refer to first."""
    kinds = [kind for kind in SHAPES[message.code] if kind != "DocumentReference"]
    has_stay = isinstance(message.facts, ReportFacts) and message.keys
    return ["Encounter", *kinds] if has_stay else kinds


def _elements(bundle: Assembly, kind: str, scene: Scene) -> JSON | None:
    """The elements of one resource; ``None`` where it would say nothing that has to be said."""
    message = bundle.message
    elements = skeleton(kind, scene)
    told = write_fields(bundle.writing, SHAPES[message.code].get(kind, ()), message.facts, elements)
    told |= _write_keys(kind, message, elements, bundle.writing.zone)
    _order_period(elements, message.facts, bundle.writing.zone)
    return elements if told or kind not in _OPTIONAL or _is_wanted(kind, message) else None


def _order_period(elements: JSON, facts: Facts, zone: tzinfo) -> None:
    if isinstance(facts, CoordinatorFacts):
        care_team.finished(elements, facts, zone)
    if isinstance(facts, ConsentFacts):
        consents.finished(elements, facts, zone)
    if isinstance(facts, MeetingFacts):
        meetings.finished(elements, facts, zone)
    if not isinstance(facts, StayFacts | CourseFacts | PlanFacts) or "period" not in elements:
        return
    if facts.begins and facts.ends:
        make_comparable(elements["period"], facts.begins, facts.ends, zone)


_LETTERS: Final = frozenset(("Appointment", "AppointmentResponse", "Composition"))
_OPTIONAL: Final = frozenset(("Task", "OperationOutcome", *_LETTERS))


def _is_wanted(kind: str, message: Message) -> bool:
    if isinstance(message.facts, ReceiptFacts) and kind == "OperationOutcome":
        return message.facts.response != "ok"
    focus = RULES[message.code].focus
    return kind == focus[0] if kind in _LETTERS else kind in focus


def _relatives(bundle: Assembly, about: JSON | None) -> list[JSON]:
    relatives = known_as(PersonFacts, bundle.message.facts).relatives
    return [
        bundle.add("RelatedPerson", str(number), {"patient": about} | related_person(one))
        for number, one in enumerate(relatives or ())
    ]


# --- keys that no fact stands for


def _write_keys(kind: str, message: Message, elements: JSON, zone: tzinfo) -> bool:
    """Put the keys where the profile reads them; whether there was any."""
    if kind == "Encounter" and isinstance(message.facts, ReportFacts):
        _write_stay(elements, message)
        return True
    if message.matter is not None:
        write_about(message, elements)
        return True
    extra = [one for one in _extra(message, zone) if one.rank is not KeyRank.START]
    ids = [as_identifier(of.identifier_of(one, message.sender)) for one in extra]
    if not ids:
        return False
    if kind == "Task" and isinstance(message.facts, StayFacts):
        elements.setdefault("focus", {})["identifier"] = ids[0]
        return True
    place = of.NUMBERED.get(message.family)
    if place is None or place.kind != kind:
        return False
    elements[place.name] = [{"identifier": one} for one in ids]
    return True


def _extra(message: Message, zone: tzinfo) -> list[Key]:
    """The keys that reading the facts would not give."""
    facts, sender = message.facts, message.sender
    ids = getattr(facts, "identifiers", None) or ()
    if isinstance(facts, StayFacts):
        known = of.stay(ids, facts.episodes or (), sender)
        known = known or of.start(facts.begins, sender, zone)
    else:
        place = of.NUMBERED.get(message.family)
        known = of.keys(place.rank, ids, sender) if place else set()
    return [one for one in message.keys if one not in known]


def _write_stay(encounter: JSON, message: Message) -> None:
    """A report's stay: an Encounter that carries its ids, or when it began."""
    for one in message.keys:
        if one.rank is KeyRank.START:
            encounter["period"] = {"start": one.begins}
            continue
        found = as_identifier(of.identifier_of(one, message.sender))
        if one.rank is KeyRank.EPISODE:
            encounter.setdefault("episodeOfCare", []).append({"identifier": found})
        else:
            encounter.setdefault("identifier", []).append(found)
