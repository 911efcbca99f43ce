"""The handover summary, and what else the broker itself tells a receiver.

A newcomer to a pathway gets contacts, open matters, the person sheet and the *titles* of reports (design,
*Messages*). The same content stands in a document Bundle (``$summary``) and in a message (for feeds). What
nobody told gives no line, and a section without lines is left out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from fhir_mappings import resources
from fhir_mappings.bundle import JSON
from fhir_mappings.codes import BROKER_NAME, PATHWAY_EVENT, URI
from fhir_mappings.html import to_div
from fhir_mappings.options import OSLO
from fhir_mappings.outbound import write
from fhir_mappings.times import instant_text
from fhir_mappings.words import DATES, WORDS
from pathways.consents import consented, objected
from pathways.coordination import holders
from pathways.events import WHOLE, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    ConsentKind,
    CourseFacts,
    FollowUpFacts,
    InquiryFacts,
    MeasureFacts,
    PlanFacts,
    ReceiptFacts,
    ReferralFacts,
    Relative,
    ReportFacts,
    StayFacts,
    known_as,
)
from pathways.handing import Joining
from pathways.messages import Author, Destination, Message, Patient, Record, stable_id
from pathways.moments import Moment
from pathways.parties import Directory, Identifier, Party, PartyRef
from pathways.pathway import Header, Thread
from pathways.states import Team


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """What is handed over: the patient's header, open threads and reports (newest first), and who is who."""

    patient: str
    identifiers: Sequence[Identifier]
    header: Header
    threads: Sequence[Thread]
    reports: Sequence[Record]
    directory: Directory

    def party(self, key: str | None) -> str | None:
        """The name of a party."""
        known = self.directory.parties.get(key or "")
        return known.name if known else key


def cut(whole: Handover, joining: Joining) -> Handover:
    """What somebody who joins is told of it."""
    return replace(
        whole,
        threads=joining.matters(whole.threads),
        reports=joining.reports(whole.reports),
    )


@dataclass(frozen=True, slots=True)
class _Envelope:
    """A message of the broker's own."""

    id: str
    receiver: Party
    at: datetime
    base_url: str

    def around(
        self, code: EventCode, facts: ReportFacts | ReceiptFacts, patient: Patient | None
    ) -> JSON:
        """The message Bundle in our own profile."""
        broker = PartyRef((Identifier(URI, self.base_url),), BROKER_NAME.capitalize())
        told = Message(
            id=self.id,
            format="carepath",
            envelope=self.id,
            content=b"",
            code=code,
            sender=broker,
            happened=Moment(self.at),
            written=self.at,
            destinations=(Destination(PartyRef(self.receiver.identifiers, self.receiver.name)),),
            patient=patient,
            facts=facts,
        )
        return write(told, base_url=self.base_url)


Section = tuple[str, tuple[str, ...]]
"""A title and its lines."""


def document(handover: Handover, *, at: datetime, base_url: str, language: str) -> JSON:
    """The summary as a document Bundle, as of ``at``; ``language`` is nb or en."""
    id_ = stable_id("summary", handover.patient, instant_text(at))
    patient = resources.patient(handover.header, handover.identifiers, handover.patient)
    doctor = handover.directory.parties.get(handover.header.told("gp") or "")
    author = {"resourceType": "Organization", "id": BROKER_NAME, "name": BROKER_NAME.capitalize()}
    composition: JSON = {
        "resourceType": "Composition",
        "id": id_,
        "status": "final",
        "type": {"coding": [{"system": PATHWAY_EVENT, "code": str(EventCode.HANDOVER_SUMMARY)}]},
        "subject": {"reference": f"Patient/{handover.patient}"},
        "date": instant_text(at),
        "author": [{"reference": f"Organization/{BROKER_NAME}"}],
        "title": WORDS[language]["title"],
    }
    if told := [_section(*section) for section in _sections(handover, language, at)]:
        composition["section"] = told
    entries = [composition, patient, author, *_without_parent(doctor)]
    if not doctor:
        patient.pop("generalPractitioner", None)
    return {
        "resourceType": "Bundle",
        "id": id_,
        "identifier": {"system": URI, "value": f"urn:uuid:{id_}"},
        "type": "document",
        "timestamp": instant_text(at),
        "entry": [
            {"fullUrl": f"{base_url}/{one['resourceType']}/{one['id']}", "resource": one}
            for one in entries
        ],
    }


def message(
    handover: Handover,
    *,
    id: str,  # noqa: A002 — FHIR's name
    receiver: Party,
    at: datetime,
    base_url: str,
    language: str = "nb",
) -> JSON:
    """The summary as a message to a newcomer; ``id`` is its MessageHeader.id."""
    sections = _sections(handover, language, at)
    text = "\n\n".join("\n".join((title, *lines)) for title, lines in sections)
    facts = ReportFacts(title=WORDS[language]["title"], text=text or None)
    envelope = _Envelope(id, receiver, at, base_url)
    return envelope.around(EventCode.HANDOVER_SUMMARY, facts, _described(handover))


def misaddressed(
    *,
    id: str,  # noqa: A002 — FHIR's name
    record: Record,
    receiver: Party,
    at: datetime,
    base_url: str,
    language: str = "nb",
) -> JSON:
    """What KE is told of a message that reached nobody: who sent it, not whom or what it is about."""
    note = WORDS[language]["misaddressed"].format(sender=record.sender_name)
    facts = ReceiptFacts(about=record.message_id, note=note)
    return _Envelope(id, receiver, at, base_url).around(EventCode.MISADDRESSED, facts, None)


def glass_broken(  # noqa: PLR0913 -- each by name
    *,
    id: str,  # noqa: A002 — FHIR's name
    name: str,
    glass: str,
    receiver: Party,
    at: datetime,
    base_url: str,
    language: str = "nb",
) -> JSON:
    """What an organisation is told of one of its own who read without a grant: who it was, not whom they read of."""
    note = WORDS[language]["glass"].format(name=name, id=glass)
    facts = ReceiptFacts(about=glass, note=note)
    return _Envelope(id, receiver, at, base_url).around(EventCode.GLASS_BROKEN, facts, None)


def _described(handover: Handover) -> Patient:
    """The patient as far as a receiver needs it to know whom this is about."""
    header = handover.header
    given = header.demographics.get("given")
    return Patient(
        identifiers=tuple(handover.identifiers),
        family=header.told("family"),
        given=tuple(given.value) if given else (),
        gender=header.told("gender"),
        municipality=None if header.told("protection") else header.municipality,
        protection=header.told("protection"),
        language=header.told("language"),
        interpreter=_TRUTH.get(header.told("interpreter") or ""),
    )


_TRUTH: Final = {"true": True, "false": False}


# --- the four sections


def _sections(handover: Handover, language: str, at: datetime) -> list[Section]:
    words = WORDS[language]
    sheet = handover.header.person
    found = (
        (words["contacts"], _contacts(handover, words, at)),
        (words["open"], _matters(handover, words)),
        (sheet.sheet_title or words["sheet"], [sheet.sheet] if sheet.sheet else []),
        (words["reports"], _titles(handover, language)),
    )
    told = [(title, tuple(lines)) for title, lines in found]
    return [(title, lines) for title, lines in told if lines]


def _contacts(handover: Handover, words: Mapping[str, str], at: datetime) -> Iterator[str]:
    """Whom to call first, the others, the relatives, and in which language the person is spoken to."""
    header = handover.header
    for role, hand in holders(header.team, at, OSLO):
        first = words["call_first"] if role is header.team.first else None
        unit = (hand.party and hand.party.name) or handover.party(hand.key)
        yield f"{words[f'role.{role}']}: {_joined(hand.name, unit, hand.phone, first)}"
    if doctor := handover.party(header.told("gp")):
        yield f"{words['gp']}: {doctor}"
    for key, (_, author) in sorted(header.contacts.items()):
        yield f"{handover.party(key)}: {_person(author)}"
    for relative in header.person.relatives or ():
        yield _relative(relative, header, words, at)
    if spoken := header.told("language"):
        interpreter = words["interpreter"] if header.told("interpreter") == "true" else None
        yield f"{words['language']}: {_joined(spoken, interpreter)}"


def _relative(one: Relative, header: Header, words: Mapping[str, str], at: datetime) -> str:
    """Who they are, and whether the patient lets them know."""
    roles = (words[f"relative.{role}"] for role in one.roles)
    asked = (header.consents, ConsentKind.RELATIVES, one.name, at, OSLO)
    told = words["may_know"] if consented(*asked) else None
    told = words["may_not_know"] if objected(*asked) else told
    return _joined(one.name, one.relationship, *roles, one.authority, one.phone, told)


def _person(author: Author) -> str:
    return _joined(author.name, author.role, author.phone)


def _matters(handover: Handover, words: Mapping[str, str]) -> Iterator[str]:
    for thread in handover.threads:
        if thread.family in _NO_MATTERS and not _needs(thread):
            continue
        owner = handover.party(thread.owner)
        responsible = f"{words['responsible']}: {owner}" if owner else None
        status = words[f"status.{thread.status}"]
        yield _joined(words[f"family.{thread.family}"], _about(thread), status, responsible)


# An alarm is for the responsible; the matter itself is listed.
_NO_MATTERS: Final = WHOLE | {Family.DEADLINE}


def _needs(thread: Thread) -> bool:
    """What follows the person is no open matter, unless somebody waits for a coordinator."""
    return isinstance(thread.facts, Team) and bool(thread.facts.needs)


_TITLED: Final = (ReferralFacts, PlanFacts, MeasureFacts, FollowUpFacts, CourseFacts)


def _about(thread: Thread) -> str | None:
    """What the matter is called: a stay by its place, a question by its topic, most by their title."""
    facts = thread.facts
    if isinstance(facts, StayFacts):
        return facts.ward or (facts.provider.name if facts.provider else None)
    if isinstance(facts, InquiryFacts):
        return facts.topic
    if isinstance(facts, ApplicationFacts):
        return facts.service
    return facts.title if isinstance(facts, _TITLED) else None


def _titles(handover: Handover, language: str) -> Iterator[str]:
    for record in handover.reports:
        title = known_as(ReportFacts, record.facts).title
        day = record.happened.at.astimezone(OSLO).strftime(DATES[language])
        yield _joined(day, title or WORDS[language]["untitled"], record.sender_name)


def _joined(*parts: str | None) -> str:
    return ", ".join(part for part in parts if part)


def _section(title: str, lines: Iterable[str]) -> JSON:
    text = {"status": "generated", "div": to_div("\n".join(lines))}
    return {"title": title, "text": text}


_PARENT: Final = "partOf"


def _without_parent(party: Party | None) -> Iterator[JSON]:
    """An Organization whose parent is not in the document."""
    if party:
        whole = resources.organization(party)
        yield {name: value for name, value in whole.items() if name != _PARENT}
