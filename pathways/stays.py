"""Where a patient was, from when to when: the events of a stay or a course, as spans of time at one party each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from itertools import pairwise

from pathways.corrections import Mark
from pathways.events import Activity, EventCode, Family
from pathways.facts import CourseFacts, StayFacts
from pathways.timeline import Entry

GONE = frozenset((Mark.CORRECTED, Mark.CANCELLED, Mark.WITHOUT_EFFECT))
"""Marks of entries that no longer hold."""


class Phase(StrEnum):
    """What part of a stay is about."""

    READY = "ready"  # ready for discharge, and still there
    LEAVE = "leave"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """At ``party`` (directory key) from ``begins`` to ``ends``; to this day, where that is ``None``. UTC.

    ``phases``: spans within it, the last one open where it ends with the part.
    """

    thread: str
    family: Family
    party: str
    begins: datetime
    ends: datetime | None = None
    ward: str | None = None
    phases: tuple[tuple[Phase, datetime, datetime | None], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handover:
    """The patient goes from one party to the next; ``entry`` tells of it."""

    entry: str
    sender: str
    receiver: str
    left: datetime
    reached: datetime


def holds(entry: Entry) -> bool:
    """Whether it was neither corrected nor cancelled, and is no cancellation itself."""
    return not entry.marks & GONE and entry.activity is not Activity.CANCEL


def parts(entries: Iterable[Entry]) -> list[Part]:
    """The parts of all stays and courses, by thread and time; what ends before it begins is left out."""
    found: list[Part] = []
    for course in _by_thread(entries).values():
        walk = _Walk()
        for entry in course:
            walk.take(entry)
        found += walk.finished()
    return [part for part in found if part.ends is None or part.begins < part.ends]


def handovers(entries: Iterable[Entry]) -> list[Handover]:
    """From part to part of a stay, and from a stay to who has received the patient."""
    found = []
    for course in _by_thread(entries).values():
        told = {entry.happened.at: entry for entry in course}
        stayed = parts(course)
        for before, after in pairwise(stayed):
            if before.ends and before.party != after.party and (entry := told.get(after.begins)):
                found.append(_handed(entry, before, after.party))
        arrived = [e for e in course if e.code is EventCode.RECEIVED_HOME]
        left = next((p for p in reversed(stayed) if p.ends), None)
        if arrived and left and arrived[-1].sender != left.party:
            found.append(_handed(arrived[-1], left, arrived[-1].sender))
    return found


def _handed(entry: Entry, before: Part, receiver: str) -> Handover:
    reached = entry.happened.at
    left = min(before.ends or reached, reached)
    return Handover(
        entry=entry.id, sender=before.party, receiver=receiver, left=left, reached=reached
    )


def _by_thread(entries: Iterable[Entry]) -> Mapping[str, list[Entry]]:
    found: dict[str, list[Entry]] = {}
    for entry in entries:
        if entry.family in _STAYS and holds(entry):
            found.setdefault(entry.thread, []).append(entry)
    return {
        thread: sorted(told, key=lambda e: (e.happened.at, e.written, e.id))
        for thread, told in sorted(found.items())
    }


_STAYS = frozenset((Family.STAY, Family.EMERGENCY, Family.COURSE))


@dataclass(slots=True)
class _Walk:
    """One thread, event by event."""

    done: list[Part] = field(default_factory=list)
    now: Part | None = None

    def take(self, entry: Entry) -> None:
        facts = entry.facts
        match entry.code:
            case EventCode.ADMISSION | EventCode.COURSE_STARTED | EventCode.TRANSFER:
                self._begin(entry)
            case EventCode.DISCHARGE | EventCode.DEATH | EventCode.COURSE_ENDED:
                self._end(entry)
            case EventCode.EMERGENCY_CONTACT if isinstance(facts, StayFacts):
                self._begin(entry)
                self._close(facts.ends.at if facts.ends else entry.happened.at)
            case EventCode.DISCHARGE_READY:
                self._phase(Phase.READY, entry)
            case EventCode.LEAVE_START:
                self._phase(Phase.LEAVE, entry)
            case EventCode.DISCHARGE_READY_WITHDRAWN | EventCode.LEAVE_END:
                self._close_phase(entry.happened.at)
            case _:
                pass

    def finished(self) -> list[Part]:
        return [*self.done, *([self.now] if self.now else [])]

    def _begin(self, entry: Entry) -> None:
        begins = entry.happened.at
        facts = entry.facts
        if entry.code is not EventCode.TRANSFER and isinstance(facts, StayFacts | CourseFacts):
            begins = min(begins, facts.begins.at) if facts.begins else begins
        if self.now:
            self._close(max(begins, self.now.begins))
        self.now = Part(
            thread=entry.thread,
            family=entry.family,
            party=entry.asked or entry.sender,
            begins=begins,
            ward=facts.ward if isinstance(facts, StayFacts) else None,
        )

    def _end(self, entry: Entry) -> None:
        facts = entry.facts
        told = facts.ends if isinstance(facts, StayFacts | CourseFacts) else None
        ends = min(told.at, entry.happened.at) if told else entry.happened.at
        if self.now is None and isinstance(facts, StayFacts | CourseFacts) and facts.begins:
            self._begin(entry)  # a stay may begin with its discharge
        self._close(ends)

    def _close(self, ends: datetime) -> None:
        if self.now:
            self._close_phase(ends)
            self.done.append(replace(self.now, ends=max(ends, self.now.begins)))
            self.now = None

    def _phase(self, phase: Phase, entry: Entry) -> None:
        if self.now and not (self.now.phases and self.now.phases[-1][2] is None):
            phases = (*self.now.phases, (phase, entry.happened.at, None))
            self.now = replace(self.now, phases=phases)

    def _close_phase(self, at: datetime) -> None:
        if self.now and self.now.phases and self.now.phases[-1][2] is None:
            *before, (phase, begins, _) = self.now.phases
            self.now = replace(self.now, phases=(*before, (phase, begins, max(begins, at))))
