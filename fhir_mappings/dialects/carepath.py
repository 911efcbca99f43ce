"""Our own profile in: docs/profile.md."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from fhir_mappings import asking, deadlines
from fhir_mappings import keys as of
from fhir_mappings.bundle import JSON, Resources, identifier, identifiers
from fhir_mappings.codes import PATHWAY_ACTIVITY, PATHWAY_EVENT
from fhir_mappings.dialects import common
from fhir_mappings.dialects.common import Draft
from fhir_mappings.dialects.dialect import Dialect
from fhir_mappings.dialects.focus import candidates, focus, the_only
from fhir_mappings.elements import REFERENCES, Place, read_fields
from fhir_mappings.happened import OCCURRED, OF_EVENT, RECORDED, TIMESTAMP, Times
from fhir_mappings.options import Options
from fhir_mappings.profile import SHAPES, build
from fhir_mappings.relatives import relative
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import StayFacts
from pathways.messages import Key, Message
from pathways.parties import Identifier
from pathways.refusals import Refusal

_CODES: Final = {str(code): code for code in EventCode}


def message(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    """A Bundle in our own profile as a message."""
    code = _CODES.get(parts.header["eventCoding"].get("code", ""))
    if code is None:
        return common.unknown_event(parts)
    provenance = common.provenance(parts)
    draft = common.begin(
        parts,
        options,
        dialect=DIALECT,
        code=code,
        activity=common.activity(parts, provenance, PATHWAY_ACTIVITY, Activity),
        target=common.target(parts, provenance),
        cast=_cast(parts, code) | ({"Provenance": provenance} if provenance else {}),
    )
    told = _facts(draft)
    about = asking.matter(parts, code, draft.cast.get("Communication", {}), draft.sender)
    keys = about.keys if about else _keys(draft, told)
    found = common.finish(draft, build(code, told), keys, source)
    return replace(found, matter=about.family) if about and isinstance(found, Message) else found


# --- which resources play a part


def _cast(parts: Resources, code: EventCode) -> dict[str, JSON]:
    """The resources that the event is about, by type: those in focus, those they refer to, or the only one."""
    named = focus(parts)
    known = [*named, *_referred(parts, named)]
    rule = RULES[code]
    wanted = dict.fromkeys((*SHAPES[code], *rule.focus, *_COMPANIONS.get(rule.family, ())))
    found = {kind: one for kind in wanted if (one := _one(parts, kind, known))}
    patient = common.the_patient(parts, needed=code not in _ABOUT_DELIVERY)
    if patient:
        found["Patient"] = patient
    if code is not EventCode.ACKNOWLEDGEMENT and not any(kind in found for kind in rule.focus):
        text = f"The message has no {' or '.join(rule.focus)}."
        parts.fault("required", text, parts.header, "focus")
    return found


_ABOUT_DELIVERY: Final = frozenset(
    (EventCode.ACKNOWLEDGEMENT, EventCode.MISADDRESSED, EventCode.GLASS_BROKEN)
)
_COMPANIONS: Final = {Family.STAY: ("Encounter",)}  # a report tells its stay by it
_MANY: Final = frozenset(("RelatedPerson", "Patient", "MessageHeader"))


def _one(parts: Resources, kind: str, known: list[JSON]) -> JSON | None:
    if kind not in _MANY:
        return the_only(parts, kind, known)
    return next(iter(candidates(parts, kind, known)), None)


def _referred(parts: Resources, focus: list[JSON]) -> list[JSON]:
    links = ((one, one.get(name)) for one in focus for name in ("focus", "encounter"))
    return [
        found
        for holder, reference in links
        if isinstance(reference, dict) and (found := parts.resolve(reference, holder))
    ]


# --- what they say


def _facts(draft: Draft) -> dict[str, Any]:
    told: dict[str, Any] = {}
    for kind, fields in SHAPES[draft.code].items():
        if resource := draft.cast.get(kind):
            told |= read_fields(draft.reading, fields, resource)
    if draft.code is EventCode.RELATIVE_REGISTERED:
        people = (relative(resource) for resource in draft.parts.of("RelatedPerson"))
        told["relatives"] = tuple(one for one in people if one) or None
    if draft.code in _NEEDED and draft.activity is not Activity.CANCEL:
        fact, text, path = _NEEDED[draft.code]
        if told.get(fact) is None:
            kind = RULES[draft.code].focus[0]
            draft.parts.fault("required", text, draft.cast.get(kind, draft.parts.header), path)
    if draft.code in _IDENTITY and draft.activity is not Activity.CANCEL and not any(told.values()):
        text = "Who else it is, or is not, needs link.other.identifier."
        draft.parts.fault("required", text, draft.cast.get("Patient", draft.parts.header), "link")
    return told


_IDENTITY: Final = frozenset((EventCode.IDENTITY_LINKED, EventCode.IDENTITY_UNLINKED))
_ROLE: Final = ("role", "Which coordinator it is about needs a code of ours.", "participant.role")
_KIND: Final = ("consent", "What it is about needs a code of ours.", "category")
_NEEDED: Final[Mapping[EventCode, tuple[str, str, str]]] = {
    EventCode.COORDINATOR_APPOINTED: _ROLE,
    EventCode.COORDINATOR_ABSENT: _ROLE,
    EventCode.COORDINATOR_HANDOVER_OFFERED: _ROLE,
    EventCode.COORDINATOR_HANDOVER_ACCEPTED: _ROLE,
    EventCode.CONSENT_GIVEN: _KIND,
    EventCode.OBJECTION_REGISTERED: _KIND,
}
"""By event: the fact that it says nothing without, what to say, and where it stands."""


# --- what brings them together


def _keys(draft: Draft, told: dict[str, Any]) -> set[Key]:
    family = RULES[draft.code].family
    if family in (Family.STAY, Family.EMERGENCY):
        return _stay_keys(draft, told)
    if family is Family.DEADLINE:
        return deadlines.keys(told.get("promise"))
    if family not in of.NUMBERED:
        return set()
    place = of.NUMBERED[family]
    ids = {*_told(told), *_named(draft, place.kind, place.name)}
    ids |= {one for kind, name in _ABOUT.get(place.kind, ()) for one in _logical(draft, kind, name)}
    return of.keys(place.rank, ids, draft.sender)


_ABOUT: Final = {
    "ServiceRequest": (("Task", "focus"),),
    "Appointment": (("AppointmentResponse", "appointment"),),
}
"""Resources beside a family's own that say which it is about."""


def _stay_keys(draft: Draft, told: dict[str, Any]) -> set[Key]:
    encounter = draft.cast.get("Encounter", {})
    ids = {
        *identifiers(encounter.get("identifier")),
        *_logical(draft, "Task", "focus"),
        *_logical(draft, "Task", "encounter"),
        *_logical(draft, "Composition", "encounter"),
    }
    named = of.stay(ids, _named(draft, "Encounter", "episodeOfCare"), draft.sender)
    start = of.start(_begins(draft, told), draft.sender, draft.reading.zone)
    return named | start if RULES[draft.code].report else named or start


def _begins(draft: Draft, told: dict[str, Any]) -> Any:
    if RULES[draft.code].facts is StayFacts:
        return told.get("begins")
    encounter = draft.cast.get("Encounter")
    begins = SHAPES[EventCode.ADMISSION]["Encounter"]
    return read_fields(draft.reading, begins, encounter).get("begins") if encounter else None


def _told(told: dict[str, Any]) -> tuple[Identifier, ...]:
    return told.get("identifiers") or ()


def _logical(draft: Draft, kind: str, name: str) -> tuple[Identifier, ...]:
    """The identifier inside a Reference."""
    reference = draft.cast.get(kind, {}).get(name) or {}
    found = identifier(reference.get("identifier"))
    return (found,) if found else ()


def _named(draft: Draft, kind: str, name: str) -> tuple[Identifier, ...]:
    """The identifiers that a list of References names, inside them or in what they refer to."""
    resource = draft.cast.get(kind, {})
    references = resource.get(name) or []
    found: tuple[Identifier, ...] | None = REFERENCES.read(
        draft.reading, references, Place(resource, name)
    )
    return found or ()


DIALECT: Final = Dialect(
    name="carepath",
    system=PATHWAY_EVENT,
    read=message,
    times=Times(
        written=(RECORDED, TIMESTAMP),
        happened={code: (*OCCURRED, *OF_EVENT.get(code, ())) for code in EventCode},
    ),
    event=lambda message: str(message.code),
)
