"""MSH: what a message is, who sends it to whom, and whether it is one that is understood (HL7 2.9 to 2.14)."""

from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Final

from fhir_mappings.codes import BROKER_NAME
from fhir_mappings.hl7v2 import datatypes, times
from fhir_mappings.hl7v2.segments import Content, Segment
from fhir_mappings.hl7v2.times import Clock
from fhir_mappings.identifiers import check_organisation
from fhir_mappings.keys import scope
from fhir_mappings.options import Options
from fhir_mappings.times import Unreadable
from pathways.messages import Destination, stable_id
from pathways.parties import PartyRef
from pathways.refusals import Reason

VERSIONS: Final = frozenset(
    ("2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8", "2.8.1", "2.8.2")
)
_DAY: Final = len("YYYYMMDD")  # says nothing of the time that it was written
_PROCESSING: Final = {"P": False, "T": True, "D": True}
"""MSH-11 (table 0103): production, training, debugging; whether it is a test."""


@dataclass(frozen=True, slots=True)
class Header:
    """``kind`` and ``trigger`` as MSH-9 has them, ``written`` in UTC."""

    kind: str
    trigger: str
    control_id: str | None
    sender: PartyRef
    destinations: tuple[Destination, ...]
    test: bool
    clock: Clock

    @property
    def written(self) -> datetime:
        """When the message was made."""
        return self.clock.written

    def message_id(self, stamp: str | None) -> str:
        """Unique among all senders. Their MSH-10 may begin anew each day: it counts with the day of MSH-7."""
        day = (stamp or "")[:_DAY]
        return stable_id("hl7v2", scope(self.sender), day, self.control_id or "")


def read(content: Content, options: Options) -> Header:
    """The header; what is wrong with it is noted in ``content``."""
    msh = content.first("MSH")
    kind, trigger = msh.at(9, 1) or "", msh.at(9, 2) or content.first("EVN").at(1) or ""
    _check_understood(content, msh)
    if (event := content.first("EVN").at(1)) and event != trigger:
        content.fault("invariant", "EVN-1 is not the event of MSH-9", "EVN-1")
    control_id = msh.at(10)
    if control_id is None:
        content.fault("required", "the message has no id", "MSH-10")
    sender = _party(msh, 3)
    if sender is None:
        content.fault("required", "the message names no sender", "MSH-4")
    elif wrong := check_organisation(_listed(sender), "MSH"):
        content.fault(wrong.code, wrong.text, "MSH-4")
    own = sender or PartyRef()
    clock = _clock(content, msh, options)
    test = _PROCESSING.get(msh.at(11) or "", False)
    return Header(kind, trigger, control_id, own, _destinations(msh, own), test, clock)


def _check_understood(content: Content, msh: Segment) -> None:
    """What a receiver looks at before anything else; it rejects what it does not understand."""
    if (msh.at(12) or "") not in VERSIONS:
        text = "this version is not understood: 2.3 to 2.8 are"
        content.fault("not-supported", text, "MSH-12", Reason.UNKNOWN_EVENT)
    if (msh.at(11) or "") not in _PROCESSING:
        text = "the processing id is P, T or D"
        content.fault("code-invalid", text, "MSH-11", Reason.UNKNOWN_EVENT)


def _clock(content: Content, msh: Segment, options: Options) -> Clock:
    """Written: MSH-7, else EVN-2, else when it was received."""
    zone: tzinfo = options.zone
    for segment, number in ((msh, 7), (content.first("EVN"), 2)):
        stamp = segment.at(number)
        if stamp is None or len(stamp) <= _DAY:
            continue
        try:
            zone = times.zone_of(stamp, options.zone) if segment is msh else zone
            return Clock(zone, times.instant(stamp, zone))
        except Unreadable as wrong:
            content.fault("value", f"The value {wrong}.", segment.where(number))
    return Clock(zone, options.received)


# --- who


def _party(msh: Segment, application: int) -> PartyRef | None:
    """The facility in the field after ``application``; where there is none, the application itself."""
    for number in (application + 1, application):
        value = msh.value(number)
        if found := datatypes.facility(value.at(1), value.at(2), value.at(3)):
            return found
    return None


def _destinations(msh: Segment, sender: PartyRef) -> tuple[Destination, ...]:
    """MSH-6. The broker itself is no receiver, and neither is the sender: then the rules alone decide."""
    named = {(msh.at(number) or "").lower() for number in (5, 6)}
    value = msh.value(6)
    receiver = datatypes.facility(value.at(1), value.at(2), value.at(3))
    if receiver is None or receiver == sender or BROKER_NAME in named:
        return ()
    return (Destination(receiver),)


def _listed(party: PartyRef) -> list[dict[str, str]]:
    return [{"system": one.system, "value": one.value} for one in party.identifiers]
