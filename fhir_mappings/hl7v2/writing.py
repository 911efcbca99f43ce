"""Messages out in HL7 version 2.5.1: ADT, REF and ORU for receivers whose systems read nothing else.

An event that has a trigger goes out with it; what else there is to tell goes out as a document, MDM^T02, in words. What
a message has no field for stands in notes (NTE), a line each: nothing is dropped. Chapters 3, 7, 9 and 11.
"""

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from fhir_mappings import keys as of
from fhir_mappings.codes import BROKER_NAME
from fhir_mappings.hl7v2 import building as b
from fhir_mappings.hl7v2.charsets import UTF_8
from fhir_mappings.hl7v2.events import EVENTS
from fhir_mappings.hl7v2.facts import CLASSES, KINDS, PRIORITIES, STATUS_ASKED
from fhir_mappings.letters import Letter
from pathways.events import Activity, EventCode
from pathways.facts import (
    Facts,
    InquiryFacts,
    PersonFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
    known_as,
)
from pathways.messages import KeyRank, Message
from pathways.parties import Identifier, PartyRef

_DIED: Final = "20"  # table 0112
_CLASS_OF: Final = {told: code for code, told in reversed([*CLASSES.items()])}
_PRIORITY_OF: Final = {told: code for code, told in PRIORITIES.items()}
_RESULT: Final = {Activity.NEW: "F", Activity.REVISE: "C", Activity.CANCEL: "X"}


def write(message: Message, letter: Letter) -> bytes:
    """The message as the letter's receiver gets it, without a frame; the same message gives the same bytes."""
    found = _TRIGGERS.get((message.code, message.activity))
    if found is None or not _has_what_it_needs(message):
        kind, trigger, body = "MDM", "T02", _document(message, letter)
    else:
        (kind, trigger), writer = found, _WRITERS[found[0]]
        body = writer(message, letter, trigger)
    lines = (_header(message, letter, kind, trigger), *body)
    return "\r".join((*lines, "")).encode()


def _triggers() -> Iterator[tuple[tuple[EventCode, Activity], tuple[str, str]]]:
    for kind, triggers in EVENTS.items():
        for trigger, event in triggers.items():
            yield (event.code, event.activity), (kind, trigger)
    for activity, trigger in (
        (Activity.NEW, "A03"),
        (Activity.REVISE, "A08"),
        (Activity.CANCEL, "A13"),
    ):
        yield (EventCode.DEATH, activity), ("ADT", trigger)
    for activity in _RESULT:
        yield (EventCode.DISCHARGE_REPORT, activity), ("ORU", "R01")


_TRIGGERS: Final = dict(reversed([*_triggers()]))
"""By event and activity: type and trigger, the first in the table of what is read where there are several."""


def _has_what_it_needs(message: Message) -> bool:
    """An update tells the stay anew, so it needs its begin; a referral needs its number, a stay any key."""
    facts = message.facts
    if isinstance(facts, StayFacts):
        revised = message.activity is Activity.REVISE
        return facts.begins is not None if revised else bool(_stay_number(message) or facts.begins)
    if isinstance(facts, ReferralFacts):
        return _referral_number(message) is not None
    if isinstance(facts, InquiryFacts):
        return facts.topic == STATUS_ASKED and _referral_number(message) is not None
    return (
        message.code is not EventCode.IDENTITY_LINKED
        or known_as(PersonFacts, facts).linked is not None
    )


# --- segments that several messages have


def _header(message: Message, letter: Letter, kind: str, trigger: str) -> str:
    """MSH. The id is made of the message's own: MSH-10 has place for 20 characters."""
    digest = hashlib.blake2b(message.id.encode(), digest_size=12).digest()
    fields: list[b.Field] = [BROKER_NAME.upper(), b.facility(letter.sender[-1])]
    fields += ["", b.facility(letter.receiver[-1]), b.stamp(message.written, letter.zone), ""]
    fields += [(kind, trigger), base64.b32encode(digest).decode().rstrip("=")]
    fields += ["T" if message.test else "P", "2.5.1", *[""] * 5, UTF_8]
    return b.segment("MSH|^~\\&", *fields)


def _event(message: Message, letter: Letter, trigger: str) -> str:
    happened = b.stamp(message.happened, letter.zone)
    written = b.stamp(message.written, letter.zone)
    return b.segment("EVN", trigger, written, "", "", b.person(message.author.name), happened)


def _patient(message: Message, letter: Letter, *, died: bool = False) -> Iterator[str]:
    patient = message.patient
    if patient is None:
        return
    numbers = [b.number(one) for one in patient.identifiers]
    born = patient.birth_date.strftime("%Y%m%d") if patient.birth_date else ""
    facts = known_as(StayFacts, message.facts)
    death = (b.stamp(facts.deceased or message.happened, letter.zone), "Y") if died else ("", "")
    fields: list[b.Field] = ["1", "", numbers, "", b.name(patient), "", born, b.sex(patient)]
    fields += ["", "", b.home(patient), *[""] * 17, *death]
    yield b.segment("PID", *fields)
    if patient.gp:
        yield b.segment("PD1", "", "", b.organisation(patient.gp))


def _notes(lines: Sequence[str]) -> Iterator[str]:
    for at, line in enumerate(lines, 1):
        yield b.segment("NTE", str(at), "", line)


# --- ADT


def _movement(message: Message, letter: Letter, trigger: str) -> Iterator[str]:
    died = message.code is EventCode.DEATH
    facts = known_as(StayFacts, message.facts)
    yield _event(message, letter, trigger)
    yield from _patient(message, letter, died=died)
    if message.code is EventCode.IDENTITY_LINKED:
        linked = known_as(PersonFacts, message.facts).linked or ()
        yield b.segment("MRG", [b.number(one) for one in linked])
        return
    yield _visit(message, facts, letter)
    if facts.expected_ready:
        expected = b.stamp(facts.expected_ready, letter.zone)
        yield b.segment("PV2", *[""] * 8, expected)
    told = [facts.note] if facts.note else []
    yield from _notes([*told, *letter.words(_unsaid(message, facts))])


def _visit(message: Message, facts: StayFacts, letter: Letter) -> str:
    """PV1. The time of admission is the event's own where nothing else is told."""
    admitted, died = message.code is EventCode.ADMISSION, message.code is EventCode.DEATH
    begins = facts.begins or (message.happened if admitted and _is_new(message) else None)
    ended = died or message.code is EventCode.DISCHARGE
    ends = (facts.ends or message.happened) if ended and not died else facts.ends
    number = _stay_number(message)
    left: b.Field = (_DIED if died else "", facts.disposition or "") if ended else ""
    fields: list[b.Field] = ["1", _CLASS_OF.get(facts.encounter_class or "", "N")]
    place = (facts.ward or "", "", "", b.facility(facts.provider))
    fields += [place, *[""] * 3, b.person(message.author.name), *[""] * 11]
    fields += [b.number(number) if number else "", *[""] * 16, left, *[""] * 7]
    fields += [b.stamp(begins, letter.zone), b.stamp(ends, letter.zone) if ended else ""]
    return b.segment("PV1", *fields)


def _is_new(message: Message) -> bool:
    return message.activity is Activity.NEW


def _unsaid(message: Message, facts: StayFacts) -> StayFacts:
    """Facts that an ADT has no field for."""
    left = replace(facts, begins=None, ward=None, identifiers=None, note=None)
    if facts.provider and (not facts.provider.name or facts.provider == message.sender):
        left = replace(left, provider=None)
    if facts.encounter_class in _CLASS_OF:
        left = replace(left, encounter_class=None)
    if KINDS.get(_CLASS_OF.get(facts.encounter_class or "", "")) is facts.stay_kind:
        left = replace(left, stay_kind=None)
    if message.code is EventCode.ADMISSION:
        left = replace(left, expected_ready=None)
    if message.code in (EventCode.DISCHARGE, EventCode.DEATH):
        left = replace(left, ends=None, disposition=None)
    return replace(left, deceased=None) if message.code is EventCode.DEATH else left


def _stay_number(message: Message) -> Identifier | None:
    """The stay's own number: the first that the sender gave, else that of the strongest key."""
    facts = known_as(StayFacts, message.facts)
    named = facts.identifiers or facts.episodes or ()
    return (
        next(iter(named), None)
        or of.number(message, KeyRank.STAY)
        or of.number(message, KeyRank.EPISODE)
    )


# --- REF


def _referral(message: Message, letter: Letter, _trigger: str) -> Iterator[str]:
    facts = known_as(ReferralFacts, message.facts)
    asked = known_as(InquiryFacts, message.facts)
    own = _referral_number(message)
    priority = _PRIORITY_OF.get(facts.priority or "", "")
    fields: list[b.Field] = ["", priority, ("", facts.title or ""), *[""] * 2]
    fields += [b.entity(own) if own else "", *[""] * 2, b.stamp(message.happened, letter.zone)]
    yield b.segment("RF1", *fields, ("", facts.reason or ""))
    referrer = facts.requester or letter.sender[-1]
    phone = ("", "", "", "", "", "", "", "", "", "", "", message.author.phone or "")
    yield _provider("RP", referrer, message.author.name, phone)
    yield _provider("RT", facts.performer or asked.owner or letter.receiver[-1], None, ("",))
    yield from _patient(message, letter)
    left: Facts = replace(
        facts,
        title=None,
        reason=None,
        priority=None,
        requester=None,
        performer=None,
        identifiers=None,
        note=None,
    )
    if isinstance(message.facts, InquiryFacts):
        left = replace(asked, topic=None, text=None, owner=None, identifiers=None)
    told = facts.note or asked.text
    yield from _notes([*([told] if told else []), *letter.words(left)])


def _provider(role: str, party: PartyRef, who: str | None, phone: tuple[str, ...]) -> str:
    """PRD. The organisation stands in PRD-10, which versions before 2.7 leave empty: nowhere else has it its name."""
    _, family, given = b.person(who)
    place = ("", "", "", b.facility(party))
    house = b.organisation(party)
    return b.segment("PRD", (role,), (family, given), "", place, phone, "", "", "", "", house)


def _referral_number(message: Message) -> Identifier | None:
    facts = message.facts
    named = facts.identifiers if isinstance(facts, ReferralFacts | InquiryFacts) else None
    rank = KeyRank.REFERRAL if isinstance(facts, ReferralFacts) else KeyRank.CONVERSATION
    return next(iter(named or ()), None) or of.number(message, rank)


# --- ORU, and what has no message of its own


def _report(message: Message, letter: Letter, _trigger: str) -> Iterator[str]:
    facts = known_as(ReportFacts, message.facts)
    yield from _patient(message, letter)
    if stay := of.number(message, KeyRank.STAY):
        yield b.segment("PV1", "1", "N", *[""] * 16, b.number(stay))
    number = next(iter(facts.identifiers or ()), None)
    status = _RESULT[message.activity]
    fields: list[b.Field] = ["1", "", b.entity(number) if number else ""]
    fields += [("", facts.title or letter.sentence), *[""] * 17]
    yield b.segment("OBR", *fields, b.stamp(message.happened, letter.zone), "", "", status)
    yield from _texts(facts.text or letter.sentence, status, message)


def _texts(text: str, status: str, message: Message) -> Iterator[str]:
    """A line of text, an OBX; the first names who signed."""
    for at, line in enumerate(text.splitlines() or [""], 1):
        fields: list[b.Field] = [
            str(at),
            "TX",
            ("", "Tekst"),
            "",
            line,
            *[""] * 5,
            status,
            *[""] * 4,
        ]
        yield b.segment("OBX", *fields, b.person(message.author.name))


def _document(message: Message, letter: Letter) -> Iterator[str]:
    """MDM^T02: what has happened, in words, as a document that is new (table 0270: CN, a note)."""
    yield _event(message, letter, "T02")
    yield from _patient(message, letter)
    yield b.segment("PV1", "1", "N")
    when = b.stamp(message.happened, letter.zone)
    yield b.segment("TXA", "1", "CN", "TX", when, *[""] * 7, (message.id,), *[""] * 4, "AU")
    yield from _texts("\n".join((letter.sentence, *letter.words(message.facts))), "F", message)


_WRITERS: Final[Mapping[str, Callable[[Message, Letter, str], Iterator[str]]]] = {
    "ADT": _movement,
    "REF": _referral,
    "ORU": _report,
}
