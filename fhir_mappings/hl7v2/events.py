"""Which event a trigger is, and where *happened* comes from: one row for each (HL7 chapters 3, 7 and 11).

A08 tells a stay anew, so it revises the admission; without PV1-44 it would move the stay to now, and is refused. A
death has no trigger of its own: it is told by the discharge, or by an update that comes after it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from fhir_mappings.hl7v2.segments import Content
from pathways.events import Activity, EventCode

Place: TypeAlias = tuple[str, int]
"""A field: segment and number."""

_OCCURRED: Final[tuple[Place, ...]] = (("EVN", 6), ("EVN", 2))
_ADMITTED: Final[Place] = ("PV1", 44)
_DISCHARGED: Final[Place] = ("PV1", 45)
_DIED: Final[Place] = ("PID", 29)
_REFERRED: Final[Place] = ("RF1", 9)
_REPORTED: Final[tuple[Place, ...]] = (("OBR", 22), ("OBR", 7))


@dataclass(frozen=True, slots=True)
class Event:
    """``happened``: the first of these fields that says anything; else when the message was written."""

    code: EventCode
    activity: Activity = Activity.NEW
    happened: tuple[Place, ...] = _OCCURRED


EVENTS: Final[Mapping[str, Mapping[str, Event]]] = {
    "ADT": {
        "A01": Event(EventCode.ADMISSION, happened=(_ADMITTED, *_OCCURRED)),
        "A02": Event(EventCode.TRANSFER),
        "A03": Event(EventCode.DISCHARGE, happened=(_DISCHARGED, *_OCCURRED)),
        "A04": Event(EventCode.ADMISSION, happened=(_ADMITTED, *_OCCURRED)),
        "A08": Event(EventCode.ADMISSION, Activity.REVISE, (_ADMITTED,)),
        "A11": Event(EventCode.ADMISSION, Activity.CANCEL),
        "A12": Event(EventCode.TRANSFER, Activity.CANCEL),
        "A13": Event(EventCode.DISCHARGE, Activity.CANCEL),
        "A16": Event(EventCode.DISCHARGE_READY),
        "A21": Event(EventCode.LEAVE_START),
        "A22": Event(EventCode.LEAVE_END),
        "A25": Event(EventCode.DISCHARGE_READY_WITHDRAWN),
        "A40": Event(EventCode.IDENTITY_LINKED),
    },
    "REF": {
        "I12": Event(EventCode.REFERRAL, happened=(_REFERRED,)),
        "I13": Event(EventCode.REFERRAL, Activity.REVISE, (_REFERRED,)),
        "I14": Event(EventCode.REFERRAL_WITHDRAWN, happened=()),
        "I15": Event(EventCode.INQUIRY, happened=()),
    },
    "ORU": {"R01": Event(EventCode.DISCHARGE_REPORT, happened=_REPORTED)},
}
"""By MSH-9: type, then trigger."""

_DEATH: Final = Event(EventCode.DEATH, happened=(_DIED, _DISCHARGED, *_OCCURRED))
_TELLS_DEATH: Final = frozenset(("A03", "A08"))
_EXPIRED: Final = frozenset(("20", "40", "41", "42"))
"""PV1-36 (table 0112): died in care, at home, in a facility, elsewhere."""
_RESULTS: Final[Mapping[str, Activity]] = {
    **dict.fromkeys(("C", "W"), Activity.REVISE),
    **dict.fromkeys(("X", "D"), Activity.CANCEL),
}
"""OBR-25 and OBX-11 (tables 0123 and 0085): corrected, or taken back."""


def event(content: Content, kind: str, trigger: str) -> Event | None:
    """What happened; ``None`` when the type or its trigger is none that is taken."""
    found = EVENTS.get(kind, {}).get(trigger)
    if found is None:
        return None
    if trigger in _TELLS_DEATH and is_death(content):
        return replace(_DEATH, activity=found.activity)
    if kind == "ORU":
        return Event(found.code, _activity(content), found.happened)
    return found


def is_death(content: Content) -> bool:
    """Whether it says that the patient has died."""
    pid, pv1 = content.first("PID"), content.first("PV1")
    told = pid.at(30) == "Y" or (pid.at(29) is not None and pid.at(30) != "N")
    return told or pv1.at(36) in _EXPIRED


def _activity(content: Content) -> Activity:
    """What the report does: as the order's result status says, else that of its first part."""
    status = content.first("OBR").at(25) or content.first("OBX").at(11) or ""
    return _RESULTS.get(status, Activity.NEW)
