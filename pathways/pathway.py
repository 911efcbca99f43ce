"""The state of one patient's pathways: a small header, and one thread for each matter.

``fold`` makes a thread from its records, whatever order they came in; ``evolve`` adds one that comes last.
The header keeps what belongs to the patient as a whole; each of its fields is the newest that was told, so it
needs no history at all.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pathways.corrections import CORRECTIONS, standing
from pathways.events import STATES, WHOLE, EventCode, Family
from pathways.facts import Facts, PersonFacts, StayFacts, newest
from pathways.messages import Author, Key, Record
from pathways.moments import Moment, SortKey
from pathways.pledges import promises_after
from pathways.promises import Promises
from pathways.transitions import CLOSED, TASK, Status, after, task_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a stay asks of the municipality, as it stands: who asked, and who took it (directory keys)."""

    status: Status
    requester: str | None = None
    owner: str | None = None
    begun: Moment | None = None
    updated: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The state of one matter. Parties are directory keys; ``owner`` is who is responsible now.

    ``told`` is about arrival: everyone who was told anything, the senders too.
    ``last`` is the newest record's place; ``unsettled`` says that a correction still looks for its target.
    """

    id: str
    patient: str
    family: Family
    anchor: Key  # the strongest key; the id comes from it
    status: Status = Status.NONE
    facts: Facts | None = None
    sender: str = ""  # who began it
    owner: str | None = None
    asked: str | None = None  # who was asked to take over and has not answered
    begun: Moment | None = None
    updated: Moment | None = None
    last: SortKey | None = None
    unsettled: bool = False
    told: frozenset[str] = frozenset()
    task: Task | None = None  # of a stay
    promises: Promises = ()

    @property
    def is_open(self) -> bool:
        """Whether somebody is still expected to do something."""
        return self.status not in CLOSED and self.status is not Status.UNKNOWN


def fits_last(thread: Thread, record: Record) -> bool:
    """Whether ``evolve`` alone is right: the record comes last, corrects nothing, and nothing waits for it."""
    in_order = thread.last is None or record.order > thread.last
    return in_order and record.activity not in CORRECTIONS and not thread.unsettled


def fold(thread: Thread, records: Collection[Record]) -> Thread:
    """The thread as all its records make it; of ``thread`` only the identity is used."""
    outcome = standing(records)
    state = Thread(id=thread.id, patient=thread.patient, family=thread.family, anchor=thread.anchor)
    for record in sorted(outcome.records, key=lambda r: r.order):
        state = evolve(state, record)
    if records and not outcome.records:
        state = replace(state, status=Status.ENTERED_IN_ERROR)
    if state.task is None and any(_asks(record) for record in records):
        state = replace(state, task=Task(status=Status.ENTERED_IN_ERROR))
    return replace(
        state,
        last=max((record.order for record in records), default=None),
        unsettled=outcome.unsettled,
        told=frozenset().union(*(_told(record) for record in records)),
    )


def evolve(thread: Thread, record: Record) -> Thread:
    """The thread after one more record, the newest so far."""
    began = thread.begun is None
    owner, asked = _responsible(thread, record)
    state = replace(
        thread,
        status=after(thread.family, thread.status, record.code),
        facts=_facts(thread, record),
        sender=record.sender if began else thread.sender,
        owner=owner,
        asked=asked,
        begun=record.happened if began else thread.begun,
        updated=record.happened,
        last=record.order,
        told=thread.told | _told(record),
        task=_task(thread.task, record),
    )
    return replace(state, promises=promises_after(thread.promises, state, record))


def _asks(record: Record) -> bool:
    """Whether the record begins a stay's Task where there is none."""
    if record.family is not Family.STAY:
        return False
    return record.code in TASK[Status.NONE] or record.code is EventCode.CAPACITY_ANSWER


def _task(task: Task | None, record: Record) -> Task | None:
    """Whoever answers takes it: the municipality is asked by function, and becomes the owner when it speaks."""
    if task is None or task.status is Status.ENTERED_IN_ERROR:
        if not _asks(record):
            return task
        task = Task(status=Status.NONE, begun=record.happened)
    can_receive = record.facts.can_receive if isinstance(record.facts, StayFacts) else None
    status = task_after(task.status, record.code, can_receive=can_receive)
    answers = record.code in _ANSWERS
    asks = record.code in TASK[Status.NONE] and not answers
    if status is task.status and not asks and not answers:
        return task
    return replace(
        task,
        status=status,
        requester=task.requester or (record.sender if asks else None),
        owner=record.sender if answers else task.owner,
        updated=record.happened,
    )


_ANSWERS = (EventCode.CAPACITY_ANSWER, EventCode.OFFER_READY, EventCode.RECEIVED_HOME)


def _told(record: Record) -> frozenset[str]:
    return frozenset((record.sender, *record.receivers))


def _facts(thread: Thread, record: Record) -> Facts | None:
    """Documents, and what is said about promises, change nothing in what is known of the matter."""
    if not isinstance(record.facts, STATES[thread.family]):
        return thread.facts
    if isinstance(record.facts, PersonFacts):
        return _person(thread.facts, record.facts)
    if isinstance(record.facts, StayFacts) and record.code is EventCode.ADMISSION:
        known = thread.facts if isinstance(thread.facts, StayFacts) else StayFacts()
        return replace(newest(known, record.facts), ends=record.facts.ends)
    return record.facts if thread.facts is None else newest(thread.facts, record.facts)


def _person(known: Facts | None, said: PersonFacts) -> PersonFacts:
    """Links add up; everything else is the newest."""
    before = known if isinstance(known, PersonFacts) else PersonFacts()
    linked = {*(before.linked or ()), *(said.linked or ())} - {*(said.unlinked or ())}
    after_ = newest(before, said)
    order = tuple(sorted(linked, key=lambda i: (i.system, i.value)))
    return replace(after_, linked=order or None, unlinked=None)


Responsible = tuple[str | None, str | None]  # owner, asked


def _responsible(thread: Thread, record: Record) -> Responsible:
    """Who is responsible, and who is asked. One who has it keeps it until the next one has accepted."""
    rule = _HANDS_OVER.get(record.code)
    if rule is not None:
        return rule(thread, record)
    begins_stay = record.sender if record.family is Family.STAY else None
    return thread.owner or begins_stay, thread.asked


_HANDS_OVER: Mapping[EventCode, Callable[[Thread, Record], Responsible]] = {
    EventCode.ADMISSION: lambda _, r: (r.asked or r.sender, None),
    EventCode.TRANSFER: lambda _, r: (r.asked or r.sender, None),
    EventCode.HOSPITAL_CHOICE: lambda t, r: (t.owner or r.asked, r.asked),
    EventCode.REDIRECT_PROPOSED: lambda t, r: (t.owner, r.asked),
    EventCode.HOSPITAL_CHOICE_CONFIRMED: lambda _, r: (r.sender, None),
    EventCode.REFERRAL: lambda t, r: (r.asked or t.owner, r.asked),
    EventCode.REFERRAL_FORWARDED: lambda t, r: (r.asked or t.owner, r.asked),
    EventCode.REFERRAL_ACCEPTED: lambda _, r: (r.sender, None),
    EventCode.REFERRAL_REJECTED: lambda t, _: (t.sender or None, None),
    EventCode.INQUIRY: lambda t, r: (r.asked or t.owner, None),
    EventCode.INQUIRY_FORWARDED: lambda t, r: (r.asked or t.owner, None),
    EventCode.CARER_UNAVAILABLE: lambda t, r: (r.asked or t.owner, None),
    EventCode.MEASURE_PROPOSED: lambda t, r: (t.owner or r.asked, r.asked),
    EventCode.MEASURE_PROMISED: lambda _, r: (r.asked or r.sender, None),
    EventCode.FOLLOW_UP: lambda t, r: (r.asked or t.owner or r.sender, None),
    EventCode.APPLICATION: lambda t, r: (r.asked or t.owner, None),
    EventCode.FIRST_CONTACT_BOOKED: lambda _, r: (r.sender, None),
    EventCode.PLAN_CREATED: lambda _, r: (r.sender, None),
}


@dataclass(frozen=True, slots=True)
class Told:
    """The newest that was told of one field, and when it was told in the order of events."""

    order: SortKey
    value: str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What belongs to the patient as a whole.

    ``demographics``: family, given, birth_date (ISO), gender, municipality, district, gp (directory key).
    ``deceased``: by the thread that says so. ``open``: responsible party by open thread.
    ``contacts``: the newest person each party named. ``participants`` is about arrival: who was ever told.
    """

    demographics: Mapping[str, Told] = field(default_factory=dict)
    contacts: Mapping[str, tuple[SortKey, Author]] = field(default_factory=dict)
    deceased: Mapping[str, Moment] = field(default_factory=dict)
    open: Mapping[str, str] = field(default_factory=dict)
    person: PersonFacts = field(default_factory=PersonFacts)
    participants: frozenset[str] = frozenset()

    def told(self, name: str) -> str | None:
        """A demographic field as text."""
        known = self.demographics.get(name)
        if known is None:
            return None
        return known.value if isinstance(known.value, str) else " ".join(known.value)

    @property
    def municipality(self) -> str | None:
        """The kommunenummer that has the duty now: where the person stays, else where they live."""
        person = self.person
        return person.stay_municipality or person.home_municipality or self.told("municipality")


def header_told(header: Header, record: Record) -> Header:
    """The header after what a record says of the patient and of its author."""
    contacts = header.contacts
    if record.author.name and _newer(contacts.get(record.sender), record.order):
        contacts = {**contacts, record.sender: (record.order, record.author)}
    known = header.demographics
    told = {
        name: Told(record.order, value)
        for name, value in record.told.items()
        if name not in known or known[name].order <= record.order
    }
    return replace(header, demographics={**known, **told}, contacts=contacts)


def _newer(known: tuple[SortKey, Author] | None, order: SortKey) -> bool:
    return known is None or known[0] <= order


def header_with(header: Header, thread: Thread, before: Iterable[str] = ()) -> Header:
    """The header after a thread's new state; ``before`` are ids the thread had until now."""
    gone = {*before, thread.id}
    deceased = {id_: when for id_, when in header.deceased.items() if id_ not in gone}
    open_ = {id_: owner for id_, owner in header.open.items() if id_ not in gone}
    if thread.status is Status.DECEASED and thread.updated:
        told = thread.facts.deceased if isinstance(thread.facts, StayFacts) else None
        deceased[thread.id] = told or thread.updated
    if thread.is_open and thread.owner and thread.family not in WHOLE:
        open_[thread.id] = thread.owner
    person = thread.facts if isinstance(thread.facts, PersonFacts) else header.person
    if thread.family is Family.PERSON and thread.facts is None:
        person = PersonFacts()
    return replace(
        header,
        deceased=deceased,
        open=open_,
        person=person,
        participants=header.participants | thread.told,
    )
