"""What a coordinator asks first: who has the patient now, what is overdue, what comes next, which matters are open."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum

from pathways.coordination import holders
from pathways.deadlines import Commitment
from pathways.events import Family
from pathways.facts import (
    CourseFacts,
    ReferralFacts,
    Role,
    StayFacts,
)
from pathways.moments import Moment, has_passed
from pathways.pathway import Header, Thread
from pathways.states import Hand, Meeting
from pathways.transitions import Status


class Coming(StrEnum):
    """What is to happen at a time that somebody has named."""

    APPOINTMENT = "appointment"
    CONTACT = "contact"  # the first of a course
    MEETING = "meeting"
    DEPARTURE = "departure"
    RECEIVING = "receiving"  # from when the municipality can receive
    READY = "ready"  # expected to be ready for discharge


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Something that is to happen; ``party`` is the directory key of whose it is."""

    what: Coming
    when: Moment
    thread: str
    party: str
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """An open matter, what is owed in it (the first due first), and how much of that is overdue."""

    thread: Thread
    owed: tuple[Commitment, ...]
    overdue: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """How it stands at a moment. ``stay``: where the patient is; ``batons``: who coordinates, whom to call first."""

    stay: Thread | None
    batons: tuple[tuple[Role, Hand], ...]
    overdue: tuple[Commitment, ...]
    owed: tuple[Commitment, ...]
    planned: tuple[Planned, ...]
    matters: tuple[Matter, ...]
    closed: tuple[Thread, ...]
    deceased: Moment | None

    @property
    def next(self) -> Planned | None:
        """What comes first."""
        return self.planned[0] if self.planned else None


def situation(
    header: Header,
    threads: Iterable[Thread],
    commitments: Iterable[Commitment],
    at: datetime,
    zone: tzinfo,
) -> Situation:
    """From a patient's header, matters and commitments as they are known, at ``at`` (UTC)."""
    told = sorted(threads, key=_newest, reverse=True)
    open_ = sorted((c for c in commitments if c.promise.is_open), key=lambda c: (c.due, c.id))
    matters = [_matter(thread, open_, at) for thread in told if _is_case(thread)]
    return Situation(
        stay=next((t for t in told if t.family is Family.STAY and t.is_open and t.owner), None),
        batons=tuple(holders(header.team, at, zone)),
        overdue=tuple(c for c in open_ if c.due < at),
        owed=tuple(c for c in open_ if c.due >= at),
        planned=tuple(planned(told, at, zone)),
        matters=tuple(sorted((m for m in matters if _is_open(m)), key=_pressing)),
        closed=tuple(m.thread for m in matters if not _is_open(m)),
        deceased=min(header.deceased.values(), key=lambda moment: moment.at, default=None),
    )


def planned(threads: Iterable[Thread], at: datetime, zone: tzinfo) -> list[Planned]:
    """What is to come in open matters, the first first."""
    found = (
        Planned(
            what=what,
            when=when,
            thread=thread.id,
            party=_whose(thread, what),
            place=place,
        )
        for thread in threads
        if thread.is_open
        for what, when, place in _times(thread)
        if when and not has_passed(when, at, zone)
    )
    return sorted(found, key=lambda one: (one.when.at, one.what, one.thread))


def _whose(thread: Thread, what: Coming) -> str:
    """Who receives is who has answered for the municipality."""
    task = thread.task
    receives = task.owner if task and what is Coming.RECEIVING else None
    return receives or thread.owner or thread.sender


def _times(thread: Thread) -> Iterator[tuple[Coming, Moment | None, str | None]]:
    match thread.facts:
        case StayFacts() as stay:
            yield Coming.DEPARTURE, stay.departs, None
            if thread.status is Status.IN_PROGRESS:
                yield Coming.READY, stay.expected_ready, None
            else:
                yield Coming.RECEIVING, stay.receive_from if stay.can_receive else None, None
        case ReferralFacts() as referral:
            yield Coming.APPOINTMENT, referral.scheduled, referral.title
        case CourseFacts() as course:
            yield Coming.CONTACT, course.contact, course.place
        case Meeting() as meeting:
            yield Coming.MEETING, meeting.facts.begins, meeting.facts.place
        case _:
            return


def title(thread: Thread) -> str | None:
    """What a matter is called by those who began it."""
    facts = thread.facts
    if isinstance(facts, StayFacts):
        return facts.ward
    for name in ("title", "service", "topic", "text"):
        if isinstance(said := getattr(facts, name, None), str):
            return said
    return None


def _is_case(thread: Thread) -> bool:
    """Not what follows the person, nor what the broker says of promises and deliveries."""
    return thread.family not in _NO_CASES


_NO_CASES = frozenset((Family.PERSON, Family.CONSENT, Family.DEADLINE, Family.BROKER))


def _matter(thread: Thread, open_: Collection[Commitment], at: datetime) -> Matter:
    owed = tuple(c for c in open_ if c.thread == thread.id)
    return Matter(thread=thread, owed=owed, overdue=sum(c.due < at for c in owed))


def _is_open(matter: Matter) -> bool:
    """What nobody is expected to do anything about any more only counts while something is owed in it."""
    thread = matter.thread
    over = thread.family in _NEVER_ENDED or (thread.family, thread.status) in _OVER
    return bool(matter.owed) or (thread.is_open and not over)


_NEVER_ENDED = frozenset((Family.COORDINATION, Family.EMERGENCY))
_OVER = frozenset(((Family.CHOICE, Status.ACCEPTED),))


def _pressing(matter: Matter) -> tuple[bool, bool, float, str]:
    """What is overdue, then what is due, the first first; then the newest."""
    thread = matter.thread
    newest = -thread.last[0].timestamp() if thread.last else 0.0
    due = matter.owed[0].due.timestamp() if matter.owed else None
    return matter.overdue == 0, due is None, newest if due is None else due, thread.id


def _newest(thread: Thread) -> tuple[bool, object, str]:
    return thread.last is not None, thread.last, thread.id
