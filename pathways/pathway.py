"""The state of one patient's pathways: a small header, and one thread for each matter.

``fold`` makes a thread from its records, whatever order they came in; ``evolve`` adds one that comes last.
The header keeps what belongs to the patient as a whole; each of its fields is the newest that was told, so it
needs no history at all.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from pathways import plans
from pathways.consents import consents_after
from pathways.coordination import still_open, team_after
from pathways.corrections import CORRECTIONS, standing
from pathways.events import STATES, WHOLE, EventCode, Family
from pathways.facts import (
    ApplicationFacts,
    Facts,
    InquiryFacts,
    PersonFacts,
    ReferralFacts,
    StayFacts,
    known_as,
    newest,
)
from pathways.messages import Author, Key, Record
from pathways.moments import Moment, SortKey
from pathways.parties import Identifier
from pathways.pledges import promises_after
from pathways.promises import Promises
from pathways.responsibility import only_answers, responsible
from pathways.states import Consents, Meeting, PlanParties, State, Team
from pathways.transitions import CLOSED, TASK, Status, after, lasting, task_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a stay asks of the municipality, as it stands: who asked, and who took it (directory keys)."""

    status: Status
    requester: str | None = None
    owner: str | None = None
    begun: Moment | None = None
    updated: Moment | None = None


@dataclass(frozen=True, slots=True)
class Passing:
    """A matter was passed on: by which record, from whom to whom (directory keys), and why."""

    record: str
    by: str
    to: str
    reason: str | None = None


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
    facts: State | None = None
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
    passed: tuple[Passing, ...] = ()
    answers: frozenset[str] = frozenset()  # the message ids that replies so far name

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
    if _begins_any(records) and not _begins_any(outcome.records):
        state = replace(state, status=Status.ENTERED_IN_ERROR)
    if state.task is None and any(_asks(record) for record in records):
        state = replace(state, task=Task(status=Status.ENTERED_IN_ERROR))
    return replace(
        state,
        last=max((record.order for record in records), default=None),
        unsettled=outcome.unsettled,
        told=frozenset().union(*(_told(record) for record in records)),
    )


def _begins_any(records: Iterable[Record]) -> bool:
    """Whether there is more than answers: those alone make no meeting and no follow-up."""
    return not all(only_answers(record) for record in records)


def evolve(thread: Thread, record: Record) -> Thread:
    """The thread after one more record, the newest so far."""
    began = thread.begun is None
    owner, asked = responsible(thread, record)
    state = replace(
        thread,
        status=_status(thread, record),
        facts=_facts(thread, record),
        sender=record.sender if began else thread.sender,
        owner=owner,
        asked=asked,
        begun=record.happened if began else thread.begun,
        updated=record.happened,
        last=record.order,
        told=thread.told | _told(record),
        task=_task(thread.task, record),
        passed=(*thread.passed, *_passing(record)),
        answers=thread.answers | _answered(record),
    )
    promises = promises_after(thread.promises, state, record)
    owed = any(promise.is_open for promise in promises)
    return replace(
        state,
        promises=promises,
        facts=still_open(state.facts, promises, record),
        status=lasting(state.family, state.status, owed=owed),
    )


def _status(thread: Thread, record: Record) -> Status:
    if only_answers(record):
        return Status.UNKNOWN if thread.status is Status.NONE else thread.status
    if record.code in _QUESTIONS and record.message_id in thread.answers:
        return thread.status  # by the clocks the reply came first
    said = known_as(ApplicationFacts, record.facts).outcome
    return after(thread.family, thread.status, record.code, outcome=said)


_QUESTIONS = frozenset((EventCode.INQUIRY, EventCode.CARER_UNAVAILABLE))
_FORWARDS = frozenset((EventCode.INQUIRY_FORWARDED, EventCode.REFERRAL_FORWARDED))


def _answered(record: Record) -> frozenset[str]:
    named = record.target if record.code is EventCode.REPLY else None
    return frozenset((named,)) if named else frozenset()


def _passing(record: Record) -> Iterator[Passing]:
    if record.code in _FORWARDS and record.asked:
        yield Passing(record.id, record.sender, record.asked, reason_given(record.facts))


def reason_given(facts: Facts) -> str | None:
    """Why something is passed on; of a referral the code, as its text is why the patient is referred."""
    if isinstance(facts, ReferralFacts):
        return facts.reason_code
    return known_as(InquiryFacts, facts).reason


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
    can_receive = known_as(StayFacts, record.facts).can_receive
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


def _facts(thread: Thread, record: Record) -> State | None:
    """Documents, and what is said about promises, change nothing in what is known of the matter."""
    if merge := _MERGES.get(thread.family):
        return merge(thread.facts, record)
    if not isinstance(record.facts, STATES[thread.family]):
        return thread.facts
    if isinstance(record.facts, StayFacts) and record.code is EventCode.ADMISSION:
        known = known_as(StayFacts, thread.facts)
        return replace(newest(known, record.facts), ends=record.facts.ends)
    if isinstance(thread.facts, Team | Consents | Meeting | None):
        return record.facts
    return newest(thread.facts, record.facts)


def _person(known: State | None, record: Record) -> PersonFacts:
    """Links add up; everything else is the newest."""
    before = known_as(PersonFacts, known)
    said = record.facts
    if not isinstance(said, PersonFacts):
        return before
    linked = {*(before.linked or ()), *(said.linked or ())} - {*(said.unlinked or ())}
    after_ = newest(before, said)
    order = tuple(sorted(linked, key=lambda i: (i.system, i.value)))
    return replace(after_, linked=order or None, unlinked=None)


def _application(known: State | None, record: Record) -> ApplicationFacts:
    """A decision stands for itself: what an earlier one gave, until when, holds no more."""
    before = known_as(ApplicationFacts, known)
    said = known_as(ApplicationFacts, record.facts)
    if record.code is EventCode.DECISION:
        before = replace(before, **dict.fromkeys(_OF_DECISION))
    return newest(before, said)


_OF_DECISION = (
    *("outcome", "reason", "valid_from", "valid_to"),
    *("appeal_by", "expected", "ends", "replaced_by"),
)
_MERGES: Mapping[Family, Callable[[State | None, Record], State]] = {
    Family.PERSON: _person,
    Family.COORDINATION: team_after,
    Family.CONSENT: consents_after,
    Family.APPLICATION: _application,
    Family.PLAN: plans.plan_after,
    Family.MEETING: plans.meeting_after,
    Family.MEASURE: plans.measure_after,
}
"""What is known after one more record, where that is more than the newest of each fact."""


@dataclass(frozen=True, slots=True)
class Told:
    """The newest that was told of one field, and when it was told in the order of events."""

    order: SortKey
    value: str | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What belongs to the patient as a whole.

    ``demographics``: family, given, birth_date (ISO), gender, municipality, district, gp (directory key),
    language (BCP 47), interpreter (true or false).
    ``deceased``: by the thread that says so. ``open``: responsible party by open thread.
    ``person``, ``team``, ``consents``: the threads of which a patient has one.
    ``plans``: who takes part, by open thread; ``measures``: which plan each belongs to, by thread.
    ``contacts``: the newest person each party named. ``participants`` is about arrival: who was ever told.
    """

    demographics: Mapping[str, Told] = field(default_factory=dict)
    contacts: Mapping[str, tuple[SortKey, Author]] = field(default_factory=dict)
    deceased: Mapping[str, Moment] = field(default_factory=dict)
    open: Mapping[str, str] = field(default_factory=dict)
    person: PersonFacts = field(default_factory=PersonFacts)
    team: Team = field(default_factory=Team)
    consents: Consents = field(default_factory=Consents)
    plans: Mapping[str, PlanParties] = field(default_factory=dict)
    measures: Mapping[str, tuple[Identifier, ...]] = field(default_factory=dict)
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
        told = known_as(StayFacts, thread.facts).deceased
        deceased[thread.id] = told or thread.updated
    if thread.is_open and thread.owner and thread.family not in WHOLE:
        open_[thread.id] = thread.owner
    return replace(
        _with_whole(header, thread),
        deceased=deceased,
        open=open_,
        plans=plans.known(header.plans, thread, gone),
        measures=plans.measures(header.measures, thread, gone),
        participants=header.participants | _taking_part(thread),
    )


def _with_whole(header: Header, thread: Thread) -> Header:
    """What is known of the patient, not of a case; nothing when nothing stands."""
    known = thread.facts
    match thread.family:
        case Family.PERSON:
            return replace(header, person=known_as(PersonFacts, known))
        case Family.COORDINATION:
            return replace(header, team=known_as(Team, known))
        case Family.CONSENT:
            return replace(header, consents=known_as(Consents, known))
        case _:
            return header


def _taking_part(thread: Thread) -> frozenset[str]:
    """Who is alarmed takes no part by that: when they do, they get the handover summary."""
    return frozenset() if thread.family is Family.DEADLINE else thread.told
