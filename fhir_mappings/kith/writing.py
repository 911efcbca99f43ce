"""Messages out in Norwegian XML: for receivers whose systems read nothing else.

An event goes out as the message that its receiver's system has for it: PLO, Dialogmelding, Henvisning, Epikrise. What
none of them can say goes out as health dialogue, in words (7322: about the patient). Nothing is dropped.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from fhir_mappings import keys as of
from fhir_mappings.kith import alone, documents
from fhir_mappings.kith.dialogue import ON_RECEIVING, STATUS
from fhir_mappings.kith.heads import msg_head, written
from fhir_mappings.kith.reading import Element
from fhir_mappings.kith.stays import LOGISTICS
from fhir_mappings.letters import Letter
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, known_as
from pathways.messages import KeyRank, Message

_ABOUT_THE_PATIENT: Final = ("6", "Henvendelse om pasient")
_RECEIVING: Final = (ON_RECEIVING, "Svar på melding om utskrivningsklar pasient")
_STATUS_NAMES: Final[Mapping[EventCode, str]] = {
    EventCode.REFERRAL_SCHEDULED: "Innkalt",
    EventCode.REFERRAL_ACCEPTED: "Rett til helsehjelp, time kommer",
    EventCode.REFERRAL_RECEIVED: "Mottatt",
    EventCode.REFERRAL_REJECTED: "Avvist",
    EventCode.REFERRAL_COMPLETED: "Råd til henviser",
}
_CODE_OF: Final = {event: code for code, event in STATUS.items()}
_TYPE_OF: Final = {event: kind for kind, (_, _, event) in LOGISTICS.items()}


def write(message: Message, letter: Letter) -> bytes:
    """The message as the letter's receiver gets it; the same message and letter give the same bytes."""
    return written(_root(message, letter))


def _root(message: Message, letter: Letter) -> Element:
    if documents.status_of(message.activity):
        found = _with_status(message, letter)
        if found is not None:
            return found
    spoken = message.activity in (Activity.NEW, Activity.REPLY)
    return (_DIALOGUES.get(message.code, _free) if spoken else _free)(message, letter)


def _with_status(message: Message, letter: Letter) -> Element | None:
    """Messages that can be new, changed and cancelled."""
    code = message.code
    if kind := _TYPE_OF.get(code):
        return msg_head(kind, message, letter, documents.logistics(kind, message, letter))
    if code is EventCode.EARLY_NOTICE:
        kind = "HELSEOPPL_SOKNAD"
        return msg_head(kind, message, letter, documents.early_notice(kind, message, letter))
    if kind := documents.reported(code):
        return msg_head(kind, message, letter, documents.report(kind, message, letter))
    if code is EventCode.DOCTOR_REPORT:
        return alone.epicrisis(message, letter)
    own = _number(message, KeyRank.REFERRAL)
    if code in (EventCode.REFERRAL, EventCode.HOSPITAL_CHOICE) and own:
        return alone.referral(message, letter, own)
    return None


# --- dialogue


def _question(message: Message, letter: Letter) -> Element:
    facts = known_as(InquiryFacts, message.facts)
    content = documents.question(message, facts.topic, _said(message, letter))
    return msg_head("DIALOG_FORESPORSEL", message, letter, content)


def _answer(message: Message, letter: Letter) -> Element:
    facts = known_as(InquiryFacts, message.facts)
    content = documents.remark(
        message, _ABOUT_THE_PATIENT, documents.THEMES, facts.topic, _said(message, letter)
    )
    first = _number(message, KeyRank.CONVERSATION)
    return msg_head("DIALOG_SVAR", message, letter, content, first)


def _capacity(message: Message, letter: Letter) -> Element:
    text = _in_words(message, letter)
    content = documents.remark(message, _RECEIVING, documents.THEMES, None, text)
    return msg_head("DIALOG_HELSEFAGLIG", message, letter, content)


def _status(message: Message, letter: Letter) -> Element:
    theme = (_CODE_OF[message.code], _STATUS_NAMES[message.code])
    text = _in_words(message, letter)
    content = documents.remark(message, theme, documents.STATUSES, None, text)
    own = _number(message, KeyRank.REFERRAL) or _number(message, KeyRank.MESSAGE)
    return msg_head("DIALOG_STATUS_HENVISNING", message, letter, content, own)


def _free(message: Message, letter: Letter) -> Element:
    text = _in_words(message, letter)
    content = documents.remark(message, _ABOUT_THE_PATIENT, documents.THEMES, None, text)
    return msg_head("DIALOG_HELSEFAGLIG", message, letter, content)


_DIALOGUES: Final[Mapping[EventCode, Callable[[Message, Letter], Element]]] = {
    EventCode.INQUIRY: _question,
    EventCode.REPLY: _answer,
    EventCode.CAPACITY_ANSWER: _capacity,
    **dict.fromkeys(_STATUS_NAMES, _status),
}


def _said(message: Message, letter: Letter) -> str:
    """What is asked or answered, and what else the facts say."""
    facts = known_as(InquiryFacts, message.facts)
    told = facts.owner is not None and facts.owner.known_by == letter.receiver[-1].known_by
    owner = None if told else facts.owner
    more = letter.words(replace(facts, owner=owner, topic=None, text=None, identifiers=None))
    return "\n".join((facts.text or letter.sentence, *more))


def _in_words(message: Message, letter: Letter) -> str:
    return "\n".join((letter.sentence, *letter.words(message.facts)))


def _number(message: Message, rank: KeyRank) -> str | None:
    """The matter's own number of this rank, as a message quotes it."""
    found = (one for one in message.keys if one.rank is rank)
    told = (of.identifier_of(one, message.sender).value for one in found)
    return next((one.removeprefix("urn:uuid:") for one in told), None)
