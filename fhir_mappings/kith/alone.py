"""The two messages without MsgHead out: Henvisning 1.1 (a referral, a choice of hospital) and Epikrise 1.2.

Structure: Henvisning-v1.1.xsd, Epikrise-v1.2.xsd. The inverse of ``referrals`` and of ``reports.epicrisis``.
"""

from dataclasses import replace
from typing import Final

from lxml.builder import ElementMaker

from fhir_mappings import letters
from fhir_mappings.kith import names
from fhir_mappings.kith.documents import SENT_AS
from fhir_mappings.kith.heads import clean, maker, numbers, own_name, person_numbers
from fhir_mappings.kith.local_times import local_text
from fhir_mappings.kith.reading import Element
from fhir_mappings.letters import Letter, Line
from pathways.events import EventCode
from pathways.facts import ReferralFacts, ReportFacts, known_as
from pathways.messages import Message, Patient

_AT_ONCE: Final = "0"
"""8304, øyeblikkelig hjelp: nothing but a choice of hospital is that here."""
_PRIORITIES: Final = {"stat": "1", "asap": "1", "urgent": "1", "routine": "2"}
"""8304, by FHIR's request priorities."""
_READ_AGAIN: Final = ("urgent", "routine")
"""Priorities that a code of 8304 says as they are; others are said in words too."""


def referral(message: Message, letter: Letter, own: str) -> Element:
    """``own``: the referral's id, the same when it is changed and cancelled."""
    made, facts = maker(names.REFERRAL_11), known_as(ReferralFacts, message.facts)
    chosen = message.code is EventCode.HOSPITAL_CHOICE
    priority = _AT_ONCE if chosen else _PRIORITIES.get(facts.priority or "", "2")
    about = made.ServReq(*_begun(made, message, letter, facts.title or "Henvisning"))
    about.append(made.Id(clean(own)))
    if message.patient:
        about.append(_patient(made, message.patient))
    about.append(made.ServProvider(_hcp(made, letter.receiver)))
    about.append(made.Requester(_hcp(made, letter.sender)))
    about.extend(
        made.ReasonAsText(
            made.Heading(V="PROB", DN="Problemstilling"), made.TextResultValue(clean(text))
        )
        for text in (facts.reason, *letter.words(_unsaid(message, facts, letter)))
        if text
    )
    about.append(made.ReqServ(made.ServType(V="N", DN="Ny"), made.Priority(V=priority)))
    return _whole(made, "HENVISNING", "v1.1 2012-02-15", message, letter, about)


def _unsaid(message: Message, facts: ReferralFacts, letter: Letter) -> ReferralFacts:
    more = (facts.identifiers or ())[1:]
    left = replace(facts, title=None, reason=None, identifiers=more or None)
    chosen = message.code is EventCode.HOSPITAL_CHOICE
    if facts.priority in (("stat",) if chosen else _READ_AGAIN):
        left = replace(left, priority=None)
    if letters.names(letter.sender, facts.requester):
        left = replace(left, requester=None)
    if letters.names(letter.receiver, facts.performer):
        left = replace(left, performer=None)
    return left


def epicrisis(message: Message, letter: Letter) -> Element:
    """The doctor's report of a stay."""
    made, facts = maker(names.EPICRISIS_12), known_as(ReportFacts, message.facts)
    about = made.ServRprt(*_begun(made, message, letter, facts.title or "Epikrise"))
    number = next(iter(facts.identifiers or ()), None)
    about.append(made.ServProvId(clean(number.value if number else message.id)))
    text = clean(facts.text or letter.sentence)
    comment = made.Comment(made.Heading(V="VU", DN="Vurdering"), made.TextResultValue(text))
    about.append(made.Event(comment))
    if message.patient:
        about.append(_patient(made, message.patient))
    about.append(made.ServProvider(_hcp(made, letter.sender)))
    about.append(made.Requester(_hcp(made, letter.receiver)))
    return _whole(made, "EPIKRISE", "v1.2 2012-02-15", message, letter, about)


# --- both


def _whole(
    made: ElementMaker, kind: str, version: str, message: Message, letter: Letter, about: Element
) -> Element:
    whole = made.Message(
        made.Type(V=kind, DN=kind.capitalize()),
        made.MIGversion(version),
        made.GenDate(V=local_text(message.written, letter.zone)),
        made.MsgId(clean(message.id)),
    )
    if message.test:
        whole.append(made.Status(V="TEST", DN="Melding til testformål"))
    whole.append(about)
    return whole


def _begun(made: ElementMaker, message: Message, letter: Letter, title: str) -> list[Element]:
    code, called = SENT_AS[message.activity]
    return [
        made.ServType(V=code, DN=called),
        made.IssueDate(V=local_text(message.happened.at, letter.zone)),
        made.MsgDescr(DN=clean(title)),
    ]


def _patient(made: ElementMaker, patient: Patient) -> Element:
    """Family and given names in one; the first number only: these messages have place for one."""
    given = " ".join(patient.given)
    whole = ", ".join(filter(None, (patient.family or "Ukjent", given)))
    element = made.Patient(made.Name(clean(whole)))
    for type_, number in person_numbers(patient)[:1]:
        element.append(made.OffId(number))
        element.append(made.TypeOffId(V=type_))
    return element


def _hcp(made: ElementMaker, line: Line) -> Element:
    house, *units = line
    element = made.Inst(made.Name(clean(house.name or "Ukjent")))
    for type_, number in numbers(house)[:1]:
        element.extend((made.Id(number), made.TypeId(V=type_)))
    if units:
        unit = made.Dept(made.Name(own_name(line)))
        for type_, number in numbers(line[-1])[:1]:
            unit.extend((made.Id(number), made.TypeId(V=type_)))
        element.append(unit)
    return made.HCP(element)
