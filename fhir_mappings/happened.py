"""Where *happened* and *written* come from: each dialect says where it looks (``Times``).

Expected dates are never *happened*. Where nothing is said, *happened* is *written*, and *written* is when the
message was received.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final, TypeAlias

from fhir_mappings import times
from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.elements import At, Slot
from fhir_mappings.periods import Bound
from pathways.events import RULES, EventCode, Family
from pathways.moments import Moment

Cast: TypeAlias = Mapping[str, JSON]
"""The resources that play a part in the event, by FHIR type; ``Bundle`` is the envelope."""

Source: TypeAlias = tuple[str, Slot]
"""A resource that plays a part, by its type, and where in it a time stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Where a dialect's messages say when: the first source that says anything counts."""

    written: tuple[Source, ...]
    happened: Mapping[EventCode, tuple[Source, ...]]


OCCURRED: Final[tuple[Source, ...]] = (
    ("Provenance", At("occurredDateTime")),
    ("Provenance", At("occurredPeriod", "start")),
)
RECORDED: Final[Source] = ("Provenance", At("recorded"))
TIMESTAMP: Final[Source] = ("Bundle", At("timestamp"))
_START: Final[Source] = ("Encounter", Bound("start"))
_END: Final[Source] = ("Encounter", Bound("end"))
_DECEASED: Final[Source] = ("Patient", At("deceasedDateTime"))
_SENT: Final[Source] = ("Communication", At("sent"))
_ORDERED: Final[Source] = ("ServiceRequest", At("authoredOn"))
_WRITTEN: Final[Source] = ("Task", At("authoredOn"))
_STATED: Final[Source] = ("Consent", At("dateTime"))
_DATED: Final[Source] = ("Composition", At("date"))

OF_EVENT: Final[Mapping[EventCode, tuple[Source, ...]]] = {
    EventCode.ADMISSION: (_START,),
    EventCode.EMERGENCY_CONTACT: (_START,),
    EventCode.DISCHARGE: (_END,),
    EventCode.DEATH: (_DECEASED, _END),
    EventCode.REFERRAL: (_ORDERED,),
    EventCode.HOSPITAL_CHOICE: (_ORDERED,),
    EventCode.COURSE_STARTED: (("EpisodeOfCare", Bound("start")),),
    EventCode.COURSE_ENDED: (("EpisodeOfCare", Bound("end")),),
    **{code: (_WRITTEN,) for code, rule in RULES.items() if rule.family is Family.APPLICATION},
    EventCode.COORDINATION_NEED: (_WRITTEN,),
    **{code: (_STATED,) for code, rule in RULES.items() if rule.family is Family.CONSENT},
    EventCode.PERSON_SHEET: (_DATED,),
    EventCode.SERVICE_OVERVIEW: (_DATED,),
    **{code: (_DATED,) for code, rule in RULES.items() if rule.report},
    **{code: (_SENT,) for code, rule in RULES.items() if rule.family is Family.INQUIRY},
    EventCode.CARER_UNAVAILABLE: (_WRITTEN, _SENT),
}
"""Where a resource itself tells when an event happened, in any dialect."""


def written(parts: Resources, times_: Times, cast: Cast, received: datetime) -> datetime:
    """When the message was written: the first source that names an instant, else ``received``."""
    for kind, slot in times_.written:
        resource = cast.get(kind)
        for text in slot.find(resource) if resource else ():
            if "T" not in text:
                continue  # a date cannot say when something was written
            try:
                return times.instant(text)
            except times.Unreadable as wrong:
                parts.fault("value", f"The value {wrong}.", cast[kind], slot.path)
    return received


def happened(
    parts: Resources, sources: Iterable[Source], cast: Cast, written: datetime, zone: tzinfo
) -> Moment:
    """When the event happened: the first of its sources that says anything, else ``written``."""
    for kind, slot in sources:
        resource = cast.get(kind)
        for text in slot.find(resource) if resource else ():
            try:
                return times.moment(text, written, zone)
            except times.Unreadable as wrong:
                parts.fault("value", f"The value {wrong}.", cast[kind], slot.path)
    return Moment(written)
