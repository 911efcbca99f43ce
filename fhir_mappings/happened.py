"""Where *happened* and *written* come from: the one table, per dialect and event.

In our own profile the Provenance says both. MedCom's ``occurredDateTime`` is the time of writing: what
happened, happened at the Encounter's own times. Da Vinci has no Provenance, only the Encounter and the Bundle's
time stamp. Expected dates are never *happened*. Where nothing is said, *happened* is *written*, and *written*
is when the message was received.
"""

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Final, TypeAlias

from fhir_mappings import times
from fhir_mappings.bundle import JSON, Resources
from fhir_mappings.codes import MEDCOM_LEAVE_PERIOD
from fhir_mappings.elements import At, Extension, Slot
from fhir_mappings.periods import Bound
from pathways.events import RULES, EventCode, Family
from pathways.moments import Moment

Cast: TypeAlias = Mapping[str, JSON]
"""The resources that play a part in the event, by FHIR type; ``Bundle`` is the envelope."""

_Source: TypeAlias = tuple[str, Slot]

_OCCURRED: Final[tuple[_Source, ...]] = (
    ("Provenance", At("occurredDateTime")),
    ("Provenance", At("occurredPeriod", "start")),
)
_RECORDED: Final[_Source] = ("Provenance", At("recorded"))
_TIMESTAMP: Final[_Source] = ("Bundle", At("timestamp"))
_START: Final[_Source] = ("Encounter", Bound("start"))
_END: Final[_Source] = ("Encounter", Bound("end"))
_DECEASED: Final[_Source] = ("Patient", At("deceasedDateTime"))
_SENT: Final[_Source] = ("Communication", At("sent"))
_ORDERED: Final[_Source] = ("ServiceRequest", At("authoredOn"))
_WRITTEN: Final[_Source] = ("Task", At("authoredOn"))
_STATED: Final[_Source] = ("Consent", At("dateTime"))
_DATED: Final[_Source] = ("Composition", At("date"))

_OF_EVENT: Final[Mapping[EventCode, tuple[_Source, ...]]] = {
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
_OF_LEAVE: Final[Mapping[EventCode, tuple[_Source, ...]]] = {
    EventCode.LEAVE_START: (("Encounter", Extension(MEDCOM_LEAVE_PERIOD, "valuePeriod", "start")),),
    EventCode.LEAVE_END: (("Encounter", Extension(MEDCOM_LEAVE_PERIOD, "valuePeriod", "end")),),
}

HAPPENED: Final[Mapping[str, Mapping[EventCode, tuple[_Source, ...]]]] = {
    "carepath": {code: (*_OCCURRED, *_OF_EVENT.get(code, ())) for code in EventCode},
    "medcom": {code: ({**_OF_EVENT, **_OF_LEAVE}).get(code, ()) for code in EventCode},
    "davinci": {code: _OF_EVENT.get(code, ()) for code in EventCode},
}
WRITTEN: Final[Mapping[str, tuple[_Source, ...]]] = {
    "carepath": (_RECORDED, _TIMESTAMP),
    "medcom": (*_OCCURRED, _RECORDED, _TIMESTAMP),
    "davinci": (_TIMESTAMP,),
}


def written(parts: Resources, dialect: str, cast: Cast, received: datetime) -> datetime:
    """When the message was written: the first of the dialect's sources that names an instant, else ``received``."""
    for kind, slot in WRITTEN[dialect]:
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
    parts: Resources, dialect: str, code: EventCode, cast: Cast, written: datetime, zone: tzinfo
) -> Moment:
    """When the event happened: the first of its sources that says anything, else ``written``."""
    for kind, slot in HAPPENED[dialect][code]:
        resource = cast.get(kind)
        for text in slot.find(resource) if resource else ():
            try:
                return times.moment(text, written, zone)
            except times.Unreadable as wrong:
                parts.fault("value", f"The value {wrong}.", cast[kind], slot.path)
    return Moment(written)
