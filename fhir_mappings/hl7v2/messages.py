"""A message of HL7 v2 as a ``Message``: ADT, REF and text reports of ORU.

Which event, and when it happened: ``events``. Segments that nothing here reads stay in the sender's bytes.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from fhir_mappings import keys as of
from fhir_mappings.hl7v2 import datatypes, events, facts, header, patients
from fhir_mappings.hl7v2.events import Event
from fhir_mappings.hl7v2.header import Header
from fhir_mappings.hl7v2.segments import Content, parse
from fhir_mappings.options import Options
from pathways.events import RULES, Activity, EventCode
from pathways.facts import (
    Facts,
    InquiryFacts,
    PersonFacts,
    ReferralFacts,
    ReportFacts,
    StayFacts,
)
from pathways.messages import Author, Destination, Key, KeyRank, Message, Patient
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.refusals import Reason, Refusal, refuse

FORMAT: Final = "hl7v2"

Told: TypeAlias = tuple[Facts, Iterable[Key]]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message whose facts are still to be read. Faults are noted in ``content``."""

    content: Content
    options: Options
    head: Header
    event: Event
    patient: Patient | None
    happened: Moment

    @property
    def receiver(self) -> PartyRef | None:
        """Whom MSH addresses."""
        return next((one.party for one in self.head.destinations), None)


def read(source: bytes, options: Options) -> Message | Refusal:
    """The message in ``source``, or everything that is wrong with it. Never raises for what was sent."""
    content = parse(source)
    if isinstance(content, Refusal):
        return content
    head = header.read(content, options)
    event = events.event(content, head.kind, head.trigger)
    if event is None:
        known = head.kind in events.EVENTS
        where, what = ("MSH-9.2", "event") if known else ("MSH-9.1", "type of message")
        text = f"this {what} is not taken here"
        return refuse(Reason.UNKNOWN_EVENT, "not-supported", text, where)
    patient = patients.read(content, options)
    happened = _happened(content, head, event)
    return _finished(Draft(content, options, head, event, patient, happened), source)


def _finished(draft: Draft, source: bytes) -> Message | Refusal:
    content, head, event = draft.content, draft.head, draft.event
    said, keys = _SAID[RULES[event.code].facts](draft)
    if refused := content.refusal():
        return refused
    return Message(
        id=head.message_id(content.first("MSH").at(7)),
        format=FORMAT,
        envelope=None,
        content=hashlib.blake2b(content.canonical.encode(), digest_size=16).digest(),
        code=event.code,
        activity=event.activity,
        sender=head.sender,
        author=_author(content),
        happened=draft.happened,
        written=head.written,
        destinations=_destinations(head, event),
        patient=draft.patient,
        keys=tuple(sorted(set(keys))),
        facts=said,
        test=head.test,
        source=source,
    )


def _happened(content: Content, head: Header, event: Event) -> Moment:
    for name, number in event.happened:
        segment = content.first(name)
        if segment.at(number):
            found = facts.moment(content, head.clock, segment, number)
            return found or Moment(head.written)
    return Moment(head.written)


def _destinations(head: Header, event: Event) -> tuple[Destination, ...]:
    """MSH-6 names a system that is told, and not who takes the patient over."""
    copy = event.code is EventCode.TRANSFER
    return tuple(Destination(one.party, copy) for one in head.destinations)


def _author(content: Content) -> Author:
    """Who entered the event, referred, or signed; else the attending doctor."""
    for prd in content.of("PRD"):
        if "RP" in (value.at(1) for value in prd.values(1)):
            return Author(datatypes.full_name(prd.value(2)), datatypes.phone(prd.value(5)))
    for name, number in (("EVN", 5), ("OBX", 16), ("PV1", 7)):
        if told := datatypes.full_name(content.first(name).value(number), 2):
            return Author(told)
    return Author()


# --- what it says, and of which matter


def _stay(draft: Draft) -> Told:
    content, event, sender = draft.content, draft.event, draft.head.sender
    said = facts.stay(content, draft.head.clock, event.code)
    admitted = event.code is EventCode.ADMISSION
    if admitted and event.activity is Activity.REVISE and said.begins is None:
        text = "an update tells the stay anew: it needs the time of admission"
        content.fault("required", text, "PV1-44")
    begins = said.begins
    if admitted and event.activity is Activity.NEW:
        begins = begins or draft.happened
    keys = of.stay(said.identifiers or (), (), sender)
    keys = keys or of.start(begins, sender, draft.options.zone)
    if not keys:
        text = "the message tells neither the number of the stay nor when it began (PV1-44)"
        content.fault("required", text, "PV1-19")
    return said, keys


def _report(draft: Draft) -> Told:
    """A report may know its stay by its number, and by when it began."""
    content, sender = draft.content, draft.head.sender
    begins = facts.moment(content, draft.head.clock, content.first("PV1"), 44)
    keys = of.keys(KeyRank.STAY, facts.visit(content) or (), sender)
    return facts.report(content), keys | of.start(begins, sender, draft.options.zone)


def _referral(draft: Draft) -> Told:
    said = facts.referral(draft.content, draft.receiver)
    return said, _referral_keys(draft, KeyRank.REFERRAL)


def _status_asked(draft: Draft) -> Told:
    said = facts.status_asked(draft.content, draft.receiver)
    return said, _referral_keys(draft, KeyRank.CONVERSATION)


def _referral_keys(draft: Draft, rank: KeyRank) -> set[Key]:
    ids = facts.referral_ids(draft.content)
    if ids is None:
        draft.content.fault("required", "the referral has no number", "RF1-6")
    return of.keys(rank, ids or (), draft.head.sender)


def _merge(draft: Draft) -> Told:
    linked = patients.merged(draft.content, draft.patient, draft.options)
    return PersonFacts(linked=linked), ()


_SAID: Final[Mapping[type[Facts], Callable[[Draft], Told]]] = {
    StayFacts: _stay,
    ReportFacts: _report,
    ReferralFacts: _referral,
    InquiryFacts: _status_asked,
    PersonFacts: _merge,
}
