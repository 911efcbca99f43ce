"""The directory in memory, and how open mode enters those it has not seen before."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from carepath.store import parties
from carepath.store.blind import Keys
from carepath.store.database import Connection, Database
from fhir_mappings.codes import GLN, HER_ID, ORGANISATION_NUMBER, SOR
from fhir_mappings.indexing import indexed
from fhir_mappings.resources import organization
from pathways.messages import Message, stable_id
from pathways.parties import Directory, Identifier, Party, PartyRef

_PREFIXES: Final[Mapping[str, str]] = {
    ORGANISATION_NUMBER: "",
    HER_ID: "her-",
    SOR: "sor-",
    GLN: "gln-",
}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(slots=True)
class Parties:
    """Everybody who is known, read again when the directory has changed."""

    database: Database
    open_mode: bool
    _version: int = -1
    current: Directory = field(default_factory=Directory)

    def refresh(self, connection: Connection) -> None:
        """See changes that other processes made."""
        version = parties.directory_version(connection)
        if version != self._version:
            self.current = parties.directory(connection)
            self._version = version

    def find(self, ref: PartyRef, at: datetime) -> Party | None:
        """The party that a message names."""
        return self.current.find(ref.known_by, at)

    def enter(self, messages: Iterable[Message], at: datetime) -> None:
        """Open mode: enter as *seen* whoever sends, receives or is asked and is not known yet."""
        if not self.open_mode:
            return
        refs = {ref for message in messages for ref in named(message) if ref.known_by}
        unknown = [ref for ref in refs if self.find(ref, at) is None]
        if not unknown:
            return
        with self.database.write() as connection:
            self.refresh(connection)
            for ref in unknown:
                if self.find(ref, at) is None:
                    party = self._with(ref)
                    enter(connection, self.database.keys, party, at)
            self.refresh(connection)

    def _with(self, ref: PartyRef) -> Party:
        """A new party, or the one that has its key already, with one more thing that it is found by."""
        key = default_key(ref.known_by)
        known = self.current.parties.get(key)
        if known is not None:
            return replace(known, identifiers=(*known.identifiers, *ref.known_by))
        name = ref.name or ref.known_by[0].value
        return Party(key=key, name=name, identifiers=ref.known_by, seen=True)


def enter(connection: Connection, keys: Keys, party: Party, at: datetime) -> bool:
    """Enter or change a party, with its Organization and what that is found by; false when nothing is new."""
    shown = organization(party)
    return parties.upsert(connection, keys, party, shown, indexed(shown), at)


def named(message: Message) -> Iterable[PartyRef]:
    """Every party that a message names in a role of its own."""
    yield message.sender
    for destination in message.destinations:
        yield destination.party
    if message.patient and message.patient.gp:
        yield message.patient.gp
    yield from named_to_act(message)


def named_to_act(message: Message) -> Iterable[PartyRef]:
    """Whom the event itself names, the newest wish first."""
    for name in ("proposed", "performer", "owner"):
        ref = getattr(message.facts, name, None)
        if isinstance(ref, PartyRef):
            yield ref


def default_key(identifiers: Iterable[Identifier]) -> str:
    """The key of a party nobody gave one: the organisation number, else one made from an identifier."""
    told = {identifier.system: identifier.value for identifier in identifiers}
    for system, prefix in _PREFIXES.items():
        key = f"{prefix}{told.get(system, '').lower()}"
        if system in told and _SLUG.fullmatch(key):
            return key
    system, value = min(told.items())
    return f"org-{stable_id('party', system, value)[:13]}"
