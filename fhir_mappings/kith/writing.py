"""Messages out in Norwegian XML: for receivers whose systems read nothing else.

An event goes out as the message that its receiver's system has for it: PLO, Dialogmelding, Henvisning, Epikrise. What
none of them can say goes out as health dialogue, in words (7322: about the patient). Nothing is dropped.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

from fhir_mappings import keys as of
from fhir_mappings import letters
from fhir_mappings.kith import alone, documents
from fhir_mappings.kith.dialogue import ON_RECEIVING, STATUS
from fhir_mappings.kith.heads import msg_head, written
from fhir_mappings.kith.reading import Element
from fhir_mappings.kith.reports import REPORTS
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
_Writer: TypeAlias = Callable[[Message, Letter], Element]


def write(message: Message, letter: Letter) -> bytes:
    """The message as the letter's receiver gets it; the same message and letter give the same bytes."""
    return written(_root(message, letter))


def _root(message: Message, letter: Letter) -> Element:
    if message.activity in documents.SENT_AS and (whole := _WITH_STATUS.get(message.code)):
        return whole(message, letter)
    spoken = message.activity in (Activity.NEW, Activity.REPLY)
    return (_DIALOGUES.get(message.code, _free) if spoken else _free)(message, letter)


# --- messages that can be new, changed and cancelled


def _plo(
    kind: str, document: Callable[[str, Message, Letter], Element], message: Message, letter: Letter
) -> Element:
    return msg_head(kind, message, letter, document(kind, message, letter))


def _referral(message: Message, letter: Letter) -> Element:
    """What has no number of its own to be changed and cancelled by is said in words."""
    own = _number(message, KeyRank.REFERRAL)
    return alone.referral(message, letter, own) if own else _free(message, letter)


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


_DIALOGUES: Final[Mapping[EventCode, _Writer]] = {
    EventCode.INQUIRY: _question,
    EventCode.REPLY: _answer,
    EventCode.CAPACITY_ANSWER: _capacity,
    **dict.fromkeys(_STATUS_NAMES, _status),
}


def _said(message: Message, letter: Letter) -> str:
    """What is asked or answered, and what else the facts say."""
    facts = known_as(InquiryFacts, message.facts)
    owner = None if letters.names(letter.receiver, facts.owner) else facts.owner
    more = letter.words(replace(facts, owner=owner, topic=None, text=None, identifiers=None))
    return "\n".join((facts.text or letter.sentence, *more))


def _in_words(message: Message, letter: Letter) -> str:
    return "\n".join((letter.sentence, *letter.words(message.facts)))


def _number(message: Message, rank: KeyRank) -> str | None:
    """The matter's own number of this rank, as a message quotes it."""
    own = of.number(message, rank)
    return own.value.removeprefix("urn:uuid:") if own else None


_WITH_STATUS: Final[Mapping[EventCode, _Writer]] = {
    **{
        event: partial(_plo, kind, documents.logistics) for kind, (_, _, event) in LOGISTICS.items()
    },
    **{rule.code: partial(_plo, kind, documents.report) for kind, rule in REPORTS.items()},
    EventCode.EARLY_NOTICE: partial(_plo, "HELSEOPPL_SOKNAD", documents.early_notice),
    EventCode.DOCTOR_REPORT: alone.epicrisis,
    EventCode.REFERRAL: _referral,
    EventCode.HOSPITAL_CHOICE: _referral,
}
