"""What a batch is about: messages as they came, those that came before, patients while it runs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pathways.access import Actor, Role
from pathways.facts import PersonFacts, known_as
from pathways.messages import Key, Message, Record, stable_id
from pathways.parties import Identifier
from pathways.pathway import Header, Thread

MessageKey = tuple[str, str, str]  # sender, format, message id
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message that came, with its sender's directory key, all its thread keys, and what its bytes are.

    Of our own: ``patient`` is the key of whom it is about, ``to`` are the parties that are told.
    ``citizen``: the person who sends it for themselves or their own, ``role``: what they are to the patient.
    ``after``: the id of the matter's newest record, where anything newer makes the message void.
    """

    message: Message
    sender: str
    keys: tuple[Key, ...]
    media_type: str = "application/fhir+json"
    patient: str | None = None
    to: tuple[str, ...] = ()
    citizen: Actor | None = None
    role: Role | None = None
    after: str | None = None

    @property
    def key(self) -> MessageKey:
        """What makes it the same message when it comes again."""
        return (self.sender, self.message.format, self.message.id)

    @property
    def id(self) -> str:
        """The id of its event, and of its Binary."""
        return stable_id("event", *self.key)

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Every identifier of a person in it: the patient's own, and those to be linked. We go by the key."""
        if self.patient:
            return ()
        told = self.message.patient.identifiers if self.message.patient else ()
        return (*told, *(known_as(PersonFacts, self.message.facts).linked or ()))


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that came before. ``at``: when it got the answer that is kept, in microseconds since 1970."""

    id: str
    key: MessageKey
    envelope: str | None
    content: bytes
    verdict: str
    status: int
    at: int


@dataclass(slots=True)
class PatientState:
    """One patient while the batch runs. ``received`` is when the newest event came."""

    key: str
    header: Header = field(default_factory=Header)
    received: datetime = _NEVER
    created: datetime | None = None
    pseudonym_version: int = 1
    loaded: Header | None = None  # as it was before the batch
    changed: bool = False
    new_identifiers: bool = False
    records: list[Record] = field(default_factory=list)  # of this batch
    threads: dict[str, Thread] = field(default_factory=dict)
    keys: dict[bytes, str] = field(default_factory=dict)  # blind key → thread id

    def next_received(self, now: datetime) -> datetime:
        """``now``, or just after the newest event: within a patient it always increases."""
        self.received = max(now, self.received + timedelta(microseconds=1))
        self.changed = True
        return self.received
