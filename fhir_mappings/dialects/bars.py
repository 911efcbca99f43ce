"""NHS England's Booking and Referral Standard (BaRS) in: referrals, bookings, and what came of them.

Three things together say what a message means: its event, its reason, and the status of what it is about
("workflow variables"); a combination that BaRS does not know is refused. A referral is known by its
ServiceRequest's own ids and its ``fullUrl``, which an update and a response repeat; a response names its request by
Bundle.id, too. Sources: NHSDigital/booking-and-referral-fhir-api; the BaRS guide's pages *MessageHeader*,
*Failure scenarios* and *Transactional integrity* (simplifier.net/guide/nhsbookingandreferralstandard).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias
from uuid import UUID

from fhir_mappings import formats
from fhir_mappings import keys as of
from fhir_mappings.bundle import JSON, Resources, identifiers, last_segment
from fhir_mappings.codes import BARS_ERROR, BARS_EVENT, BARS_REASON, URI
from fhir_mappings.dialects import common
from fhir_mappings.dialects.dialect import Dialect, Told
from fhir_mappings.dialects.focus import focus, the_only
from fhir_mappings.elements import MOMENT, At, Place, codes
from fhir_mappings.happened import OF_EVENT, TIMESTAMP, Times
from fhir_mappings.identifiers import canonical
from fhir_mappings.options import Options
from fhir_mappings.outcome import outcome
from fhir_mappings.parties import author, party
from fhir_mappings.periods import Bound
from pathways.events import Activity, EventCode
from pathways.facts import ReferralFacts
from pathways.messages import KeyRank, Message
from pathways.parties import Identifier, PartyRef
from pathways.refusals import Issue, Refusal

Step: TypeAlias = tuple[EventCode, Activity]

_REFERRED: Final = (EventCode.REFERRAL, Activity.NEW)
_CHANGED: Final = (EventCode.REFERRAL, Activity.REVISE)
_ERASED: Final = (EventCode.REFERRAL, Activity.CANCEL)
_WITHDRAWN: Final = (EventCode.REFERRAL_WITHDRAWN, Activity.NEW)
_RECEIVED: Final = (EventCode.REFERRAL_RECEIVED, Activity.NEW)
_ACCEPTED: Final = (EventCode.REFERRAL_ACCEPTED, Activity.NEW)
_REJECTED: Final = (EventCode.REFERRAL_REJECTED, Activity.NEW)
_COMPLETED: Final = (EventCode.REFERRAL_COMPLETED, Activity.NEW)
_BOOKED: Final = (EventCode.REFERRAL_SCHEDULED, Activity.NEW)
_MOVED: Final = (EventCode.REFERRAL_SCHEDULED, Activity.REVISE)
_UNBOOKED: Final = (EventCode.REFERRAL_SCHEDULED, Activity.CANCEL)

_ANSWERED: Final[Mapping[str, Step]] = {
    "planned": _RECEIVED,
    "arrived": _ACCEPTED,
    "triaged": _ACCEPTED,
    "in-progress": _ACCEPTED,
    "onleave": _ACCEPTED,
    "finished": _COMPLETED,
    "cancelled": _REJECTED,
    "entered-in-error": _REJECTED,
}
"""By the status of the answering service's Encounter, while the ServiceRequest itself is still active."""

_CLOSED: Final[Mapping[str, Step]] = {
    "completed": _COMPLETED,
    "revoked": _REJECTED,
    "entered-in-error": _REJECTED,
}
_ATTENDED: Final[Mapping[str, Step]] = {
    "proposed": _RECEIVED,
    "pending": _RECEIVED,
    "waitlist": _RECEIVED,
    "booked": _BOOKED,
    "arrived": _ACCEPTED,
    "checked-in": _ACCEPTED,
    "fulfilled": _COMPLETED,
    "noshow": _REJECTED,
    "cancelled": _REJECTED,
    "entered-in-error": _REJECTED,
}
_WORKFLOWS: Final[Mapping[tuple[str, str], Mapping[str, Step]]] = {
    ("servicerequest-request", "new"): {"active": _REFERRED},
    ("servicerequest-request", "update"): {
        "active": _CHANGED,
        "on-hold": _CHANGED,
        "revoked": _WITHDRAWN,
        "entered-in-error": _ERASED,
    },
    ("servicerequest-request", "delete"): {
        "active": _ERASED,
        "revoked": _ERASED,
        "entered-in-error": _ERASED,
    },
    ("servicerequest-response", "new"): _CLOSED,
    ("servicerequest-response", "update"): _CLOSED,
    ("booking-request", "new"): {"booked": _BOOKED},
    ("booking-request", "update"): {
        "booked": _MOVED,
        "cancelled": _UNBOOKED,
        "entered-in-error": _UNBOOKED,
    },
    ("booking-request", "delete"): {
        "booked": _UNBOOKED,
        "cancelled": _UNBOOKED,
        "entered-in-error": _UNBOOKED,
    },
    ("booking-response", "new"): _ATTENDED,
    ("booking-response", "update"): _ATTENDED,
}
"""By event and reason: what each status of the ServiceRequest, or of the Appointment, means."""

_EVENTS: Final = frozenset(event for event, _ in _WORKFLOWS)
_REASONS: Final = frozenset(reason for _, reason in _WORKFLOWS)


def message(parts: Resources, options: Options, source: bytes) -> Message | Refusal:
    """A Bundle of BaRS as a message."""
    event = parts.header["eventCoding"].get("code", "")
    if event not in _EVENTS:
        return common.unknown_event(parts)
    cast = _cast(parts, event)
    code, activity = _step(parts, event, cast)
    draft = common.begin(
        parts,
        options,
        dialect=DIALECT,
        code=code,
        activity=activity,
        target=_answered(parts, event),
        cast=cast,
    )
    draft = replace(draft, sender=_addressed(draft.sender))
    facts = _facts(draft, answers=event.endswith("-response"))
    keys = of.keys(KeyRank.REFERRAL, facts.identifiers or (), draft.sender)
    found = common.finish(draft, facts, keys, source)
    return found if isinstance(found, Refusal) else _by_whom(found, draft)


def _by_whom(found: Message, draft: common.Draft) -> Message:
    """The requester is the person behind a request; receivers are known by the service that is addressed."""
    request = draft.cast.get("ServiceRequest", {})
    asks = found.code is EventCode.REFERRAL
    person = author(draft.parts, request.get("requester")) if asks else None
    to = tuple(replace(one, party=_addressed(one.party)) for one in found.destinations)
    return replace(found, author=person or found.author, destinations=to)


def _addressed(named: PartyRef) -> PartyRef:
    """Addresses in BaRS are identifiers of services, ``system|value``."""
    system, bar, value = (named.endpoint or "").rpartition("|")
    if not bar:
        return named
    service = Identifier(canonical(system), value)
    return PartyRef(tuple(dict.fromkeys((*named.identifiers, service))), named.name)


# --- what it is about


def _cast(parts: Resources, event: str) -> dict[str, JSON]:
    """The resources that play a part, by type: those in focus first."""
    named = focus(parts)
    booking = event.startswith("booking")
    about = "Appointment" if booking else "ServiceRequest"
    found = {kind: the_only(parts, kind, named) for kind in (about, "ServiceRequest")}
    found["Patient"] = common.the_patient(parts)
    if event == "servicerequest-response":
        found["Encounter"] = next((one for one in named if _is(one, "Encounter")), None)
    if found[about] is None:
        text = f"The message has no {about}."
        parts.fault("required", text, parts.header, "focus")
    return {kind: resource for kind, resource in found.items() if resource}


def _is(resource: JSON, kind: str) -> bool:
    return bool(resource["resourceType"] == kind)


def _step(parts: Resources, event: str, cast: Mapping[str, JSON]) -> Step:
    """What event, reason and status mean together; a faulty message is refused, whatever stands here then."""
    told = [code for code in codes(parts.header.get("reason"), BARS_REASON) if code in _REASONS]
    if len(told) != 1:
        text = "The reason needs one known code: new, update or delete."
        parts.fault("code-invalid", text, parts.header, "reason")
        return _REFERRED
    about = cast.get("Appointment") or cast.get("ServiceRequest")
    if about is None:
        return _REFERRED
    found = _WORKFLOWS.get((event, told[0]), {}).get(about.get("status", ""))
    if event == "servicerequest-response" and found is None and about.get("status") == "active":
        found = _ANSWERED.get(cast.get("Encounter", {}).get("status", ""))
    if found is None:
        text = f"A {event} with this reason and status is no known workflow."
        parts.fault("invariant", text, about, "status")
    return found or _REFERRED


def _answered(parts: Resources, event: str) -> str | None:
    """The Bundle.id of the request that a response answers."""
    if event != "servicerequest-response":
        return None
    response = parts.header.get("response")
    if response is None:
        text = "A response names its request's Bundle.id."
        parts.fault("invariant", text, parts.header, "response")
        return None
    return last_segment(response.get("identifier", "")) or None


# --- what it says


def _facts(draft: common.Draft, *, answers: bool) -> ReferralFacts:
    request, booking = draft.cast.get("ServiceRequest", {}), draft.cast.get("Appointment", {})
    known = ReferralFacts(
        identifiers=tuple(_numbers(draft)) or None,
        scheduled=_start(draft, booking) if draft.code is EventCode.REFERRAL_SCHEDULED else None,
    )
    if answers:
        return _outcome(draft, known)
    if draft.code is EventCode.REFERRAL_SCHEDULED:
        return replace(known, note=booking.get("description"))
    reason, reason_code = _concept(request.get("reasonCode"))
    titles = (_concept(one)[0] for one in (request.get("code"), *request.get("category", ())))
    return replace(
        known,
        title=next((title for title in titles if title), None),
        priority=request.get("priority"),
        reason=reason,
        reason_code=reason_code,
        requester=party(draft.parts, request.get("requester"), request),
        performer=_performer(draft.parts, request),
        note=_assessed(draft.parts, None),
    )


def _outcome(draft: common.Draft, known: ReferralFacts) -> ReferralFacts:
    """What came of it: why not, in the Encounter or the Appointment; else what was found."""
    encounter, booking = draft.cast.get("Encounter", {}), draft.cast.get("Appointment", {})
    why = encounter.get("reasonCode") or booking.get("cancelationReason")
    reason, reason_code = _concept(why)
    if draft.code is EventCode.REFERRAL_REJECTED:
        return replace(known, reason=reason, reason_code=reason_code or booking.get("status"))
    said = _assessed(draft.parts, encounter or None)
    if draft.code is EventCode.REFERRAL_COMPLETED:
        return replace(known, report=said)
    return replace(known, note=said)


def _numbers(draft: common.Draft) -> Iterator[Identifier]:
    """By what the matter is known: of the referral, else of the booking that has none."""
    parts, booking = draft.parts, draft.cast.get("Appointment")
    about = draft.cast.get("ServiceRequest")
    if about:
        yield from identifiers(about.get("identifier"))
        yield from _ids(parts.url_of(about), about.get("id"))
    if booking:
        yield from _ids(*(one.get("reference") for one in booking.get("basedOn", ())))
    if booking and not (about or booking.get("basedOn")):
        yield from identifiers(booking.get("identifier"))
        yield from _ids(parts.url_of(booking), booking.get("id"))


def _ids(*named: str | None) -> Iterator[Identifier]:
    """The UUIDs among ids and references, as URIs."""
    for one in dict.fromkeys(last_segment(name) for name in named if name):
        try:
            yield Identifier(URI, UUID(one).urn)
        except ValueError:
            continue


def _start(draft: common.Draft, booking: JSON) -> Any:
    start = booking.get("start")
    return MOMENT.read(draft.reading, start, Place(booking, "start")) if start else None


def _performer(parts: Resources, request: JSON) -> PartyRef | None:
    """The service that is asked, known by its own identifier and by its provider's."""
    for reference in request.get("performer", ()):
        provider = party(parts, reference, request)
        resource = parts.resolve(reference, request) or {}
        own = identifiers(resource.get("identifier")) if _is_service(resource) else ()
        if own or provider:
            ids = (*own, *(provider.identifiers if provider else ()))
            return PartyRef(ids, resource.get("name") or (provider.name if provider else None))
    return None


def _is_service(resource: JSON) -> bool:
    return resource.get("resourceType") == "HealthcareService"


def _assessed(parts: Resources, encounter: JSON | None) -> str | None:
    """The outcome of the assessment, a line for each: what CarePlans say; of ``encounter`` only, where it has any."""
    plans = parts.of("CarePlan")
    own = [one for one in plans if encounter and parts.resolve(one.get("encounter")) is encounter]
    lines = [
        " ".join(filter(None, (code, text)))
        for plan in own or plans
        for activity in plan.get("activity", ())
        for outcome_ in activity.get("outcomeCodeableConcept", ())
        for text, code in (_concept(outcome_),)
    ]
    return "\n".join(lines) or None


def _concept(concepts: list[JSON] | JSON | None) -> tuple[str | None, str | None]:
    """What the first CodeableConcept says in words, and its code."""
    listed = [concepts] if isinstance(concepts, dict) else concepts or [{}]
    coding: JSON = next(iter(listed[0].get("coding", ())), {})
    return listed[0].get("text") or coding.get("display"), coding.get("code")


# --- how BaRS answers

_ERRORS: Final[Mapping[int, str]] = {
    400: "REC_BAD_REQUEST",
    403: "REC_FORBIDDEN",
    404: "REC_NOT_FOUND",
    409: "REC_CONFLICT",
    422: "REC_UNPROCESSABLE_ENTITY",
    500: "REC_SERVER_ERROR",
    503: "REC_UNAVAILABLE",
}


def answer(told: Told) -> tuple[int, JSON]:
    """A refusal or a repeat as the guide's *Failure scenarios* say it.

    409 with ``duplicate`` means to a sender that its message has arrived, so nothing else may bear both: what is no
    repeat is a ``conflict``. What is no message by BaRS's rules is 400.
    """
    if told.repeat is not None:
        text = f"This message was received and processed before. Reference: {told.repeat}"
        return 409, _worded(409, (Issue("duplicate", text, "Bundle.id"),))
    status = 400 if told.unread and told.status < 500 else told.status
    issues = (
        [replace(one, code="conflict") for one in told.issues] if status == 409 else told.issues
    )
    return status, _worded(status, issues)


def _worded(status: int, issues: Any) -> JSON:
    made = outcome(issues)
    error = {"system": BARS_ERROR, "code": _ERRORS.get(status, _ERRORS[400])}
    for issue in made["issue"]:
        details = issue["details"]
        issue["details"] = details | {"coding": [error, *details.get("coding", ())]}
        issue["diagnostics"] = details["text"]
    return made


def _event(request: Message) -> str:
    """The event that the request bears: several give the same event of ours."""
    bundle = formats.parse(request.source)
    return (
        "" if isinstance(bundle, Refusal) else str(Resources(bundle).header["eventCoding"]["code"])
    )


DIALECT: Final = Dialect(
    name="bars",
    system=BARS_EVENT,
    read=message,
    times=Times(
        # Bundle.timestamp is the same in a request and its response in BaRS's own examples.
        written=(("MessageHeader", At("meta", "lastUpdated")), TIMESTAMP),
        happened={
            EventCode.REFERRAL: OF_EVENT[EventCode.REFERRAL],
            EventCode.REFERRAL_SCHEDULED: (("Appointment", At("created")),),
            EventCode.REFERRAL_COMPLETED: (("Encounter", Bound("end")),),
        },
    ),
    event=_event,
    id_in="Bundle",  # a response quotes it; the MessageHeader of a request has no id
    answer=answer,
)
