"""The senders' own ids as keys that bring messages about one matter together (``pathways.threads``).

Text of a key: ``system|value``; a ``urn:`` stands for itself; ``|value|sender`` where the sender gave no system.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final

from fhir_mappings.codes import ORGANISATION_NUMBER, URI
from fhir_mappings.times import moment_text
from pathways.events import Family
from pathways.messages import Key, KeyRank, Message
from pathways.moments import Moment
from pathways.parties import Identifier, PartyRef


@dataclass(frozen=True, slots=True)
class Numbered:
    """Where messages of a family name their matter: ``identifiers`` of the facts, and References in ``kind.name``."""

    rank: KeyRank
    kind: str
    name: str


NUMBERED: Final[Mapping[Family, Numbered]] = {
    Family.REFERRAL: Numbered(KeyRank.REFERRAL, "ServiceRequest", "basedOn"),
    Family.CHOICE: Numbered(KeyRank.REFERRAL, "ServiceRequest", "basedOn"),
    Family.INQUIRY: Numbered(KeyRank.CONVERSATION, "Communication", "inResponseTo"),
    Family.COURSE: Numbered(KeyRank.EPISODE, "EpisodeOfCare", "referralRequest"),
    Family.APPLICATION: Numbered(KeyRank.REFERRAL, "Task", "basedOn"),
    Family.PLAN: Numbered(KeyRank.REFERRAL, "CarePlan", "replaces"),
    Family.MEETING: Numbered(KeyRank.REFERRAL, "Appointment", "basedOn"),
    Family.MEASURE: Numbered(KeyRank.REFERRAL, "Task", "relevantHistory"),
    Family.FOLLOW_UP: Numbered(KeyRank.REFERRAL, "Task", "relevantHistory"),
}
"""The families whose matters have a number of the sender's own; stays have their own rules (``stay``, ``start``)."""


def scope(sender: PartyRef) -> str:
    """What tells one sender's local ids from another's: organisation number, else any id, address or name."""
    ids = sorted(
        sender.identifiers,
        key=lambda one: (one.system != ORGANISATION_NUMBER, one.system, one.value),
    )
    return f"{ids[0].system}|{ids[0].value}" if ids else sender.endpoint or sender.name or ""


def key(rank: KeyRank, one: Identifier, sender: PartyRef) -> Key:
    """The key of an identifier that ``sender`` used."""
    if one.system in ("", URI) and one.value.startswith("urn:"):
        return Key(rank, one.value)
    if one.system:
        return Key(rank, f"{one.system}|{one.value}")
    return Key(rank, f"|{one.value}|{scope(sender)}")


def identifier_of(one: Key, sender: PartyRef) -> Identifier:
    """An identifier that gives this key again when ``sender`` uses it."""
    if one.value.startswith("|"):
        return Identifier("", one.value[1:].removesuffix(f"|{scope(sender)}"))
    system, bar, value = one.value.partition("|")
    return Identifier(system, value) if bar else Identifier("", system)


def number(message: Message, rank: KeyRank) -> Identifier | None:
    """The number that a message's matter goes by, of this rank."""
    found = (one for one in message.keys if one.rank is rank)
    return next((identifier_of(one, message.sender) for one in found), None)


def keys(rank: KeyRank, found: Iterable[Identifier], sender: PartyRef) -> set[Key]:
    """The keys of several identifiers."""
    return {key(rank, one, sender) for one in found}


def stay(ids: Iterable[Identifier], episodes: Iterable[Identifier], sender: PartyRef) -> set[Key]:
    """The keys of a stay that carries ids."""
    return keys(KeyRank.EPISODE, episodes, sender) | keys(KeyRank.STAY, ids, sender)


def start(begins: Moment | None, sender: PartyRef, zone: tzinfo) -> set[Key]:
    """The key of a stay that carries no id at all: its sender and when it began."""
    if begins is None:
        return set()
    return {Key(KeyRank.START, f"{scope(sender)}|{moment_text(begins, zone)}")}
