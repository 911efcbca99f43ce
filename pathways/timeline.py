"""Events to entries: what a patient's timeline shows, as of a moment.

Every accepted message is one entry, corrections and cancellations too. Leave out the records that came after
a moment, and what remains is what was known then.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime

from pathways.corrections import CORRECTIONS, Mark, Standing, standing
from pathways.events import RULES, Activity, EventCode, Family
from pathways.facts import (
    CoordinatorFacts,
    DeadlineFacts,
    Facts,
    FollowUpFacts,
    MeetingFacts,
    StayFacts,
)
from pathways.messages import Author, Message, Record
from pathways.moments import Moment, SortKey
from pathways.parties import Function, PartyRef
from pathways.promises import PromiseKind

__all__ = ["Entry", "Mark", "bare", "entries", "unplaced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the timeline."""

    id: str
    patient: str
    thread: str
    family: Family
    code: EventCode
    activity: Activity
    happened: Moment
    written: datetime
    received: datetime
    sender: str
    sender_name: str
    sender_function: Function | None = None
    author: Author
    asked: str | None = None
    relatives: tuple[str, ...] = ()  # whom the patient lets know
    marks: frozenset[Mark]
    message_id: str
    target: str | None
    replaced_by: str | None
    facts: Facts

    @property
    def text_key(self) -> str:
        """The sentence that tells of it, which is put into words outside."""
        key = f"entry.{self.code}"
        if isinstance(self.facts, StayFacts) and self.code is EventCode.CAPACITY_ANSWER:
            key += {True: ".yes", False: ".no", None: ""}[self.facts.can_receive]
        if isinstance(self.facts, CoordinatorFacts) and self.facts.expecting:
            key += ".expecting"
        if self.activity is Activity.REPLY:
            key += _answer(self.facts)
        if said := getattr(self.facts, _TOLD_APART.get(self.code, ""), None):
            key += f".{said}"
        if self.activity in (Activity.REVISE, Activity.CANCEL):
            key += f".{self.activity}"
        return key

    @property
    def params(self) -> Mapping[str, str | Moment]:
        """What stands in the sentence: whatever the facts say in words or times; parties by name."""
        return dict(_params(self))


def entries(threads: Mapping[str, Collection[Record]]) -> list[Entry]:
    """The entries of all threads' records, in the one order of events."""
    made = [pair for id_, records in threads.items() for pair in _thread_entries(id_, records)]
    return [entry for _, entry in sorted(made, key=lambda pair: pair[0])]


def bare(entry: Entry) -> Entry:
    """That there is such an entry, when, and whose: nothing of what it says, nor who wrote it."""
    return replace(entry, facts=type(entry.facts)(), author=Author(), relatives=(), asked=None)


def unplaced(message: Message) -> Entry:
    """A message as the entry that it would be, before anybody knows whose matter it is about."""
    return Entry(
        id=message.id,
        patient="",
        thread="",
        family=message.family,
        code=message.code,
        activity=message.activity,
        happened=message.happened,
        written=message.written,
        received=message.written,
        sender="",
        sender_name=message.sender.name or "",
        author=message.author,
        marks=frozenset(),
        message_id=message.id,
        target=message.target,
        replaced_by=None,
        facts=message.facts,
    )


def _thread_entries(thread: str, records: Collection[Record]) -> Iterator[tuple[SortKey, Entry]]:
    outcome = standing(records)
    late = _late(records)
    for record in records:
        yield record.order, _entry(thread, record, outcome, record.id in late)


def _late(records: Collection[Record]) -> set[str]:
    """Those that came when something that happened later was known already; corrections say so themselves."""
    late: set[str] = set()
    newest: SortKey | None = None
    for record in sorted(records, key=lambda r: (r.received, r.order)):
        if newest is None or record.order > newest:
            newest = record.order
        elif record.activity not in CORRECTIONS:
            late.add(record.id)
    return late


def _entry(thread: str, record: Record, outcome: Standing, late: bool) -> Entry:
    marks = set(outcome.marks.get(record.id, ()))
    if late:
        marks.add(Mark.LATE)
    if record.activity is Activity.FORWARD or record.code in _FORWARDS:
        marks.add(Mark.FORWARDED)
    return Entry(
        id=record.id,
        patient=record.patient,
        thread=thread,
        family=record.family,
        code=record.code,
        activity=record.activity,
        happened=record.happened,
        written=record.written,
        received=record.received,
        sender=record.sender,
        sender_name=record.sender_name,
        sender_function=record.sender_function,
        author=record.author,
        asked=record.asked,
        relatives=record.relatives,
        marks=frozenset(marks),
        message_id=record.message_id,
        target=record.target,
        replaced_by=outcome.replaced_by.get(record.id),
        facts=record.facts,
    )


def _answer(facts: Facts) -> str:
    """An answer to a summons, or the note of a contact, is told apart from what it answers."""
    if isinstance(facts, MeetingFacts):
        return {True: ".accepts", False: ".declines", None: ".answer"}[facts.accepts]
    return ".talked" if isinstance(facts, FollowUpFacts) else ""


_TOLD_APART = {EventCode.DECISION: "outcome", EventCode.REPLY: "disclosure"}
"""Events whose sentence differs by one of their facts."""
_FORWARDS = frozenset({EventCode.REFERRAL_FORWARDED, EventCode.INQUIRY_FORWARDED})


def _params(entry: Entry) -> Iterable[tuple[str, str | Moment]]:
    yield "sender", entry.sender_name
    yield "relatives", ", ".join(entry.relatives)
    facts = entry.facts
    for name in _NAMES[type(facts)]:
        value = getattr(facts, name)
        if isinstance(value, PartyRef):
            value = value.name
        if isinstance(value, str | Moment):
            yield name, value
    if isinstance(facts, DeadlineFacts) and (kind := _KINDS.get(facts.kind or "")):
        yield "kind", kind
    if isinstance(facts, StayFacts) and (
        place := facts.ward or (facts.provider and facts.provider.name)
    ):
        yield "place", place


_NAMES = {rule.facts: tuple(field.name for field in fields(rule.facts)) for rule in RULES.values()}
_KINDS = {str(kind): kind for kind in PromiseKind}
