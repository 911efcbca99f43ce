"""Dialogmelding 1.0 and 1.1: questions, answers, free health dialogue, status of a referral, what was sent wrongly."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from fhir_mappings import keys as of
from fhir_mappings.codes import URI
from fhir_mappings.kith import stays
from fhir_mappings.kith.envelope import Envelope, Told, with_attachments, writer
from fhir_mappings.kith.reading import Element, Reading
from fhir_mappings.kith.texts import plain
from pathways.events import Activity, EventCode
from pathways.facts import InquiryFacts, ReferralFacts, StayFacts
from pathways.messages import Author, Key, KeyRank
from pathways.parties import Identifier, PartyRef

ON_RECEIVING: Final = "7"
"""7322: about receiving a patient who is ready to leave."""
STATUS: Final[Mapping[str, EventCode]] = {
    "1": EventCode.REFERRAL_SCHEDULED,  # called in
    "2": EventCode.REFERRAL_ACCEPTED,  # has a right to care, the time comes later
    "3": EventCode.REFERRAL_RECEIVED,  # sent on: the one who gets it says the rest
    "4": EventCode.REFERRAL_REJECTED,
    "11": EventCode.REFERRAL_COMPLETED,  # advice to the referrer
}
"""9148. What is not known says nothing of the referral: it is told as text."""


def dialogue(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """A Dialogmelding of any type."""
    return _OF_TYPE[envelope.kind](reading, envelope, document)


def asked(envelope: Envelope) -> PartyRef | None:
    """Whose it is to answer: the first receiver."""
    return next((one.party for one in envelope.destinations if not one.copy), None)


def identified(id_: str) -> Identifier:
    """An id that a system has made: a UUID is the same everywhere, anything else is its sender's own."""
    try:
        return Identifier(URI, f"urn:uuid:{UUID(id_)}")
    except ValueError:
        return Identifier("", id_)


def keys(envelope: Envelope) -> frozenset[Key]:
    """The conversation: its first message has its own id for it."""
    first = envelope.conversation or envelope.parent or envelope.id
    return _keys(KeyRank.CONVERSATION, envelope, first)


def _keys(rank: KeyRank, envelope: Envelope, *ids: str | None) -> frozenset[Key]:
    return frozenset(of.keys(rank, (identified(one) for one in ids if one), envelope.sender))


def _question(reading: Reading, envelope: Envelope, document: Element) -> Told:
    asks = reading.need(document, "Foresporsel")
    reading.needed(asks, "TypeForesp")
    return _inquiry(reading, envelope, document, EventCode.INQUIRY, Activity.NEW)


def _answer(reading: Reading, envelope: Envelope, document: Element) -> Told:
    reading.needed(reading.need(document, "Notat"), "TemaKodet")
    return _inquiry(reading, envelope, document, EventCode.REPLY, Activity.REPLY)


def _free(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """Free dialogue begins a conversation, or goes on in one; one theme is a municipality's answer to a ward."""
    note = reading.need(document, "Notat")
    theme = reading.needed(note, "TemaKodet")
    if theme == ON_RECEIVING:
        return _capacity(reading, envelope, document)
    if envelope.parent:
        return _inquiry(reading, envelope, document, EventCode.REPLY, Activity.REPLY)
    return _inquiry(reading, envelope, document, EventCode.INQUIRY, Activity.NEW)


def _wrongly_sent(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """Tilbakemelding om feil i mottatt melding: who sent it has to do something about it."""
    reading.needed(reading.need(document, "Notat"), "TemaKodet")
    return _inquiry(reading, envelope, document, EventCode.INQUIRY, Activity.NEW)


def _capacity(reading: Reading, envelope: Envelope, document: Element) -> Told:
    """The answer itself is in the text: no code says whether it is yes or no."""
    house = envelope.receiver_house
    return Told(
        code=EventCode.CAPACITY_ANSWER,
        activity=Activity.NEW,
        facts=StayFacts(note=_text(envelope, document), identifiers=stays.of_house(house) or None),
        keys=stays.keys(house, envelope.sender, None, reading.zone),
        author=_author(reading, document),
    )


def _status(reading: Reading, envelope: Envelope, document: Element) -> Told:
    note = reading.need(document, "Notat")
    code = STATUS.get(reading.needed(note, "TemaKodet") or "")
    if code is None:
        return _inquiry(reading, envelope, document, EventCode.REPLY, Activity.REPLY)
    named = {envelope.parent, envelope.conversation}
    messages = frozenset(
        Key(KeyRank.MESSAGE, one.value.removeprefix("urn:uuid:"))
        for one in map(identified, filter(None, named))
        if one.system == URI
    )
    return Told(
        code=code,
        activity=Activity.NEW,
        facts=ReferralFacts(
            reason_code=reading.text(note, "TemaKodet")
            if code is EventCode.REFERRAL_REJECTED
            else None,
            note=_text(envelope, document),
        ),
        keys=_keys(KeyRank.REFERRAL, envelope, *sorted(filter(None, named))) | messages,
        author=_author(reading, document),
    )


def _inquiry(
    reading: Reading, envelope: Envelope, document: Element, code: EventCode, told: Activity
) -> Told:
    facts = InquiryFacts(
        topic=_topic(reading, document),
        text=_text(envelope, document),
        owner=asked(envelope),
    )
    return Told(
        code=code,
        activity=told,
        facts=facts,
        keys=keys(envelope),
        author=_author(reading, document),
    )


def _topic(reading: Reading, document: Element) -> str | None:
    """The sender's own words, else what the code is called."""
    paths = (
        "Notat/Tema",
        "Foresporsel/EmneSporsmal",
        "Notat/TemaKodet",
        "Foresporsel/TypeForesp",
    )
    return next((told for path in paths if (told := reading.name(document, path))), None)


def _text(envelope: Envelope, document: Element) -> str | None:
    """All that is said, the question before its answer; codes and topics by their names."""
    return with_attachments(plain(document), envelope)


def _author(reading: Reading, document: Element) -> Author:
    roles = "RollerRelatertNotat/HealthcareProfessional"
    return writer(reading, document, (f"Notat/{roles}", f"Foresporsel/{roles}"))


_OF_TYPE: Final = {
    "DIALOG_FORESPORSEL": _question,
    "DIALOG_SVAR": _answer,
    "DIALOG_NOTAT": _free,
    "DIALOG_HELSEFAGLIG": _free,
    "DIALOG_STATUS_HENVISNING": _status,
    "DIALOG_AVVIK": _wrongly_sent,
}
TYPES: Final = tuple(_OF_TYPE)
"""The types of message (8279) that are a Dialogmelding."""
