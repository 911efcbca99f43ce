"""What every dialect reads in the same way: the envelope around the event.

A dialect finds out which event it is and which resources play a part (``begin``), reads facts and keys, and
hands both to ``finish``. All faults on the way are gathered in ``parts``.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from fhir_mappings import happened, labels, languages, times
from fhir_mappings.bundle import JSON, Resources, identifiers, last_segment
from fhir_mappings.codes import (
    ACT_REASON,
    BROKER_NAME,
    DESTINATION_USE,
    MEDCOM_DESTINATION_USE,
    MUNICIPALITY_CODE,
    TEST,
    URBAN_DISTRICT,
)
from fhir_mappings.content import content_hash
from fhir_mappings.dialects.dialect import Dialect
from fhir_mappings.elements import Extension, Reading
from fhir_mappings.identifiers import check_organisation, check_patient
from fhir_mappings.options import Options
from fhir_mappings.parties import author, official, party
from pathways.events import Activity, EventCode
from pathways.facts import Facts, StayKind
from pathways.messages import Author, Destination, Key, Message, Patient
from pathways.parties import PartyRef
from pathways.refusals import Reason, Refusal, refuse

_COPY: Final = (
    Extension(DESTINATION_USE, "valueCode"),
    Extension(DESTINATION_USE, "valueCoding", "code"),
    Extension(MEDCOM_DESTINATION_USE, "valueCoding", "code"),
)
_NUMBER: Final = Extension(MUNICIPALITY_CODE, "valueCoding", "code")
_DISTRICT: Final = Extension(URBAN_DISTRICT, "valueCoding", "code")
KINDS: Final = {"EMER": StayKind.EMERGENCY_WARD, "IMP": StayKind.HOSPITAL}
"""What sort of stay an admission begins, by ``Encounter.class``, where a dialect says no more of it."""

_SUBJECTS: Final = ("subject", "patient", "for")


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message whose facts are still to be read; ``cast`` are the resources that play a part, by type."""

    parts: Resources
    options: Options
    dialect: Dialect
    code: EventCode
    activity: Activity
    target: str | None
    cast: Mapping[str, JSON]
    sender: PartyRef
    reading: Reading


def begin(  # noqa: PLR0913 — each is a field of the draft, given by name
    parts: Resources,
    options: Options,
    *,
    dialect: Dialect,
    code: EventCode,
    activity: Activity,
    target: str | None,
    cast: Mapping[str, JSON],
) -> Draft:
    """Read what facts depend on: who sends, and when it was written."""
    whole = {"Bundle": parts.bundle, "MessageHeader": parts.header, **cast}
    written = happened.written(parts, dialect.times, whole, options.received)
    return Draft(
        parts=parts,
        options=options,
        dialect=dialect,
        code=code,
        activity=activity,
        target=target,
        cast=whole,
        sender=sender(parts, options, whole.get("Provenance")),
        reading=Reading(parts, written, options.zone),
    )


def finish(draft: Draft, facts: Facts, keys: Iterable[Key], source: bytes) -> Message | Refusal:
    """The message, unless anything was wrong with it."""
    parts, reading = draft.parts, draft.reading
    sources = draft.dialect.times.happened.get(draft.code, ())
    when = happened.happened(parts, sources, draft.cast, reading.written, reading.zone)
    described = patient(parts) if "Patient" in draft.cast else None
    _check_identifiers(parts, draft.options)
    by_bundle = draft.dialect.id_in == "Bundle"
    message_id = parts.envelope if by_bundle else parts.message_id
    if message_id is None:
        holder = parts.bundle if by_bundle else parts.header
        parts.fault("required", "The message has no id.", holder, "id")
    if refused := parts.refusal():
        return refused
    return Message(
        id=message_id or "",
        format=draft.dialect.name,
        envelope=parts.envelope,
        content=content_hash(parts.bundle),
        code=draft.code,
        activity=draft.activity,
        target=draft.target,
        sender=draft.sender,
        author=writer(parts, draft.cast.get("Provenance")),
        happened=when,
        written=reading.written,
        destinations=destinations(parts, draft.options),
        patient=described,
        keys=tuple(sorted(set(keys))),
        facts=facts,
        markings=labels.markings(_labelled(draft)),
        test=is_test(parts),
        source=source,
    )


def _labelled(draft: Draft) -> Iterable[JSON]:
    """What may bear labels of the message: all but the person, whose labels are of the person."""
    return (one for kind, one in draft.cast.items() if kind != "Patient")


def unknown_event(parts: Resources) -> Refusal:
    """The event's code is none of its dialect's."""
    where = parts.where(parts.header, "eventCoding")
    return refuse(Reason.UNKNOWN_EVENT, "code-invalid", "The event code is not known.", where)


# --- who


def sender(parts: Resources, options: Options, provenance: JSON | None) -> PartyRef:
    """MessageHeader.sender; else the organisation the Provenance names; else the source's name and address."""
    header = parts.header
    source = header.get("source") or {}
    address = source.get("endpoint")
    endpoint = address if address and not is_own(address, options) else None
    named = party(parts, header.get("sender"), header) or _provenance_party(parts, provenance)
    if named:
        return PartyRef(named.identifiers, named.name, named.endpoint or endpoint)
    if endpoint or (source.get("name") or BROKER_NAME) != BROKER_NAME:
        return PartyRef(name=source.get("name"), endpoint=endpoint)
    parts.fault("required", "The message names no sender.", header, "sender")
    return PartyRef()


def _provenance_party(parts: Resources, provenance: JSON | None) -> PartyRef | None:
    for agent in provenance.get("agent", ()) if provenance else ():
        for reference in (agent.get("onBehalfOf"), agent.get("who")):
            resource = parts.resolve(reference, provenance)
            if resource and resource["resourceType"] == "Organization":
                return party(parts, reference, provenance)
    return None


def writer(parts: Resources, provenance: JSON | None) -> Author:
    """The person the Provenance names as its agent; else MessageHeader.author."""
    agents = provenance.get("agent", ()) if provenance else ()
    for reference in (*(agent.get("who") for agent in agents), parts.header.get("author")):
        if found := author(parts, reference):
            return found
    return Author()


def destinations(parts: Resources, options: Options) -> tuple[Destination, ...]:
    """The receivers that the sender named. The broker itself is none: then the rules alone decide."""
    found = (_destination(parts, options, one) for one in parts.header.get("destination", ()))
    return tuple(dict.fromkeys(one for one in found if one))


def _destination(parts: Resources, options: Options, element: JSON) -> Destination | None:
    receiver = party(parts, element.get("receiver"), parts.header) or PartyRef()
    address = element.get("endpoint")
    endpoint = address if address and not is_own(address, options) else None
    name = receiver.name or element.get("name")
    named = PartyRef(receiver.identifiers, name, endpoint or receiver.endpoint)
    if named == PartyRef() or _is_broker(named):
        return None
    copy = any("cc" in slot.find(element) for slot in _COPY)
    return Destination(named, copy)


def is_own(address: str, options: Options) -> bool:
    """Whether a URL is the broker's own FHIR address or lies under it."""
    return address == options.base_url or address.startswith(f"{options.base_url}/")


def _is_broker(named: PartyRef) -> bool:
    if named.identifiers or named.endpoint not in (None, BROKER_NAME):
        return any(one.value == BROKER_NAME for one in named.identifiers)
    return (named.name or BROKER_NAME).lower() == BROKER_NAME


# --- about whom


def the_patient(parts: Resources, *, needed: bool = True) -> JSON | None:
    """The one Patient of the Bundle. None (where needed) or two are refused; so is a resource about another."""
    patients = parts.of("Patient")
    if needed and not patients:
        parts.fault(
            "required", "The message has no Patient.", parts.bundle, "entry", reason=Reason.PATIENT
        )
    for other in patients[1:]:
        parts.fault("invariant", "The message has two Patients.", other, reason=Reason.PATIENT)
    if not patients:
        return None
    _check_subjects(parts, patients[0])
    return patients[0]


def _check_subjects(parts: Resources, one: JSON) -> None:
    own = None
    for resource in parts.all:
        for name in _SUBJECTS:
            reference = resource.get(name)
            if not isinstance(reference, dict) or parts.resolve(reference, resource) is one:
                continue
            own = own or frozenset(identifiers(one.get("identifier")))
            named = identifiers(reference.get("identifier"))
            if _names_patient(parts, reference, resource) or (named and own.isdisjoint(named)):
                text = "The resource is about another than the message's Patient."
                parts.fault("invariant", text, resource, name, reason=Reason.PATIENT)


def _names_patient(parts: Resources, reference: JSON, holder: JSON) -> bool:
    target = reference.get("reference")
    if not target:
        return False
    found = parts.resolve(reference, holder)
    if found:
        return bool(found["resourceType"] == "Patient")
    return "Patient" in (reference.get("type"), *target.split("/")) or target.startswith("urn:")


def patient(parts: Resources) -> Patient:
    """The Patient as the message describes them; a birth date without day is left out."""
    resource = parts.of("Patient")[0]
    ids = identifiers(resource.get("identifier"))
    if not ids:
        text = "The Patient has no identifier."
        parts.fault("required", text, resource, "identifier", reason=Reason.PATIENT)
    name = official(resource)
    address = _address(resource)
    doctors = resource.get("generalPractitioner", ())
    return Patient(
        identifiers=ids,
        family=name.get("family") or (None if name.get("given") else name.get("text")),
        given=tuple(given for given in name.get("given", ()) if given),
        birth_date=_birth_date(resource.get("birthDate")),
        gender=resource.get("gender"),
        municipality=_first(_NUMBER.find(address.get("_district") or {})),
        district=_first(_DISTRICT.find(address)),
        gp=party(parts, doctors[0], resource) if doctors else None,
        protection=labels.protection(resource),
        language=languages.language(resource),
        interpreter=languages.interpreter(resource),
    )


def _check_identifiers(parts: Resources, options: Options) -> None:
    """The check digits of the patient's numbers, of those linked to them, and of the organisations'."""
    for resource in parts.of("Patient"):
        listed = [(resource.get("identifier", ()), parts.where(resource))]
        for index, link in enumerate(resource.get("link", ())):
            linked = link.get("other", {}).get("identifier")
            listed.append(
                ((linked,) if linked else (), parts.where(resource, f"link[{index}].other"))
            )
        for ids, where in listed:
            wrong = check_patient(
                ids,
                where,
                accept_synthetic=options.accept_synthetic,
                year=options.received.year,
            )
            if wrong:
                parts.note(wrong, Reason.PATIENT)
    for resource in parts.of("Organization"):
        if wrong := check_organisation(resource.get("identifier", ()), parts.where(resource)):
            parts.note(wrong, Reason.INVALID)


def _address(resource: JSON) -> JSON:
    """The home address, else one that is not old; those that tell the municipality come first."""
    addresses: list[JSON] = [a for a in resource.get("address", ()) if a.get("use") != "old"]
    told = [a for a in addresses if _NUMBER.find(a.get("_district") or {})] or addresses
    home = [a for a in told if a.get("use", "home") == "home"]
    return next(iter(home or told), {})


def _birth_date(text: str | None) -> date | None:
    try:
        return times.day(text) if text else None
    except times.Unreadable:
        return None


def _first(values: list[str]) -> str | None:
    return values[0] if values else None


# --- what it does


def provenance(parts: Resources) -> JSON | None:
    """The Provenance whose target is this header; two that do not say the same are a fault."""
    found = parts.provenances()
    if not found:
        return None
    told = ("activity", "occurredDateTime", "occurredPeriod", "recorded", "entity")
    for other in found[1:]:
        for name in told:
            if other.get(name) != found[0].get(name):
                text = "Two Provenances of this message say different things."
                parts.fault("invariant", text, other, name)
    return found[0]


def activity(
    parts: Resources, found: JSON | None, system: str, known: Callable[[str], Activity]
) -> Activity:
    """What the message does; without a Provenance or activity it is new. ``known`` raises ``ValueError``.

    Senders name our codes under systems of their own, too: ``system`` counts more, but is not needed.
    """
    if not found or "activity" not in found:
        return Activity.NEW
    codings = found["activity"].get("coding", ())
    ours = [coding for coding in codings if coding.get("system") == system]
    try:
        readings = {known(coding["code"]) for coding in ours or codings if "code" in coding}
    except ValueError:
        readings = set()
    if len(readings) == 1:
        return readings.pop()
    text = f"The activity needs one known code, as of {system}."
    parts.fault("code-invalid", text, found, "activity")
    return Activity.NEW


def target(parts: Resources, found: JSON | None) -> str | None:
    """The id of the message that this one revises, cancels, forwards or answers."""
    named = dict.fromkeys(
        id_
        for entity in (found.get("entity", ()) if found else ())
        if (id_ := _message_named(entity.get("what") or {}))
    )
    if found and len(named) > 1:
        parts.fault("invariant", "The Provenance names two messages.", found, "entity")
    return next(iter(named), None)


def _message_named(what: JSON) -> str | None:
    reference = what.get("reference")
    if not reference:
        return (what.get("identifier") or {}).get("value")
    kind = reference.rpartition("/")[0].rpartition("/")[2]
    return last_segment(reference) if kind in ("", "MessageHeader") else None


def is_test(parts: Resources) -> bool:
    """Whether the Bundle or its header is marked as test data."""
    return any(
        tag.get("system") == ACT_REASON and tag.get("code") == TEST
        for marked in (parts.bundle, parts.header)
        for tag in marked.get("meta", {}).get("tag", ())
    )
