"""The envelope of a message: MsgHead 1.2, or the top of the older messages that have none."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from fhir_mappings.identifiers import check_organisation
from fhir_mappings.kith.names import ACTIVITIES
from fhir_mappings.kith.parties import Level, author, house, levels, party
from fhir_mappings.kith.patients import the_patient
from fhir_mappings.kith.reading import Element, Reading, place
from fhir_mappings.options import Options
from pathways.events import Activity, EventCode
from pathways.facts import Facts
from pathways.messages import Author, Destination, Key, Message, Patient
from pathways.moments import Moment
from pathways.parties import PartyRef
from pathways.refusals import Issue, Reason

MAX_ATTACHMENT: Final = 3 * 1024 * 1024
"""Bytes of one attachment, before it is encoded."""
_TESTS: Final = frozenset(("TEST", "D", "T"))
"""8323 of the older messages; ProcessingStatus of MsgHead: debugging, training."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What is said around the content. ``kind``: 8279; ``written``: GenDate; ``issued``: of the document, not later.

    ``parent`` and ``conversation`` are ids of messages; houses are the organisations that the parties belong to.
    """

    id: str
    kind: str
    written: datetime
    issued: Moment
    sender: PartyRef
    sender_house: PartyRef
    destinations: tuple[Destination, ...]
    receiver_house: PartyRef
    patient: Patient | None
    parent: str | None = None
    conversation: str | None = None
    test: bool = False
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the content says. ``happened``: ``None`` when it was issued."""

    code: EventCode
    activity: Activity
    facts: Facts
    happened: Moment | None = None
    keys: frozenset[Key] = field(default_factory=frozenset)
    author: Author = field(default_factory=Author)


Reader = Callable[[Reading, Envelope, Element], Told]


def message(envelope: Envelope, told: Told, content: bytes, source: bytes) -> Message:
    """The two as a message. A correction without a reference is about the newest of its kind (design.md)."""
    return Message(
        id=envelope.id,
        format="kith",
        envelope=None,
        content=content,
        code=told.code,
        activity=told.activity,
        target=envelope.parent,
        sender=envelope.sender,
        author=told.author,
        happened=told.happened or envelope.issued,
        written=envelope.written,
        destinations=envelope.destinations,
        patient=envelope.patient,
        keys=tuple(sorted(told.keys)),
        facts=told.facts,
        test=envelope.test,
        source=source,
    )


def activity(reading: Reading, parent: Element | None, path: str) -> Activity:
    """7309: new, changed, added, cancelled; anything else is a fault."""
    told = reading.needed(parent, path)
    found = ACTIVITIES.get(told or "")
    if told is not None and found is None and (at := reading.one(parent, path)) is not None:
        reading.fault("code-invalid", "The status has to be N, M, A or C (7309).", at)
    return found or Activity.NEW


# --- MsgHead


def of_head(reading: Reading, document: Element | None, options: Options) -> Envelope:
    """``MsgInfo``, and when the ``document`` was issued that the message is about."""
    root = reading.root
    info = reading.need(root, "MsgInfo")
    if document is None:
        reading.lacks(root, "Document")
    for path in ("MIGversion", "Sender", "Receiver"):
        reading.need(info, path)
    reading.need(document, "RefDoc/MsgType")
    for path in ("RefToParent", "RefToConversation"):
        reading.need(reading.one(info, "ConversationRef"), path)
    written = generated(reading, info, options)
    senders = _named(reading, reading.one(info, "Sender"))
    receivers = _named(reading, reading.one(info, "Receiver"))
    return Envelope(
        id=message_id(reading, info, "MsgId"),
        kind=reading.needed(info, "Type") or "",
        written=written,
        issued=issued(reading, reading.one(document, "RefDoc/IssueDate"), written),
        sender=party(senders),
        sender_house=house(senders),
        destinations=_destinations(reading, receivers, reading.all(info, "OtherReceiver")),
        receiver_house=house(receivers),
        patient=the_patient(reading, info, options) if info is not None else None,
        parent=reading.text(info, "ConversationRef/RefToParent"),
        conversation=reading.text(info, "ConversationRef/RefToConversation"),
        test=reading.text(info, "ProcessingStatus") in _TESTS,
        attachments=attachments(reading, _others(reading, document)),
    )


def _named(reading: Reading, parent: Element | None) -> tuple[Level, ...]:
    """A party of MsgHead: an organisation with a number, whose digits add up."""
    if parent is None:
        return ()
    organisation = reading.need(parent, "Organisation")
    for path in ("OrganisationName", "Ident/Id", "Ident/TypeId"):
        reading.needed(organisation, path)
    return checked(reading, levels(reading, parent), parent)


def checked(reading: Reading, told: tuple[Level, ...], parent: Element) -> tuple[Level, ...]:
    """The levels, with a fault for each wrong organisation number and for a party that nobody could find."""
    ids = [
        {"system": one.system, "value": one.value}
        for level in told
        for one in level.party.identifiers
    ]
    if wrong := check_organisation(ids, ""):
        reading.note(Issue(wrong.code, wrong.text, place(parent)))
    if told and not party(told).identifiers:
        text = "The party needs a HER-id or an organisation number."
        reading.fault("required", text, parent)
    return told


def _destinations(
    reading: Reading, receivers: tuple[Level, ...], others: list[Element]
) -> tuple[Destination, ...]:
    first = [Destination(party(receivers))] if receivers else []
    copies = (Destination(party(_named(reading, other)), copy=True) for other in others)
    return tuple(dict.fromkeys((*first, *copies)))


# --- all of them


def message_id(reading: Reading, parent: Element | None, path: str) -> str:
    """The message's id; it stands in addresses and keys, so it may not be anything."""
    told, at = reading.needed(parent, path), reading.one(parent, path)
    if told and at is not None and (len(told) > 200 or not told.isprintable()):
        reading.fault("value", "The id is no id.", at)
    return told or ""


def generated(reading: Reading, parent: Element | None, options: Options) -> datetime:
    """GenDate; a day without time stands at its end, or when the message came."""
    reading.needed(parent, "GenDate")
    found = reading.moment(reading.one(parent, "GenDate"), options.received)
    return found.at if found else options.received


def issued(reading: Reading, element: Element | None, written: datetime) -> Moment:
    """When a document was issued: never after it was sent."""
    found = reading.moment(element, written)
    return found if found and found.at <= written else Moment(written)


def writer(reading: Reading, parent: Element, paths: tuple[str, ...]) -> Author:
    """The first person with a name at one of the paths."""
    people = (author(reading, one) for path in paths for one in reading.all(parent, path))
    return next((one for one in people if one.name), Author())


def with_attachments(text: str | None, envelope: Envelope) -> str | None:
    """A text that also names what came with it: the attachments themselves stay in the sender's own message."""
    lines = [*([text] if text else []), *(f"Vedlegg: {name}" for name in envelope.attachments)]
    return "\n".join(lines) or None


def attachments(reading: Reading, documents: list[Element]) -> tuple[str, ...]:
    """The names of what came with a message, each a ``RefDoc``; what is inside has to be sound, and not too long."""
    for document in documents:
        reading.need(document, "MsgType")
        for container in reading.all(document, "Content/Base64Container"):
            _check_attachment(reading, container)
    return tuple(reading.text(one, "Description") or "uten navn" for one in documents)


def _others(reading: Reading, document: Element | None) -> list[Element]:
    """Each ``RefDoc`` but that of ``document``."""
    others = (one for one in reading.all(reading.root, "Document") if one is not document)
    found = (reading.need(one, "RefDoc") for one in others)
    return [one for one in found if one is not None]


def _check_attachment(reading: Reading, container: Element) -> None:
    encoded = "".join((container.text or "").split())
    if len(encoded) * 3 // 4 > MAX_ATTACHMENT:
        text = f"an attachment may have at most {MAX_ATTACHMENT} bytes"
        reading.fault("too-long", text, container, reason=Reason.TOO_LARGE)
        return
    try:
        base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        reading.fault("value", "The attachment is not Base64.", container)
