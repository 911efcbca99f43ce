"""What an event says: the stay of an ADT, the referral of a REF, the report of an ORU."""

from collections.abc import Callable, Mapping
from typing import Final

from fhir_mappings import codes
from fhir_mappings.hl7v2 import datatypes
from fhir_mappings.hl7v2.segments import Content, Segment
from fhir_mappings.hl7v2.times import Clock
from fhir_mappings.times import Unreadable
from pathways.events import EventCode
from pathways.facts import InquiryFacts, ReferralFacts, ReportFacts, StayFacts, StayKind
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef

CLASSES: Final[Mapping[str, str]] = {
    "I": "IMP",
    "B": "IMP",  # obstetrics
    "E": "EMER",
    "O": "AMB",
    "R": "AMB",  # comes again and again
    "P": "PRENC",
}
"""PV1-2 (table 0004) in v3-ActCode."""
KINDS: Final[Mapping[str, StayKind]] = {
    "I": StayKind.HOSPITAL,
    "B": StayKind.HOSPITAL,
    "E": StayKind.EMERGENCY_WARD,
}
PRIORITIES: Final[Mapping[str, str]] = {"S": "stat", "A": "asap", "R": "routine", "U": "urgent"}
"""RF1-2 (table 0280) in FHIR's request-priority."""
_ORGANISATIONS: Final[Mapping[str, str]] = {
    "ENH": codes.ORGANISATION_NUMBER,
    "HER": codes.HER_ID,
    "RSH": codes.RESH,
    "SOR": codes.SOR,
}
"""PRD-7 names the register of a number; the Norwegian codes are those of kodeverk 9051."""
STATUS_ASKED: Final = "referral-status"
"""The topic of the question how far a referral has come."""
_TEXTS: Final = frozenset(("TX", "FT", "ST"))


def moment(content: Content, clock: Clock, segment: Segment, number: int) -> Moment | None:
    """The time in a field; one that cannot be read is a fault."""
    stamp = segment.at(number)
    try:
        return clock.moment(stamp) if stamp else None
    except Unreadable as wrong:
        content.fault("value", f"The value {wrong}.", segment.where(number))
        return None


# --- a stay


def stay(content: Content, clock: Clock, code: EventCode) -> StayFacts:
    """PV1, PV2, PID-29 and notes. The end counts only when the stay has ended: some fill it in beforehand."""
    pv1, pv2, pid = content.first("PV1"), content.first("PV2"), content.first("PID")
    admitted = code is EventCode.ADMISSION
    ended = code in (EventCode.DISCHARGE, EventCode.DEATH)
    return StayFacts(
        encounter_class=CLASSES.get(pv1.at(2) or ""),
        stay_kind=KINDS.get(pv1.at(2) or "") if admitted else None,
        begins=moment(content, clock, pv1, 44),
        ends=moment(content, clock, pv1, 45) if ended else None,
        provider=datatypes.facility(pv1.at(3, 4, 1), pv1.at(3, 4, 2), pv1.at(3, 4, 3)),
        ward=pv1.at(3),
        expected_ready=moment(content, clock, pv2, 9) if admitted else None,
        disposition=datatypes.coded_text(pv1.value(36)) if ended else None,
        deceased=moment(content, clock, pid, 29) if code is EventCode.DEATH else None,
        identifiers=visit(content),
        note="\n".join(_notes(content)) or None,
    )


def visit(content: Content) -> tuple[Identifier, ...] | None:
    """PV1-19; where a system numbers accounts only, PID-18."""
    found = content.first("PV1").value(19), content.first("PID").value(18)
    named = (one for value in found if (one := datatypes.matter_id(value)))
    first = next(named, None)
    return (first,) if first else None


# --- a referral


def referral(content: Content, receiver: PartyRef | None) -> ReferralFacts:
    """RF1, the providers (PRD) and what is written in notes, diagnoses and observations."""
    rf1 = content.first("RF1")
    diagnoses = (datatypes.coded_text(one.value(3)) or one.at(4) for one in content.of("DG1"))
    reason = datatypes.coded_text(rf1.value(10)) or next(filter(None, diagnoses), None)
    return ReferralFacts(
        title=datatypes.coded_text(rf1.value(3)),
        priority=PRIORITIES.get(rf1.at(2) or ""),
        reason=reason,
        requester=provider(content, "RP"),
        performer=provider(content, "RT") or receiver,
        identifiers=referral_ids(content),
        note="\n".join((*_notes(content), *_lines(content))) or None,
    )


def status_asked(content: Content, receiver: PartyRef | None) -> InquiryFacts:
    """REF^I15: how far a referral has come."""
    return InquiryFacts(
        topic=STATUS_ASKED,
        text="\n".join(_notes(content)) or None,
        owner=provider(content, "RT") or receiver,
        identifiers=referral_ids(content),
    )


def referral_ids(content: Content) -> tuple[Identifier, ...] | None:
    """RF1-6, and RF1-11 of the other side."""
    rf1 = content.first("RF1")
    found = (datatypes.entity_id(rf1.value(number)) for number in (6, 11))
    return tuple(dict.fromkeys(one for one in found if one)) or None


def provider(content: Content, role: str) -> PartyRef | None:
    """The organisation of the provider (PRD) in this role: by its number, its name (2.7) or its place."""
    for prd in content.of("PRD"):
        if role not in (value.at(1) for value in prd.values(1)):
            continue
        numbered = (
            PartyRef((Identifier(_ORGANISATIONS[value.at(2) or ""], value.at(1) or ""),))
            for value in prd.values(7)
            if value.at(1) and value.at(2) in _ORGANISATIONS
        )
        named = datatypes.organisation(prd.value(10))
        placed = datatypes.facility(prd.at(4, 4, 1), prd.at(4, 4, 2), prd.at(4, 4, 3))
        if found := next(numbered, None) or named or placed:
            return found
    return None


# --- a report


def report(content: Content) -> ReportFacts:
    """OBR and its OBX. Where there is no text at all, it is no report."""
    obr, parts = content.first("OBR"), content.of("OBX")
    if not {part.at(2) for part in parts} & {*_TEXTS, "ED"}:
        text = "only reports are taken: text (TX, FT, ST) or a document (ED)"
        content.fault("not-supported", text, "OBX-2")
    number = datatypes.entity_id(obr.value(3))
    return ReportFacts(
        title=datatypes.coded_text(obr.value(4)),
        text="\n".join((*_lines(content), *_notes(content))).strip() or None,
        identifiers=(number,) if number else None,
    )


def _lines(content: Content) -> list[str]:
    """What was observed: texts as they are, else with the name of what was observed."""
    lines = []
    for part in content.of("OBX"):
        read = _READ.get(part.at(2) or "", _measured)
        lines += read(part)
    return lines


def _text(part: Segment) -> list[str]:
    return [value.at(1) or "" for value in part.values(5)] or [""]


def _measured(part: Segment) -> list[str]:
    name, unit = datatypes.coded_text(part.value(3)), part.at(6)
    told = [datatypes.coded_text(value) for value in part.values(5)]
    return [" ".join(filter(None, (f"{name}:" if name else "", one, unit))) for one in told if one]


def _none(_part: Segment) -> list[str]:
    """A document: it stays in the sender's bytes."""
    return []


_READ: Final[Mapping[str, Callable[[Segment], list[str]]]] = {
    **dict.fromkeys(_TEXTS, _text),
    "ED": _none,
    "RP": _none,
}


def _notes(content: Content) -> list[str]:
    return [text for note in content.of("NTE") for value in note.values(3) if (text := value.at(1))]
