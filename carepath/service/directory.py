"""The directory in memory, and how open mode enters those it has not seen before."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from carepath.store import parties
from carepath.store.blind import Keys
from carepath.store.database import Connection, Database
from fhir_mappings.codes import GLN, HER_ID, ORGANISATION_NUMBER, SOR
from fhir_mappings.indexing import indexed
from fhir_mappings.resources import organization
from pathways.doors import door
from pathways.events import Activity, Family
from pathways.facts import Facts, Participant
from pathways.messages import Message, stable_id
from pathways.parties import Directory, Identifier, Party, PartyRef
from pathways.receipts import Mode

_PREFIXES: Final[Mapping[str, str]] = {
    ORGANISATION_NUMBER: "",
    HER_ID: "her-",
    SOR: "sor-",
    GLN: "gln-",
}
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


@dataclass(slots=True)
class Parties:
    """Everybody who is known, as they were at the last look."""

    database: Database
    open_mode: bool
    current: Directory = field(default_factory=Directory)

    def refresh(self, connection: Connection) -> None:
        """See changes that other processes made."""
        self.current = parties.directory(connection)

    def find(self, ref: PartyRef, at: datetime) -> Party | None:
        """The party that a message names."""
        return self.current.find(ref.known_by, at)

    def enter(self, messages: Iterable[Message], at: datetime) -> None:
        """Open mode: enter as *seen* whoever sends, receives or is asked and is not known yet.

        Of who was seen before by one number it is learnt which other is theirs. What an administrator entered stays.
        """
        if not self.open_mode:
            return
        refs = {ref for message in messages for ref in named(message) if ref.known_by}
        new = [ref for ref in refs if self._learnt(ref, at)]
        if not new:
            return
        with self.database.write() as connection:
            self.refresh(connection)
            for ref in new:
                if party := self._learnt(ref, at):
                    enter(connection, self.database.keys, party, at)
            self.refresh(connection)

    def enter_party(self, party: Party, at: datetime) -> None:
        """Let a party of the broker's own be in the directory."""
        if party.key in self.current.parties:
            return
        with self.database.write() as connection:
            enter(connection, self.database.keys, party, at)
            self.refresh(connection)

    def _learnt(self, ref: PartyRef, at: datetime) -> Party | None:
        """A party that is new, or has a number more; ``None``: all that the message names is known.

        Nobody has two HER-ids, but units are told of with the number of their organisation: another HER-id with the
        same organisation number is another party.
        """
        known = self.find(ref, at)
        if known is None:
            return self._with(ref)
        if not known.seen:
            return None
        own, told = _numbers(known.identifiers), _numbers(ref.identifiers)
        her_id = told.get(HER_ID)
        if her_id and own.get(HER_ID, her_id) != her_id:
            return self._with(PartyRef((her_id,), ref.name))
        more = [
            one
            for system, one in told.items()
            if system not in own and self.current.find((one,), at) is None
        ]
        return replace(known, identifiers=(*known.identifiers, *more)) if more else None

    def _with(self, ref: PartyRef) -> Party:
        """A new party, or the one that has its key already, with one more thing that it is found by."""
        key = default_key(ref.known_by)
        known = self.current.parties.get(key)
        if known is not None:
            return replace(known, identifiers=(*known.identifiers, *ref.known_by))
        name = ref.name or ref.known_by[0].value
        return Party(
            key=key, name=name, identifiers=ref.known_by, receipt_mode=Mode.NONE, seen=True
        )


def _numbers(identifiers: Iterable[Identifier]) -> dict[str, Identifier]:
    """HER-id and organisation number, by system."""
    return {one.system: one for one in identifiers if one.system in (HER_ID, ORGANISATION_NUMBER)}


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
    for refs in of_facts(message.facts).values():
        yield from refs


def of_facts(facts: Facts) -> Mapping[str, Sequence[PartyRef]]:
    """Those who have a part in what the event is about, by the fact that names them."""
    told = {name: getattr(facts, name, None) for name in _PARTS}
    return {name: refs for name, value in told.items() if (refs := _refs(value))}


def keys_named(directory: Directory, message: Message, at: datetime) -> dict[str, tuple[str, ...]]:
    """Their directory keys, by the fact; a meeting that summons nobody asks those it is sent to."""
    told = {**of_facts(message.facts)}
    if message.family is Family.MEETING and message.activity is not Activity.REPLY:
        told.setdefault("summoned", [one.party for one in message.destinations if not one.copy])
    found = {name: _doors(directory, refs, message, at) for name, refs in told.items()}
    return {name: keys for name, keys in found.items() if keys}


def _doors(
    directory: Directory, refs: Iterable[PartyRef], message: Message, at: datetime
) -> tuple[str, ...]:
    parties = (party for ref in refs if (party := directory.find(ref.known_by, at)))
    if message.family is Family.CONSENT:  # what is said of a municipality is said of all of it
        return tuple(dict.fromkeys(one.key for one in parties))
    return tuple(dict.fromkeys(door(directory, one.key, message.code, at) for one in parties))


_PARTS: Final = (
    *("proposed", "performer", "owner", "refers", "follows_up"),
    *("summoned", "participants", "party", "substitute_party"),
)


def _refs(value: object) -> Sequence[PartyRef]:
    if isinstance(value, PartyRef):
        return (value,)
    if isinstance(value, Participant):
        return (value.party,) if value.party else ()
    return [ref for one in value for ref in _refs(one)] if isinstance(value, tuple) else ()


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
