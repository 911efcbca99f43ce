"""A municipality is reached by function: which of its units a message to it as a whole is for."""

from collections.abc import Mapping
from datetime import datetime

from pathways.events import EventCode
from pathways.facts import StayKind
from pathways.parties import Directory, Function, Kind, Party

_C = EventCode

DOORS: Mapping[EventCode, Function] = {
    _C.ADMISSION: Function.NURSING,
    _C.TRANSFER: Function.NURSING,
    _C.LEAVE_START: Function.NURSING,
    _C.LEAVE_END: Function.NURSING,
    _C.DEPARTURE_PLANNED: Function.NURSING,
    _C.DISCHARGE: Function.NURSING,
    _C.DISCHARGE_REPORT: Function.NURSING,
    _C.DOCTOR_REPORT: Function.DOCTOR,
    _C.MEDICATION_LIST: Function.NURSING,
    _C.EMERGENCY_CONTACT: Function.ON_DUTY,
    _C.HOSPITAL_CHOICE: Function.ON_DUTY,
    _C.COORDINATION_NEED: Function.KE,
    _C.COORDINATOR_APPOINTED: Function.KE,
    _C.COORDINATOR_ABSENT: Function.KE,
    _C.COORDINATOR_HANDOVER_OFFERED: Function.KE,
    _C.COORDINATOR_HANDOVER_ACCEPTED: Function.KE,
    _C.COORDINATOR_CHANGE_REQUESTED: Function.KE,
    _C.CARER_UNAVAILABLE: Function.ON_DUTY,
}
"""The unit that answers for an event in a municipality addressed as a whole (case-office for all others)."""


FOLLOWED_UP_BY: Mapping[StayKind | None, Function] = {
    StayKind.MENTAL_HEALTH: Function.MENTAL_HEALTH,
    StayKind.REHAB: Function.REHAB,
}
"""Stays that another unit of the municipality than home nursing takes over from."""


def door(
    directory: Directory, key: str, code: EventCode, at: datetime, kind: StayKind | None = None
) -> str:
    """Who answers for an event at a party: of a municipality as a whole the unit, else the party itself.

    ``kind``: of the stay, by which home nursing's part may be another unit's.
    """
    party = directory.parties.get(key)
    if party is None or party.kind is not Kind.MUNICIPALITY or party.function is not None:
        return key
    function = DOORS.get(code, Function.CASE_OFFICE)
    if function is Function.NURSING:
        function = FOLLOWED_UP_BY.get(kind, function)
    return directory.unit(party, function, at).key


def ke_of(directory: Directory, municipality: str, at: datetime) -> Party | None:
    """The coordinating unit of a municipality, for messages that reached nobody."""
    owner = directory.municipality(municipality, at)
    if owner is None or owner.kind is not Kind.MUNICIPALITY:
        return None
    return directory.unit(owner, Function.KE, at)
