"""Updates for systems that read nothing but Norwegian XML or HL7 v2: those whose ``Party.dialect`` says so.

What a sender wrote in that language is handed on as it was written, byte for byte; all else is written anew. Receipts
are AppRecs for those who read Norwegian XML; other receipts, and what the broker says of its own deliveries, stay FHIR.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from carepath import texts
from carepath.service.directory import Parties
from carepath.store import sent
from carepath.store.database import Connection
from carepath.store.feed import UNCONDITIONAL, Item
from fhir_mappings import inbound
from fhir_mappings.formats import HL7_V2, KITH_XML
from fhir_mappings.hl7v2 import writing as hl7v2
from fhir_mappings.kith import apprec
from fhir_mappings.kith import writing as kith
from fhir_mappings.letters import Letter, Line
from fhir_mappings.options import Options
from fhir_mappings.reply import answered
from pathways.events import EventCode
from pathways.messages import Message
from pathways.parties import Directory, Party, PartyRef
from pathways.timeline import unplaced

_LANGUAGE: Final = "nb"  # of what is said in words: these formats are spoken in Norway
_WRITERS: Final[Mapping[str, tuple[str, Callable[[Message, Letter], bytes]]]] = {
    "kith": (KITH_XML, kith.write),
    "hl7v2": (HL7_V2, hl7v2.write),
}
"""By dialect, which is also the format of a message that came in it."""


@dataclass(frozen=True, slots=True)
class Written:
    """An update in its receiver's language."""

    media_type: str
    content: bytes


class Letters:
    """Writes updates. ``base_url`` is FHIR's."""

    def __init__(self, parties: Parties, base_url: str) -> None:
        self._parties, self._base_url = parties, base_url

    def refresh(self, conn: Connection) -> None:
        """Look whether the directory has changed."""
        self._parties.refresh(conn)

    def party(self, receiver: str) -> Party | None:
        """The directory's entry, as it was at the last ``refresh``."""
        return self._parties.current.parties.get(receiver)

    def written(self, conn: Connection, receiver: str, item: Item) -> Written | None:
        """``None`` where the receiver gets FHIR, or there is nothing to see."""
        directory, party = self._parties.current, self.party(receiver)
        if party is None or party.dialect not in _WRITERS:
            return None
        if is_receipt(item) and party.dialect == "kith":
            return Written(KITH_XML, self._apprec(conn, party, item.body or b""))
        if not _says_anything(item):
            return None
        media_type, write = _WRITERS[party.dialect]
        if item.source is not None and item.format == party.dialect:
            return Written(media_type, item.source)
        message = self._read(item)
        if message is None:
            return None
        sender = _line_of(message.sender, directory, item.created)
        told = letter(message, sender, _line(party, directory))
        return Written(media_type, write(message, told))

    def _apprec(self, conn: Connection, party: Party, receipt: bytes) -> bytes:
        """As the door would have answered, had it known by then; the message answered may be kept no more."""
        directory = self._parties.current
        about, reply = answered(receipt)
        source = sent.source(conn, directory.within(party.key), about)
        head = apprec.head_of(source) if source else apprec.Head()
        own = apprec.level(PartyRef(party.identifiers, party.name))
        known = replace(
            head,
            id=about if head.id == apprec.UNKNOWN else head.id,
            sender=head.sender or (own,),
        )
        return apprec.answer(known, reply)

    def _read(self, item: Item) -> Message | None:
        source = item.body or item.source
        if source is None:
            return None
        received = item.received or item.created
        found = inbound.read(source, Options(received=received, base_url=self._base_url))
        return found if isinstance(found, Message) else None


def is_receipt(item: Item) -> bool:
    """Whether it is the answer to a message of the receiver's own."""
    return item.kind == EventCode.ACKNOWLEDGEMENT and item.body is not None and not item.expired


def _says_anything(item: Item) -> bool:
    return not (item.withheld or item.expired) and item.kind not in UNCONDITIONAL


def letter(message: Message, sender: Line, receiver: Line) -> Letter:
    """From one party to another, with words for what the receiver's format has no place for."""
    entry = unplaced(message)
    return Letter(
        sender=sender,
        receiver=receiver,
        sentence=texts.render(entry.text_key, entry.params, _LANGUAGE),
        words=lambda facts: texts.told(facts, _LANGUAGE),
    )


def _line_of(sender: PartyRef, directory: Directory, at: datetime) -> Line:
    found = directory.find(sender.known_by, at)
    return (sender,) if found is None else _line(found, directory)


def _line(party: Party, directory: Directory) -> Line:
    """The party, and the house that it belongs to."""
    house = directory.parties.get(directory.house(party.key), party)
    return tuple(PartyRef(one.identifiers, one.name) for one in dict.fromkeys((house, party)))
