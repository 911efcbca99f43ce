"""A message as the rules see it: an envelope, one event, and the sender's own bytes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum

from pathways.access import Role
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import Facts
from pathways.moments import Moment, SortKey
from pathways.parties import Function, Identifier, PartyRef


class KeyRank(IntEnum):
    """How strong a key is: a thread's id comes from its strongest."""

    EPISODE = 0
    STAY = 1
    REFERRAL = 2  # and the number of any other matter
    CONVERSATION = 3
    REFERENCE = 4  # a message named by id
    START = 5  # sender and begin of a stay that carries no id at all; and of a report's
    MESSAGE = 6  # the message itself
    BEGIN = 7  # house and begin of any stay; the last one, so that no thread is named by it


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Something two messages about the same matter share. Keys connect within a patient and a family only."""

    rank: KeyRank
    value: str

    @property
    def begins(self) -> str:
        """Of a START key: when the stay began, as a FHIR dateTime."""
        return self.value.rpartition("|")[2]


@dataclass(frozen=True, slots=True)
class Author:
    """The person behind a message."""

    name: str | None = None
    phone: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Destination:
    """A receiver the sender named; ``copy`` when it is told for information only."""

    party: PartyRef
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient as the message describes them. ``municipality`` is the kommunenummer of the address."""

    identifiers: tuple[Identifier, ...] = ()
    family: str | None = None
    given: tuple[str, ...] = ()
    birth_date: date | None = None
    gender: str | None = None
    municipality: str | None = None
    district: str | None = None  # bydel
    gp: PartyRef | None = None
    protection: str | None = (
        None  # pathways.markings.Protection: who is not to know where they live
    )
    language: str | None = None  # BCP 47: what the person is spoken to in
    interpreter: bool | None = None  # whether one is needed

    def told(self, gp: str | None) -> dict[str, str | tuple[str, ...]]:
        """What is said of the person, as text by field; ``gp`` is the directory key of ``self.gp``."""
        said: dict[str, str | tuple[str, ...] | None] = {
            "family": self.family,
            "given": self.given,
            "birth_date": self.birth_date.isoformat() if self.birth_date else None,
            "gender": self.gender,
            "municipality": self.municipality,
            "district": self.district,
            "gp": gp,
            "protection": self.protection,
            "language": self.language,
            "interpreter": None if self.interpreter is None else str(self.interpreter).lower(),
        }
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one sender says has happened. All instants carry a zone."""

    id: str
    format: str  # the dialect it came in: carepath, medcom, davinci, …
    envelope: str | None  # Bundle.id
    content: bytes  # hash of the canonical source, without what changes between resends
    code: EventCode
    activity: Activity = Activity.NEW
    target: str | None = None  # the message id it revises, cancels, forwards or replies to
    sender: PartyRef
    author: Author = Author()
    happened: Moment
    written: datetime
    destinations: tuple[Destination, ...] = ()
    patient: Patient | None  # None only in acknowledgements
    keys: tuple[Key, ...] = ()
    facts: Facts
    matter: Family | None = None  # of the thread it belongs to, where the code alone does not say
    markings: frozenset[str] = frozenset()  # pathways.markings.Marking
    test: bool = False
    source: bytes = b""

    @property
    def family(self) -> Family:
        """The kind of thread this message belongs to."""
        return self.matter or RULES[self.code].family


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """An accepted event as it is kept: who said what, and when it came (``received``, UTC)."""

    id: str
    patient: str
    message_id: str
    code: EventCode
    activity: Activity
    target: str | None
    sender: str  # directory key
    sender_name: str
    sender_root: str | None  # topmost parent when it was taken in
    author: Author
    happened: Moment
    written: datetime
    received: datetime
    keys: tuple[Key, ...]
    facts: Facts
    matter: Family | None = None  # of the thread it belongs to, where the code alone does not say
    told: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)  # of the patient
    sender_function: Function | None = None
    asked: str | None = None  # directory key of whom it asks to act
    named: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # directory keys by fact
    ke: str | None = (
        None  # directory key of the coordinating unit, which has what finds no other owner
    )
    relatives: tuple[str, ...] = ()  # by name: whom the patient lets know of it
    receivers: tuple[str, ...] = ()  # directory keys of those told
    markings: frozenset[str] = frozenset()  # pathways.markings.Marking
    citizen: Role | None = None  # of the person who sent it for themselves or their own
    person: str | None = None  # access.Actor.person of theirs

    @property
    def family(self) -> Family:
        """The kind of thread this record belongs to."""
        return self.matter or RULES[self.code].family

    @property
    def order(self) -> SortKey:
        """The place among the others, whatever the order of arrival."""
        return (self.happened.at, self.written, self.id)


def stable_id(*parts: str) -> str:
    """A UUID-shaped id that is the same for the same parts, on every machine and at every repeat."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
